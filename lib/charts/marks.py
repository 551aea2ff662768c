"""The marks of events and reads in a band: shapes, heights, and what a click on one finds. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from lib.charts.lane import Lane
from lib.charts.look import MARKS, Floats, Palette, Places


class Look(NamedTuple):
    """How one kind of event is marked. `size`: share of the band's height; `own`: in the lane's colour,
    else quiet; `off`: so many pixels lower; `rank`: its place in the legend."""

    name: str
    symbol: str
    size: float
    opacity: float
    own: bool
    off: float = 0.0
    rank: int = 5


class Strip(NamedTuple):
    """Heights in pixels of one lane: all of it, its line of words, the band of marks."""

    lane: int
    words: int
    band: int

    @property
    def centre(self) -> float:
        """The middle of the band, in lanes from the lane's middle."""
        return (self.words + self.band / 2) / self.lane - 0.5

    @property
    def below(self) -> float:
        """The middle of what is left under the band."""
        return (self.words + self.band + self.lane) / 2 / self.lane - 0.5


_TICK = "line-ns-open"
_TICK_SIZE = 1.4
"""Plotly draws this symbol so many times as high as its size."""
LOOKS: dict[str, Look] = {
    "content": Look("text", _TICK, 0.94, 1.0, True, rank=1),
    "reasoning": Look("reasoning", _TICK, 0.56, 0.55, True, rank=2),
    "role": Look("other event", _TICK, 0.3, 1.0, False),
    "other": Look("other event", _TICK, 0.3, 1.0, False),
    "finish": Look("other event", "square", 0.24, 1.0, False, -7),
    "usage": Look("other event", "circle", 0.24, 1.0, False),
    "done": Look("other event", "diamond", 0.26, 1.0, False, 7),
    "error": Look("error", "x", 0.34, 1.0, False, rank=4),
}
_LATE = Look("queued: came then or earlier", "circle-open", 0.3, 1.0, True, rank=3)
"""Text and reasoning that a read found waiting."""
_SPOKEN = ("finish", "usage", "error")
"""Kinds that hovering calls by their own names."""
_READ_RANK = 9
_PLACE_BITS = 26
FEW = 50
"""So many of one kind stay marks that can be clicked, however many of other kinds there are."""


def strip(count: int) -> Strip:
    """How high each of so many lanes is."""
    return Strip(56, 17, 29) if count <= 4 else Strip(48, 16, 24) if count <= 8 else Strip(40, 15, 17)


def point(place: int, event: int) -> int:
    """What a mark carries so that a click on it can be resolved: lane and event in one number."""
    return (place << _PLACE_BITS) + event


def placed(value: int) -> tuple[int, int]:
    """(lane, event) of what `point` made."""
    return value >> _PLACE_BITS, value & ((1 << _PLACE_BITS) - 1)


class Pen:
    """What the marks of one figure share: heights, colours, how many there are, kinds the legend has."""

    def __init__(self, sizes: Strip, palette: Palette, total: int) -> None:
        self.sizes = sizes
        self.palette = palette
        self.many = total > MARKS
        self.named: set[str] = set()

    def first(self, name: str) -> bool:
        """Whether a kind has not been named in the legend before."""
        new = name not in self.named
        self.named.add(name)
        return new

    def events(self, row: Lane, kind: str, places: Places) -> list[go.Scatter]:
        """The marks of one kind in one lane; text that waited in a read has a shape of its own."""
        look = LOOKS[kind]
        late = row.queued[places] if look.own else np.zeros(len(places), dtype=np.bool_)
        split = (
            (look, kind if kind in _SPOKEN else look.name, places[~late]),
            (_LATE, "queued text", places[late]),
        )
        return [self._marks(row, shown, said, some) for shown, said, some in split if len(some)]

    def reads(self, row: Lane, places: Places) -> list[go.Scatter]:
        """A dot under the lane for each read; a queued one is a ring, with a line from when it may have
        come."""
        times, earliest = row.read_times[places], row.read_earliest[places]
        late = earliest < times
        traces = []
        if (~late).any():
            traces.append(self._dots(row, times[~late], "read", "circle", 3))
        if late.any():
            traces.append(self._dots(row, times[late], _LATE.name, "circle-open", 5))
            x, y = _runs(earliest[late], times[late], row.place + self.sizes.below)
            thin = {"width": 1, "color": self.palette.quiet}
            traces.append(go.Scatter(x=x, y=y, mode="lines", hoverinfo="skip", legendgroup=_LATE.name,
                                     showlegend=False, line=thin))  # fmt: skip
        return traces

    def _dots(self, row: Lane, x: Floats, name: str, symbol: str, size: int) -> go.Scatter:
        y = row.place + self.sizes.below
        named = {"name": name, "legendgroup": name, "legendrank": _READ_RANK, "showlegend": self.first(name)}
        if self.many:
            return _ticks(
                x, y, size / 2 / self.sizes.lane, 1.0, self.palette.quiet, hoverinfo="skip", **named
            )
        marker = {"symbol": symbol, "size": size, "color": self.palette.quiet}
        level = np.full(len(x), y, dtype=np.float32)
        return go.Scatter(x=x, y=level, mode="markers", marker=marker, hoverinfo="skip", **named)

    def _marks(self, row: Lane, look: Look, said: str, places: Places) -> go.Scatter:
        sizes, tick = self.sizes, look.symbol == _TICK
        colour = row.colour(self.palette) if look.own else self.palette.quiet
        wide = 1.0 if not tick else 4.0 if row.blocking and look.own else 1.4
        y = row.place + sizes.centre + look.off / sizes.lane
        shown = {
            "name": look.name, "legendgroup": look.name, "showlegend": self.first(look.name),
            "legendrank": look.rank, "opacity": look.opacity,
            "hovertemplate": f"{said} at %{{x:.3f}} s<extra></extra>",
        }  # fmt: skip
        if self.many and len(places) > FEW:
            high = look.size * sizes.band / 2 / sizes.lane
            return _ticks(row.times[places], y, high, wide, colour, **shown)
        size = max(6, round(look.size * sizes.band / (_TICK_SIZE if tick else 1)))
        return go.Scatter(
            x=row.times[places],
            y=np.full(len(places), y, dtype=np.float32),
            customdata=(places + point(row.place, 0)).astype(np.int32),
            mode="markers",
            marker={
                "symbol": look.symbol,
                "size": size,
                "color": colour,
                "line": {"width": wide, "color": colour},
            },
            **shown,
        )


def _ticks(x: Floats, y: float, high: float, wide: float, colour: str, **shown: Any) -> go.Scatter:
    """Upright strokes as one line: a browser draws thousands of them as quickly as one."""
    heights = np.tile(np.array([y - high, y + high, np.nan], dtype=np.float32), len(x))
    line = {"width": wide, "color": colour, "simplify": False}
    return go.Scatter(x=np.repeat(x, 3), y=heights, mode="lines", line=line, **shown)


def _runs(starts: Floats, ends: Floats, y: float) -> tuple[Floats, Floats]:
    """Level strokes as one line, for x and y."""
    gaps = np.full(len(starts), np.nan)
    return np.column_stack([starts, ends, gaps]).ravel(), np.full(3 * len(starts), y)
