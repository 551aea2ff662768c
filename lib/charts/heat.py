"""Hundreds of calls at once: one cell a call in run order, as far as it is from its row's median. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from statistics import median
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from lib import lanes
from lib.charts.amounts import amount, pair_ticks
from lib.charts.look import DARK, LIGHT, Floats, Palette, dress, plain
from lib.experiment import Experiment
from lib.metrics import METRICS
from lib.points import WORDS, Point, apart, points
from lib.spec import Mode

MANY = 200
"""From so many calls on a strip says more than dots do."""
ROW_PX = 24
MODES: tuple[Mode, Mode] = ("blocking", "streaming")
_LEAST_SPAN = math.log(1.1)
_REACH = 98
"""The scale ends where so many percent of the cells lie within; what is beyond has the last colour."""


class _Strip(NamedTuple):
    """One row: an arm and mode. `cells`: logarithm of value / median by pair, nan where there is none."""

    arm: int
    mode: Mode
    cells: Floats
    said: list[str]
    missing: list[int]


def heat_figure(experiment: Experiment, metric: str, *, dark: bool = False) -> go.Figure:
    """A row per arm and mode, a column per pair; a call without a number is hatched, one to come is empty."""
    palette = DARK if dark else LIGHT
    rows = _strips(experiment, metric)
    figure = go.Figure()
    figure.add_trace(_cells(rows, palette, dark=dark))
    if any(row.missing for row in rows):
        figure.add_trace(_hatched(rows, palette))
    dress(figure, palette, 1.0, 120 + ROW_PX * len(rows))
    pairs = experiment.spec.pairs
    figure.update_xaxes(range=[0.5, pairs + 0.5], tickvals=pair_ticks(pairs), showgrid=False)
    figure.update_xaxes(
        title_text=f"{_sign(MODES[0], palette)} {_sign(MODES[1], palette)} · pair, in run order"
    )
    figure.update_yaxes(
        range=[len(rows) - 0.5, -0.5],
        tickvals=list(range(len(rows))),
        ticktext=_labels(experiment, rows, palette),
        tickfont={"size": 11, "color": palette.text},
        showgrid=False,
    )
    figure.update_layout(bargap=0)
    return figure


def heat_alt(experiment: Experiment, metric: str) -> str:
    """What `heat_figure` shows, in one sentence."""
    rows = _strips(experiment, metric)
    cells = sum(int(np.isfinite(row.cells).sum()) for row in rows)
    if not cells:
        return "No call has this number yet."
    missing = sum(len(row.missing) for row in rows)
    worst = max(rows, key=lambda row: _furthest(row.cells))
    at = int(np.nanargmax(np.abs(worst.cells)))
    who = f"{worst.mode}, {lanes.one_line(lanes.model_name(experiment, worst.arm), 40)}"
    hatched = f"; {missing:,} without a number, hatched" if missing else ""
    return (
        f"{METRICS[metric].label.capitalize()} of {cells:,} calls against the median of their row{hatched}. "
        f"Furthest from it: pair {at + 1} of {who}, {_percent(float(worst.cells[at]))}."
    )


def _furthest(cells: Floats) -> float:
    return float(np.nanmax(np.abs(cells))) if np.isfinite(cells).any() else -1.0


def _strips(experiment: Experiment, metric: str) -> list[_Strip]:
    return [
        _strip(experiment, metric, arm, mode, found)
        for arm in range(len(experiment.spec.arms))
        for found in [points(experiment, metric, arm)]
        for mode in MODES
    ]


def _strip(experiment: Experiment, metric: str, arm: int, mode: Mode, found: Sequence[Point]) -> _Strip:
    mine = {p.pair: p for p in found if p.mode == mode and p.pair is not None and p.role == "measure"}
    values = [p.value for p in mine.values() if p.value is not None and p.value > 0]
    middle = median(values) if values else math.nan
    cells = np.full(experiment.spec.pairs, np.nan)
    said = [""] * experiment.spec.pairs
    missing = []
    for pair, p in mine.items():
        if p.value is not None and p.value > 0:
            cells[pair] = math.log(p.value / middle)
            said[pair] = f"pair {pair + 1}, {mode}: {amount(p.value, metric)}, {_percent(float(cells[pair]))}"
        else:
            missing.append(pair)
            said[pair] = f"pair {pair + 1}, {mode}: {WORDS[p.what] or 'nothing to compare'}"
    return _Strip(arm, mode, cells, said, sorted(missing))


def _cells(rows: Sequence[_Strip], palette: Palette, *, dark: bool) -> go.Heatmap:
    grid = np.array([row.cells for row in rows])
    known = np.abs(grid[np.isfinite(grid)])
    span = max(float(np.percentile(known, _REACH)) if len(known) else 0.0, _LEAST_SPAN)
    middle = "#1D2430" if dark else "#F1F3F8"
    return go.Heatmap(
        z=np.clip(grid, -span, span),
        x=np.arange(1, grid.shape[1] + 1, dtype=np.float64),
        y=np.arange(len(rows), dtype=np.float64),
        zmin=-span,
        zmax=span,
        colorscale=[[0, palette.series[6]], [0.5, middle], [1, palette.series[2]]],
        customdata=[row.said for row in rows],
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        ygap=2,
        colorbar={
            "orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "thickness": 8,
            "len": 0.9, "outlinewidth": 0, "tickvals": [-span, 0, span], "tickfont": {"size": 11},
            "ticktext": [_percent(-span), "median of the row", _percent(span)],
        },
    )  # fmt: skip


def _hatched(rows: Sequence[_Strip], palette: Palette) -> go.Bar:
    """Neighbouring cells without a number share a bar."""
    spans = [(i, first, last) for i, row in enumerate(rows) for first, last in _runs(row.missing)]
    return go.Bar(
        x=np.array([(first + last) / 2 + 1 for _, first, last in spans], dtype=np.float64),
        width=np.array([last - first + 1 for _, first, last in spans], dtype=np.float64),
        base=np.array([i - 0.42 for i, _, _ in spans], dtype=np.float64),
        y=np.full(len(spans), 0.84),
        name="no number",
        showlegend=False,
        marker={
            "color": palette.waiting,
            "line": {"width": 0},
            "pattern": {"shape": "/", "fgcolor": palette.text, "bgcolor": palette.waiting, "size": 5,
                        "solidity": 0.35},
        },
        customdata=[_told(rows[i], first, last) for i, first, last in spans],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _told(row: _Strip, first: int, last: int) -> str:
    """A stretch of cells without a number, in words."""
    return row.said[first] if first == last else f"pairs {first + 1} to {last + 1}, {row.mode}: no number"


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each stretch of neighbours."""
    groups = [list(g) for _, g in groupby(enumerate(places), key=lambda at: at[1] - at[0])]
    return [(group[0][1], group[-1][1]) for group in groups]


def _labels(experiment: Experiment, rows: Sequence[_Strip], palette: Palette) -> list[str]:
    """Of one arm the modes; of several the arm and the mode's mark."""
    if len(experiment.spec.arms) == 1:
        return [row.mode for row in rows]
    names = apart([lanes.model_name(experiment, arm) for arm in range(len(experiment.spec.arms))])
    marks = [_sign(row.mode, palette)[: -len(row.mode)] for row in rows]
    return [f"{plain(names[row.arm], 14)} {mark}" for row, mark in zip(rows, marks, strict=True)]


def _sign(mode: Mode, palette: Palette) -> str:
    """A mode with the mark and colour that it has in every picture."""
    tone, mark = (0, "■") if mode == "blocking" else (1, "●")
    return f"<span style='color:{palette.series[tone]}'>{mark}</span> {mode}"


def _percent(log_ratio: float) -> str:
    change = math.expm1(log_ratio) * 100
    return f"{'+' if change >= 0 else '−'}{abs(change):.0f} %"
