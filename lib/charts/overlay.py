"""Lanes over each other: how much each had shown, how fast it came. For comparing; no verdicts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lib.charts import lane as lane_of
from lib.charts.lane import Lane, View
from lib.charts.look import DARK, LIGHT, Palette, seconds
from lib.charts.stack import Row, stack
from lib.charts.staircase import Stairs, draw_stairs, stairs
from lib.charts.throughput import draw_rates, empty, height_px, rates, rates_told, top
from lib.charts.told import first_s, names, spoken_names, total_s
from lib.lanes import Entry

STAIRS_PX = 170
EMPTY_PX = 56
NAMED = 8
"""Lines that can all be named where they run."""
NO_TEXT = "No visible text arrived."


def overlay_figure(
    rows: Sequence[Entry],
    *,
    zero_s: float = 0.0,
    window_s: float = 1.0,
    baseline: int = 0,
    dark: bool = False,
) -> go.Figure:
    """Staircases over each other and rates over each other, on one x axis.

    `rows`, `zero_s`: as `lanes.aligned` gives them. `baseline`: the place of the lane that the others are
    held against; it is named so.
    """
    palette = DARK if dark else LIGHT
    found = lane_of.drawn(rows, zero_s)
    seen = lane_of.view(found, None, zero_s)
    called = [f"{name} (baseline)" if n == baseline else name for n, name in enumerate(names(rows))]
    figure = go.Figure()
    below, labels = lines(figure, found, seen, palette, called=called, window_s=window_s, axis=1)
    nothing = Row(EMPTY_PX, NO_TEXT, {"showticklabels": False, "showgrid": False})
    stack(figure, below or [nothing], palette, seen, zero_s, labels)
    figure.update_layout(dragmode="zoom")
    return figure


def overlay_alt(
    rows: Sequence[Entry], *, zero_s: float = 0.0, window_s: float = 1.0, baseline: int = 0
) -> str:
    """What `overlay_figure` shows, in plain sentences: each lane against the baseline, by seconds.

    Times count from each call's own request, however the picture is aligned.
    """
    if not 0 <= baseline < len(rows) or all(first_s(row) is None for row in rows):
        return NO_TEXT
    called, base = spoken_names(rows), rows[baseline]
    told = [
        f"{name} {_against(row, base)}"
        for n, (row, name) in enumerate(zip(rows, called, strict=True))
        if n != baseline
    ]
    said = f"The baseline, {called[baseline]}, {_alone(base)}."
    said += f" Beside it: {'; '.join(told)}." if told else ""
    return f"{said} {rates_told(lane_of.drawn(rows, zero_s), window_s)}"


def lines(
    figure: go.Figure,
    found: Sequence[Lane],
    seen: View,
    palette: Palette,
    *,
    called: Sequence[str],
    window_s: float,
    axis: int,
    area_s: float | None = None,
    above: bool = False,
) -> tuple[list[Row], list[dict[str, Any]]]:
    """Draw the staircase and the rates on the y axes from number `axis` on; returns rows and labels.

    `called`: the lanes' names, by place. `above`: the lanes stand above in their colours, so that the lines
    of many need no names, which would hide them.
    Where no lane has text there is neither row; where only the rate is unknown its row says why.
    """
    made, unit = stairs(found)
    curves, counts = rates(found, window_s)
    if not made:
        return [], []
    named = not above or len(made) <= NAMED
    shown = _stairs_row(made, unit, "" if named else ", in the colours above")
    stairs_axis = f"y{axis}" if axis > 1 else "y"
    labels = draw_stairs(figure, made, unit, seen, palette, called, stairs_axis, area_s, named=named)
    peaks = ", peaks named" if len(curves) > 1 else ""
    words = f"{counts.capitalize()} per second, window of {window_s:g} s{peaks}"
    yaxis = f"y{axis + 1}"
    if not curves:
        # A trace of nothing, since an axis without one is not drawn.
        figure.add_trace(go.Scatter(x=np.zeros(1), y=np.full(1, np.nan), yaxis=yaxis, showlegend=False))
        hidden = {"range": [0, 1], "showticklabels": False, "showgrid": False}
        return [shown, Row(EMPTY_PX, words, hidden)], [*labels, empty(found, palette, yaxis)]
    labels += draw_rates(figure, curves, counts, seen, palette, called, yaxis)
    fast = {"range": [0, top(curves)], "nticks": 5}
    return [shown, Row(height_px(curves), words, fast)], labels


def _stairs_row(made: Sequence[Stairs], unit: str, colours: str) -> Row:
    if unit == "%":
        shares = {"range": [0, 106], "tickvals": [0, 50, 100], "ticktext": ["0", "50", "100 %"]}
        return Row(STAIRS_PX, f"Share of the text shown{colours}", shares)
    most = max(float(steps.chars[-1]) for steps in made)
    counted = {"range": [0, most * 1.06], "nticks": 5, "tickformat": ",~s"}
    return Row(STAIRS_PX, f"Characters shown (not every text is whole){colours}", counted)


def _alone(row: Entry) -> str:
    first, total = first_s(row), total_s(row)
    shown = "shows no text" if first is None else f"shows its first text after {seconds(first)}"
    return shown + (" and is not whole" if total is None else f" and ends after {seconds(total)}")


def _against(row: Entry, base: Entry) -> str:
    shown = _moved(first_s(row), first_s(base))
    ended = _moved(total_s(row), total_s(base))
    first = "shows no text that can be compared" if shown is None else f"shows its first text {shown}"
    return first + (", its end cannot be compared" if ended is None else f" and ends {ended}")


def _moved(one: float | None, other: float | None) -> str | None:
    if one is None or other is None:
        return None
    if one == other:
        return "at the same time"
    return f"{seconds(abs(one - other))} {'later' if one > other else 'earlier'}"
