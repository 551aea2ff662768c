"""Keys out of everything that leaves the probe: messages, headers and the body's own bytes.

A body keeps its length, since reads and events point into it. Other text gets "[key]".
"""

from __future__ import annotations

import re
import zlib

HIDDEN = "[key]"
SHORTEST = 8
"""A shorter "key" ("none", "EMPTY") is a word, not a secret: replacing it would damage answers."""

_LIKE_A_KEY = re.compile(
    r"(?<=bearer )[^\s\"',;]{8,}"
    r"|\b(?:sk|pk|rk|gsk|xai|csk|fw|hf|pplx|nvapi|r8)[-_][\w*.-]{6,}"
    r"|\bAIza[\w-]{20,}",
    re.IGNORECASE,
)


def redact(text: str, secret: str) -> str:
    """The text without the key in flight and without anything that looks like one."""
    if len(secret) >= SHORTEST:
        text = text.replace(secret, HIDDEN)
    return _LIKE_A_KEY.sub(HIDDEN, text)


class Mask:
    """Overwrites one key in a growing body with asterisks, also where two reads split it.

    A compressed body cannot be searched: it is inflated aside, and blanked from where the key was found.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode() if len(secret) >= SHORTEST else b""
        self._done = 0
        self._inflater: Inflater | None = None

    def compressed(self, encoding: str) -> None:
        """The body turned out to be encoded; unknown encodings are blanked whole when a key is in flight."""
        self._inflater = Inflater(encoding, self._secret) if self._secret else None

    def release(self, body: bytearray, end: int, *, final: bool) -> int:
        """Mask `body[:end]` in place; returns how much of it may leave now.

        Held back: a tail that may be the beginning of the key, unless `final`.
        """
        if not self._secret:
            return end
        if self._inflater is not None:
            self._blank(body, end)
            return end
        size = len(self._secret)
        at = body.find(self._secret, max(0, self._done - size + 1), end)
        while at >= 0:
            body[at : at + size] = b"*" * size
            at = body.find(self._secret, at + size, end)
        self._done = end
        return end if final else end - self._begun(body, end)

    def _begun(self, body: bytearray, end: int) -> int:
        for size in range(min(len(self._secret) - 1, end), 0, -1):
            if body[end - size : end] == self._secret[:size]:
                return size
        return 0

    def _blank(self, body: bytearray, end: int) -> None:
        assert self._inflater is not None
        piece = bytes(body[self._done : end])
        if self._inflater.tells(piece):
            body[self._done : end] = bytes(len(piece))
        self._done = end


class Inflater:
    """Looks for a key in a compressed stream, 64 kB of plain bytes at a time."""

    def __init__(self, encoding: str, secret: bytes) -> None:
        known = encoding.strip().lower() in ("gzip", "x-gzip", "deflate")
        self._stream = zlib.decompressobj(47) if known else None
        self._secret = secret
        self._tail = b""
        self._found = not known

    def tells(self, piece: bytes) -> bool:
        """Whether the key came with this piece or before it."""
        while piece and not self._found and self._stream is not None:
            try:
                plain = self._tail + self._stream.decompress(piece, 65536)
            except zlib.error:
                self._found = True
                break
            self._found = self._secret in plain
            self._tail = plain[-len(self._secret) :]
            piece = self._stream.unconsumed_tail
        return self._found


def inflated(body: bytes, encoding: str, at_most: int = 65536) -> bytes:
    """The beginning of an encoded body as plain bytes; b"" when it cannot be read."""
    if encoding.strip().lower() in ("", "identity"):
        return body[:at_most]
    try:
        return zlib.decompressobj(47).decompress(body, at_most)
    except zlib.error:
        return b""
