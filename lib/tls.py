"""TLS over memory buffers: the socket stays plain, so that its reads keep the kernel's time stamps.

`ssl.SSLSocket` refuses `recvmsg`. Nothing here stamps or limits; the wire's own functions do, which
are handed in.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Channel:
    """One TLS session. `receive` returns what came off the socket, b"" at its end; `send` sends all."""

    def __init__(self, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)

    def handshake(self, receive: Callable[[], bytes], send: Callable[[bytes], None]) -> None:
        """Agree on keys and check the certificate. Raises ssl.SSLError."""
        self._pump(self.session.do_handshake, receive, send)

    def read(self, size: int, receive: Callable[[], bytes], send: Callable[[bytes], None]) -> bytes:
        """The next plain bytes; b"" at the end, whether or not the peer announced it."""
        try:
            return self._pump(lambda: self.session.read(size), receive, send)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def write(self, data: bytes, receive: Callable[[], bytes], send: Callable[[bytes], None]) -> None:
        """Encrypt and send all of it."""
        self._pump(lambda: self.session.write(data), receive, send)

    def _pump(self, step: Callable[[], T], receive: Callable[[], bytes], send: Callable[[bytes], None]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush(send)
                if data := receive():
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            else:
                self._flush(send)
                return result

    def _flush(self, send: Callable[[bytes], None]) -> None:
        if self._outgoing.pending:
            send(self._outgoing.read())
