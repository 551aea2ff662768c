"""How fast the text came: tokens per second in a sliding window, of the streaming calls. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from lib import lanes
from lib.charts.look import (
    DARK,
    GL_ABOVE,
    LIGHT,
    MAX_POINTS,
    Floats,
    Palette,
    call_name,
    digits,
    dress,
    event_times,
    extremes,
    plain,
    span_s,
    translucent,
)  # fmt: skip
from lib.experiment import CallResult, Experiment
from lib.rates import window_rate


class _Rate(NamedTuple):
    """One streaming call's curve. `times` and `rates` as lib.rates gives them, steps to the right."""

    call: CallResult
    times: Floats
    rates: Floats


def throughput_figure(
    experiment: Experiment, *, pair: int = 0, dark: bool = False, window_s: float = 1.0
) -> go.Figure:
    """Visible tokens per second in a sliding window, the peak marked; streaming calls only.

    Without a recount of every streaming answer, characters per second in its place, named so.
    """
    palette = DARK if dark else LIGHT
    curves, unit = _rates(experiment, pair, window_s)
    calls = lanes.chosen(experiment, None, pair)
    figure = go.Figure()
    for curve in curves:
        _draw_rate(figure, experiment, curve, unit, palette, filled=len(curves) == 1)
    dress(figure, palette, span_s(calls), 300)
    figure.update_yaxes(title_text=f"{unit}/s, window of {window_s:g} s", rangemode="tozero")
    figure.update_layout(showlegend=len(curves) > 1)
    if not curves:
        _say_empty(figure, palette, _why_empty(calls))
    return figure


def throughput_alt(experiment: Experiment, *, pair: int = 0, window_s: float = 1.0) -> str:
    """What `throughput_figure` shows, in one sentence."""
    curves, unit = _rates(experiment, pair, window_s)
    blocking = "a blocking call has no curve, since its text comes at one moment."
    if not curves:
        why = _why_empty(lanes.chosen(experiment, None, pair)).rstrip(".")
        return f"{why}; {blocking}"
    said = [
        f"{call_name(experiment, c.call)} reaches {digits(c.rates.max())} {unit} per second"
        f" at {c.times[c.rates.argmax()]:.2f} s"
        for c in curves
    ]
    return f"In a sliding window of {window_s:g} s " + "; ".join(said) + f"; {blocking}"


def _rates(experiment: Experiment, pair: int, window_s: float) -> tuple[list[_Rate], str]:
    """(curves of the streaming calls with visible text, what they count). Never two units in one chart."""
    calls = [
        call
        for call in lanes.chosen(experiment, None, pair)
        if call.planned.mode == "streaming" and len(event_times(call, "content")) and not _withheld(call)
    ]
    counted = all(call.recount is not None for call in calls)
    return [_rate(call, counted, window_s) for call in calls], "tokens" if counted else "characters"


def _rate(call: CallResult, counted: bool, window_s: float) -> _Rate:
    assert call.timeline is not None
    events = call.timeline.events
    sizes = call.recount.tokens if counted and call.recount is not None else [e.chars for e in events]
    rows = [(e.t_ns / 1e9, size) for e, size in zip(events, sizes, strict=True) if e.kind == "content"]
    times, rates = window_rate([t for t, _ in rows], [size for _, size in rows], window_s)
    return _Rate(call, times, rates)


def _draw_rate(
    figure: go.Figure, experiment: Experiment, curve: _Rate, unit: str, palette: Palette, *, filled: bool
) -> None:
    tone = palette.series[lanes.tone(experiment, curve.call)]
    draw = go.Scattergl if len(curve.times) > GL_ABOVE else go.Scatter
    kept = extremes(curve.rates, MAX_POINTS // lanes.MAX_LANES)
    figure.add_trace(
        draw(
            x=np.concatenate([[0.0, curve.times[0]], curve.times[kept]]),
            y=np.concatenate([[0.0, 0.0], curve.rates[kept]]),
            mode="lines",
            line={"color": tone, "width": 2, "shape": "hv"},
            fill="tozeroy" if filled else None,
            fillcolor=translucent(tone) if filled else None,
            name=plain(call_name(experiment, curve.call)),
            hovertemplate=f"%{{y:.1f}} {unit}/s at %{{x:.2f}} s<extra></extra>",
        )
    )
    at = curve.rates.argmax()
    figure.add_annotation(
        x=float(curve.times[at]),
        y=float(curve.rates[at]),
        text=f"peak {digits(curve.rates[at])}",
        arrowcolor=palette.quiet,
        arrowwidth=1,
        ax=0,
        ay=-24,
        font={"size": 12, "color": palette.text},
    )


def _withheld(call: CallResult) -> bool:
    return call.delivery is not None and "peak" in call.delivery.withheld


def _why_empty(calls: Sequence[CallResult]) -> str:
    reasons = [c.delivery.why_withheld for c in calls if c.delivery is not None and _withheld(c)]
    if reasons:
        return f"No rate is shown. {reasons[0]}"
    return "No visible text was streamed, so there is no rate."


def _say_empty(figure: go.Figure, palette: Palette, words: str) -> None:
    figure.add_annotation(
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        showarrow=False,
        text="<br>".join(wrap(words, 46)),
        font={"size": 14, "color": palette.quiet},
    )
