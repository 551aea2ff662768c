"""What all pictures share: colours by role, shapes that come and go with time, sizes, cleaned text.

A picture is a `Scene` of shapes; svg.py and paint.py draw the same scene. Lengths are the scene's own
units (1200 or 960 to its width), times seconds on the picture's clock.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from lib.charts.look import DARK, LIGHT, Palette

Advance = Callable[[str], float]
"""Width of one character, in units of the font's size."""

BRAND = "Streamgauge: LLM stream timing"
FAMILY = 'Helvetica,Arial,"Liberation Sans",sans-serif'
FRAME_S = 1 / 15
"""Two things that come within one displayed frame are shown together."""
LIMIT = 300_000
"""Bytes that a picture may have."""
NEVER = float("inf")
BOLD = 1.07
"""How much wider bold text is."""

_ILLEGAL = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ZERO_WIDTH = {"Mn", "Me", "Cf"}
_CLASSES = {"Lu": 0.74, "So": 1.25, "Lo": 0.62, "Cc": 0.0}


class Piece(NamedTuple):
    """Text that appears at `since`."""

    since: float
    text: str


class Box(NamedTuple):
    """A rectangle. `fill` and `stroke` are roles; "" draws none. `faint`: share of `fill` that shows."""

    x: float
    y: float
    w: float
    h: float
    fill: str
    stroke: str = ""
    radius: float = 0
    faint: float = 1
    since: float = 0
    until: float = NEVER


class Words(NamedTuple):
    """One line of text on its baseline. `at`: "start", "middle" or "end", where x is of it.

    `rtl`: the line reads from right to left and starts at its right. `length`: how wide it should be, 0 to
    leave that to the font.
    """

    x: float
    y: float
    size: float
    fill: str
    pieces: tuple[Piece, ...]
    bold: bool = False
    at: str = "start"
    rtl: bool = False
    length: float = 0
    until: float = NEVER

    @property
    def since(self) -> float:
        """When its first piece comes."""
        return self.pieces[0].since


class Marks(NamedTuple):
    """Upright strokes of one kind on a track: `xs` are their left edges, ascending."""

    xs: tuple[float, ...]
    y: float
    w: float
    h: float
    fill: str
    faint: float = 1


class Window(NamedTuple):
    """Lines inside a rectangle that cuts them, moved by the last `scroll` (time, dy) that has come."""

    x: float
    y: float
    w: float
    h: float
    lines: tuple[Box | Words, ...]
    scroll: tuple[tuple[float, float], ...] = ()


class Sweep(NamedTuple):
    """Shapes on a track that time uncovers from left to right, all of them at the scene's span."""

    x: float
    y: float
    w: float
    h: float
    shapes: tuple[Box | Words | Marks, ...]


class Clock(NamedTuple):
    """Seconds so far, in the middle of x, until something comes."""

    x: float
    y: float
    size: float
    until: float
    step: float = 0.1


class Cursor(NamedTuple):
    """A line that runs over all tracks with time."""

    x: float
    y: float
    w: float
    h: float


class Flash(NamedTuple):
    """A tint that fades right after `since`. A picture that stands still has none."""

    x: float
    y: float
    w: float
    h: float
    fill: str
    since: float


Shape = Box | Words | Window | Sweep | Clock | Cursor | Flash


class Scene(NamedTuple):
    """One picture. `span_s` 0: it stands still. `moments`: when something changes, s, ascending.

    `title` and `says` are for those who don't see it.
    """

    width: float
    height: float
    title: str
    says: str
    shapes: tuple[Shape, ...]
    span_s: float = 0
    speed: float = 1
    pause_s: float = 0
    moments: tuple[float, ...] = ()

    @property
    def loop_s(self) -> float:
        """Seconds of one turn, with the pause at its end."""
        return self.span_s / self.speed + self.pause_s


def colours(palette: Palette, *, dark: bool) -> dict[str, str]:
    """Role → "#rrggbb" of one scheme. Tones are "t0" … "t8", the lanes' own."""
    roles = {
        "text": palette.text,
        "quiet": palette.quiet,
        "line": palette.grid,
        "back": "#0C0F14" if dark else "#FBFBFD",
        "soft": "#151A22" if dark else "#F0F2F7",
        "hatch": "#232A36" if dark else "#DFE3EB",
        "bad": "#FF6B60" if dark else "#D92D20",
    }
    return roles | {f"t{i}": colour for i, colour in enumerate(palette.series)}


def scheme(dark: bool) -> dict[str, str]:
    """The colours of one scheme."""
    return colours(DARK if dark else LIGHT, dark=dark)


def clean(text: str) -> str:
    """Text that XML may hold: lone surrogates and control characters become U+FFFD, tabs spaces."""
    return _ILLEGAL.sub("\ufffd", text.replace("\r", "").replace("\t", "    "))


def one_line(text: str) -> str:
    """Cleaned, white space folded."""
    return " ".join(clean(text).split())


def is_rtl(text: str) -> bool:
    """Whether the first letter with a direction reads from right to left."""
    for char in text:
        way = unicodedata.bidirectional(char)
        if way in ("L", "R", "AL"):
            return way != "L"
    return False


def words(
    x: float,
    y: float,
    size: float,
    fill: str,
    text: str,
    room: float = NEVER,
    *,
    since: float = 0,
    until: float = NEVER,
    bold: bool = False,
    at: str = "start",
) -> Words:
    """One line of any text, cleaned, folded and shortened with "…" to `room`. Where it starts is not
    changed by the way it reads."""
    short = fitted(one_line(text), size * (BOLD if bold else 1), room, ADVANCE)
    rtl = is_rtl(short)
    side = {"start": "end", "end": "start"}.get(at, at) if rtl else at
    return Words(x, y, size, fill, (Piece(since, short),), bold=bold, at=side, rtl=rtl, until=until)


def fitted(text: str, size: float, room: float, advance: Advance) -> str:
    """Text shortened with "…" to a width."""
    widths = [advance(c) * size for c in text[:1000]]
    if len(text) <= 1000 and sum(widths) <= room:
        return text
    left, kept = room - size, 0
    for w in widths:
        left -= w
        if left < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line of a picture's own words is, about."""
    return sum(map(ADVANCE, text)) * size * (BOLD if bold else 1)


class _Advances(dict[str, float]):
    """Widths of a common sans serif where they are known, cautious ones elsewhere."""

    def __missing__(self, char: str) -> float:
        self[char] = found = _guess(char)
        return found


def _guess(char: str) -> float:
    category = unicodedata.category(char)
    if category in _ZERO_WIDTH:
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.25 if category == "So" else 1.0
    return _CLASSES.get(category, 0.6)


_KNOWN = {
    0.222: "ijl'",
    0.278: " !,./:;I[\\]ft|·",
    0.333: "()-`r{}“”„",
    0.36: '"*',
    0.5: "Jckszvxy",
    0.556: "#$0123456789?L_abdeghnopqu–€",
    0.584: "+<=>~^×",
    0.611: "FTZ",
    0.667: "&ABEKPSVXY",
    0.722: "CDHNRUw",
    0.778: "GOQ",
    0.833: "Mm",
    0.889: "%",
    0.944: "W",
    1.0: "…—",
    1.015: "@",
}
_METRICS = _Advances({char: em for em, chars in _KNOWN.items() for char in chars})
ADVANCE: Advance = _METRICS.__getitem__
"""A generic sans serif's widths, as browsers have it on most systems."""
KNOWN = frozenset(_METRICS)
"""Characters whose width is known."""
