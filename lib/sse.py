"""Bytes of an event stream → frames with their offsets. Incremental, exact, linear in the bytes.

Follows the WHATWG rules for lines and fields, with four deliberate differences: comments are kept,
a bare CR ends its line when it arrives (a decoder that waits for a possible LF reports every event one
read late), an event without its closing blank line is reported by `close()` instead of dropped, and a
field called `error` that holds an object, as llama.cpp's servers told failures, is an event of that name.
What a frame means is timeline's business.
"""

from __future__ import annotations

from typing import NamedTuple

BOM = b"\xef\xbb\xbf"


class Frame(NamedTuple):
    """One event, or one comment line. `start:end`: its raw bytes in the body, LF after a CR left out.

    `data` None: no data field (a comment, or fields only); several data lines are joined by LF.
    `whole` False: the stream ended before the blank line. Bytes that are not UTF-8 become U+FFFD.
    """

    start: int
    end: int
    event: str = ""
    data: str | None = None
    comment: str | None = None
    id: str | None = None
    retry: int | None = None
    whole: bool = True


class Parser:
    """Frames as their bytes come: `feed` any pieces, then `close` once."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._at = 0
        self._swallow = False
        self._first = True
        self._id: str | None = None
        self._retry: int | None = None
        self._fields = 0
        self._reset(0)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that these bytes completed, in order."""
        frames: list[Frame] = []
        if self._swallow and data:
            self._swallow = False
            if data[0] == 0x0A:
                data = data[1:]
                self._at += 1
        for raw in data.splitlines(keepends=True):
            if raw[-1] not in b"\r\n":
                self._line += raw
                break
            line = bytes(self._line) + raw if self._line else raw
            self._line.clear()
            self._take(line, frames)
        self._swallow = self._swallow or data.endswith(b"\r")
        return frames

    def close(self) -> Frame | None:
        """The event that was under way when the bytes ended; None when there was none."""
        if self._line:
            line = bytes(self._line)
            self._line.clear()
            self._field(line, [], self._at + len(line))
            self._at += len(line)
        if not self._fields:
            return None
        return self._frame(self._at)._replace(whole=False)

    def _take(self, line: bytes, frames: list[Frame]) -> None:
        """One whole line; `line` still has its ending, of which CR LF counts as CR plus a swallowed LF."""
        body = line.rstrip(b"\r\n")
        after = self._at + len(line)
        end = after - 1 if line.endswith(b"\r\n") else after
        if body and not (self._first and body == BOM):
            self._field(body, frames, end)
        elif self._fields:
            frames.append(self._frame(end))
            self._reset(after)
        else:
            self._start = after
        self._first = False
        self._at = after

    def _field(self, line: bytes, frames: list[Frame], end: int) -> None:
        if self._first and line.startswith(BOM):
            line = line[3:]
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not name:
            frames.append(Frame(self._at, end, comment=value.decode(errors="replace")))
            if not self._fields:
                self._start = end
            return
        if not self._fields:
            self._start = self._at
        self._fields += 1
        self._keep(name, value)

    def _keep(self, name: bytes, value: bytes) -> None:
        if name == b"data":
            self._data.append(value)
        elif name == b"error" and value.startswith(b"{"):
            self._event = "error"
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode(errors="replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode(errors="replace")
        elif name == b"retry" and value.isdigit() and len(value) < 16:
            self._retry = int(value)

    def _frame(self, end: int) -> Frame:
        data = b"\n".join(self._data).decode(errors="replace") if self._data else None
        return Frame(self._start, end, self._event, data, None, self._id, self._retry)

    def _reset(self, start: int) -> None:
        self._start = start
        self._fields = 0
        self._data: list[bytes] = []
        self._event = ""
        self._id = None
        self._retry = None
