"""The marks of events and reads in a band: shapes, heights, and what a click on one finds. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from lib.charts.lane import Lane
from lib.charts.look import GL_ABOVE, Floats, Palette, Places


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
        self.draw = go.Scattergl if total > GL_ABOVE else go.Scatter
        self.named: set[str] = set()

    def first(self, name: str) -> bool:
        """Whether a kind has not been named in the legend before."""
        new = name not in self.named
        self.named.add(name)
        return new

    def events(self, row: Lane, kind: str, places: Places) -> list[go.Scatter | go.Scattergl]:
        """The marks of one kind in one lane; text that waited in a read has a shape of its own."""
        look = LOOKS[kind]
        late = row.queued[places] if look.own else np.zeros(len(places), dtype=np.bool_)
        split = (
            (look, kind if kind in _SPOKEN else look.name, places[~late]),
            (_LATE, "queued text", places[late]),
        )
        return [self._marks(row, shown, said, some) for shown, said, some in split if len(some)]

    def reads(self, row: Lane, places: Places) -> list[go.Scatter | go.Scattergl]:
        """A dot under the lane for each read; a queued one is a ring, with a line from when it may have
        come."""
        times, earliest = row.read_times[places], row.read_earliest[places]
        late = earliest < times
        traces = []
        if (~late).any():
            traces.append(self._dots(row, times[~late], "read", "circle", 3))
        if late.any():
            traces.append(self._dots(row, times[late], _LATE.name, "circle-open", 5))
            x = np.column_stack([earliest[late], times[late], np.full(int(late.sum()), np.nan)]).ravel()
            traces.append(self._level(row, x, mode="lines", legendgroup=_LATE.name, showlegend=False,
                                      line={"width": 1, "color": self.palette.quiet}))  # fmt: skip
        return traces

    def _dots(self, row: Lane, x: Floats, name: str, symbol: str, size: int) -> go.Scatter | go.Scattergl:
        marker = {"symbol": symbol, "size": size, "color": self.palette.quiet}
        return self._level(row, x, mode="markers", name=name, legendgroup=name, legendrank=_READ_RANK,
                           showlegend=self.first(name), marker=marker)  # fmt: skip

    def _level(self, row: Lane, x: Floats, **look: Any) -> go.Scatter | go.Scattergl:
        y = np.full(len(x), row.place + self.sizes.below, dtype=np.float32)
        return self.draw(x=x, y=y, hoverinfo="skip", **look)

    def _marks(self, row: Lane, look: Look, said: str, places: Places) -> go.Scatter | go.Scattergl:
        sizes, tick = self.sizes, look.symbol == _TICK
        colour = row.colour(self.palette) if look.own else self.palette.quiet
        wide = 1.0 if not tick else 4.0 if row.blocking and look.own else 1.4
        size = max(6, round(look.size * sizes.band / (_TICK_SIZE if tick else 1)))
        return self.draw(
            x=row.times[places],
            y=np.full(len(places), row.place + sizes.centre + look.off / sizes.lane, dtype=np.float32),
            customdata=(places + point(row.place, 0)).astype(np.int32),
            mode="markers",
            name=look.name,
            legendgroup=look.name,
            showlegend=self.first(look.name),
            legendrank=look.rank,
            opacity=look.opacity,
            **self._shape(look, size, wide, colour),
            hovertemplate=f"{said} at %{{x:.3f}} s<extra></extra>",
        )

    def _shape(self, look: Look, size: int, wide: float, colour: str) -> dict[str, Any]:
        """A symbol; of a tick among many a dot with an error bar of its height, which WebGL draws several
        times as fast as that symbol."""
        if look.symbol == _TICK and self.draw is go.Scattergl:
            high = look.size * self.sizes.band / 2 / self.sizes.lane
            bar = {"type": "constant", "value": high, "thickness": wide, "width": 0, "color": colour}
            return {"marker": {"symbol": "circle", "size": 2, "color": colour}, "error_y": bar}
        edge = {"width": wide, "color": colour}
        return {"marker": {"symbol": look.symbol, "size": size, "color": colour, "line": edge}}
