"""How much of its text each lane had shown at any moment; the area between blocking and streaming. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lib.charts.labels import LETTER_PX, NARROW_PX, Spot, letters, on_line, swatch
from lib.charts.lane import Lane, View
from lib.charts.look import (
    MAX_POINTS,
    Floats,
    Palette,
    seconds,
    spread,
    translucent,
)
from lib.facts import Unknown
from lib.lanes import Entry

LINE_POINTS = MAX_POINTS // 16
"""All lines of one row together."""


class Stairs:
    """One lane's steps. `share`: of its own whole text in per cent; of a cut one nobody knows the whole."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        places = lane.places("content")
        self.times = lane.times[places]
        facts = lane.facts
        self.whole = facts is not None and facts.timeline.complete
        if lane.blocking and self.whole and facts is not None:
            self.times = np.full(len(places), lane.on_axis(facts.e2e_ns))
        self.chars = np.cumsum(lane.chars[places])
        self.share = self.chars / max(1, int(self.chars[-1])) * 100 if len(places) else np.zeros(0)


def pair_of(rows: Sequence[Entry]) -> tuple[Entry, Entry] | None:
    """(blocking, streaming) when the rows are the two calls of one pair, on one clock; else None."""
    if len(rows) != 2:
        return None
    one, other = sorted(rows, key=lambda row: row.call.planned.mode)
    calls = one.call.planned, other.call.planned
    modes = (calls[0].mode, calls[1].mode) == ("blocking", "streaming")
    same = (calls[0].arm, calls[0].pair) == (calls[1].arm, calls[1].pair) and calls[0].n != calls[1].n
    return (one, other) if modes and same and (one.sub, one.shift_s) == (other.sub, other.shift_s) else None


def head_start_s(found: Sequence[Lane]) -> float | None:
    """`mean_head_start_s` of the one pair that the lanes are; None when it is not one or not known.

    Speed index of blocking - of streaming, as lib.pairs has it, from the facts that the lanes made already.
    """
    pair = pair_of([lane.row for lane in found])
    if pair is None:
        return None
    facts = {lane.row.call.planned.mode: lane.facts for lane in found}
    blocking, streaming = facts["blocking"], facts["streaming"]
    if blocking is None or streaming is None:
        return None
    try:
        return (blocking.speed_index_ns() - streaming.speed_index_ns()) / 1e9
    except Unknown:
        return None


def stairs(found: Sequence[Lane]) -> tuple[list[Stairs], str]:
    """(the steps of lanes with text, "%" or "characters"). Shares only when every text is whole."""
    made = [steps for lane in found if len((steps := Stairs(lane)).times)]
    return made, "%" if all(steps.whole for steps in made) else "characters"


def draw_stairs(
    figure: go.Figure,
    made: Sequence[Stairs],
    unit: str,
    seen: View,
    palette: Palette,
    names: Sequence[str],
    yaxis: str,
    area_s: float | None = None,
    *,
    named: bool = True,
) -> list[dict[str, Any]]:
    """Draw the lines on `yaxis`; returns their labels. `names`: of all lanes, by place.

    `area_s`: the mean head start, for which the area between the two lines is shaded and named. `named`:
    whether each line has its name on it.
    """
    labels: list[dict[str, Any]] = []
    if area_s is not None and len(made) == 2:
        figure.add_trace(_area(made, seen, palette, yaxis))
        labels += _named_area(made, area_s, seen, palette, yaxis)
    most = LINE_POINTS // max(1, len(made))
    figure.add_traces([_line(steps, unit, seen, palette, names, yaxis, most) for steps in made])
    return labels + _labels(made, unit, seen, palette, names, yaxis) if named else labels


def _heights(steps: Stairs, unit: str) -> Floats:
    return steps.share if unit == "%" else steps.chars.astype(np.float64)


def _line(
    steps: Stairs, unit: str, seen: View, palette: Palette, names: Sequence[str], yaxis: str, most: int
) -> go.Scatter:
    kept = seen.within(steps.times, beside=1)
    kept = kept[spread(steps.times[kept], most)]
    heights = _heights(steps, unit)
    # From 0 where the request was sent; a whole text stays as it is to the right edge.
    end = max(seen.high, steps.times[-1]) if steps.whole else steps.times[kept[-1]]
    x = np.concatenate([[steps.lane.off_s, steps.times[0]], steps.times[kept], [end]])
    y = np.concatenate([[0.0, 0.0], heights[kept], heights[kept[-1:]]])
    ending = " %" if unit == "%" else " characters"
    return go.Scatter(
        x=x,
        y=y,
        yaxis=yaxis,
        mode="lines",
        name=names[steps.lane.place],
        showlegend=False,
        line={"color": steps.lane.colour(palette), "width": 2, "shape": "hv", "dash": steps.lane.dash},
        hovertemplate=f"{names[steps.lane.place]}: %{{y:,.0f}}{ending}<extra></extra>",
    )


def _labels(
    made: Sequence[Stairs], unit: str, seen: View, palette: Palette, names: Sequence[str], yaxis: str
) -> list[dict[str, Any]]:
    """Each line's name on the line itself, every one at a height of its own, the fastest highest: left of
    the faster half, right of the slower one, where there are fewer lines."""
    ranked = sorted(made, key=lambda steps: float(steps.times[len(steps.times) // 2]))
    labels = []
    for nth, steps in enumerate(ranked):
        x, y = _spot(steps, _heights(steps, unit), 1 - (nth + 0.7) / len(made), seen)
        name = names[steps.lane.place]
        words = swatch(steps.lane.colour(palette), name)
        spot = Spot(x, y, seen.share(x), 0, words, letters(name) + 2)
        labels.append(on_line(spot, palette, yaxis, prefer_left=nth < len(made) / 2))
    return labels


def _spot(steps: Stairs, heights: Floats, along: float, seen: View) -> tuple[float, float]:
    """A point of the line in sight: where it has risen by a share of what it rises there."""
    first, last = (int(np.searchsorted(steps.times, at, "right")) for at in (seen.low, seen.high))
    low = float(heights[first - 1]) if first else 0.0
    high = float(heights[last - 1]) if last else 0.0
    if low == high:
        return seen.low + (seen.high - seen.low) * along, low
    level = low + (high - low) * along
    return float(steps.times[int(np.searchsorted(heights, level))]), level


def _area(made: Sequence[Stairs], seen: View, palette: Palette, yaxis: str) -> go.Scatter:
    """Between the streaming steps and the blocking one, each a share of its own text."""
    blocking, streaming = sorted(made, key=lambda steps: not steps.lane.blocking)
    kept = spread(streaming.times, LINE_POINTS // 2)
    times, heights = streaming.times[kept], streaming.share[kept]
    landed = float(blocking.times[-1])
    start = streaming.lane.off_s
    x = np.concatenate([[start], np.repeat(times, 2), [max(landed, times[-1]), landed, landed, start]])
    risen = np.repeat(np.concatenate([[0.0], heights]), 2)[:-1]
    y = np.concatenate([risen, [100.0, 100.0, 0.0, 0.0]])
    return go.Scatter(
        x=x.clip(seen.low, seen.high),
        y=np.concatenate([[0.0], y[1:]]),
        yaxis=yaxis,
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=translucent(streaming.lane.colour(palette), 0.14),
        hoverinfo="skip",
        showlegend=False,
        name="mean head start",
    )


def _named_area(
    made: Sequence[Stairs], area_s: float, seen: View, palette: Palette, yaxis: str
) -> list[dict[str, Any]]:
    """The name of the area, where that is wide enough for it and in sight."""
    blocking, streaming = sorted(made, key=lambda steps: not steps.lane.blocking)
    said = f"mean head start {seconds(area_s)}"
    landed = float(blocking.times[-1])
    # In a thin part it stands aside, since the blocking line's own name is there.
    for level, aside in ((30.0, 1 / 2), (20.0, 1 / 3), (11.0, 1 / 3)):
        y = level if area_s >= 0 else 100 - level
        reached = float(streaming.times[int(np.searchsorted(streaming.share, y))])
        x = reached + (landed - reached) * aside
        if abs(seen.share(landed) - seen.share(reached)) > letters(said) * LETTER_PX / NARROW_PX:
            break
    if not seen.low <= x <= seen.high:
        return []
    return [{
        "x": x, "y": y, "xref": "x", "yref": yaxis, "showarrow": False, "text": f"<b>{said}</b>",
        "font": {"size": 12, "color": palette.text}, "bgcolor": palette.back, "borderpad": 1,
    }]  # fmt: skip
