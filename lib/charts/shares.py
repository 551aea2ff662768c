"""Which share of the calls of each mode lies below each value. Pure.

A failed call keeps the worst rank: it counts in every share, and a curve ends below all where some failed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from lib import lanes
from lib.charts.amounts import amount, axis_title, log_ticks, spans_decades
from lib.charts.labels import swatch
from lib.charts.look import DARK, LIGHT, Floats, Palette, dress
from lib.charts.tables import Cell, Table
from lib.experiment import Experiment
from lib.intervals import Interval, Percentile, percentile
from lib.metrics import METRICS
from lib.points import name, points, worst
from lib.spec import Mode
from lib.verdict import percentile_words

HEIGHT_PX = 300
MODES: tuple[Mode, Mode] = ("blocking", "streaming")
LEAST_P95 = 20
"""Of fewer calls the worst one would be called their p95."""


class Curve(NamedTuple):
    """One mode: its known values in order, and how many calls had none because they failed.

    `least`: less is worse, as with rates.
    """

    mode: Mode
    values: Floats
    lost: int
    least: bool

    @property
    def total(self) -> int:
        """Calls that count: known and failed ones."""
        return len(self.values) + self.lost

    @property
    def shares(self) -> Floats:
        """Percent of the calls up to each value."""
        below = self.lost if self.least else 0
        return (np.arange(1, len(self.values) + 1, dtype=np.float64) + below) / self.total * 100

    def ranked(self) -> list[float]:
        """All calls, failed ones at infinity; negative ones where less is worse."""
        signs = -self.values if self.least else self.values
        return [*map(float, signs), *([math.inf] * self.lost)]

    def at(self, p: float) -> Percentile | None:
        """The value that a share `p` of the calls is at least as good as, with its exact interval; the
        95 % are withheld of few calls."""
        found = None if p > 0.5 and self.total < LEAST_P95 else percentile(self.ranked(), p)
        if found is None or not self.least:
            return found
        value = None if found.value is None else -found.value
        return Percentile(value, Interval(-found.interval.high, -found.interval.low))

    def height(self, p: float) -> float:
        """Where `at` stands in the picture, percent."""
        return 100 * (1 - p if self.least else p)


def curves(experiment: Experiment, metric: str, arm: int = 0) -> list[Curve]:
    """Both modes of an arm; a mode of which no call has the number is left out."""
    found = [p for p in points(experiment, metric, arm) if p.role == "measure"]
    made = []
    for mode in MODES:
        mine = [p for p in found if p.mode == mode]
        values = np.sort(np.array([p.value for p in mine if p.value is not None], dtype=np.float64))
        if len(values):
            made.append(Curve(mode, values, sum(p.lost for p in mine), worst(metric) == "low"))
    return made


def shares_figure(experiment: Experiment, metric: str, *, arm: int = 0, dark: bool = False) -> go.Figure:
    """Which share of the calls was at most so high, a line per mode; half and 95 % are marked."""
    palette = DARK if dark else LIGHT
    found = curves(experiment, metric, arm)
    figure = go.Figure()
    low, high, log = _span(found)
    for curve in found:
        figure.add_traces(_rise(curve, metric, (low, high), palette))
    dress(figure, palette, 1.0, HEIGHT_PX)
    ends = [math.log10(low), math.log10(high)] if log else [low, high]
    figure.update_xaxes(type="log" if log else "linear", range=ends, title_text=axis_title(metric, log=log))
    if log:
        figure.update_xaxes(log_ticks(low, high, metric, 5))
    ticks = {"tickvals": [0, 25, 50, 75, 95], "ticktext": ["0", "25 %", "50 %", "75 %", "95 %"]}
    figure.update_yaxes(range=[0, 104], **ticks)
    figure.update_layout(showlegend=False, annotations=_labels(found, metric, (low, high, log), palette),
                         margin={"l": 8, "r": 12, "t": 12, "b": 8})  # fmt: skip
    return figure


def shares_alt(experiment: Experiment, metric: str, *, arm: int = 0) -> str:
    """What `shares_figure` shows, with the intervals of the percentiles, in one sentence."""
    found = curves(experiment, metric, arm)
    if not found:
        return "No call has this number."
    unit = METRICS[metric].unit
    told = []
    for curve in found:
        half, most = curve.at(0.5), curve.at(0.95)
        within = "above" if curve.least else "within"
        said = f"{curve.mode}: half of {_calls(curve.total)} {within} {_words(half, unit)}"
        said += f", 95 % {within} {_words(most, unit)}" if most else f"; for 95 % it takes {LEAST_P95} calls"
        told.append(said + (f"; {curve.lost} failed or cut" if curve.lost else ""))
    return f"{title(experiment, metric, arm)}. {'. '.join(s[0].upper() + s[1:] for s in told)}."


def shares_table(experiment: Experiment, metric: str, *, arm: int = 0) -> Table:
    """One row a step: the value and the share of the calls up to it."""
    rows: list[tuple[Cell, ...]] = [
        (curve.mode, float(x), float(share) / 100)
        for curve in curves(experiment, metric, arm)
        for x, share in zip(curve.values, curve.shares, strict=True)
    ]
    return Table(("mode", metric, "share"), rows)


def _rise(curve: Curve, metric: str, ends: tuple[float, float], palette: Palette) -> list[go.Scatter]:
    """The steps, and marks at half and 95 %; a mark is hollow when its interval has no end."""
    share = curve.shares
    tone = 0 if curve.mode == "blocking" else 1
    colour, symbol = palette.series[tone], "square" if tone == 0 else "circle"
    line = go.Scatter(
        x=np.concatenate([curve.values[:1], curve.values, [ends[1]]]),
        y=np.concatenate([[share[0] - 100 / curve.total], share, share[-1:]]),
        mode="lines",
        name=curve.mode,
        line={"color": colour, "width": 2, "shape": "hv"},
        hovertemplate=f"{curve.mode}: %{{y:.0f}} % at most %{{x:.4g}} {METRICS[metric].unit}<extra></extra>",
    )
    marks = [(p, at) for p in (0.5, 0.95) if (at := curve.at(p)) is not None and at.value is not None]
    points_ = go.Scatter(
        x=np.array([at.value for _, at in marks], dtype=np.float64),
        y=np.array([curve.height(p) for p, _ in marks], dtype=np.float64),
        mode="markers",
        name=curve.mode,
        marker={
            "symbol": [symbol if math.isfinite(at.interval.high) else f"{symbol}-open" for _, at in marks],
            "size": 10,
            "color": colour,
        },
        customdata=[percentile_words(at, METRICS[metric].unit) for _, at in marks],
        hovertemplate=f"{curve.mode}, %{{y:.0f}} %: %{{customdata}}<extra></extra>",
    )
    return [line, points_]


def _labels(
    found: Sequence[Curve], metric: str, span: tuple[float, float, bool], palette: Palette
) -> list[dict[str, Any]]:
    """A name on each line, at heights of their own, on the side that has room."""
    labels = []
    for place, curve in enumerate(found):
        height = 0.62 if place == 0 else 0.36
        at = float(curve.values[min(len(curve.values) - 1, int(height * curve.total))])
        low, high, log = span
        along = math.log(at / low) / math.log(high / low) if log else (at - low) / (high - low)
        half = curve.at(0.5)
        number = "" if half is None or half.value is None else f", half: {amount(half.value, metric)}"
        right = along <= 0.5
        labels.append({
            "x": math.log10(at) if log else at, "y": height * 100, "xref": "x", "yref": "y",
            "showarrow": False,
            "text": swatch(palette.series[0 if curve.mode == "blocking" else 1], curve.mode + number),
            "xanchor": "left" if right else "right", "xshift": 7 if right else -7, "yanchor": "middle",
            "font": {"size": 12, "color": palette.text}, "bgcolor": palette.back,
        })  # fmt: skip
    return labels


def _span(found: Sequence[Curve]) -> tuple[float, float, bool]:
    """(low, high, whether logarithmic) of the values' axis."""
    values = np.concatenate([c.values for c in found]) if found else np.array([1.0])
    low, high = float(values.min()), float(values.max())
    if spans_decades(low, high):
        return low / 1.2, high * 1.2, True
    room = (high - low) * 0.08 or high * 0.05 or 1.0
    return max(0.0, low - room), high + room, False


def title(experiment: Experiment, metric: str, arm: int) -> str:
    """The metric, and the model where there are several: for sentences."""
    whose = name(experiment, arm)
    label = METRICS[metric].label
    return label.capitalize() + (f", {lanes.one_line(whose, 40)}" if whose else "")


def _words(found: Percentile | None, unit: str) -> str:
    return "an unknown time" if found is None else percentile_words(found, unit)


def _calls(n: int) -> str:
    return f"{n:,} call{'' if n == 1 else 's'}"
