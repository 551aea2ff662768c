"""Paired calls in the order they were made: two dots a pair, joined; nothing is left out. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lib import lanes
from lib.charts.amounts import amount, axis_title, log_ticks, pair_ticks, spans_decades
from lib.charts.look import DARK, LIGHT, Palette, dress, plain, translucent
from lib.charts.tables import Cell, Table
from lib.experiment import Experiment
from lib.metrics import METRICS
from lib.points import WORDS, Point, name, points, worst
from lib.spec import Mode

ROW_PX, ALONE_PX = 130, 260
_ASIDE = 0.14
_CROWDED = 8
_TONES: dict[Mode, tuple[int, str]] = {"blocking": (0, "square"), "streaming": (1, "circle")}
_SYMBOLS = {"failed": "x", "cut": "triangle-up", "unknown": "circle-cross-open"}


class _Scale(NamedTuple):
    """Heights of one figure. `edge`: where lost calls stand."""

    low: float
    high: float
    edge: float
    log: bool

    @property
    def range(self) -> list[float]:
        return [math.log10(self.low), math.log10(self.high)] if self.log else [self.low, self.high]


def dots_figure(
    experiment: Experiment, metric: str, *, arm: int | None = None, dark: bool = False
) -> go.Figure:
    """A row per arm (or the one `arm`) over the pairs' numbers. The call that was made first stands left.

    Failed, cut and unknown calls stand at the edge; outliers have a ring; warm-ups are hollow, left of
    pair 1. At most 200 pairs of eight arms: nothing is thinned out. No WebGL: the chart library's needs
    `eval`, which the page's policy forbids, and so many dots do without.
    """
    palette = DARK if dark else LIGHT
    arms = range(len(experiment.spec.arms)) if arm is None else [arm]
    rows = [points(experiment, metric, one) for one in arms]
    scale = _scale([p for row in rows for p in row], worst(metric))
    figure = make_subplots(rows=len(rows), shared_xaxes=True, vertical_spacing=min(0.06, 0.3 / len(rows)))
    named: set[str] = set()
    for place, row in enumerate(rows, 1):
        for trace in _row(row, metric, scale, palette):
            trace.showlegend = trace.showlegend is not False and trace.name not in named
            named.add(trace.name or "")
            figure.add_trace(trace, row=place, col=1)
    dress(figure, palette, 1.0, 110 + (ALONE_PX if len(rows) == 1 else ROW_PX * len(rows)))
    _axes(figure, experiment, metric, scale, palette)
    if len(rows) > 1:
        figure.update_layout(annotations=[_title(experiment, one, i, palette) for i, one in enumerate(arms)])
    return figure


def dots_alt(experiment: Experiment, metric: str, *, arm: int | None = None) -> str:
    """What `dots_figure` shows, in one sentence."""
    found = points(experiment, metric, arm)
    measured = [p for p in found if p.role == "measure"]
    if not measured:
        return "No pair has ended yet."
    arms = sorted({p.arm for p in measured})
    shown = arms if len(arms) <= 2 else []
    told = [
        said for one in shown if (said := _middles(experiment, metric, [p for p in measured if p.arm == one]))
    ]
    counts = (
        (sum(p.lost for p in measured), "failed or cut", "at the edge"),
        (sum(p.what == "unknown" for p in measured), "of unknown value", "at the edge"),
        (sum(p.out for p in measured), "far from the others", "ringed and counted"),
        (len(found) - len(measured), "warm-ups", "hollow and not counted"),
    )
    told += [f"{n} {what}, {how}" for n, what, how in counts if n]
    pairs = len({(p.arm, p.pair) for p in measured})
    count = f"{pairs:,} pair{'' if pairs == 1 else 's'}"
    of = f" of {len(arms)} models" if len(arms) > 1 else ""
    return (f"{METRICS[metric].label.capitalize()} of {count}{of} in run order. {'; '.join(told)}").rstrip(
        ". "
    ) + "."


def dots_table(experiment: Experiment, metric: str) -> Table:
    """One row a call, in run order; `pair` counts from 1, `in_pair`: whether it was made first."""
    header = ("call", "model", "mode", "role", "pair", "in_pair", metric, "why_missing", "outlier")
    return Table(header, [_cells(experiment, p) for p in points(experiment, metric)])


def _cells(experiment: Experiment, p: Point) -> tuple[Cell, ...]:
    pair = None if p.pair is None else p.pair + 1
    place = "first" if p.first else "second"
    model = lanes.model_name(experiment, p.arm)
    return (p.n, model, p.mode, p.role, pair, place, p.value, WORDS[p.what], p.out)


def _middles(experiment: Experiment, metric: str, found: Sequence[Point]) -> str:
    """The medians of one arm, after its name where there are several; "" where nothing is known."""
    said = []
    for mode in _TONES:
        values = [p.value for p in found if p.mode == mode and p.value is not None]
        if values:
            said.append(f"{mode} {amount(float(np.median(values)), metric)}")
    whose = name(experiment, found[0].arm)
    return f"{lanes.one_line(whose, 40) if whose else 'Medians'}: {', '.join(said)}" if said else ""


def _scale(found: Sequence[Point], edge: str) -> _Scale:
    values = [p.value for p in found if p.value is not None and p.value > 0]
    low, high = (min(values), max(values)) if values else (0.5, 1.0)
    lost = any(p.value is None for p in found)
    if spans_decades(low, high):
        ends = (low / 1.3, high * 1.3)
        outer = ends[0] / 1.3 if edge == "low" else ends[1] * 1.3
        return _Scale(
            min(ends[0], outer) if lost else ends[0],
            max(ends[1], outer) if lost else ends[1],
            outer,
            log=True,
        )
    high *= 1.08
    if edge == "low":
        return _Scale(-0.06 * high if lost else 0.0, high, 0.0, log=False)
    return _Scale(0.0, high * (1.14 if lost else 1.0), high * 1.07, log=False)


def _row(row: Sequence[Point], metric: str, scale: _Scale, palette: Palette) -> list[go.Scatter]:
    """Joins below, dots over them, rings and marks of what is missing on top."""
    traces = [_joins(row, scale, palette)]
    for mode, (tone, symbol) in _TONES.items():
        colour = palette.series[tone]
        mine = [p for p in row if p.mode == mode and p.value is not None]
        for warm in (True, False):
            some = [p for p in mine if (p.role != "measure") == warm]
            if some:
                look = {"symbol": f"{symbol}-open" if warm else symbol, "size": _size(row), "color": colour}
                label = f"{mode}, warm-up" if warm else mode
                traces.append(_dots(some, metric, label, look, scale))
    out = [p for p in row if p.out]
    if out:
        look = {
            "symbol": "circle-open",
            "size": _size(row) + 8,
            "color": palette.text,
            "line": {"width": 1.5},
        }
        traces.append(_dots(out, metric, "far from the others", look, scale))
    for what, symbol in _SYMBOLS.items():
        for mode, (tone, _) in _TONES.items():
            gone = [p for p in row if p.value is None and p.what == what and p.mode == mode]
            if gone:
                words = {"failed": "failed", "cut": "cut short", "unknown": "not known"}[what]
                look = {
                    "symbol": symbol,
                    "size": 10,
                    "color": palette.series[tone],
                    "line": {"width": 1, "color": palette.text},
                }
                traces.append(_dots(gone, metric, f"{mode}, {words}", look, scale))
    return traces


def _dots(found: Sequence[Point], metric: str, label: str, look: dict[str, Any], scale: _Scale) -> go.Scatter:
    values = [scale.edge if p.value is None else p.value for p in found]
    said = [f"{_where(p)}, {p.mode}: {label if p.value is None else amount(p.value, metric)}" for p in found]
    return go.Scatter(
        x=np.array([_x(p) for p in found], dtype=np.float64),
        y=np.array(values, dtype=np.float64),
        mode="markers",
        name=label,
        legendgroup=label,
        marker=look,
        customdata=said,
        hovertemplate="%{customdata}<extra></extra>",
    )


def _joins(row: Sequence[Point], scale: _Scale, palette: Palette) -> go.Scatter:
    """A line between the two calls of each pair."""
    pairs: dict[int, list[Point]] = {}
    for point in row:
        pairs.setdefault(point.place, []).append(point)
    x: list[float] = []
    y: list[float] = []
    for both in pairs.values():
        if len({p.mode for p in both}) == 2:
            x += [*(_x(p) for p in both), math.nan]
            y += [*(scale.edge if p.value is None else p.value for p in both), math.nan]
    return go.Scatter(
        x=np.array(x, dtype=np.float64),
        y=np.array(y, dtype=np.float64),
        mode="lines",
        name="joined",
        showlegend=False,
        hoverinfo="skip",
        line={"width": 1, "color": translucent(palette.quiet, 0.5 if len(pairs) <= 60 else 0.22)},
    )


def _axes(figure: go.Figure, experiment: Experiment, metric: str, scale: _Scale, palette: Palette) -> None:
    pairs, warmups = experiment.spec.pairs, experiment.spec.warmups
    ticks = pair_ticks(pairs)
    warm = "warm-up" if pairs < _CROWDED else ""  # where there is no room the legend says it alone
    figure.update_xaxes(range=[0.4 - warmups, pairs + 0.6], title_text="", showgrid=False)
    figure.update_xaxes(tickvals=[*range(1 - warmups, 1), *ticks], ticktext=[*[warm] * warmups, *ticks])
    rows = len(list(figure.select_yaxes()))
    figure.update_xaxes(title_text="pair, in run order", row=rows, col=1)
    figure.update_yaxes(type="log" if scale.log else "linear", range=scale.range)
    if scale.log:
        figure.update_yaxes(log_ticks(scale.low, scale.high, metric, 6 if rows == 1 else 3))
    look = {
        "font": {"size": 12, "color": palette.quiet},
        "x": 0,
        "xref": "container",
        "pad": {"t": 6, "l": 8},
    }
    title = {"text": axis_title(metric, log=scale.log), "y": 1, "yref": "container", "yanchor": "top"}
    figure.update_layout(
        title=title | look,
        margin={"l": 8, "r": 12, "t": 32 if rows == 1 else 52, "b": 8},
        legend={"y": 0, "yref": "container", "yanchor": "bottom"},
    )


def _title(experiment: Experiment, arm: int, place: int, palette: Palette) -> dict[str, Any]:
    """An arm's name over its row."""
    return {
        "x": 0, "xref": "paper", "xanchor": "left", "y": 1, "yanchor": "bottom", "showarrow": False,
        "yref": f"y{place + 1 if place else ''} domain", "text": plain(lanes.model_name(experiment, arm), 40),
        "font": {"size": 12, "color": palette.text},
    }  # fmt: skip


def _x(p: Point) -> float:
    """Pairs are counted from 1; the earlier call stands to the left."""
    return p.place + 1 + (-_ASIDE if p.first else _ASIDE)


def _where(p: Point) -> str:
    return "warm-up" if p.role != "measure" or p.pair is None else f"pair {p.pair + 1}"


def _size(row: Sequence[Point]) -> int:
    """Fewer calls have larger dots."""
    return 9 if len(row) <= 80 else 7 if len(row) <= 200 else 5
