"""Small multiples: one row a call on one clock, its text and its wait. For models beside each other. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from lib.charts import lane as lane_of
from lib.charts.look import DARK, LIGHT, seconds
from lib.charts.marks import strip
from lib.charts.stack import Row, stack
from lib.charts.timeline import draw_lanes, lanes_axis
from lib.charts.told import beside, first_s, spoken_names
from lib.lanes import Entry


def multiples_figure(rows: Sequence[Entry], *, zero_s: float = 0.0, dark: bool = False) -> go.Figure:
    """A strip of each call's text, the wait before it hatched, its first and last text told beside its
    name. `rows`, `zero_s`: as `lanes.aligned` gives them."""
    palette = DARK if dark else LIGHT
    found = lane_of.drawn(rows, zero_s)
    seen = lane_of.view(found, None, zero_s)
    sizes = strip(max(5, len(rows)))
    figure = go.Figure()
    words = draw_lanes(figure, found, seen, sizes, palette, bare=True)
    row = Row(sizes.lane * max(1, len(rows)), "", lanes_axis(len(rows)))
    stack(figure, [row], palette, seen, zero_s, words)
    figure.update_layout(dragmode="zoom")
    return figure


def multiples_alt(rows: Sequence[Entry]) -> str:
    """What `multiples_figure` shows, in one sentence: whose text came first, then the others in order."""
    if not rows:
        return "No call belongs to this picture."
    named = list(zip(rows, spoken_names(rows), strict=True))
    ranked = sorted((first, n) for n, (row, _) in enumerate(named) if (first := first_s(row)) is not None)
    told = [f"{named[n][1]}: {beside(named[n][0])}" for _, n in ranked]
    told += [f"{name}: {beside(row) or 'no text'}" for row, name in named if first_s(row) is None]
    lead = f"{named[ranked[0][1]][1]} shows text first, after {seconds(ranked[0][0])}. " if ranked else ""
    return f"{len(rows)} calls on one clock. {lead}{'; '.join(told)}."
