"""The bytes of one answer as they come: inflated if compressed, then cut into frames or kept whole.

Which of the two is told from the bytes, not from a header: a live page decodes before it has seen any.
What a frame or a whole body says is timeline's business. Inflating stops at the call's byte budget.
"""

from __future__ import annotations

import zlib
from typing import Literal

from lib.spec import Mode
from lib.sse import BOM, Frame, Parser

Form = Literal["", "stream", "json", "html", "text"]
GZIP = b"\x1f\x8b"


class Body:
    """Feed the pieces of one body in order, then close. `form` "": too few bytes to tell.

    `whole`: all bytes when it is no event stream. `fault`: what went wrong when inflating, as a kind of
    CallError and a sentence.
    """

    def __init__(self, mode: Mode, limit: int) -> None:
        self.form: Form = ""
        self.whole = bytearray()
        self.fault: tuple[Literal["limit", "protocol"], str] | None = None
        self.size = 0
        self._mode = mode
        self._limit = limit
        self._parser = Parser()
        self._head = b""
        self._inflater: zlib._Decompress | None = None
        self._packed = False

    def feed(self, data: bytes) -> list[Frame]:
        """The frames these bytes completed; always none when the body is not an event stream."""
        if not self._packed:
            data = self._head + data
            self._head = b""
            if data == GZIP[:1]:
                self._head = data
                return []
            self._packed = bool(data)
            self._inflater = zlib.decompressobj(31) if data.startswith(GZIP) else None
        return self._plain(self._inflated(data))

    def close(self) -> Frame | None:
        """The event that was under way when the body ended."""
        return self._parser.close() if self.form == "stream" else None

    def _plain(self, data: bytes) -> list[Frame]:
        self.size += len(data)
        if self.form == "stream":
            return self._parser.feed(data)
        self.whole += data
        if self.form or not data.strip():
            return []
        self.form = _form(bytes(self.whole), self._mode)
        if self.form != "stream":
            return []
        head, self.whole = bytes(self.whole), bytearray()
        return self._parser.feed(head)

    def _inflated(self, data: bytes) -> bytes:
        if self._inflater is None or self.fault:
            return b"" if self.fault else data
        out = bytearray()
        try:
            while data:
                room = self._limit - self.size - len(out)
                out += self._inflater.decompress(data, room + 1)
                if len(out) + self.size > self._limit:
                    sentence = f"The answer inflates to more than the {self._limit:,} bytes allowed."
                    self.fault = ("limit", sentence)
                    break
                data = self._inflater.unused_data
                if self._inflater.eof:
                    self._inflater = zlib.decompressobj(31)
        except zlib.error:
            self.fault = ("protocol", "The answer looks compressed, but cannot be inflated.")
        return bytes(out)


def _form(head: bytes, mode: Mode) -> Form:
    """What a body that begins so is. White space, which some servers send as a keep-alive before a
    blocking answer, tells nothing; half a byte order mark neither."""
    start = head.removeprefix(BOM).lstrip()
    if BOM.startswith(start):
        return ""
    if start[:1] in (b"{", b"["):
        return "json"
    if start[:1] == b"<":
        return "html"
    return "stream" if mode == "streaming" else "text"
