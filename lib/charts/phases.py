"""When each first thing came, and what the time of a call was spent on: two figures on one clock. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from lib import lanes
from lib.charts.look import (
    DARK,
    LIGHT,
    Palette,
    call_name,
    dress,
    duration,
    lane_label,
    plain,
    span_s,
    translucent,
)
from lib.charts.tables import Cell, Table
from lib.experiment import CallResult, Experiment
from lib.phases import Phase, first_moments, phases

CONNECTION = {
    "dns": "finding the address (DNS)",
    "connect": "connecting",
    "tls": "agreeing on encryption (TLS)",
}
"""What happens before the request, drawn left of 0."""
FIRSTS = (
    "response headers",
    "first byte",
    "first event",
    "role or empty event",
    "first reasoning",
    "first visible text",
    "first tool call",
)
"""Rows of `moments_figure`, as lib.phases names them."""
_NAMED = {"reasoning": "reasoning", "answer": "answer", "tail": "after the last text"}
_WHO = ("mode", "model")
_UNTIL = {"first reasoning": "first text"}
_MARKER = 11
READABLE = 2
"""Calls beside each other whose times fit beside their marks; of more they are told on hovering."""


def spoken(label: str) -> str:
    """A phase in words for people. Before the first text there is only waiting: what a server does
    meanwhile can't be seen from here."""
    if label in CONNECTION:
        return CONNECTION[label]
    if label in _NAMED:
        return _NAMED[label]
    _, _, end = label.rpartition(" to ")
    return f"wait until the {_UNTIL.get(end, end)}"


def waits(label: str) -> bool:
    """Whether a phase is part of the wait before the first token."""
    return spoken(label).endswith((" headers", " first event", " first text"))


def waterfall_figure(experiment: Experiment, *, pair: int = 0, dark: bool = False) -> go.Figure:
    """One bar per call, its phases end to end; what came before the request lies left of 0."""
    palette = DARK if dark else LIGHT
    calls = lanes.chosen(experiment, None, pair)
    figure = go.Figure()
    found = [_phases(call) for call in calls]
    # The call with the most phases gives their order, which is that of the legend.
    for label in dict.fromkeys(p.label for row in sorted(found, key=len, reverse=True) for p in row):
        rows = [(i, p) for i, row in enumerate(found) for p in row if p.label == label]
        if any(p.end_s > p.start_s for _, p in rows):
            figure.add_trace(_bars(label, rows, palette))
    dress(figure, palette, span_s(calls), 170 + 44 * max(1, len(calls)))
    begun = min((p.start_s for row in found for p in row), default=0.0)
    ended = max((p.end_s for row in found for p in row), default=0.0)
    figure.update_xaxes(range=[begun - 0.01 * ended, lanes.past(ended)])
    if begun < 0:
        figure.add_vline(x=0, line={"width": 1, "color": palette.quiet})
    labels = [lane_label(experiment, call) for call in calls]
    figure.update_yaxes(tickvals=list(range(len(calls))), ticktext=labels, range=[len(calls) - 0.5, -0.5])
    figure.update_yaxes(showgrid=False)
    return figure


def waterfall_alt(experiment: Experiment, *, pair: int = 0) -> str:
    """What `waterfall_figure` shows, in one sentence."""
    said = [
        f"{call_name(experiment, call)}: {_spent(found)}"
        for call in lanes.chosen(experiment, None, pair)
        if (found := _phases(call))
    ]
    if not said:
        return "Of no call is it known what its time was spent on."
    return "What the time was spent on. " + "; ".join(said) + "."


def moments_figure(experiment: Experiment, *, pair: int = 0, dark: bool = False) -> go.Figure:
    """One row per first thing, a mark per call, all on one clock. What happened in no call has no row."""
    palette = DARK if dark else LIGHT
    calls = lanes.chosen(experiment, None, pair)
    found = [_moments(call) for call in calls]
    names = [what for what in FIRSTS if any(what in moments for moments in found)]
    figure = go.Figure()
    span = lanes.past(max((at for moments in found for at in moments.values()), default=0.0))
    for place, (call, moments) in enumerate(zip(calls, found, strict=True)):
        if moments:
            off = (place - (len(calls) - 1) / 2) * min(0.4, 0.8 / len(calls))
            marks = _marks(experiment, call, moments, names, off, span, palette)
            marks.mode = "markers+text" if len(calls) <= READABLE else "markers"
            figure.add_trace(marks)
    dress(figure, palette, span, 110 + (34 + 8 * len(calls)) * max(1, len(names)))
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.4, -0.6])
    return figure


def moments_alt(experiment: Experiment, *, pair: int = 0) -> str:
    """What `moments_figure` shows, in one sentence."""
    said = [
        f"{call_name(experiment, call)}: " + ", ".join(f"{what} {duration(at)}" for what, at in found.items())
        for call in lanes.chosen(experiment, None, pair)
        if (found := _moments(call))
    ]
    return "First moments. " + "; ".join(said) + "." if said else "Nothing is known to have come."


def waterfall_table(experiment: Experiment, *, pair: int = 0) -> Table:
    """One row per phase of `waterfall_figure`; s after the request, negative before it."""
    found: list[tuple[Cell, ...]] = [
        (*_who(experiment, call), p.label, round(p.start_s, 6), round(p.end_s, 6))
        for call in lanes.chosen(experiment, None, pair)
        for p in _phases(call)
    ]
    return Table((*_WHO, "phase", "start_s", "end_s"), found)


def moments_table(experiment: Experiment, *, pair: int = 0) -> Table:
    """One row per mark of `moments_figure`."""
    found: list[tuple[Cell, ...]] = [
        (*_who(experiment, call), what, round(at, 6))
        for call in lanes.chosen(experiment, None, pair)
        for what, at in _moments(call).items()
    ]
    return Table((*_WHO, "moment", "t_s"), found)


def _who(experiment: Experiment, call: CallResult) -> tuple[str, str]:
    return call.planned.mode, lanes.model_name(experiment, call.planned.arm)


def _phases(call: CallResult) -> tuple[Phase, ...]:
    return () if call.timeline is None else phases(call.timeline)


def _moments(call: CallResult) -> dict[str, float]:
    rows = () if call.timeline is None else first_moments(call.timeline)
    return {what: at for what, at in rows if at is not None}


def _spent(found: Sequence[Phase]) -> str:
    """In words; the parts of the wait before the first token as one."""
    wait = sum(p.end_s - p.start_s for p in found if waits(p.label))
    rest = [(spoken(p.label), p.end_s - p.start_s) for p in found if not waits(p.label)]
    before = [row for row in rest if row[0] in CONNECTION.values()]
    after = [row for row in rest if row not in before and row[1] > 0]
    whole = [*before, ("wait before the first token", wait), *after]
    return ", ".join(f"{name} {duration(spent)}" for name, spent in whole)


def _bars(label: str, rows: Sequence[tuple[int, Phase]], palette: Palette) -> go.Bar:
    name = spoken(label)
    return go.Bar(
        x=np.array([p.end_s - p.start_s for _, p in rows], dtype=np.float64),
        base=np.array([p.start_s for _, p in rows], dtype=np.float64),
        y=np.array([i for i, _ in rows], dtype=np.float64),
        orientation="h",
        width=0.56,
        name=name,
        marker=_colour(label, palette),
        customdata=[duration(p.end_s - p.start_s) for _, p in rows],
        hovertemplate=f"{name}: %{{customdata}}<extra></extra>",
    )


def _colour(label: str, palette: Palette) -> dict[str, object]:
    """Waiting is hatched, as everywhere; the answer is blue."""
    blue, amber, green, violet, rose = palette.series[1:6]
    named = {"dns": rose, "connect": green, "tls": amber, "reasoning": violet, "answer": blue}
    if not waits(label):
        return {"color": named.get(label, palette.quiet), "line": {"width": 0}}
    shade = 0.08 if label.endswith("headers") else 0.24 if label.endswith("event") else 0.4
    shaded = translucent(palette.text, shade)
    pattern = {"shape": "/", "bgcolor": shaded, "fgcolor": palette.hatch, "size": 9, "solidity": 0.45}
    return {"color": shaded, "line": {"width": 0}, "pattern": pattern}


def _marks(
    experiment: Experiment,
    call: CallResult,
    moments: dict[str, float],
    names: Sequence[str],
    off: float,
    span: float,
    palette: Palette,
) -> go.Scatter:
    tone = palette.series[lanes.tone(experiment, call)]
    times = np.array(list(moments.values()), dtype=np.float64)
    return go.Scatter(
        x=times,
        y=np.array([names.index(what) + off for what in moments], dtype=np.float64),
        name=plain(call_name(experiment, call)),
        text=[duration(at) for at in times],
        textposition=["middle left" if at > 0.7 * span else "middle right" for at in times],
        textfont={"size": 12, "color": palette.quiet},
        cliponaxis=False,
        marker={"size": _MARKER, "color": tone, "symbol": "diamond" if _lands(call) else "circle"},
        hovertemplate="%{text}<extra></extra>",
    )


def _lands(call: CallResult) -> bool:
    return call.planned.mode == "blocking"
