"""When each event came: lanes on one clock, every event a mark. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from lib import lanes
from lib.calibration import suspect_gaps
from lib.charts.look import (
    DARK,
    GL_ABOVE,
    LIGHT,
    MAX_POINTS,
    Floats,
    Palette,
    call_name,
    dress,
    event_times,
    lane_label,
    plain,
    span_s,
    spread,
)  # fmt: skip
from lib.experiment import CallResult, Experiment
from lib.facts import Facts


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


def timeline_figure(experiment: Experiment, *, pair: int = 0, dark: bool = False) -> go.Figure:
    """Lanes on one clock, every event a mark, with the time in which there was nothing to read.

    Above 20,000 events the first and last of each slice of time are kept, so that every stall stays.
    """
    palette = DARK if dark else LIGHT
    calls = lanes.chosen(experiment, None, pair)
    figure = go.Figure(_waiting(calls, palette))
    total = sum(len(event_times(call, kind)) for call in calls for kind in _LOOKS)
    named: set[str] = set()
    # Streaming first, so that the legend shows a kind in the colour it has there.
    for row, call in sorted(enumerate(calls), key=lambda place: place[1].planned.mode, reverse=True):
        for kind, look in _LOOKS.items():
            times = event_times(call, kind)
            if len(times):
                share = max(2, MAX_POINTS * len(times) // max(total, 1))
                points = spread(times, share) if total > MAX_POINTS else times
                tone = palette.series[lanes.tone(experiment, call)]
                figure.add_trace(
                    _marks(row, call, look, points, tone, palette, total, look.name not in named)
                )
                named.add(look.name)
    _draw_suspects(figure, calls, palette)
    for row, call in enumerate(calls):
        _say_end(figure, row, call, palette, span_s(calls))
    dress(figure, palette, span_s(calls), 112 + 48 * max(1, len(calls)))
    labels = [lane_label(experiment, call) for call in calls]
    figure.update_yaxes(tickvals=list(range(len(calls))), ticktext=labels, range=[len(calls) - 0.5, -0.5])
    figure.update_yaxes(showgrid=False)
    return figure


def timeline_alt(experiment: Experiment, *, pair: int = 0) -> str:
    """What `timeline_figure` shows, in one sentence."""
    calls = lanes.chosen(experiment, None, pair)
    if not calls:
        return "No call belongs to this picture."
    return (
        "Arrivals on one clock: " + "; ".join(f"{call_name(experiment, c)} {_story(c)}" for c in calls) + "."
    )


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


def _draw_suspects(figure: go.Figure, calls: Sequence[CallResult], palette: Palette) -> None:
    """A hollow bar for each gap in which this program stood still for a fifth of it or more."""
    gaps = [(row, *gap) for row, call in enumerate(calls) for gap in _suspects(call)]
    if not gaps:
        return
    rows, starts, ends = (np.array(column, dtype=np.float64) for column in zip(*gaps, strict=True))
    figure.add_trace(
        go.Bar(
            x=ends - starts,
            base=starts,
            y=rows,
            orientation="h",
            width=0.72,
            name="suspect gap",
            marker={"color": "rgba(0,0,0,0)", "line": {"width": 1, "color": palette.quiet}},
            hovertemplate="this program stood still here: the gap says nothing<extra></extra>",
        )
    )


def _suspects(call: CallResult) -> list[tuple[float, float]]:
    if call.timeline is None or not call.timeline.pauses:
        return []
    gaps = zip(pairwise(Facts(call.timeline, None).arrivals), suspect_gaps(call.timeline), strict=True)
    return [(start / 1e9, end / 1e9) for (start, end), suspect in gaps if suspect]


def _say_end(figure: go.Figure, row: int, call: CallResult, palette: Palette, span: float) -> None:
    """A word at the end of a lane that did not end well; the reason itself is text from outside."""
    said = lanes.note(call)
    last = lanes.last_s(call.timeline)
    if not said:
        return
    word = f"cut at {last:.2f} s" if said.startswith("cut") and last is not None else said.split(":")[0]
    late = last is not None and last > 0.6 * span
    figure.add_annotation(
        x=last or 0.0,
        y=row,
        text=plain(word),
        showarrow=False,
        xanchor="right" if late else "left",
        xshift=0 if late else 10,
        yshift=26 if late else 0,
        font={"size": 12, "color": palette.text},
    )


def _story(call: CallResult) -> str:
    known = lanes.numbers(call)
    first, last = known.get("ttfo_s"), lanes.last_s(call.timeline)
    if last is None:
        return "has no events"
    if call.planned.mode == "blocking" and isinstance(first, float):
        return f"shows everything at once after {first:.2f} s"
    text = f"first text after {first:.2f} s" if isinstance(first, float) else "no visible text"
    events = sum(len(event_times(call, kind)) for kind in _LOOKS)
    cut = "" if isinstance(known.get("e2e_s"), float) else ", where it was cut"
    return f"has {events:,} events, {text}, the last at {last:.2f} s{cut}"
