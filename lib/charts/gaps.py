"""Pauses between arrivals of visible text: over time, and how often how long. Pure.

Which pauses are freezes or suspect is lib.facts' and lib.calibration's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from lib.calibration import quantile
from lib.charts import lane as lane_of
from lib.charts.labels import LINE_PX, Spot, flags, letters, on_line, swatch
from lib.charts.lane import Lane, Spans, View
from lib.charts.look import DARK, LIGHT, MARKS, Floats, Palette, duration, extremes
from lib.charts.stack import Row, stack
from lib.charts.told import names, spoken_names
from lib.lanes import Entry

CLOUD_PX = 190
RISE_PX = 240
FEW = "Too little text arrived for a gap."
NO_GAPS = "Visible text arrived at fewer than two moments, so there is no gap."
_MASK = npt.NDArray[np.bool_]


class Gaps(NamedTuple):
    """One lane's: when each ended on the axis, how long it was, what is special about it."""

    lane: Lane
    ends: Floats
    lengths: Floats
    frozen: _MASK
    suspect: _MASK


def gaps_of(rows: Sequence[Entry], zero_s: float = 0.0) -> list[Gaps]:
    """Of every streaming lane with two arrivals or more."""
    return [_gaps(lane) for lane in lane_of.drawn(rows, zero_s) if _arrivals(lane) > 1]


def gaps_figure(rows: Sequence[Entry], *, zero_s: float = 0.0, dark: bool = False) -> go.Figure:
    """A mark per gap where it ended; its height, on a logarithmic scale, is how long it was.

    Freezes are large, suspect gaps hollow; the longest gap of each lane is named.
    """
    palette = DARK if dark else LIGHT
    found, called = gaps_of(rows, zero_s), names(rows)
    seen = lane_of.view([gaps.lane for gaps in found], None, zero_s)
    figure = go.Figure()
    total = sum(len(gaps.lengths) for gaps in found)
    for gaps in found:
        figure.add_traces(_cloud(gaps, called[gaps.lane.place], palette, total))
    low, high = _decades([gaps.lengths for gaps in found])
    height = CLOUD_PX + LINE_PX * max(1, len(found))
    top = low + (high - low) * height / CLOUD_PX
    axis = {"type": "log", "range": [low, top], **_ticks(low, high)}
    title = "Gaps between arrivals of visible text" if found else FEW
    spots = [_longest(gaps, called[gaps.lane.place], palette, seen, (low, top, height)) for gaps in found]
    labels = flags(sorted(spots), len(found), palette, "y")
    stack(figure, [Row(height, title, axis)], palette, seen, zero_s, labels)
    figure.update_layout(hovermode="closest", dragmode="zoom")
    return figure


def gaps_alt(rows: Sequence[Entry]) -> str:
    """What `gaps_figure` shows, in one sentence."""
    found, called = gaps_of(rows), spoken_names(rows)
    if not found:
        return NO_GAPS
    told = []
    for gaps in found:
        at = int(gaps.lengths.argmax())
        said = f"{called[gaps.lane.place]}: longest {duration(float(gaps.lengths[at]))}"
        said += f", over at {gaps.ends[at] - gaps.lane.off_s:.2f} s, {_count(gaps.frozen, 'freeze')}"
        told.append(said + (f", {_count(gaps.suspect, 'suspect gap')}" if gaps.suspect.any() else ""))
    return f"Gaps between arrivals of visible text. {'; '.join(told)}."


def ecdf_figure(
    rows: Sequence[Entry], *, min_detectable_gap_s: float | None = None, dark: bool = False
) -> go.Figure:
    """Which share of a lane's gaps is at most so long; the time scale is logarithmic.

    p50 and p95 are marked on each line. `min_detectable_gap_s`: drawn as a line where it is given; what
    lies left of it says nothing.
    """
    palette = DARK if dark else LIGHT
    found, called = gaps_of(rows), names(rows)
    low, high = _decades([gaps.lengths for gaps in found])
    if min_detectable_gap_s:
        low = min(low, log10(min_detectable_gap_s) - 0.1)
    figure = go.Figure()
    labels: list[dict[str, Any]] = []
    for nth, gaps in enumerate(found):
        figure.add_traces(_rise(gaps, called[gaps.lane.place], palette))
        said = called[gaps.lane.place]
        if len(found) == 1:
            half, most = _quantiles(gaps)
            said = f"{said}: 50 % {duration(half)}, 95 % {duration(most)}"
        labels.append(_on_rise(gaps, said, (nth + 0.6) / len(found), (low, high), palette))
    axis = {"range": [0, 104], "tickvals": [0, 50, 95], "ticktext": ["0", "50 %", "95 %"]}
    title = "Share of the gaps that are at most so long" if found else FEW
    if min_detectable_gap_s:
        title += f"<br>dotted: the shortest that can be told, {duration(min_detectable_gap_s)}"
    stack(figure, [Row(RISE_PX, title, axis)], palette, View(low, high, True), 0.0, labels)
    figure.update_layout(hovermode="closest", dragmode="zoom")
    figure.update_xaxes(type="log", range=[low, high], title_text="gap, each step × 10", **_ticks(low, high))
    if min_detectable_gap_s:
        figure.add_vline(x=min_detectable_gap_s, line={"width": 1.5, "dash": "dot", "color": palette.text})
    return figure


def ecdf_alt(rows: Sequence[Entry], *, min_detectable_gap_s: float | None = None) -> str:
    """What `ecdf_figure` shows, in one sentence."""
    found, called = gaps_of(rows), spoken_names(rows)
    if not found:
        return NO_GAPS
    told = []
    for gaps in found:
        half, most = (duration(at) for at in _quantiles(gaps))
        told.append(f"{called[gaps.lane.place]}: half of {_count(gaps.ends > -np.inf, 'gap')} are at most "
                    f"{half}, 95 % at most {most}")  # fmt: skip
    least = (
        f" Differences below {duration(min_detectable_gap_s)} can't be told." if min_detectable_gap_s else ""
    )
    return f"{'; '.join(told)}.{least}"


def _arrivals(lane: Lane) -> int:
    return 0 if lane.facts is None or lane.blocking else len(lane.facts.arrivals)


def _gaps(lane: Lane) -> Gaps:
    assert lane.facts is not None
    arrivals = np.array(lane.facts.arrivals, dtype=np.int64) / 1e9 + lane.off_s
    return Gaps(
        lane,
        arrivals[1:],
        np.array(lane.facts.gaps, dtype=np.float64) / 1e9,
        _begins(arrivals, lane.freezes),
        _begins(arrivals, lane.suspects),
    )


def _begins(arrivals: Floats, spans: Spans) -> _MASK:
    """Which gaps are these spans."""
    return np.isin(arrivals[:-1], np.array([start for start, _ in spans], dtype=np.float64))


def _cloud(gaps: Gaps, name: str, palette: Palette, total: int) -> list[go.Scatter]:
    """A lane's marks: plain ones, freezes large, suspect ones hollow."""
    colour, symbol = gaps.lane.colour(palette), gaps.lane.symbol
    edge = {"width": 1, "color": colour}
    plain = ~gaps.frozen & ~gaps.suspect
    kinds = (
        ("gap", plain, symbol, 5), ("freeze", gaps.frozen & ~gaps.suspect, symbol, 11),
        ("suspect gap", gaps.suspect, f"{symbol}-open", 10),
    )  # fmt: skip
    traces = []
    for kind, mask, shape, size in kinds:
        places = np.flatnonzero(mask)
        if total > MARKS:
            places = places[extremes(gaps.lengths[places], max(2, MARKS * len(places) // total))]
        if len(places):
            traces.append(go.Scatter(
                x=gaps.ends[places], y=gaps.lengths[places], mode="markers", name=f"{name}: {kind}",
                showlegend=False, opacity=0.75 if kind == "gap" else 1.0,
                marker={"symbol": shape, "size": size, "color": colour, "line": edge},
                hovertemplate=f"{name}: {kind} of %{{y:.3~s}}s, over at %{{x:.3f}} s<extra></extra>",
            ))  # fmt: skip
    return traces


def _longest(gaps: Gaps, name: str, palette: Palette, seen: View, scale: tuple[float, float, float]) -> Spot:
    at = int(gaps.lengths.argmax())
    x, length = float(gaps.ends[at]), float(gaps.lengths[at])
    low, top, height = scale
    said = f"{name} {duration(length)}"
    down = height * (top - log10(length)) / (top - low)
    return Spot(
        x, log10(length), seen.share(x), down, swatch(gaps.lane.colour(palette), said), letters(said) + 2
    )


def _rise(gaps: Gaps, name: str, palette: Palette) -> list[go.Scatter]:
    """A lane's line, and marks where half and 95 % of its gaps are passed."""
    lengths = np.sort(gaps.lengths)
    share = np.arange(1, len(lengths) + 1, dtype=np.float64) / len(lengths) * 100
    kept = np.unique(np.linspace(0, len(lengths) - 1, min(len(lengths), 1000)).astype(np.intp))
    colour = gaps.lane.colour(palette)
    line = go.Scatter(
        x=np.concatenate([lengths[:1], lengths[kept]]),
        y=np.concatenate([[0.0], share[kept]]),
        mode="lines",
        name=name,
        showlegend=False,
        line={"color": colour, "width": 2, "shape": "hv", "dash": gaps.lane.dash},
        hovertemplate=f"{name}: %{{y:.0f}} % of the gaps are at most %{{x:.3~s}}s<extra></extra>",
    )
    points = go.Scatter(
        x=np.array(_quantiles(gaps), dtype=np.float64),
        y=np.array([50.0, 95.0]),
        mode="markers",
        name=name,
        showlegend=False,
        marker={"symbol": gaps.lane.symbol, "size": 9, "color": colour},
        hovertemplate=f"{name}: %{{y:.0f}} % at most %{{x:.3~s}}s<extra></extra>",
    )
    return [line, points]


def _on_rise(
    gaps: Gaps, said: str, along: float, ends: tuple[float, float], palette: Palette
) -> dict[str, Any]:
    x = log10(quantile([float(length) for length in gaps.lengths], along))
    words = swatch(gaps.lane.colour(palette), said)
    share = (x - ends[0]) / (ends[1] - ends[0])
    return on_line(Spot(x, along * 100, share, 0, words, letters(said) + 2), palette, "y")


def _quantiles(gaps: Gaps) -> tuple[float, float]:
    lengths = [float(length) for length in gaps.lengths]
    return quantile(lengths, 0.5), quantile(lengths, 0.95)


def _decades(columns: Sequence[Floats]) -> tuple[float, float]:
    """Ends of a logarithmic axis with some room, as exponents of ten."""
    values = [float(v) for lengths in columns for v in (lengths.min(), lengths.max())]
    if not values:
        return -3.0, 0.0
    low, high = log10(min(values)), log10(max(values))
    return min(low - 0.15, high - 1), high + 0.15


def _ticks(low: float, high: float) -> dict[str, Any]:
    powers = range(floor(low), ceil(high) + 1)
    return {"tickvals": [10.0**n for n in powers], "ticktext": [_power(n) for n in powers]}


def _power(n: int) -> str:
    """A power of ten as a time: 10 µs, 1 ms, 100 s."""
    for base, unit in ((0, "s"), (-3, "ms"), (-6, "µs")):
        if n >= base:
            return f"{10 ** (n - base):,} {unit}"
    return f"{10 ** (n + 9):g} ns"


def _count(mask: _MASK, word: str) -> str:
    many = int(mask.sum())
    return f"no {word}" if many == 0 else f"{many:,} {word}{'s' if many > 1 else ''}"
