"""When each event came: lanes on one clock, every event a mark, what was waited for hatched. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lib.charts.lane import Lane, View
from lib.charts.look import MAX_POINTS, Palette, Places, plain, spread, translucent
from lib.charts.marks import Pen, Strip
from lib.charts.phases import CONNECTION, waits
from lib.charts.told import beside, names
from lib.dialects import Kind

_BARS = {"freeze": 10, "suspect gap": 11, "connecting": 12}
"""What has a name in the legend, with its place there; waiting, which every lane has, needs none."""
_ALL: tuple[Kind, ...] = ("error", "done", "usage", "finish", "other", "role", "reasoning", "content")
"""In the order in which they are drawn, so that text lies on top."""
_BARE: tuple[Kind, ...] = ("reasoning", "content")


def lanes_axis(count: int) -> dict[str, Any]:
    """The y axis of so many lanes: names stand inside, so it has no ticks."""
    return {
        "range": [count - 0.5 if count else 0.5, -0.5],
        "showgrid": False,
        "showticklabels": False,
        "fixedrange": True,
    }


def draw_lanes(
    figure: go.Figure,
    found: Sequence[Lane],
    seen: View,
    sizes: Strip,
    palette: Palette,
    *,
    bare: bool = False,
) -> list[dict[str, Any]]:
    """Draw every lane on the axes x and y; returns the labels. `bare`: text and reasoning alone, with
    neither reads nor the marks of how a stream ends."""
    traces = [*_waits(found, seen, sizes, palette), *_stops(found, seen, sizes, palette)]
    kinds = _BARE if bare else _ALL
    marks = _chosen(found, seen, kinds, reads=not bare)
    pen = Pen(sizes, palette, sum(len(places) for places in marks.values()))
    # Streaming first, so that the legend shows a kind in the colour it has there.
    for row in sorted(found, key=lambda row: row.blocking):
        for kind in kinds:
            if (row.place, kind) in marks:
                traces += pen.events(row, kind, marks[row.place, kind])
        if (row.place, "reads") in marks:
            traces += pen.reads(row, marks[row.place, "reads"])
    figure.add_traces(traces)
    called = names([row.row for row in found])
    return [_words(row, name, palette) for row, name in zip(found, called, strict=True)]


FEWER = 2_400
"""Marks that stand for more than MAX_POINTS: two to a pixel, which look the same and are drawn at once."""


def _chosen(
    found: Sequence[Lane], seen: View, kinds: Sequence[Kind], *, reads: bool
) -> dict[tuple[int, str], Places]:
    """Places of the events and reads to draw: all in sight; above MAX_POINTS, FEWER of them, so chosen
    that every stall keeps both of its edges."""
    inside: dict[tuple[int, str], Places] = {}
    for row in found:
        for kind in kinds:
            places = row.places(kind)
            inside[row.place, kind] = places[seen.within(row.times[places])]
        if reads and not row.blocking:
            inside[row.place, "reads"] = seen.within(row.read_times)
    inside = {key: places for key, places in inside.items() if len(places)}
    total = sum(len(places) for places in inside.values())
    if total <= MAX_POINTS:
        return inside
    return {key: _fewer(found[key[0]], key[1], places, total) for key, places in inside.items()}


def _fewer(row: Lane, kind: str, places: Places, total: int) -> Places:
    times = (row.read_times if kind == "reads" else row.times)[places]
    most = max(2, FEWER * len(places) // total)
    if kind != "content" or not row.freezes:
        return places[spread(times, most)]
    longest = sorted(row.freezes, key=lambda span: span[0] - span[1])[: most // 8]
    edges = np.searchsorted(times, np.array(longest).ravel()).clip(0, len(times) - 1)
    kept: Places = np.union1d(spread(times, most - 2 * len(longest)), edges)
    return places[kept]


def _waits(found: Sequence[Lane], seen: View, sizes: Strip, palette: Palette) -> list[go.Bar]:
    """What came before the first text: connecting, left of the request, and each wait, hatched."""
    spans: dict[str, list[tuple[Lane, float, float]]] = {}
    for row in found:
        waited = [p for p in row.phases if p[0] in CONNECTION or waits(p[0])]
        if row.last is not None and not len(row.places("content", "reasoning")):
            waited = [p for p in waited if p[0] in CONNECTION] + [("", row.off_s, row.last)]
        for label, start, end in waited:
            name = "connecting" if label in CONNECTION else "nothing to read"
            spans.setdefault(name, []).extend((row, *cut) for cut in seen.clipped([(start, end)]))
    return [_bar(label, spans[label], sizes, _fill(label, palette)) for label in spans if spans[label]]


def _fill(label: str, palette: Palette) -> Mapping[str, object]:
    """Connecting alike for all its parts, which the waterfall tells apart; waits as the player has them."""
    if label == "connecting":
        return {"color": translucent(palette.quiet, 0.55), "line": {"width": 0}}
    pattern = {"shape": "/", "fgcolor": palette.hatch, "size": 9, "solidity": 0.45}
    return {"color": palette.waiting, "line": {"width": 0}, "pattern": pattern}


def _stops(found: Sequence[Lane], seen: View, sizes: Strip, palette: Palette) -> list[go.Bar]:
    """Freezes shaded; gaps in which this program itself stood still hollow."""
    shade = {"color": translucent(palette.series[5], 0.16), "line": {"width": 0}}
    hollow = {"color": "rgba(0,0,0,0)", "line": {"width": 1, "color": palette.quiet}}
    looks = (
        ("freeze", shade, [(row, row.freezes) for row in found]),
        ("suspect gap", hollow, [(row, row.suspects) for row in found]),
    )
    return [
        _bar(name, spans, sizes, look)
        for name, look, all_of in looks
        if (spans := [(row, *cut) for row, of in all_of for cut in seen.clipped(of)])
    ]


def _bar(
    label: str, spans: list[tuple[Lane, float, float]], sizes: Strip, look: Mapping[str, object]
) -> go.Bar:
    starts, ends = (np.array([span[i] for span in spans], dtype=np.float64) for i in (1, 2))
    return go.Bar(
        x=ends - starts,
        base=starts,
        y=np.array([row.place + sizes.centre for row, _, _ in spans], dtype=np.float64),
        orientation="h",
        width=sizes.band / sizes.lane,
        name=label,
        showlegend=label in _BARS,
        legendrank=_BARS.get(label, 0),
        marker=look,
        hoverinfo="skip",
    )


def _words(row: Lane, name: str, palette: Palette) -> dict[str, Any]:
    """The lane's name in its colour and what stands beside it, in a line over the band."""
    told = plain(beside(row.row), 60)
    return {
        "x": 0, "xref": "x domain", "xanchor": "left", "xshift": -2, "align": "left",
        "y": row.place - 0.5, "yref": "y", "yanchor": "top", "showarrow": False,
        "text": f"<b>{name}</b>" + (f"  <span style='color:{palette.quiet}'>{told}</span>" if told else ""),
        "font": {"size": 12, "color": palette.text},
    }  # fmt: skip
