"""HTTP/1.1 on a plain socket, as far as the lab needs it: one request in, exact sends out.

What the bytes mean belongs to `asks`, when they leave to `server`. Each `send` is one write to the
socket, so that a schedule can say what leaves together.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

from lib import stamps
from lib.lab.metronome import Metronome, Packet, Run

MAX_HEAD = 64 << 10
MAX_BODY = 16 << 20
IDLE_S = 120.0
UNREAD_S = 60.0
"""How long one send may wait for a client that does not read."""
MAX_WAITED_NS = 5_000_000_000
"""A stamp older than this was made by a clock that was set meanwhile."""
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)


class Malformed(Exception):
    """The bytes are no request that can be answered in HTTP; `status` says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One whole request. `received_ns`: monotonic, when its last byte arrived: the kernel's receive
    stamp where there is one, so that a late wake-up delays no schedule; else just after the read.

    `gzip`: the client takes it; `elsewhere`: the port that redirects lead to.
    """

    method: str
    path: str
    body: bytes
    keep_alive: bool
    received_ns: int
    gzip: bool = False
    elsewhere: int = 0


class Connection:
    """A client's socket with what was read of it and not yet used."""

    def __init__(self, sock: socket.socket, elsewhere: int = 0) -> None:
        stamps.prepare(sock)
        sock.settimeout(IDLE_S)
        self._sock = sock
        self._arrived_ns = 0
        self._elsewhere = elsewhere
        self._rest = b""
        self._poll = select.poll()
        self._poll.register(sock, _GONE)

    def receive(self) -> HttpRequest | None:
        """The next request; None when the client is gone or idle for too long. Raises Malformed."""
        head = self._until_blank_line()
        if head is None:
            return None
        method, path, keep_alive, headers = _parse_head(head)
        if "transfer-encoding" in headers:
            raise Malformed(411, "Send the body with a Content-Length.")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY:
            raise Malformed(413, f"The body must be at most {MAX_BODY} bytes.")
        if headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._exactly(int(length))
        if body is None:
            return None
        gzip = "gzip" in headers.get("accept-encoding", "").lower()
        return HttpRequest(method, path, body, keep_alive, self._arrived_ns, gzip, self._elsewhere)

    def play(self, packets: Iterator[Packet], metronome: Metronome, sent_ns: list[int]) -> bool:
        """Send each packet when it is due; False when the client went before the last one."""
        run = Run(self._sock, packets, sent_ns)
        self._sock.setblocking(False)
        try:
            metronome.play(run)
            while run.state == "full":
                self._sock.settimeout(UNREAD_S)
                self._sock.sendall(run.rest)
                self._sock.setblocking(False)
                metronome.play(run)
        finally:
            self._sock.settimeout(IDLE_S)
        return run.state == "done"

    def send(self, data: bytes) -> None:
        """Send all of it at once. OSError when the client is gone."""
        self._sock.sendall(data)

    def wait_gone(self, seconds: float) -> bool:
        """Sleep for so long at most; True as soon as the client has closed."""
        return bool(self._poll.poll(max(0, int(seconds * 1000))))

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def close(self) -> None:
        """Close with FIN; a thread that waits on this connection wakes."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def shutdown(self) -> None:
        """Wake the thread that serves this connection; it closes the socket itself."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _until_blank_line(self) -> bytes | None:
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            if len(self._rest) > MAX_HEAD:
                raise Malformed(431, f"The request's head must be at most {MAX_HEAD} bytes.")
            if not self._more():
                return None
        head, self._rest = self._rest[:end], self._rest[end + 4 :]
        return head

    def _exactly(self, size: int) -> bytes | None:
        pieces, missing = [self._rest], size - len(self._rest)
        while missing > 0:
            self._rest = b""
            if not self._more():
                return None
            pieces.append(self._rest)
            missing -= len(self._rest)
        whole = b"".join(pieces)
        self._rest = whole[size:]
        return whole[:size]

    def _more(self) -> bool:
        try:
            data, ancillary, _, _ = self._sock.recvmsg(65536, stamps.ANCILLARY)
        except OSError:
            return False
        self._arrived_ns = _arrival(stamps.kernel_ns(ancillary))
        self._rest += data
        return bool(data)


def _arrival(kernel_ns: int | None) -> int:
    """A kernel stamp on the monotonic clock; now, when there is none or it is beyond belief."""
    now_ns = time.monotonic_ns()
    if kernel_ns is None:
        return now_ns
    waited_ns = time.time_ns() - kernel_ns
    return now_ns - waited_ns if 0 <= waited_ns < MAX_WAITED_NS else now_ns


def head(status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    """A response's status line and headers, with Date and Server, blank line included."""
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"date: {formatdate(usegmt=True)}",
        "server: streamgauge-lab",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def _parse_head(raw: bytes) -> tuple[str, str, bool, dict[str, str]]:
    first, *rest = raw.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed(400, "This is not an HTTP/1.1 request.")
    headers = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed(400, "A header line has no colon.")
        headers[name.strip().lower()] = value.strip()
    wish = headers.get("connection", "").lower()
    keep_alive = wish == "keep-alive" if words[2] == "HTTP/1.0" else wish != "close"
    return words[0], words[1].partition("?")[0], keep_alive, headers
