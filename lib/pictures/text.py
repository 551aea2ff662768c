"""An answer as lines in a window: wrapped once for its whole text, each piece with the time it came.

Words never jump from line to line as they grow: a word stands from its first letter where the whole word
fits. When a line has no room for it, text moves up, as in a terminal.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from lib.film import Track
from lib.pictures.look import KNOWN, Advance, Box, Piece, Window, Words, clean, is_rtl

_WORDS = re.compile(
    "\n|[^\\S\n]+|[\u0e00-\u0e7f\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
    "|[^\\s\u0e00-\u0e7f\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]+"
)
_AFTER = frozenset(",;/-|")
_NEAR = 16
REASONING = 0.92
"""Size of reasoning beside that of the answer."""


class Line(NamedTuple):
    """One wrapped line: its pieces in order, with when each is shown."""

    pieces: tuple[Piece, ...]
    kind: str
    rtl: bool


class Room(NamedTuple):
    """Where text goes: the inner rectangle, font size, and the font's widths."""

    x: float
    y: float
    w: float
    h: float
    size: float
    advance: Advance

    @property
    def leading(self) -> float:
        """From one baseline to the next."""
        return round(self.size * 1.45)

    @property
    def lines(self) -> int:
        """How many lines fit."""
        return max(1, int(self.h // self.leading))


class Grid:
    """The moments at which anything is shown: every frame of a picture, and every milestone exactly.

    What comes in between waits for the next of them, at most `step` seconds.
    """

    def __init__(self, step: float, milestones: Sequence[float]) -> None:
        self.step = step
        self.exact = sorted(set(milestones))

    def __call__(self, t: float) -> float:
        """The first moment at or after `t`."""
        tick = -(-round(t / self.step, 6) // 1) * self.step
        i = bisect_left(self.exact, t)
        return min(tick, self.exact[i]) if i < len(self.exact) else tick


def window(lane: Track, room: Room, grid: Grid) -> Window:
    """A lane's reasoning and answer, as lines that come with time."""
    lines = list(wrapped(lane, room, grid))
    return Window(room.x, room.y, room.w, room.h, tuple(_placed(lines, room)), tuple(_scroll(lines, room)))


def wrapped(lane: Track, room: Room, grid: Grid) -> Iterator[Line]:
    """Every line of a lane in the order in which its text came."""
    rows = [
        (kind, grid(t), clean(text))
        for t, kind, text in zip(lane.t_s, lane.kinds, lane.texts, strict=True)
        if text and kind in ("reasoning", "content")
    ]
    for kind, run in groupby(rows, key=lambda row: row[0]):
        pieces = [Piece(since, text) for _, since, text in run]
        yield from _run(pieces, kind, room)


def _run(pieces: Sequence[Piece], kind: str, room: Room) -> Iterator[Line]:
    text = "".join(piece.text for piece in pieces)
    ends, total = [], 0
    for piece in pieces:
        total += len(piece.text)
        ends.append(total)
    scale = room.size * (REASONING if kind == "reasoning" else 1)
    rtl, fresh = False, True
    for start, end in spans(text, (room.w - (10 if kind == "reasoning" else 0)) / scale, room.advance):
        if fresh:
            rtl = is_rtl(text[start : start + 200].split("\n", 1)[0])
        yield Line(tuple(_cut(pieces, ends, start, end)), kind, rtl)
        fresh = text[end : end + 1] == "\n"


def _cut(pieces: Sequence[Piece], ends: Sequence[int], start: int, end: int) -> Iterator[Piece]:
    """The parts of pieces in text[start:end]; what is shown at one moment is one piece."""
    since, held = 0.0, ""
    for i in range(bisect_left(ends, start + 1), len(pieces)):
        before = ends[i] - len(pieces[i].text)
        if before >= end and held:
            break
        part = pieces[i].text[max(0, start - before) : max(0, end - before)]
        if held and pieces[i].since != since:
            yield Piece(since, held)
            held = ""
        since, held = pieces[i].since, held + part
        if ends[i] >= end:
            break
    yield Piece(since, held)


def spans(text: str, em: float, advance: Advance) -> Iterator[tuple[int, int]]:
    """(start, end) of each line of a text, `em` font sizes wide, without white space around it."""
    start = end = len(text) - len(text.lstrip())
    used = 0.0
    for found in _WORDS.finditer(text, start, len(text.rstrip())):
        word, at = found.group(), found.start()
        if word == "\n":
            yield start, end
            start = end = found.end()
            used = 0.0
            continue
        wide = sum(map(advance, word))
        if word.isspace():
            used += wide
            continue
        if used + wide > em and end > start:
            yield start, end
            start, used = at, 0.0
        if wide > em:
            *parts, (last, used) = _broken(word, em - used, em, advance)
            for part, _ in parts:
                yield start, at + part
                start = at + part
            end = at + last
            continue
        used, end = used + wide, found.end()
    if end > start:
        yield start, end


def _broken(word: str, left: float, em: float, advance: Advance) -> Iterator[tuple[int, float]]:
    """(end, width of the last part) of each line's part of a word that is wider than a line.

    It breaks after a comma or the like where one is near the end of the line.
    """
    used, room, good, since_good = 0.0, left, 0, 0.0
    start = 0
    for i, char in enumerate(word):
        wide = advance(char)
        if i > start and used + wide > room:
            start = good if good > max(start, i - _NEAR) else i
            used = since_good if start == good else 0.0
            yield start, used
            room = em
        used, since_good = used + wide, since_good + wide
        if char in _AFTER:
            good, since_good = i + 1, 0.0
    yield len(word), used


def _placed(lines: Sequence[Line], room: Room) -> Iterator[Box | Words]:
    """Lines that are in sight at some moment; one that is pushed out at the moment it comes never is."""
    for i, one in enumerate(lines):
        after = i + room.lines
        if after < len(lines) and lines[after].pieces[0].since <= one.pieces[-1].since:
            continue
        if not any(piece.text.strip() for piece in one.pieces):
            continue
        quiet = one.kind == "reasoning"
        y = round(room.y + i * room.leading + room.size, 1)
        if quiet:
            bar = room.x + room.w - 2 if one.rtl else room.x
            top = y - room.size
            yield Box(bar, top, 2, room.leading, "line", since=one.pieces[0].since)
        size = room.size * (REASONING if quiet else 1)
        inset = 10 if quiet else 0
        x = room.x + room.w - inset if one.rtl else room.x + inset
        yield Words(x, y, size, "quiet" if quiet else "text", one.pieces, rtl=one.rtl,
                    length=_length(one, size, room.advance))  # fmt: skip


def _length(one: Line, size: float, advance: Advance) -> float:
    """Set where every width is known, so that a wider font can't run out of the pane."""
    text = "".join(piece.text for piece in one.pieces)
    if len(text) < 12 or not KNOWN.issuperset(text):
        return 0
    return sum(map(advance, text.rstrip())) * size


def _scroll(lines: Sequence[Line], room: Room) -> Iterator[tuple[float, float]]:
    """When the text moves up, and how far it is then; once per moment."""
    moves: dict[float, float] = {}
    for i in range(room.lines, len(lines)):
        moves[lines[i].pieces[0].since] = -round((i + 1 - room.lines) * room.leading, 1)
    yield from moves.items()
