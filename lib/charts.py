"""Numbers → Plotly figures, each with a sentence that says the same (its `alt`).

Pure and deterministic: the same experiment gives the same bytes, so a rerun of the page redraws nothing.
Arrays are numpy. The hero draws its own strip; how many seconds something took is metrics' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from lib import lanes
from lib.experiment import CallResult, Experiment
from lib.rates import window_rate

Floats = npt.NDArray[np.float64]
GL_ABOVE = 1_000
"""Points from which WebGL draws; SVG is sharper below and freezes the page far above."""
MAX_POINTS = 20_000

CLOCK = "seconds since the request was sent"


class Palette(NamedTuple):
    """Colours of one scheme, those of .streamlit/config.toml. `series[0]` is blocking."""

    series: tuple[str, ...]
    text: str
    quiet: str
    grid: str
    waiting: str
    hatch: str


LIGHT = Palette(
    ("#8A93A6", "#0B5FFF", "#B45309", "#047857", "#7C3AED", "#BE123C"),
    text="#12161F",
    quiet="#556070",
    grid="#DDE1EA",
    waiting="rgba(18,22,31,0.06)",
    hatch="rgba(18,22,31,0.14)",
)
DARK = Palette(
    ("#8B96A8", "#5B9BFF", "#F0A44B", "#34D399", "#A78BFA", "#FB7185"),
    text="#E7EAF0",
    quiet="#9AA6B8",
    grid="#28303C",
    waiting="rgba(231,234,240,0.06)",
    hatch="rgba(231,234,240,0.16)",
)


class _Look(NamedTuple):
    """How one kind of event is marked. `lane`: in the lane's colour, else quiet; `off`: rows lower."""

    name: str
    symbol: str
    size: int
    opacity: float
    lane: bool
    off: float = 0.0


_TICK = "line-ns-open"
_LOOKS: dict[str, _Look] = {
    "content": _Look("text", _TICK, 26, 1.0, True),
    "reasoning": _Look("reasoning", _TICK, 16, 0.55, True),
    "role": _Look("other event", _TICK, 8, 1.0, False),
    "other": _Look("other event", _TICK, 8, 1.0, False),
    "finish": _Look("finish", "square", 7, 1.0, False, -0.2),
    "usage": _Look("usage", "circle-open", 8, 1.0, False),
    "done": _Look("end of stream", "diamond", 8, 1.0, False, 0.2),
    "error": _Look("error", "x", 9, 1.0, False),
}


class _Rate(NamedTuple):
    """One streaming call's curve. `times` and `rates` as lib.rates gives them, steps to the right."""

    call: CallResult
    times: Floats
    rates: Floats


def timeline_figure(experiment: Experiment, *, pair: int = 0, dark: bool = False) -> go.Figure:
    """Lanes on one clock, every event a mark, with the time in which there was nothing to read.

    Above 20,000 events the first and last of each slice of time are kept, so that every stall stays.
    """
    palette = DARK if dark else LIGHT
    calls = lanes.chosen(experiment, None, pair)
    figure = go.Figure(_waiting(calls, palette))
    total = sum(len(_times(call, kind)) for call in calls for kind in _LOOKS)
    named: set[str] = set()
    # Streaming first, so that the legend shows a kind in the colour it has there.
    for row, call in sorted(enumerate(calls), key=lambda place: place[1].planned.mode, reverse=True):
        for kind, look in _LOOKS.items():
            times = _times(call, kind)
            if len(times):
                share = max(2, MAX_POINTS * len(times) // max(total, 1))
                points = spread(times, share) if total > MAX_POINTS else times
                tone = palette.series[lanes.tone(experiment, call)]
                figure.add_trace(
                    _marks(row, call, look, points, tone, palette, total, look.name not in named)
                )
                named.add(look.name)
    for row, call in enumerate(calls):
        _say_end(figure, row, call, palette)
    span = lanes.past(max((lanes.last_s(c.timeline) or 0.0 for c in calls), default=0.0))
    _dress(figure, palette, span, 112 + 48 * max(1, len(calls)))
    labels = [_label(experiment, call) for call in calls]
    figure.update_yaxes(tickvals=list(range(len(calls))), ticktext=labels, range=[len(calls) - 0.5, -0.5])
    figure.update_yaxes(showgrid=False)
    return figure


def timeline_alt(experiment: Experiment, *, pair: int = 0) -> str:
    """What `timeline_figure` shows, in one sentence."""
    calls = lanes.chosen(experiment, None, pair)
    if not calls:
        return "No call belongs to this picture."
    return "Arrivals on one clock: " + "; ".join(f"{_name(experiment, c)} {_story(c)}" for c in calls) + "."


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
    span = lanes.past(max((lanes.last_s(c.timeline) or 0.0 for c in calls), default=0.0))
    _dress(figure, palette, span, 300)
    figure.update_yaxes(title_text=f"{unit}/s, window of {window_s:g} s", rangemode="tozero")
    figure.update_layout(showlegend=len(curves) > 1)
    if not curves:
        _say_empty(figure, palette)
    return figure


def throughput_alt(experiment: Experiment, *, pair: int = 0, window_s: float = 1.0) -> str:
    """What `throughput_figure` shows, in one sentence."""
    curves, unit = _rates(experiment, pair, window_s)
    blocking = "a blocking call has no curve, since its text comes at one moment."
    if not curves:
        return f"No visible text was streamed, so there is no rate; {blocking}"
    said = [
        f"{_name(experiment, c.call)} reaches {_figure(c.rates.max())} {unit} per second"
        f" at {c.times[c.rates.argmax()]:.2f} s"
        for c in curves
    ]
    return f"In a sliding window of {window_s:g} s " + "; ".join(said) + f"; {blocking}"


def spread(times: Floats, most: int) -> Floats:
    """At most `most` of the sorted times: the first and last in each slice, so gaps keep their edges."""
    if len(times) <= most or times[-1] == times[0]:
        return times[:most]
    slices = np.floor((times - times[0]) / (times[-1] - times[0]) * (most // 2 - 1))
    turns = slices[1:] != slices[:-1]
    kept: npt.NDArray[np.bool_] = np.concatenate([[True], turns]) | np.concatenate([turns, [True]])
    return times[kept]


def extremes(values: Floats, most: int) -> npt.NDArray[np.intp]:
    """Indices of at most `most` values: the lowest and highest in each run of neighbours, in order."""
    if len(values) <= most:
        return np.arange(len(values))
    runs = np.array_split(np.arange(len(values)), most // 2)
    picked = [pick for run in runs for pick in (run[values[run].argmin()], run[values[run].argmax()])]
    return np.unique(np.array(picked, dtype=np.intp))


def plain(text: str, limit: int = 40) -> str:
    """Text from outside for a figure's label: one short line in which Plotly finds no markup."""
    bare = text.replace("<", "‹").replace(">", "›").replace("&", "+")
    return lanes.one_line(bare, limit)


def _times(call: CallResult, kind: str) -> Floats:
    events = () if call.timeline is None else call.timeline.events
    return np.array([e.t_ns for e in events if e.kind == kind], dtype=np.float64) / 1e9


def _waiting(calls: Sequence[CallResult], palette: Palette) -> go.Bar:
    """From each request to its first text, or to the last event of a call that had none."""
    ends = [_first_text_s(call) or lanes.last_s(call.timeline) or 0.0 for call in calls]
    return go.Bar(
        x=np.array(ends, dtype=np.float64),
        y=np.arange(len(calls), dtype=np.float64),
        orientation="h",
        width=0.6,
        name="nothing to read",
        marker={
            "color": palette.waiting,
            "line": {"width": 0},
            "pattern": {"shape": "/", "fgcolor": palette.hatch, "size": 9, "solidity": 0.45},
        },
        hovertemplate="nothing to read for %{x:.2f} s<extra></extra>",
    )


def _first_text_s(call: CallResult) -> float | None:
    events = () if call.timeline is None else call.timeline.events
    return next((e.t_ns / 1e9 for e in events if e.kind in ("reasoning", "content")), None)


def _marks(
    row: int,
    call: CallResult,
    look: _Look,
    times: Floats,
    tone: str,
    palette: Palette,
    total: int,
    named: bool,
) -> go.Scatter | go.Scattergl:
    draw = go.Scattergl if total > GL_ABOVE else go.Scatter
    thick = 4.0 if call.planned.mode == "blocking" and look.lane else 1.4
    return draw(
        x=times,
        y=np.full(len(times), row + look.off, dtype=np.float64),
        mode="markers",
        name=look.name,
        legendgroup=look.name,
        showlegend=named,
        opacity=look.opacity,
        marker={
            "symbol": look.symbol,
            "size": look.size,
            "color": tone if look.lane else palette.quiet,
            "line": {
                "width": thick if look.symbol == _TICK else 1,
                "color": tone if look.lane else palette.quiet,
            },
        },
        hovertemplate=f"{look.name} at %{{x:.3f}} s<extra></extra>",
    )


def _say_end(figure: go.Figure, row: int, call: CallResult, palette: Palette) -> None:
    """A word at the end of a lane that did not end well; the reason itself is text from outside."""
    said = lanes.note(call)
    last = lanes.last_s(call.timeline)
    if not said:
        return
    word = f"cut at {last:.2f} s" if said.startswith("cut") and last is not None else said.split(":")[0]
    figure.add_annotation(
        x=last or 0.0,
        y=row,
        text=plain(word),
        showarrow=False,
        xanchor="left",
        xshift=10,
        font={"size": 12, "color": palette.text},
    )


def _rates(experiment: Experiment, pair: int, window_s: float) -> tuple[list[_Rate], str]:
    """(curves of the streaming calls with visible text, what they count). Never two units in one chart."""
    calls = [
        call
        for call in lanes.chosen(experiment, None, pair)
        if call.planned.mode == "streaming" and len(_times(call, "content"))
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
            fillcolor=_faint(tone) if filled else None,
            name=plain(_name(experiment, curve.call)),
            hovertemplate=f"%{{y:.1f}} {unit}/s at %{{x:.2f}} s<extra></extra>",
        )
    )
    at = curve.rates.argmax()
    figure.add_annotation(
        x=float(curve.times[at]),
        y=float(curve.rates[at]),
        text=f"peak {_figure(curve.rates[at])}",
        arrowcolor=palette.quiet,
        arrowwidth=1,
        ax=0,
        ay=-24,
        font={"size": 12, "color": palette.text},
    )


def _say_empty(figure: go.Figure, palette: Palette) -> None:
    figure.add_annotation(
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        showarrow=False,
        text="No visible text was streamed, so there is no rate.",
        font={"size": 14, "color": palette.quiet},
    )


def _dress(figure: go.Figure, palette: Palette, span_s: float, height: int) -> None:
    """What all figures share: no background, quiet axes, the legend in one line above."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 12, "t": 40, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": palette.text, "size": 13},
        hovermode="closest",
        barmode="overlay",
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
    )
    axis = {
        "zeroline": False,
        "gridcolor": palette.grid,
        "tickfont": {"color": palette.quiet},
        "automargin": True,
    }
    figure.update_xaxes(title_text=CLOCK, range=[0, span_s], **axis)
    figure.update_yaxes(**axis)


def _label(experiment: Experiment, call: CallResult) -> str:
    """A lane's name beside it: the mode, and below it the model where several are asked."""
    if len(experiment.spec.arms) == 1:
        return lanes.label(call)
    return f"{lanes.label(call)}<br>{plain(lanes.model_name(experiment, call.planned.arm), 24)}"


def _name(experiment: Experiment, call: CallResult) -> str:
    if len(experiment.spec.arms) == 1:
        return lanes.label(call)
    return f"{lanes.label(call)} ({lanes.one_line(lanes.model_name(experiment, call.planned.arm), 40)})"


def _story(call: CallResult) -> str:
    known = lanes.numbers(call)
    first, last = known.get("ttfo_s"), lanes.last_s(call.timeline)
    if last is None:
        return "has no events"
    if call.planned.mode == "blocking" and isinstance(first, float):
        return f"shows everything at once after {first:.2f} s"
    text = f"first text after {first:.2f} s" if isinstance(first, float) else "no visible text"
    events = sum(len(_times(call, kind)) for kind in _LOOKS)
    cut = "" if isinstance(known.get("e2e_s"), float) else ", where it was cut"
    return f"has {events:,} events, {text}, the last at {last:.2f} s{cut}"


def _figure(value: float) -> str:
    """Two or three digits: 7.3, 26, 143."""
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.10)"
