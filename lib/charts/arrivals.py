"""The picture of a result: lanes, staircase and rates as rows of one figure with one x axis. Pure.

Each row is drawn by the module of its own; what a click or a selection means is told here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from lib.charts import lane as lane_of
from lib.charts.look import DARK, LIGHT, seconds
from lib.charts.marks import placed, strip
from lib.charts.overlay import lines
from lib.charts.stack import Row, stack
from lib.charts.staircase import head_start_s
from lib.charts.throughput import rates_told
from lib.charts.timeline import draw_lanes, lanes_axis
from lib.charts.told import names, stories
from lib.lanes import Entry


def arrivals_figure(
    rows: Sequence[Entry],
    *,
    zero_s: float = 0.0,
    window_s: float = 1.0,
    range_s: tuple[float, float] | None = None,
    dark: bool = False,
) -> go.Figure:
    """Every event of each lane, the text shown so far, the rate in a sliding window: over each other.

    `rows`, `zero_s`: as `lanes.aligned` gives them. `range_s`: draw that part of the axis alone, every
    event of it as long as there are no more than 20,000 marks; above, every stall keeps its edges.
    Marks carry what `picked` reads; a box selection spans a range of x.
    """
    palette = DARK if dark else LIGHT
    found = lane_of.drawn(rows, zero_s)
    seen = lane_of.view(found, range_s, zero_s)
    sizes = strip(len(rows))
    figure = go.Figure()
    words = draw_lanes(figure, found, seen, sizes, palette)
    lanes_row = Row(sizes.lane * max(1, len(rows)), "", lanes_axis(len(rows)))
    below, more = lines(
        figure,
        found,
        seen,
        palette,
        called=names(rows),
        window_s=window_s,
        axis=2,
        area_s=head_start_s(found),
        above=True,
    )
    stack(figure, [lanes_row, *below], palette, seen, zero_s, words + more)
    return figure


def arrivals_alt(rows: Sequence[Entry], *, zero_s: float = 0.0, window_s: float = 1.0) -> str:
    """What `arrivals_figure` shows, in plain sentences."""
    said, found = [stories(rows)], lane_of.drawn(rows, zero_s)
    if (area := head_start_s(found)) is not None:
        sooner = "sooner" if area >= 0 else "later"
        said.append(
            f"With streaming, a character could be read {seconds(abs(area))} {sooner} on average"
            " (mean head start)."
        )
    return " ".join([*said, rates_told(found, window_s)])


def picked(rows: Sequence[Entry], point: Mapping[str, Any]) -> tuple[int, int] | None:
    """(lane, event) that a point of a selection stands for, places in `rows` and in the timeline's events.

    None for a point that is no event's mark. The point comes from a browser: anything may be in it.
    """
    value = point.get("customdata")
    if isinstance(value, list | tuple) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value < 0:
        return None
    place, event = placed(int(min(value, 2**53)))
    if place >= len(rows):
        return None
    line = rows[place].call.timeline
    return (place, event) if line is not None and event < len(line.events) else None
