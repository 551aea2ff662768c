"""Rows of one figure under each other with one x axis, so that hover and zoom reach all of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from lib.charts.lane import View
from lib.charts.look import CLOCK, Palette, dress

FROM_TEXT = "seconds since the first visible text"
TITLE_PX = 30
_ABOVE_PX, _BELOW_PX, _LEGEND_PX = 4, 52, 52


class Row(NamedTuple):
    """One row of a figure: its height without the title, the title, what its y axis is set to."""

    height: float
    title: str
    axis: dict[str, Any]


def stack(
    figure: go.Figure,
    rows: Sequence[Row],
    palette: Palette,
    seen: View,
    zero_s: float,
    labels: list[dict[str, Any]],
) -> None:
    """Lay rows out under each other on the one x axis, a title over each that has one."""
    heights = [row.height + (TITLE_PX + 15 * row.title.count("<br>") if row.title else 0) for row in rows]
    plot = sum(heights)
    named = any(trace.showlegend is not False for trace in figure.data)
    below = _BELOW_PX + (_LEGEND_PX if named else 0)
    dress(figure, palette, seen.high, round(plot + _ABOVE_PX + below))
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
        showlegend=named,
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
        "yanchor": "bottom", "yshift": 3, "text": text, "showarrow": False, "align": "left",
        "font": {"size": 12, "color": palette.quiet},
    }  # fmt: skip
