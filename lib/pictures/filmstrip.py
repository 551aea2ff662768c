"""The filmstrip as SVG and PNG: what could be read of each lane at each moment, side by side.

Which moments, and which frames are marked, is lib/film.py's business. Labels may be untrusted.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from PIL import Image

from lib import film, lanes
from lib.film import Frame, Steps, Track, View
from lib.lanes import Entry
from lib.pictures import paint, text
from lib.pictures.look import ADVANCE, BRAND, Advance, Box, Scene, Shape, one_line, width, words
from lib.pictures.race import seconds, tone
from lib.pictures.svg import svg

WIDTH = 1200
MARGIN = 24
LABEL = 128
GAP = 8
IN_A_ROW = 8
COLOURS = 256
_WHEN = 30
_ABOUT: dict[Steps, str] = {
    "doubling": "what could be read after each time; the times double",
    "equal": "what could be read after each time; the times are equally far apart",
}
_STILL = text.Grid(1.0, ())


class Plan(NamedTuple):
    """Sizes that follow from the numbers of lanes and of frames in a row."""

    cell_w: float
    cell_h: float
    size: float

    @property
    def band_h(self) -> float:
        """One lane's cells, with what is told below them."""
        return self.cell_h + 26


def film_svg(
    rows: Sequence[Entry],
    *,
    steps: Steps = "doubling",
    title: str,
    subtitle: str = "",
    dark: bool | None = None,
) -> str:
    """The filmstrip, 1200 wide. `dark` None: the scheme of whoever looks at it. At most eight rows."""
    return svg(scene(rows, steps=steps, title=title, subtitle=subtitle), dark)


def film_png(
    rows: Sequence[Entry],
    *,
    steps: Steps = "doubling",
    title: str,
    subtitle: str = "",
    dark: bool = False,
    wide: int = WIDTH,
) -> bytes:
    """The filmstrip of film_svg, `wide` pixels wide. Letters beyond Latin script are drawn as bars."""
    planned = scene(rows, steps=steps, title=title, subtitle=subtitle, advance=paint.advance)
    twice = paint.Painter(planned, 2 * wide, dark=dark).at(0)
    image = twice.resize((wide, twice.height // 2), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def film_alt(rows: Sequence[Entry], steps: Steps = "doubling") -> str:
    """The filmstrip in one plain sentence. It holds the rows' labels, which are untrusted text."""
    frames = film.frames(rows[: lanes.MAX_LANES], steps)
    if not frames:
        return "An empty filmstrip: nothing arrived."
    told = "; ".join(f"{_name(row)} {_story(frames, i)}" for i, row in enumerate(rows[: lanes.MAX_LANES]))
    count = f"{len(frames)} moments" if len(frames) > 1 else "one moment"
    return f"What could be read at {count} up to {seconds(frames[-1].t_s)}: {told}."


def scene(
    rows: Sequence[Entry], *, steps: Steps, title: str, subtitle: str = "", advance: Advance = ADVANCE
) -> Scene:
    """The whole strip; more than eight frames stand in several rows."""
    rows = rows[: lanes.MAX_LANES]
    frames = film.frames(rows, steps)
    count = max(1, -(-len(frames) // IN_A_ROW))
    each = max(1, -(-len(frames) // count))
    plan = _plan(len(rows), each)
    top = 80.0 if subtitle else 60.0
    shapes: list[Shape] = []
    for start in range(0, len(frames), each):
        shapes += _band(rows, frames[start : start + each], plan, top, advance)
        top += _WHEN + len(rows) * plan.band_h + 10
    height = top + 34
    frame = _frame(title, subtitle, height, _ABOUT[steps])
    return Scene(WIDTH, height, one_line(title), film_alt(rows, steps), (*frame, *shapes))


def _plan(rows: int, columns: int) -> Plan:
    wide = (WIDTH - 2 * MARGIN - LABEL - GAP * (columns - 1)) / columns
    size = 14.0 if columns <= 5 else 12.5
    return Plan(wide, 132 if rows <= 2 else 96 if rows <= 4 else 76, size if rows <= 4 else 12.0)


def _frame(title: str, subtitle: str, height: float, about: str) -> Iterator[Shape]:
    room = WIDTH - 2 * MARGIN
    yield Box(0.5, 0.5, WIDTH - 1, height - 1, "back", "line", 14)
    yield words(MARGIN, 41, 22, "text", title, room, bold=True)
    if subtitle:
        yield words(MARGIN, 65, 14.5, "quiet", subtitle, room)
    yield words(MARGIN, height - 16, 12.5, "quiet", BRAND)
    yield words(WIDTH - MARGIN, height - 16, 12.5, "quiet", about, at="end")


def _band(
    rows: Sequence[Entry], frames: Sequence[Frame], plan: Plan, top: float, advance: Advance
) -> Iterator[Shape]:
    for i, frame in enumerate(frames):
        x = MARGIN + LABEL + i * (plan.cell_w + GAP)
        yield words(x + plan.cell_w / 2, top + 18, 14, "text", when(frame.t_s), bold=True, at="middle")
        for k, view in enumerate(frame.lanes):
            y = top + _WHEN + k * plan.band_h
            yield from _cell(rows[k], view, plan, x, y, advance)
    for k, row in enumerate(rows):
        y = top + _WHEN + k * plan.band_h
        yield Box(MARGIN, y + 13, 9, 9, tone(row), radius=2)
        yield words(MARGIN + 16, y + 22, 14.5, "text", row.label, LABEL - 28, bold=True)
        yield words(MARGIN, y + 41, 12, "quiet", row.sub, LABEL - 14)
        if not any(_holds(frame.lanes[k]) for frame in frames):
            room = WIDTH - 2 * MARGIN - LABEL
            yield words(MARGIN + LABEL, y + plan.cell_h + 17, 12, "quiet", lanes.note(row.call), room)


def _cell(row: Entry, view: View, plan: Plan, x: float, y: float, advance: Advance) -> Iterator[Shape]:
    w, h, colour = plan.cell_w, plan.cell_h, tone(row)
    marked = view.first or view.sentence
    yield Box(x, y, w, h, "back", "line", 7)
    if _holds(view):
        yield from _shown(view, plan, x, y, advance)
    else:
        yield Box(x + 1, y + 1, w - 2, h - 2, "hatching", radius=6)
    if marked:
        yield Box(x, y, w, h, "", colour, 7)
        yield Box(x, y, w, 4, colour, radius=2)
    tag = "first text" if view.first else "first sentence" if view.sentence else ""
    if view.first and view.sentence:
        tag = "text, sentence" if w < 130 else "first text, sentence"
    if tag:
        tag_w = min(w, width(tag, 11.5, bold=True) * 1.12 + 20)
        yield Box(x, y + h + 3, tag_w, 18, colour, radius=9, faint=0.18)
        yield words(x + tag_w / 2, y + h + 16, 11.5, "text", tag, bold=True, at="middle")
        if w - tag_w > width(view.amount, 11.5) * 1.16 + 6:
            yield words(x + w, y + h + 16, 11.5, "quiet", view.amount, at="end")
    elif view.amount:
        yield words(x + w, y + h + 16, 11.5, "quiet", view.amount, at="end")


def _holds(view: View) -> bool:
    return bool(view.text.strip() or view.reasoning.strip() or view.amount)


def _shown(view: View, plan: Plan, x: float, y: float, advance: Advance) -> Iterator[Shape]:
    lane = Track((0.0, 0.0), ("reasoning", "content"), (view.reasoning, view.text), (0, 0))
    room = text.Room(x + 8, y + 8, plan.cell_w - 16, plan.cell_h - 14, plan.size, advance)
    yield text.window(lane, room, _STILL)


def when(t_s: float) -> str:
    """A frame's time with as many digits as it needs: 0.25 s, 1 s, 7.32 s."""
    return f"{t_s:.4f}".rstrip("0").rstrip(".") + " s" if t_s < 0.1 else f"{round(t_s, 2):g} s"


def _name(row: Entry) -> str:
    label, sub = one_line(row.label), one_line(row.sub)
    return f"{label} ({sub})" if sub else label


def _story(frames: Sequence[Frame], lane: int) -> str:
    views = [frame.lanes[lane] for frame in frames]
    first = next((f.t_s for f, view in zip(frames, views, strict=True) if view.first), None)
    if first is None:
        return "has no text to read"
    sentence = next((f.t_s for f, view in zip(frames, views, strict=True) if view.sentence), None)
    told = f"has its first text at {when(first)}"
    if sentence is not None:
        told += f", a whole sentence at {when(sentence)}"
    return f"{told} and {views[-1].amount} in the end"
