"""What all figures share: colours, sizes, labels, and how many points a browser can bear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from lib import lanes
from lib.experiment import CallResult, Experiment

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
MARKS = 1_000
"""Marks that are elements of their own in a picture. More become one line: WebGL would need `eval`, which the
page's policy forbids."""
MAX_POINTS = 20_000
CLOCK = "seconds since the request was sent"


class Palette(NamedTuple):
    """Colours of one scheme, those of .streamlit/config.toml. `series[0]` is blocking.

    `page`: the page's own colour, which a saved picture brings along. `back`: the same, lent to labels
    that stand on lines.
    """

    series: tuple[str, ...]
    text: str
    quiet: str
    grid: str
    waiting: str
    hatch: str
    back: str
    page: str


LIGHT = Palette(
    ("#808A9E", "#0B5FFF", "#B45309", "#047857", "#7C3AED", "#BE123C", "#0E7490", "#A21CAF", "#4D7C0F"),
    text="#12161F",
    quiet="#556070",
    grid="#DDE1EA",
    waiting="rgba(18,22,31,0.06)",
    hatch="rgba(18,22,31,0.14)",
    back="rgba(251,251,253,0.82)",
    page="#FBFBFD",
)
DARK = Palette(
    ("#8B96A8", "#5B9BFF", "#F0A44B", "#34D399", "#A78BFA", "#FB7185", "#22D3EE", "#E879F9", "#A3E635"),
    text="#E7EAF0",
    quiet="#9AA6B8",
    grid="#28303C",
    waiting="rgba(231,234,240,0.06)",
    hatch="rgba(231,234,240,0.16)",
    back="rgba(12,15,20,0.82)",
    page="#0C0F14",
)
DASHES = ("solid", "solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "dash", "dashdot")
"""A line's dash by the tone of its lane. Tones that share one differ for every kind of eye."""
SYMBOLS = (
    "square",
    "circle",
    "diamond",
    "triangle-up",
    "cross",
    "star",
    "triangle-down",
    "hexagon",
    "pentagon",
)
"""A mark's shape by the tone of its lane, where marks of several lanes stand among each other."""


def spread(times: Floats, most: int) -> Places:
    """Places of at most `most` of the sorted times: the first and last in each slice of time, so that
    gaps keep their edges."""
    if len(times) <= most or times[-1] == times[0]:
        return np.arange(min(len(times), most))
    slices = np.floor((times - times[0]) / (times[-1] - times[0]) * (most // 2 - 1))
    turns = slices[1:] != slices[:-1]
    return np.flatnonzero(np.concatenate([[True], turns]) | np.concatenate([turns, [True]]))


def extremes(values: Floats, most: int) -> Places:
    """Places of at most `most` values: the lowest and highest in each run of neighbours, in order."""
    if len(values) <= most:
        return np.arange(len(values))
    size = -(-len(values) // (most // 2))
    # The last run may be shorter: it is filled up with its last value.
    runs = np.pad(values, (0, -len(values) % size), mode="edge").reshape(-1, size)
    begins = np.arange(len(runs)) * size
    picked = np.concatenate([begins + runs.argmin(axis=1), begins + runs.argmax(axis=1)])
    return np.unique(picked.clip(0, len(values) - 1))


def plain(text: str, limit: int = 40) -> str:
    """Text from outside for a figure's label: one short line in which Plotly finds no markup."""
    bare = text.replace("<", "‹").replace(">", "›").replace("&", "+")
    return lanes.one_line(bare, limit)


def event_times(call: CallResult, kind: str) -> Floats:
    """Seconds at which events of one kind came."""
    events = () if call.timeline is None else call.timeline.events
    return np.array([e.t_ns for e in events if e.kind == kind], dtype=np.float64) / 1e9


def span_s(calls: Sequence[CallResult]) -> float:
    """How long the clock of these calls is."""
    return lanes.past(max((lanes.last_s(call.timeline) or 0.0 for call in calls), default=0.0))


def dress(figure: go.Figure, palette: Palette, span_s: float, height: int) -> None:
    """What all figures share: the page as their ground, quiet axes, the legend in one line above."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 12, "t": 40, "b": 8},
        paper_bgcolor=palette.page,
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
    figure.update_xaxes(title={"text": CLOCK, "font": {"size": 13}}, range=[0, span_s], **axis)
    figure.update_yaxes(**axis)


def lane_label(experiment: Experiment, call: CallResult) -> str:
    """A lane's name beside it: the mode, and below it the model where several are asked."""
    if len(experiment.spec.arms) == 1:
        return lanes.label(call)
    return f"{lanes.label(call)}<br>{plain(lanes.model_name(experiment, call.planned.arm), 24)}"


def call_name(experiment: Experiment, call: CallResult) -> str:
    """A call in a sentence."""
    if len(experiment.spec.arms) == 1:
        return lanes.label(call)
    return f"{lanes.label(call)} ({lanes.one_line(lanes.model_name(experiment, call.planned.arm), 40)})"


def digits(value: float) -> str:
    """Two or three digits: 7.3, 26, 143."""
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def seconds(x_s: float) -> str:
    """A time to two decimals of a second, below 0.1 s as `duration` says it."""
    return f"{x_s:,.2f} s" if abs(x_s) >= 0.0995 else duration(x_s)


def translucent(colour: str, share: float = 0.1) -> str:
    """A colour of the palette that lets the background through, by default for the area under a line."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:.2f})"


def duration(x_s: float) -> str:
    """A short time for people: 0 ms, 0.04 ms, 0.3 ms, 160 ms, 7.09 s."""
    ms = x_s * 1000
    if ms == 0:
        return "0 ms"
    if abs(ms) >= 999.5:
        return f"{x_s:,.2f} s"
    return f"{ms:.0f} ms" if abs(ms) >= 9.95 else f"{ms:.1f} ms" if abs(ms) >= 0.095 else f"{ms:.2f} ms"
