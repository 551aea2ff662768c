"""How fast the text came: tokens per second in a sliding window, of the streaming calls. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from lib.charts.labels import LINE_PX, Spot, flags, letters, swatch
from lib.charts.lane import Lane, View
from lib.charts.look import (
    MAX_POINTS,
    Floats,
    Palette,
    digits,
    extremes,
    plain,
    seconds,
    translucent,
)  # fmt: skip
from lib.charts.told import FEW, spoken_names
from lib.experiment import CallResult
from lib.rates import window_rate

LINE_POINTS = MAX_POINTS // 16
"""All lines of one row together."""
CURVES_PX = 120
NO_CURVE = "a blocking call has no curve, since its text comes at one moment"


class Rate(NamedTuple):
    """One streaming lane's curve: as lib.rates gives it, steps to the right, on the picture's axis."""

    lane: Lane
    times: Floats
    rates: Floats

    @property
    def peak(self) -> tuple[float, float]:
        """(when, how much)."""
        at = int(self.rates.argmax())
        return float(self.times[at]), float(self.rates[at])


def rates_told(found: Sequence[Lane], window_s: float) -> str:
    """The peak of each lane's rate in one sentence; of many lanes the highest and the lowest."""
    curves, unit = rates(found, window_s)
    if not curves:
        return f"{why_empty(found).rstrip('.')}; {NO_CURVE}."
    called = spoken_names([lane.row for lane in found])
    ranked = sorted(curves, key=lambda curve: -curve.peak[1])
    shown = curves if len(curves) <= FEW else [ranked[0], ranked[-1]]
    said = [
        f"{called[c.lane.place]} reaches {digits(c.peak[1])} {unit} per second"
        f" at {seconds(c.peak[0] - c.lane.off_s)}"
        for c in shown
    ]
    ends = f"; {NO_CURVE}" if any(lane.blocking for lane in found) else ""
    many = "" if len(shown) == len(curves) else "the highest and the lowest peak: "
    return f"In a sliding window of {window_s:g} s {many}" + "; ".join(said) + f"{ends}."


def rates(found: Sequence[Lane], window_s: float) -> tuple[list[Rate], str]:
    """(curves of the streaming lanes with visible text, what they count). Never two units in one chart.

    Without a recount of every one of these answers, characters stand in for tokens.
    """
    shown = [
        lane
        for lane in found
        if not lane.blocking and not withheld(lane.row.call) and len(lane.places("content"))
    ]
    counted = all(lane.tokens is not None for lane in shown)
    return [_rate(lane, counted, window_s) for lane in shown], "tokens" if counted else "characters"


def draw_rates(
    figure: go.Figure,
    curves: Sequence[Rate],
    unit: str,
    seen: View,
    palette: Palette,
    called: Sequence[str],
    yaxis: str,
) -> list[dict[str, Any]]:
    """Draw the curves on `yaxis`; returns a label at each peak. `called`: names of all lanes, by place."""
    most = LINE_POINTS // max(1, len(curves))
    figure.add_traces([
        _line(curve, unit, seen, palette, called[curve.lane.place], yaxis, most, filled=len(curves) == 1)
        for curve in curves
    ])  # fmt: skip
    return _peaks(curves, seen, palette, called, yaxis)


def height_px(curves: Sequence[Rate]) -> int:
    """How high the row is: the curves, and over them a line for each label that might need one."""
    return CURVES_PX + LINE_PX * max(1, len(curves))


def top(curves: Sequence[Rate]) -> float:
    """The end of the y axis, over the labels' lines."""
    peak = max((curve.peak[1] for curve in curves), default=1.0) or 1.0
    return peak * height_px(curves) / (CURVES_PX - 6)


def withheld(call: CallResult) -> bool:
    """Whether a rate would measure something else than the answer."""
    return call.delivery is not None and "peak" in call.delivery.withheld


def why_empty(found: Sequence[Lane]) -> str:
    """Why there is no curve at all."""
    reasons = [
        lane.row.call.delivery.why_withheld
        for lane in found
        if lane.row.call.delivery is not None and withheld(lane.row.call)
    ]
    if reasons:
        return f"No rate is shown. {reasons[0]}"
    return "No visible text was streamed, so there is no rate."


def empty(found: Sequence[Lane], palette: Palette, yaxis: str) -> dict[str, Any]:
    """The reason as words in the middle of an empty chart."""
    return {
        "x": 0.5, "y": 0.5, "xref": "x domain", "yref": f"{yaxis} domain", "showarrow": False,
        "text": "<br>".join(wrap(plain(why_empty(found), 200), 42)),
        "font": {"size": 13, "color": palette.quiet},
    }  # fmt: skip


@lru_cache(maxsize=8)
def _rate(lane: Lane, counted: bool, window_s: float) -> Rate:
    places = lane.places("content")
    sizes = lane.tokens if counted and lane.tokens is not None else lane.chars
    times, found = window_rate(lane.times[places] - lane.off_s, sizes[places].tolist(), window_s)
    return Rate(lane, times + lane.off_s, found)


def _line(
    curve: Rate, unit: str, seen: View, palette: Palette, name: str, yaxis: str, most: int, *, filled: bool
) -> go.Scatter:
    tone = curve.lane.colour(palette)
    kept = seen.within(curve.times, beside=1)
    kept = kept[extremes(curve.rates[kept], most)]
    x = np.concatenate([[curve.lane.off_s, curve.times[0]], curve.times[kept]])
    return go.Scatter(
        x=x,
        y=np.concatenate([[0.0, 0.0], curve.rates[kept]]),
        yaxis=yaxis,
        mode="lines",
        line={"color": tone, "width": 2, "shape": "hv", "dash": curve.lane.dash},
        fill="tozeroy" if filled else None,
        fillcolor=translucent(tone) if filled else None,
        name=name,
        showlegend=False,
        hovertemplate=f"{name}: %{{y:.1f}} {unit}/s<extra></extra>",
    )


def _peaks(
    curves: Sequence[Rate], seen: View, palette: Palette, called: Sequence[str], yaxis: str
) -> list[dict[str, Any]]:
    """A label over each peak in sight."""
    spots = []
    for curve in sorted(curves, key=lambda curve: curve.peak):
        x, y = curve.peak
        if seen.low <= x <= seen.high:
            said = f"peak {digits(y)}"
            if len(curves) > 1:
                said = f"{called[curve.lane.place]} {digits(y)}"
            words = said if len(curves) == 1 else swatch(curve.lane.colour(palette), said)
            down = height_px(curves) * (1 - y / top(curves))
            spots.append(Spot(x, y, seen.share(x), down, words, letters(said) + 2))
    return flags(spots, len(curves), palette, yaxis)
