"""Ratios with their intervals, one row an arm, around the line of no difference. Pure.

What was compared with what, and its verdict, come from lib.sample and lib.comparison.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from lib import lanes
from lib.charts.look import DARK, LIGHT, MAX_POINTS, Palette, dress, plain, translucent
from lib.charts.tables import Cell, Table
from lib.comparison import Comparison, Kind
from lib.intervals import Interval
from lib.points import apart
from lib.verdict import change

ROW_PX = 46
FEW = 3
"""Rows that are all told; of more only the lowest and the highest."""
_EDGE = 0.04
_LEAST_SPAN = math.log(1.06)
"""The axis is never closer than this, so that no difference looks large for want of another."""
_MOST_SPAN = math.log(1000)
_TICKS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98, 0.99,
    1.0, 1.01, 1.02, 1.05, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0,
)  # fmt: skip
_MOST_TICKS = 5
_LETTERS = 46
"""Of a row's words there is room for so many on a narrow screen."""
_BESIDE = (-0.22, 0.34)
"""How far the line and the margin reach around each row's mark, so that they leave its words alone."""
_WORDS_AT = -0.44


class Effect(NamedTuple):
    """One row. `name`: untrusted text."""

    name: str
    found: Comparison


class _Mark(NamedTuple):
    symbol: str
    words: str


_MARKS: dict[Kind, _Mark] = {
    "shown": _Mark("diamond", "difference shown"),
    "not_settled": _Mark("diamond-open", "not settled"),
    "none": _Mark("circle-open", "no difference shown"),
    "equal": _Mark("square", "equal within the margin"),
    "too_few": _Mark("circle-open-dot", "too few pairs for an interval"),
}


def forest_figure(
    effects: Sequence[Effect],
    *,
    margin: float | None = None,
    sides: tuple[str, str] = ("less", "more"),
    dark: bool = False,
) -> go.Figure:
    """A mark and its interval per row on a scale of ratios. `margin`: a band of what does not matter.

    `sides`: what left and right of the line mean. The kind of verdict is the mark's shape; an interval
    without an end runs to the edge, with an arrow. Too few pairs are drawn as the pairs themselves.
    """
    palette = DARK if dark else LIGHT
    low, high = _span(effects, margin)
    figure = go.Figure()
    dress(figure, palette, 1.0, 100 + ROW_PX * max(1, len(effects)))
    for kind in dict.fromkeys(e.found.kind for e in effects):
        figure.add_traces(_kind(kind, effects, (low, high), palette))
    _axes(figure, effects, (low, high), palette)
    figure.update_layout(
        annotations=[*_names(effects, palette), *_sides(sides, palette)],
        shapes=[shape for row in range(len(effects)) for shape in _same(row, margin, palette)],
        showlegend=True,
    )
    return figure


def forest_alt(effects: Sequence[Effect], *, sides: tuple[str, str] = ("less", "more")) -> str:
    """What `forest_figure` shows, in one sentence."""
    if not effects:
        return "Nothing was compared."
    ordered = sorted(effects, key=lambda e: e.found.point or 0.0)
    few = len(effects) <= FEW
    told = [
        f"{lanes.one_line(e.name, 40)}{': ' if e.name else ''}{_told(e.found)}"
        for e in (effects if few else (ordered[0], ordered[-1]))
    ]
    kinds = Counter(_MARKS[e.found.kind].words for e in effects)
    count = "" if few else ", ".join(f"{words}: {n} of {len(effects)}" for words, n in kinds.items()) + ". "
    ends = "" if few else "The lowest and the highest: "
    said = f"{count[:1].upper()}{count[1:]}{ends}{'; '.join(told)}"
    return f"Change against the line of no difference; left of it {sides[0]}. {said}."


def _told(found: Comparison) -> str:
    """A row's numbers and its verdict; too few pairs have none."""
    return change(found) + ("" if found.kind == "too_few" else f", {_MARKS[found.kind].words}")


def forest_table(effects: Sequence[Effect]) -> Table:
    """One row each; an empty cell where there is no number or no bound."""
    rows: list[tuple[Cell, ...]] = []
    for name, found in effects:
        ends = found.allowed.plain() if found.allowed else (None, None)
        rows.append((name, found.n, found.kind, found.point, *ends, found.p, found.holm_p))
    return Table(("of", "pairs", "verdict", "ratio", "low", "high", "p", "p_holm"), rows)


def _span(effects: Sequence[Effect], margin: float | None) -> tuple[float, float]:
    """Ends of the axis, as logarithms: all that is drawn, and the line."""
    reach = [0.0]
    for _, found in effects:
        ends = found.allowed or Interval(1, 1)
        reach += [math.log(x) for x in (*ends, found.point or 1.0) if 0 < x < math.inf]
        if found.kind == "too_few":
            reach += [d for d in found.log_ratios if math.isfinite(d)]
    if margin:
        reach += [math.log(1 - margin), math.log(1 + margin)]
    low, high = max(min(reach), -_MOST_SPAN), min(max(reach), _MOST_SPAN)
    room = max((high - low) * 0.06, _LEAST_SPAN / 2)
    return low - room, high + room


def _kind(
    kind: Kind, effects: Sequence[Effect], ends: tuple[float, float], palette: Palette
) -> list[go.Scatter]:
    """All rows of one verdict: their intervals, then their marks."""
    rows = [(i, e) for i, e in enumerate(effects) if e.found.kind == kind]
    colour = palette.series[1] if kind in ("shown", "equal") else palette.quiet
    traces = [line for i, e in rows if (line := _interval(i, e.found, ends, colour)) is not None]
    if kind == "too_few":
        return [*traces, _pairs(rows, ends, palette)]
    known = [(i, e) for i, e in rows if e.found.point is not None]
    mark = _MARKS[kind]
    marks = go.Scatter(
        x=np.array([e.found.point for _, e in known], dtype=np.float64),
        y=np.array([i for i, _ in known], dtype=np.float64),
        mode="markers",
        name=mark.words,
        marker={"symbol": mark.symbol, "size": 13, "color": colour, "line": {"width": 2, "color": colour}},
        customdata=[f"{plain(e.name)}{': ' if e.name else ''}{change(e.found)}" for _, e in known],
        hovertemplate=f"%{{customdata}}<br>{mark.words}<extra></extra>",
    )
    return [*traces, marks]


def _interval(row: int, found: Comparison, ends: tuple[float, float], colour: str) -> go.Scatter | None:
    """The line of one interval; an end that is not there is an arrow at the edge."""
    if found.allowed is None or found.kind == "too_few":
        return None
    low, high = found.allowed
    edges = tuple(math.exp(x) for x in ends)
    left, right = (min(max(x, edges[0]), edges[1]) for x in (low, high))
    symbols = ["line-ns-open" if low >= edges[0] else "arrow-left",
               "line-ns-open" if high <= edges[1] else "arrow-right"]  # fmt: skip
    return go.Scatter(
        x=np.array([left, right], dtype=np.float64),
        y=np.array([row, row], dtype=np.float64),
        mode="lines+markers",
        line={"width": 3, "color": colour},
        marker={"symbol": symbols, "size": 11, "color": colour, "line": {"width": 2, "color": colour}},
        showlegend=False,
        hoverinfo="skip",
        cliponaxis=False,
    )


def _pairs(rows: Sequence[tuple[int, Effect]], ends: tuple[float, float], palette: Palette) -> go.Scatter:
    """The pairs themselves, those with a failed call at the edge."""
    points = [(i, min(max(d, ends[0]), ends[1])) for i, e in rows for d in e.found.log_ratios][:MAX_POINTS]
    return go.Scatter(
        x=np.exp(np.array([d for _, d in points], dtype=np.float64)),
        y=np.array([i for i, _ in points], dtype=np.float64),
        mode="markers",
        name="one pair each, too few for an interval",
        marker={"symbol": _MARKS["too_few"].symbol, "size": 10, "color": palette.quiet},
        hovertemplate="one pair: %{x:.3f} times<extra></extra>",
        cliponaxis=False,
    )


def _same(row: int, margin: float | None, palette: Palette) -> list[dict[str, Any]]:
    """The line of no difference beside one row, and the margin around it."""
    reach = {"y0": row + _BESIDE[0], "y1": row + _BESIDE[1], "layer": "below"}
    line = {"type": "line", "x0": 1, "x1": 1, "line": {"width": 1.5, "color": palette.text}} | reach
    if not margin:
        return [line]
    band = {"type": "rect", "x0": 1 - margin, "x1": 1 + margin, "line": {"width": 0}} | reach
    return [band | {"fillcolor": translucent(palette.quiet, 0.18)}, line]


def _axes(figure: go.Figure, effects: Sequence[Effect], ends: tuple[float, float], palette: Palette) -> None:
    ticks = _ticks(ends)
    figure.update_xaxes(
        type="log",
        range=[ends[0] / math.log(10), ends[1] / math.log(10)],
        tickvals=ticks,
        ticktext=[_tick(x) for x in ticks],
        title_text="",
    )
    figure.update_xaxes(automargin=False)  # which would keep room for a title that is not there
    figure.update_yaxes(range=[len(effects) - 0.45, -0.75], showticklabels=False, showgrid=False)
    figure.update_layout(
        margin={"l": 8, "r": 12, "t": 64, "b": 28}, legend={"y": 1, "yref": "container", "yanchor": "top"}
    )


def _ticks(ends: tuple[float, float]) -> list[float]:
    """The line and a few to each side of it, evenly as far as round numbers go."""
    inside = [x for x in _TICKS if ends[0] <= math.log(x) <= ends[1]]
    step = (ends[1] - ends[0]) / _MOST_TICKS
    kept = [1.0]
    for side in (sorted(x for x in inside if x > 1), sorted((x for x in inside if x < 1), reverse=True)):
        last = 1.0
        for x in side:
            if abs(math.log(x / last)) >= step:
                kept.append(x)
                last = x
    return sorted(kept)


def _tick(x: float) -> str:
    if x == 1:
        return "same"
    if x >= 3:
        return f"×{x:g}"
    return f"{'+' if x > 1 else '−'}{abs(x - 1) * 100:.3g} %"


def _names(effects: Sequence[Effect], palette: Palette) -> list[dict[str, Any]]:
    """Each row's name and numbers over its line, from the left edge."""
    return [
        {
            "x": 0, "xref": "x domain", "y": i + _WORDS_AT, "yref": "y", "showarrow": False,
            "xanchor": "left", "yanchor": "middle", "align": "left",
            "font": {"size": 12, "color": palette.text}, "text": _words(name, e.found),
        }
        for i, (name, e) in enumerate(zip(apart([e.name for e in effects]), effects, strict=True))
    ]  # fmt: skip


def _words(name: str, found: Comparison) -> str:
    said = change(found)
    return (f"<b>{plain(name, _LETTERS - len(said))}</b>  " if name else "") + said


def _sides(sides: tuple[str, str], palette: Palette) -> list[dict[str, Any]]:
    """What each side of the line means, over the rows."""
    shared = {
        "y": 1, "yref": "y domain", "yanchor": "bottom", "showarrow": False,
        "font": {"size": 12, "color": palette.quiet},
    }  # fmt: skip
    left = {"text": f"← {plain(sides[0])}", "x": 0, "xref": "x domain", "xanchor": "left"}
    right = {"text": f"{plain(sides[1])} →", "x": 1, "xref": "x domain", "xanchor": "right"}
    return [shared | left, shared | right]
