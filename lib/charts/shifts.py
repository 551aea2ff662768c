"""How far apart the deciles of both modes are, from the quickest calls to the slowest. Pure.

The intervals are lib.intervals'. A failed call keeps the worst rank.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from lib.charts.amounts import signed
from lib.charts.look import DARK, LIGHT, Palette, dress, translucent
from lib.charts.shares import HEIGHT_PX, curves, title
from lib.charts.tables import Cell, Table
from lib.experiment import Experiment
from lib.intervals import Shift, shifts
from lib.metrics import METRICS
from lib.points import worst


def deciles(experiment: Experiment, metric: str, arm: int = 0) -> list[Shift]:
    """How far streaming's deciles lie from blocking's; [] unless both modes have calls."""
    found = {curve.mode: curve for curve in curves(experiment, metric, arm)}
    if len(found) < 2 or worst(metric) == "low":
        return []
    return shifts(found["blocking"].ranked(), found["streaming"].ranked())


def shifts_figure(experiment: Experiment, metric: str, *, arm: int = 0, dark: bool = False) -> go.Figure:
    """Streaming minus blocking at each decile, from the quickest calls to the slowest."""
    palette = DARK if dark else LIGHT
    found = [s for s in deciles(experiment, metric, arm) if s.by is not None]
    figure = go.Figure()
    low, high = _reach(found)
    figure.add_trace(_bars(found, (low, high), palette))
    figure.add_trace(_marks(found, metric, palette))
    dress(figure, palette, 1.0, HEIGHT_PX)
    figure.add_hline(y=0, line={"width": 1.5, "color": palette.text})
    names = ["10 %", "30 %", "half", "70 %", "90 %"]
    figure.update_xaxes(range=[0.04, 0.96], tickvals=[0.1, 0.3, 0.5, 0.7, 0.9], ticktext=names)
    figure.update_xaxes(title_text="calls, from the quickest to the slowest")
    unit = METRICS[metric].unit
    figure.update_yaxes(range=[low, high], ticksuffix=f" {unit}" if unit else "")
    figure.update_layout(showlegend=False, margin={"l": 8, "r": 12, "t": 30, "b": 8})
    return figure


def shifts_alt(experiment: Experiment, metric: str, *, arm: int = 0) -> str:
    """What `shifts_figure` shows, in one sentence."""
    found = [s for s in deciles(experiment, metric, arm) if s.by is not None]
    if not found:
        return "There are no deciles to compare."
    sure = [s for s in found if s.interval.low > 0 or s.interval.high < 0]
    ends = ", ".join(f"{signed(s.by or 0, metric)} at {s.p * 100:.0f} %" for s in (found[0], found[-1]))
    wide = sum(not all(map(math.isfinite, s.interval)) for s in found)
    has = "has" if wide == 1 else "have"
    open_ = f" {wide} of the intervals {has} no end, since the calls are few." if wide else ""
    return (
        f"{title(experiment, metric, arm)}, streaming minus blocking at each tenth of the calls: {ends}. "
        f"At {len(sure)} of {len(found)} the 95 % interval, drawn as a bar, leaves out zero.{open_}"
    )


def shifts_table(experiment: Experiment, metric: str, *, arm: int = 0) -> Table:
    """One row a decile; an empty cell where there is no value or no bound."""
    rows: list[tuple[Cell, ...]] = [
        (s.p, s.base, s.other, s.by, *s.interval.plain()) for s in deciles(experiment, metric, arm)
    ]
    return Table(("decile", "blocking", "streaming", "by", "low", "high"), rows)


def _reach(found: Sequence[Shift]) -> tuple[float, float]:
    """Ends of the differences' axis; zero is in sight, an endless interval does not stretch it."""
    ends = [x for s in found for x in (s.by or 0.0, *s.interval) if math.isfinite(x)] + [0.0]
    room = (max(ends) - min(ends)) * 0.1 or 1.0
    return min(ends) - room, max(ends) + room


def _bars(found: Sequence[Shift], reach: tuple[float, float], palette: Palette) -> go.Scatter:
    """The intervals; one without an end runs to the edge of the picture."""
    low = np.array([max(s.interval.low, reach[0]) for s in found], dtype=np.float64)
    high = np.array([min(s.interval.high, reach[1]) for s in found], dtype=np.float64)
    places = np.array([s.p for s in found], dtype=np.float64)
    gap = np.full(len(found), np.nan)
    return go.Scatter(
        x=np.column_stack([places, places, gap]).ravel(),
        y=np.column_stack([low, high, gap]).ravel(),
        mode="lines",
        line={"width": 7, "color": translucent(palette.series[1], 0.3)},
        hoverinfo="skip",
    )


def _marks(found: Sequence[Shift], metric: str, palette: Palette) -> go.Scatter:
    sure = [s.interval.low > 0 or s.interval.high < 0 for s in found]
    said = [
        f"at {s.p * 100:.0f} % of the calls: {signed(s.by or 0, metric)} "
        f"({signed(s.interval.low, metric)} to {signed(s.interval.high, metric)})"
        for s in found
    ]
    return go.Scatter(
        x=np.array([s.p for s in found], dtype=np.float64),
        y=np.array([s.by for s in found], dtype=np.float64),
        mode="lines+markers",
        line={"width": 1, "color": palette.series[1]},
        marker={
            "symbol": ["diamond" if yes else "circle-open" for yes in sure],
            "size": 11,
            "color": palette.series[1],
        },
        customdata=said,
        hovertemplate="%{customdata}<extra></extra>",
    )
