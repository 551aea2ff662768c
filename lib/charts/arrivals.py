"""The picture of a result: lanes, staircase and rates as rows of one figure with one x axis. Pure.

One axis, so that hover and zoom reach all rows. Each row is drawn by the module of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from lib.charts import lane as lane_of
from lib.charts.lane import Lane, View
from lib.charts.look import CLOCK, DARK, LIGHT, Palette, dress, seconds
from lib.charts.marks import placed, strip
from lib.charts.staircase import Stairs, draw_stairs, head_start_s, stairs
from lib.charts.throughput import draw_rates, empty, height_px, rates, rates_told, top
from lib.charts.timeline import draw_lanes, lanes_axis
from lib.charts.told import names, stories
from lib.lanes import Entry

FROM_TEXT = "seconds since the first visible text"
TITLE_PX = 30
STAIRS_PX = 170
EMPTY_PX = 56
_ABOVE_PX, _BELOW_PX = 4, 104


class Row(NamedTuple):
    """One row of a figure: its height without the title, the title, what its y axis is set to."""

    height: float
    title: str
    axis: dict[str, Any]


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
    below, more = lines(figure, found, seen, palette, window_s=window_s, axis=2, area_s=head_start_s(rows))
    stack(figure, [lanes_row, *below], palette, seen, zero_s, words + more)
    return figure


def arrivals_alt(rows: Sequence[Entry], *, zero_s: float = 0.0, window_s: float = 1.0) -> str:
    """What `arrivals_figure` shows, in plain sentences."""
    said = [stories(rows)]
    if (area := head_start_s(rows)) is not None:
        sooner = "sooner" if area >= 0 else "later"
        said.append(
            f"With streaming, a character could be read {seconds(abs(area))} {sooner} on average"
            " (mean head start)."
        )
    return " ".join([*said, rates_told(lane_of.drawn(rows, zero_s), window_s)])


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


def lines(
    figure: go.Figure,
    found: Sequence[Lane],
    seen: View,
    palette: Palette,
    *,
    window_s: float,
    axis: int,
    area_s: float | None = None,
) -> tuple[list[Row], list[dict[str, Any]]]:
    """Draw the staircase and the rates on the y axes from number `axis` on; returns rows and labels.

    Where no lane has text there is neither row; where only the rate is unknown its row says why.
    """
    called = names([lane.row for lane in found])
    made, unit = stairs(found)
    curves, counts = rates(found, window_s)
    if not made:
        return [], []
    labels = draw_stairs(figure, made, unit, seen, palette, called, f"y{axis}" if axis > 1 else "y", area_s)
    title = f"{counts.capitalize()} per second, window of {window_s:g} s"
    yaxis = f"y{axis + 1}"
    if not curves:
        # A trace of nothing, since an axis without one is not drawn.
        figure.add_trace(go.Scatter(x=np.zeros(1), y=np.full(1, np.nan), yaxis=yaxis, showlegend=False))
        hidden = {"range": [0, 1], "showticklabels": False, "showgrid": False}
        return [_stairs_row(made, unit), Row(EMPTY_PX, title, hidden)], [
            *labels,
            empty(found, palette, yaxis),
        ]
    labels += draw_rates(figure, curves, counts, seen, palette, called, yaxis)
    fast = {"range": [0, top(curves)], "nticks": 5}
    return [_stairs_row(made, unit), Row(height_px(curves), title, fast)], labels


def _stairs_row(made: Sequence[Stairs], unit: str) -> Row:
    if unit == "%":
        shares = {"range": [0, 106], "tickvals": [0, 50, 100], "ticktext": ["0", "50", "100 %"]}
        return Row(STAIRS_PX, "Share of the text shown", shares)
    most = max(float(steps.chars[-1]) for steps in made)
    counted = {"range": [0, most * 1.06], "nticks": 5, "tickformat": ",~s"}
    return Row(STAIRS_PX, "Characters shown (not every text is whole)", counted)


def stack(
    figure: go.Figure,
    rows: Sequence[Row],
    palette: Palette,
    seen: View,
    zero_s: float,
    labels: list[dict[str, Any]],
) -> None:
    """Lay rows out under each other on the one x axis, a title over each that has one."""
    heights = [row.height + (TITLE_PX if row.title else 0) for row in rows]
    plot = sum(heights)
    dress(figure, palette, seen.high, round(plot + _ABOVE_PX + _BELOW_PX))
    at, axes, titles = plot, {}, []
    for nth, (row, height) in enumerate(zip(rows, heights, strict=True), 1):
        low, high = (at - height) / plot, (at - height + row.height) / plot
        name = f"yaxis{nth}" if nth > 1 else "yaxis"
        axes[name] = {**axis_look(palette), "anchor": "x", "domain": [max(0.0, low), high], **row.axis}
        titles += [title(row.title, f"y{nth}" if nth > 1 else "y", palette)] if row.title else []
        at -= height
    last = f"y{len(rows)}" if len(rows) > 1 else "y"
    figure.update_layout(
        **axes,
        annotations=labels + titles,
        hovermode="x",
        hoversubplots="axis",
        hoverdistance=12,
        dragmode="select",
        selectdirection="h",
        margin={"l": 8, "r": 12, "t": _ABOVE_PX, "b": 8},
        legend={"y": -52 / plot, "yanchor": "top", "font": {"size": 12}, "itemclick": False},
    )
    figure.update_xaxes(
        range=[seen.low, seen.high], anchor=last, title_text=FROM_TEXT if zero_s else CLOCK,
        hoverformat=".3f", showspikes=True, spikemode="across", spikesnap="cursor", spikethickness=1,
        spikedash="solid", spikecolor=palette.quiet,
    )  # fmt: skip
    if seen.low < 0 < seen.high:
        figure.add_vline(x=0, line={"width": 1, "color": palette.quiet}, layer="below")


def axis_look(palette: Palette) -> dict[str, Any]:
    """What the y axes of all rows share."""
    return {
        "zeroline": False, "gridcolor": palette.grid, "tickfont": {"color": palette.quiet, "size": 12},
        "automargin": True, "fixedrange": True,
    }  # fmt: skip


def title(text: str, yref: str, palette: Palette) -> dict[str, Any]:
    """A row's title, over its left end."""
    return {
        "x": 0, "y": 1, "xref": "x domain", "yref": f"{yref} domain", "xanchor": "left", "xshift": -2,
        "yanchor": "bottom", "yshift": 3, "text": text, "showarrow": False,
        "font": {"size": 12, "color": palette.quiet},
    }  # fmt: skip
