"""The lab's socket server: it plays scripts to the clock and tells what it really did.

A schedule counts from the receipt of the whole request. Each write is one send, stamped just before.
After the end of every whole stream, before the last chunk, one comment line tells the truth:

    : streamgauge-lab {"received_ns":1,"sent_ns":[2,...],"bytes":[311,...]}

`received_ns` and `sent_ns` are CLOCK_MONOTONIC in ns, absolute; `bytes` are the body's bytes in each
write, so that their running sum says which write completed an event. The comment leaves in a write of
its own, which is not in the list. One thread a connection; only the loopback address is bound.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from types import TracebackType
from typing import Self

from lib.lab import asks, http1, models
from lib.lab.http1 import Connection, HttpRequest, Malformed
from lib.lab.scripts import Script

log = logging.getLogger("streamgauge.lab")
_CLOSE_WITHIN_S = 2.0


class Lab:
    """The server. `start` binds and returns at once; `close` ends every connection."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._connections: dict[threading.Thread, Connection] = {}
        self._lock = threading.Lock()
        self.port = 0

    @property
    def base_url(self) -> str:
        """Where the client should be pointed."""
        return f"http://127.0.0.1:{self.port}{asks.PREFIX}"

    def start(self, port: int = 0) -> Self:
        """Listen on a loopback port, 0: any free one. Raises OSError when it is taken."""
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(
            target=self._accept, args=(self._listener,), name="lab-accept", daemon=True
        )
        self._acceptor.start()
        return self

    def close(self) -> None:
        """Stop listening, end every connection and wait shortly for their threads."""
        deadline = time.monotonic() + _CLOSE_WITHIN_S
        if self._listener is not None and self._acceptor is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._acceptor.join(_CLOSE_WITHIN_S)
        with self._lock:
            running = dict(self._connections)
        for connection in running.values():
            connection.shutdown()
        for thread in running:
            thread.join(max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self if self._listener else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                if listener.fileno() < 0:
                    return
                time.sleep(0.01)  # out of file descriptors, or a client that was gone already
                continue
            connection = Connection(sock)
            thread = threading.Thread(target=self._serve, args=(connection,), name="lab-call", daemon=True)
            with self._lock:
                self._connections[thread] = connection
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            while serve_one(connection):
                pass
        except OSError:
            log.debug("a client left")
        finally:
            with self._lock:
                self._connections.pop(threading.current_thread(), None)
            connection.close()


def serve_one(connection: Connection) -> bool:
    """Receive one request and play its script; whether another may follow."""
    try:
        request = connection.receive()
    except Malformed as problem:
        data = asks.error_body(problem.status, str(problem))
        headers = (("content-type", "application/json"), ("content-length", str(len(data))), _CLOSING)
        connection.send(http1.head(problem.status, headers) + data)
        return False
    return request is not None and play(connection, models.respond(request), request)


def play(connection: Connection, script: Script, request: HttpRequest) -> bool:
    """Send the script's writes at their times; whether the connection can be used again."""
    packet = http1.head(script.status, (*script.headers, _framing(script), *_closing(request)))
    sent_ns: list[int] = []
    sizes: list[int] = []
    for t_s, data in script.writes:
        packet += data if script.length is not None else http1.chunk(data)
        if not wait_until(connection, _due(request, t_s)):
            return False
        sent_ns.append(time.monotonic_ns())
        connection.send(packet)
        sizes.append(len(data))
        packet = b""
    if script.end == "keep" and script.length is None:
        truth = {"received_ns": request.received_ns, "sent_ns": sent_ns, "bytes": sizes}
        connection.send(http1.chunk(comment(truth)) + http1.LAST_CHUNK)
    return _end(connection, script, request)


def comment(truth: dict[str, object]) -> bytes:
    """The lab's own account as an SSE comment: kept by a recording, never counted as an event."""
    return b": streamgauge-lab " + json.dumps(truth, separators=(",", ":")).encode() + b"\n\n"


def wait_until(connection: Connection, due_ns: int) -> bool:
    """Sleep until the clock says `due_ns`; False as soon as the client has gone.

    The last 2 ms are slept apart, since poll knows only whole milliseconds.
    """
    while (left_ns := due_ns - time.monotonic_ns()) > 0:
        if left_ns < 3_000_000:
            time.sleep(left_ns / 1e9)
        elif connection.wait_gone(left_ns / 1e9 - 0.002):
            return False
    return True


_CLOSING = ("connection", "close")


def _framing(script: Script) -> tuple[str, str]:
    if script.length is None:
        return "transfer-encoding", "chunked"
    return "content-length", str(script.length)


def _closing(request: HttpRequest) -> tuple[tuple[str, str], ...]:
    return () if request.keep_alive else (_CLOSING,)


def _due(request: HttpRequest, t_s: float) -> int:
    return request.received_ns + round(t_s * 1e9)


def _end(connection: Connection, script: Script, request: HttpRequest) -> bool:
    if script.end_s is not None and not wait_until(connection, _due(request, script.end_s)):
        return False
    if script.end == "hold":
        while not connection.wait_gone(60.0):
            pass
    elif script.end == "rst":
        connection.reset()
    return script.end == "keep" and request.keep_alive
