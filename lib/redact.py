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
    """Overwrites one key in a body that comes in windows, also where two reads split it.

    A compressed body cannot be searched: it is inflated aside, and blanked from where the key was found.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode() if len(secret) >= SHORTEST else b""
        self._inflater: Inflater | None = None

    def compressed(self, encoding: str, at_most: int) -> None:
        """The body turned out to be encoded. With a key in flight it is blanked from where it cannot be
        read, or holds more than `at_most` plain bytes: nobody could say what is in there."""
        self._inflater = Inflater(encoding, self._secret, at_most) if self._secret else None

    def release(self, window: bytearray, *, final: bool) -> int:
        """Mask a window in place; returns how many of its bytes may leave now.

        The next window begins with those that stayed, as they are now. Held back: a tail that may be the
        beginning of the key, unless `final`. Of a compressed body all leaves.
        """
        if not self._secret:
            return len(window)
        if self._inflater is not None:
            if self._inflater.tells(bytes(window)):
                window[:] = bytes(len(window))
            return len(window)
        window[:] = window.replace(self._secret, b"*" * len(self._secret))
        return len(window) if final else len(window) - self._begun(window)

    def _begun(self, window: bytearray) -> int:
        for size in range(min(len(self._secret) - 1, len(window)), 0, -1):
            if window.endswith(self._secret[:size]):
                return size
        return 0


class Inflater:
    """Looks for a key in a compressed stream, 64 kB of plain bytes at a time, `at_most` in all."""

    def __init__(self, encoding: str, secret: bytes, at_most: int) -> None:
        known = encoding.strip().lower() in ("gzip", "x-gzip", "deflate")
        self._stream = zlib.decompressobj(47) if known else None
        self._secret = secret
        self._left = at_most
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
            self._left -= len(plain)
            self._found = self._secret in plain or self._left < 0
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
