"""The lab's socket server: it plays scripts to the clock and tells what it really did.

A schedule counts from the receipt of the whole request. Each write is one send, stamped just before.
After the end of every whole stream, before the last chunk, one comment line tells the truth:

    : streamgauge-lab {"received_ns":1,"head_ns":2,"sent_ns":[2,...],"bytes":[311,...]}

`received_ns`, `head_ns` and `sent_ns` are CLOCK_MONOTONIC in ns, absolute; `head_ns` is the send that
held the head, alone or with the first write. `bytes` are the body's bytes in each write, before any
compression, so that their running sum says which write completed an event. The comment leaves in a
write of its own, which is not in the list. One thread a connection receives and makes the answers, one
for all sends them; only the loopback address is bound.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from lib import stamps
from lib.lab import asks, http1, models, replays
from lib.lab.http1 import Connection, HttpRequest, Malformed
from lib.lab.metronome import Metronome, Packet
from lib.lab.scripts import Script, whole

log = logging.getLogger("streamgauge.lab")
STRAYS = "/strays"
_CLOSE_WITHIN_S = 2.0


class Lab:
    """The server. `start` binds and returns at once; `close` ends every connection.

    `elsewhere`: a second port, to which only redirects lead; `strays`: connections that came there,
    which `GET /strays` tells too. `replays`: a folder with scripts of saved experiments, see replays.py.
    """

    def __init__(self, replays: Path | None = None) -> None:
        self.replays = replays
        self._listeners: list[socket.socket] = []
        self._acceptors: list[threading.Thread] = []
        self._connections: dict[threading.Thread, Connection] = {}
        self._lock = threading.Lock()
        self._metronome: Metronome | None = None
        self.port = 0
        self.elsewhere = 0
        self.strays = 0

    @property
    def base_url(self) -> str:
        """Where the client should be pointed."""
        return f"http://127.0.0.1:{self.port}{asks.PREFIX}"

    def start(self, port: int = 0) -> Self:
        """Listen on a loopback port, 0: any free one. Raises OSError when it is taken."""
        self._metronome = Metronome()
        try:
            for wanted in (port, 0):
                self._listeners.append(socket.create_server(("127.0.0.1", wanted), backlog=512))
                stamps.prepare(self._listeners[-1])  # a connection's first bytes may come before accept
        except OSError:
            self.close()
            raise
        self.port, self.elsewhere = (listener.getsockname()[1] for listener in self._listeners)
        for listener in self._listeners:
            thread = threading.Thread(target=self._accept, args=(listener,), name="lab-accept", daemon=True)
            self._acceptors.append(thread)
            thread.start()
        return self

    def close(self) -> None:
        """Stop listening, end every connection and wait shortly for their threads."""
        deadline = time.monotonic() + _CLOSE_WITHIN_S
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in self._acceptors:
            thread.join(_CLOSE_WITHIN_S)
        if self._metronome is not None:
            self._metronome.close()
        with self._lock:
            running = dict(self._connections)
        for connection in running.values():
            connection.shutdown()
        for thread in running:
            thread.join(max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self if self._listeners else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self, listener: socket.socket) -> None:
        stray = listener is not self._listeners[0]
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                if listener.fileno() < 0:
                    return
                time.sleep(0.01)  # out of file descriptors, or a client that was gone already
                continue
            self.strays += stray
            connection = Connection(sock, self.elsewhere)
            thread = threading.Thread(target=self._serve, args=(connection,), name="lab-call", daemon=True)
            with self._lock:
                self._connections[thread] = connection
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            while self._serve_one(connection):
                pass
        except OSError:
            log.debug("a client left")
        finally:
            with self._lock:
                self._connections.pop(threading.current_thread(), None)
            connection.close()

    def _serve_one(self, connection: Connection) -> bool:
        """Receive one request and play its script; whether another may follow."""
        assert self._metronome is not None
        try:
            request = connection.receive()
        except Malformed as problem:
            data = asks.error_body(problem.status, str(problem))
            headers = (("content-type", "application/json"), ("content-length", str(len(data))), _CLOSING)
            connection.send(http1.head(problem.status, headers) + data)
            return False
        if request is None:
            return False
        if (request.method, request.path) == ("GET", STRAYS):
            script = whole(0.0, json.dumps({"connections": self.strays}).encode())
        elif request.path.startswith(replays.PREFIX):
            script = replays.respond(request, self.replays)
        else:
            script = models.respond(request)
        return play(connection, script, request, self._metronome)


def play(connection: Connection, script: Script, request: HttpRequest, metronome: Metronome) -> bool:
    """Send the script's writes at their times; whether the connection can be used again."""
    account = Account(request.received_ns)
    if not connection.play(packets(script, request, account), metronome, account.sent_ns):
        return False
    return _end(connection, script, request)


@dataclass(slots=True)
class Account:
    """What really left when; see the module. `head_ns` None: with the first write."""

    received_ns: int
    head_ns: int | None = None
    sent_ns: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def comment(self) -> bytes:
        """As an SSE comment: kept by a recording, never counted as an event."""
        head_ns = self.head_ns or (self.sent_ns[0] if self.sent_ns else None)
        times = {"received_ns": self.received_ns, "head_ns": head_ns, "sent_ns": self.sent_ns}
        truth = json.dumps(times | {"bytes": self.sizes}, separators=(",", ":"))
        return f": streamgauge-lab {truth}\n\n".encode()


def packets(script: Script, request: HttpRequest, account: Account) -> Iterator[Packet]:
    """The script as what is sent when. Asked for each packet once the one before has left."""
    packed = zlib.compressobj(wbits=31) if script.gzip else None
    packet = http1.head(script.status, (*script.headers, *_framing(script, request)))
    if script.head_s is not None:
        yield _due(request, script.head_s), packet
        account.head_ns, packet = account.sent_ns.pop(), b""
    for t_s, data in script.writes:
        if script.stop_s is not None and time.monotonic_ns() > _due(request, script.stop_s):
            return
        account.sizes.append(len(data))
        if packed:
            data = packed.compress(data) + packed.flush(zlib.Z_SYNC_FLUSH)
        yield _due(request, t_s), packet + (http1.chunk(data) if script.length is None else data)
        packet = b""
    if script.end == "keep" and not isinstance(script.length, int):
        data = account.comment()
        data = packed.compress(data) + packed.flush() if packed else data
        yield 0, data if script.length else http1.chunk(data) + http1.LAST_CHUNK


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


def _framing(script: Script, request: HttpRequest) -> tuple[tuple[str, str], ...]:
    packed = (("content-encoding", "gzip"), ("vary", "accept-encoding")) if script.gzip else ()
    if script.length == "close":
        return (*packed, _CLOSING)
    size = ("content-length", str(script.length))
    how = ("transfer-encoding", "chunked") if script.length is None else size
    return (*packed, how) if request.keep_alive else (*packed, how, _CLOSING)


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
    return script.end == "keep" and request.keep_alive and script.length != "close"
