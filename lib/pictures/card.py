"""The link card: what a chat application shows beside a link. A title, the headline numbers, the events.

From the data alone: no prompt, no answer, no error text. 1200 by 630 pixels, which all of them take.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from lib import lanes, teaser
from lib.experiment import Experiment
from lib.lanes import Entry
from lib.pictures import paint
from lib.pictures.look import BRAND, Box, Marks, Scene, Shape, Sweep, width, words
from lib.pictures.race import ticks, tone

WIDTH, HEIGHT = 1200, 630
_LEFT, _ROOM = 64, 1072
_TRACKS_TOP, _TRACKS_END = 372, 552
_NAMES = 300
"""Room for a lane's name beside it, where there are too many lanes to put it above."""


def card(experiment: Experiment, title: str, line: str) -> bytes:
    """The card as PNG. `line`: what stands small at its foot, such as the day. Both may be untrusted."""
    rows, left_out = teaser.tracks(experiment)
    foot = f"{line} · {left_out} more models" if left_out else line
    shapes = (*_words(experiment, title, foot), *(_tracks(rows) if _any(rows) else ()))
    scene = Scene(WIDTH, HEIGHT, title, "", tuple(shapes))
    out = io.BytesIO()
    paint.Painter(scene, WIDTH).at(0).save(out, "PNG", compress_level=6)
    return out.getvalue()


def _words(experiment: Experiment, title: str, line: str) -> Iterator[Shape]:
    yield words(_LEFT, 74, 24, "quiet", BRAND)
    yield words(_LEFT, 142, 52, "text", title, _ROOM, bold=True)
    figures = teaser.figures(experiment)
    for i, figure in enumerate(figures):
        x = _LEFT + i * _ROOM / 3
        room = _ROOM / 3 - 24
        yield words(x, 216, 24, "quiet", figure.label, room)
        yield words(x, 280, 58, "text", figure.value, room, bold=True)
    if not figures:
        yield words(_LEFT, 260, 36, "quiet", teaser.nothing(experiment), _ROOM)
    yield words(_LEFT, 604, 22, "quiet", line, _ROOM)


def _any(rows: list[Entry]) -> bool:
    return any(teaser.has_text(row.call) for row in rows)


def _tracks(rows: list[Entry]) -> Iterator[Shape]:
    """One track a lane on one clock, an upright stroke for each arrival; blocking is a bar until its end."""
    last = [lanes.last_s(row.call.timeline) or 0.0 for row in rows]
    span = lanes.past(max(last, default=0.0))
    beside = len(rows) > 2
    left, room = (_LEFT + _NAMES, _ROOM - _NAMES) if beside else (_LEFT, _ROOM)
    high = (_TRACKS_END - _TRACKS_TOP) / len(rows)
    for i, row in enumerate(rows):
        y = _TRACKS_TOP + i * high
        thick = min(34.0, high - 12 if beside else high - 40)
        if beside:
            yield words(_LEFT, y + 4 + thick / 2 + 7, 20, "quiet", row.sub, _NAMES - 20)
        else:
            yield words(_LEFT, y - 6, 20, "quiet", f"{row.label} · {row.sub}", _ROOM)
        yield Sweep(left, y + 4, room, thick, tuple(_strokes(row, span, left, room, y + 4, thick)))
    for at, name in ticks(span, 6):
        x, told = left + room * at / span, f"{name} s"
        if x + width(told, 18) <= WIDTH - 12:
            yield words(x, _TRACKS_END + 14, 18, "quiet", told)


def _strokes(
    row: Entry, span: float, left: float, room: float, y: float, thick: float
) -> Iterator[Box | Marks]:
    timeline = row.call.timeline
    if timeline is None:
        return
    times = sorted({e.t_ns for e in timeline.events if e.kind in ("content", "reasoning")})
    if row.call.planned.mode == "blocking" and times:
        yield Box(left, y, room * times[-1] / 1e9 / span, thick, tone(row), faint=0.35)
    places = dict.fromkeys(round(left + room * t / 1e9 / span, 1) for t in times)
    yield Marks(tuple(places), y, 3, thick, tone(row))
