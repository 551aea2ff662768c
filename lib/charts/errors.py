"""How wrong the times were: measured minus true, event by event, and how often how much. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from lib.calibration import quantile
from lib.charts.look import DARK, LIGHT, MARKS, Floats, dress, duration, extremes
from lib.charts.tables import Table

Errors = Sequence[tuple[float, float]]
"""(seconds since the request was sent, error in seconds) of each event, in order."""
LEAST_MS = 0.001
"""Smaller errors are drawn here: a logarithmic axis has no 0, and the clock is no finer."""


def errors_figure(errors: Errors, *, dark: bool = False) -> go.Figure:
    """A dot per event: when it came, and how much later than it was sent it was stamped, ms."""
    palette = DARK if dark else LIGHT
    times, wrong = _columns(errors)
    kept = extremes(wrong, MARKS)
    figure = go.Figure(
        go.Scatter(
            x=times[kept],
            y=wrong[kept],
            mode="markers",
            marker={"size": 5, "color": palette.series[1], "opacity": 0.65},
            hovertemplate="%{y:.3f} ms late at %{x:.3f} s<extra></extra>",
        )
    )
    dress(figure, palette, float(times.max(initial=0.0)) * 1.02 or 1.0, 280)
    figure.update_layout(showlegend=False, margin={"l": 8, "r": 12, "t": 12, "b": 8})
    figure.update_yaxes(title_text="measured minus true, ms", rangemode="tozero")
    return figure


def errors_alt(errors: Errors) -> str:
    """What `errors_figure` shows, in one sentence."""
    if not errors:
        return "No event can be compared with what is true."
    worst_at, worst = max(errors, key=lambda row: abs(row[1]))
    return (
        f"Of {len(errors):,} events, the stamp that was furthest off was off by {duration(abs(worst))}, "
        f"{worst_at:.2f} s after the request."
    )


def spread_figure(errors: Errors, *, dark: bool = False) -> go.Figure:
    """The share of events whose stamp was off by at most so much; the scale is logarithmic."""
    palette = DARK if dark else LIGHT
    off = np.sort(np.maximum(np.abs(_columns(errors)[1]), LEAST_MS))
    share = np.arange(1, len(off) + 1, dtype=np.float64) / max(1, len(off))
    kept = _thinned(len(off))
    figure = go.Figure(
        go.Scatter(
            x=off[kept],
            y=share[kept] * 100,
            mode="lines",
            line={"color": palette.series[1], "width": 2, "shape": "hv"},
            hovertemplate="%{y:.1f} % are off by at most %{x:.3f} ms<extra></extra>",
        )
    )
    dress(figure, palette, 1.0, 280)
    for q in (0.5, 0.95) if len(off) else ():
        at = quantile([float(x) for x in off], q)
        figure.add_vline(x=at, line={"width": 1, "dash": "dot", "color": palette.quiet})
        figure.add_annotation(
            x=float(np.log10(at)), y=8 if q == 0.5 else 22, xanchor="left", xshift=4, showarrow=False,
            text=f"{q:.0%}: {duration(at / 1000)}", font={"size": 12, "color": palette.text},
        )  # fmt: skip
    low, high = (float(off[0]), float(off[-1])) if len(off) else (0.01, 1.0)
    figure.update_xaxes(
        type="log",
        range=[np.log10(low) - 0.1, np.log10(high) + 0.5],
        title_text="off by at most, ms (each step × 10)",
        dtick=1,
    )
    figure.update_yaxes(title_text="share of events, %", range=[0, 103])
    figure.update_layout(showlegend=False, margin={"l": 8, "r": 12, "t": 12, "b": 8})
    return figure


def spread_alt(errors: Errors) -> str:
    """What `spread_figure` shows, in one sentence."""
    if not errors:
        return "No event can be compared with what is true."
    off = [abs(error) for _, error in errors]
    half, most, worst = (duration(x) for x in (quantile(off, 0.5), quantile(off, 0.95), max(off)))
    return f"Half of the stamps are right to {half}, 95 % to {most}, all to {worst}."


def errors_table(errors: Errors) -> Table:
    """One row per event of `errors_figure`: when it came, and how late its stamp was."""
    return Table(("t_s", "error_s"), [(round(at, 7), round(wrong, 7)) for at, wrong in errors])


def _columns(errors: Errors) -> tuple[Floats, Floats]:
    """Seconds and ms."""
    rows = np.array(errors, dtype=np.float64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1] * 1000


def _thinned(count: int) -> npt.NDArray[np.intp]:
    """Places in a sorted column, at most a thousand, both ends among them."""
    return np.unique(np.linspace(0, max(0, count - 1), min(count, 1000)).astype(np.intp))
