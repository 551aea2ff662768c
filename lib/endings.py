"""How a stream says that it is over, in its own words: found while it arrives. Pure."""

from __future__ import annotations

import re

from lib.spec import Api

_LAST = {
    "chat.completions": re.compile(rb"(?:^|[\r\n])data: ?\[DONE\]"),
    "completions": re.compile(rb"(?:^|[\r\n])data: ?\[DONE\]"),
    "responses": re.compile(rb"(?:^|[\r\n])event: ?response\.(?:completed|incomplete|failed)\b"),
}
_BLANK_LINE = (b"\n\n", b"\n\r\n", b"\r\r")
_TAIL = 40
"""No last word is longer than this."""


class Ending:
    """Watches one stream's body go by."""

    def __init__(self, api: Api) -> None:
        self._last = _LAST.get(api)
        self._tail = b"\n"
        self._spoken = False

    def seen(self, piece: bytes) -> bool:
        """Whether the last word and the blank line after it have arrived with this piece."""
        if self._last is None:
            return False
        text = self._tail + piece
        self._spoken = self._spoken or self._last.search(text) is not None
        self._tail = text[-_TAIL:]
        return self._spoken and text.endswith(_BLANK_LINE)
