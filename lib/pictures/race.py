"""The race as a scene: panes in which the answers come, and below them one strip of events per lane.

What stands where, and when; svg.py and paint.py draw it. Titles and labels are the caller's, and may be
untrusted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lib import lanes
from lib.film import Track, track
from lib.lanes import Entry
from lib.pictures import text
from lib.pictures.look import (
    ADVANCE,
    BRAND,
    FRAME_S,
    LIMIT,
    Advance,
    Box,
    Clock,
    Cursor,
    Flash,
    Marks,
    Scene,
    Shape,
    Sweep,
    Words,
    one_line,
    width,
    words,
)
from lib.pictures.svg import svg

WIDTH = 960
MARGIN = 24
GAP = 14
PAUSE_S = 3.0
_WIDER = 1.16
"""What follows a word leaves room for a font that is wider than the usual ones."""
_COARSER = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 512)
_STROKES = {
    "content": (0.1, 0.8, 1.0, ""),
    "reasoning": (0.35, 0.55, 0.5, ""),
    "role": (0.65, 0.25, 0.9, "quiet"),
    "other": (0.65, 0.25, 0.9, "quiet"),
    "finish": (0.65, 0.25, 0.9, "quiet"),
    "usage": (0.65, 0.25, 0.9, "quiet"),
    "done": (0.65, 0.25, 0.9, "quiet"),
    "error": (0.0, 1.0, 1.0, "bad"),
}
"""Where a mark begins, how tall it is, how strong, and its colour where that is not the lane's."""


class Lane(NamedTuple):
    """A row with its events. `first_s`: when there is something to read, reasoning too."""

    row: Entry
    track: Track
    first_s: float | None
    note: str

    @property
    def tone(self) -> str:
        """The role of its colour."""
        return tone(self.row)

    @property
    def is_blocking(self) -> bool:
        """Whether everything comes at once."""
        return self.row.call.planned.mode == "blocking"

    @property
    def end_s(self) -> float | None:
        """Its last event."""
        return self.track.last_s


class Plan(NamedTuple):
    """Sizes that follow from the number of lanes."""

    columns: int
    pane_w: float
    head: float
    body: float
    size: float
    strip: float
    label: float

    @property
    def pane_h(self) -> float:
        """Height of one pane."""
        return self.head + self.body


def race_svg(
    rows: Sequence[Entry],
    *,
    title: str,
    subtitle: str = "",
    dark: bool | None = None,
    speed: float = 1.0,
) -> str:
    """The race as one SVG that plays in an <img>, over and over with a pause at its end; ≤ 300 kB.

    At most eight rows are drawn. `dark` None: the scheme of whoever looks at it. Long answers come in
    coarser steps than 1/15 s until the limit holds; no text is shown before it came.
    """
    likely = [factor for factor in _COARSER if _guess(rows, speed * factor) <= LIMIT]
    for factor in likely or _COARSER[-1:]:
        drawn = svg(scene(rows, title=title, subtitle=subtitle, speed=speed, coarser=factor), dark)
        if len(drawn) <= LIMIT and len(drawn.encode()) <= LIMIT:
            break
    return drawn


def _guess(rows: Sequence[Entry], step: float) -> float:
    """About how many bytes the race takes with frames of `step` times 1/15 s."""
    tracks = [track(row) for row in rows[: lanes.MAX_LANES]]
    shown = [{int(t / step / FRAME_S) for t in one.t_s} for one in tracks]
    chars = sum(min(sum(one.chars), 400 * len(moments)) for one, moments in zip(tracks, shown, strict=True))
    return 2.5 * chars + 33 * sum(map(len, shown)) + 75 * len(set().union(*shown))


def tone(row: Entry) -> str:
    """The role of a lane's colour."""
    return f"t{row.tone % (lanes.SERIES + 1)}"


def race_alt(rows: Sequence[Entry]) -> str:
    """The race in one plain sentence. It holds the rows' labels, which are untrusted text."""
    if not rows:
        return "An empty race: there is no call to show."
    told = "; ".join(f"{_name(lane.row)} {_story(lane)}" for lane in _lanes(rows))
    return f"A race on one clock: {told}."


def scene(
    rows: Sequence[Entry],
    *,
    title: str,
    subtitle: str = "",
    speed: float = 1.0,
    coarser: float = 1,
    advance: Advance = ADVANCE,
) -> Scene:
    """The whole race. `coarser`: how many times 1/15 s a displayed frame takes; `advance`: the font's."""
    racing = _lanes(rows)
    span = lanes.past(max((lane.end_s or 0.0 for lane in racing), default=0.0))
    grid = text.Grid(FRAME_S * speed * coarser, _milestones(racing))
    plan = _plan(len(racing))
    top = 78 if subtitle else 58
    shapes: list[Shape] = []
    for i, lane in enumerate(racing):
        column, row = i % plan.columns, i // plan.columns
        x, y = MARGIN + column * (plan.pane_w + GAP), top + row * (plan.pane_h + GAP)
        shapes += _pane(lane, plan, x, y, grid, advance)
    tall = -(-len(racing) // plan.columns) if racing else 0
    below = top + tall * (plan.pane_h + GAP) + 10
    shapes += _strips(racing, plan, below, span)
    height = below + len(racing) * (plan.strip + 6) + 58
    frame = _frame(title, subtitle, height, speed)
    says = race_alt(rows)
    return Scene(
        WIDTH, height, one_line(title), says, (*frame, *shapes), span, speed, PAUSE_S, _changes(racing, grid)
    )


def _lanes(rows: Sequence[Entry]) -> list[Lane]:
    return [_lane(row) for row in rows[: lanes.MAX_LANES]]


def _lane(row: Entry) -> Lane:
    events = track(row)
    seen = zip(events.t_s, events.kinds, events.texts, strict=True)
    first = next((t for t, kind, words in seen if kind in ("content", "reasoning") and words.strip()), None)
    return Lane(row, events, first, lanes.note(row.call))


def _milestones(racing: Sequence[Lane]) -> list[float]:
    times = [t for lane in racing for t in (lane.first_s, lane.track.first_s, lane.end_s)]
    return [t for t in times if t is not None]


def _changes(racing: Sequence[Lane], grid: text.Grid) -> tuple[float, ...]:
    return tuple(sorted({grid(t) for lane in racing for t in lane.track.t_s}))


def _plan(count: int) -> Plan:
    columns = 4 if count > 4 else 3 if count == 3 else max(1, min(count, 2))
    pane = (WIDTH - 2 * MARGIN - GAP * (columns - 1)) / columns
    if count <= 2:
        return Plan(columns, pane, 42, 168, 15.5, 30, 106)
    if count <= 4:
        return Plan(columns, pane, 42 if columns == 2 else 58, 136, 14, 24, 190)
    return Plan(columns, pane, 56, 112, 12.5, 17, 190)


def _frame(title: str, subtitle: str, height: float, speed: float) -> Iterator[Shape]:
    room = WIDTH - 2 * MARGIN
    yield Box(0.5, 0.5, WIDTH - 1, height - 1, "back", "line", 14)
    yield words(MARGIN, 40, 21, "text", title, room, bold=True)
    if subtitle:
        yield words(MARGIN, 63, 14, "quiet", subtitle, room)
    yield words(MARGIN, height - 15, 11.5, "quiet", BRAND)
    pace = "true speed" if speed == 1 else f"{speed:g}× speed"
    about = f"replayed at {pace} from recorded times; every mark is an event"
    yield words(WIDTH - MARGIN, height - 15, 11.5, "quiet", about, at="end")


def _pane(lane: Lane, plan: Plan, x: float, y: float, grid: text.Grid, advance: Advance) -> Iterator[Shape]:
    w, h = plan.pane_w, plan.pane_h
    yield Box(x, y, w, 30, lane.tone, radius=10)
    yield Box(x, y + 3, w, h - 3, "back", "line", 9)
    yield Box(x + 1, y + plan.head, w - 2, 1, "line")
    yield from _head(lane, plan, x, y)
    bottom = 28 if lane.note else 0
    inset = 14 if plan.columns < 4 else 11
    top = y + plan.head + 11
    room = text.Room(x + inset, top, w - 2 * inset, plan.body - 18 - bottom, plan.size, advance)
    yield text.window(lane.track, room, grid)
    yield from _waiting(lane, plan, x, y, h - plan.head)
    if lane.note:
        yield from _note(lane, x, y + h - bottom, w)


def _head(lane: Lane, plan: Plan, x: float, y: float) -> Iterator[Shape]:
    row, w = lane.row, plan.pane_w
    first = lane.track.first_s
    pill = "" if first is None else seconds(first)
    pill_w = width(pill, 13, bold=True) + 18
    room = w - 38 - (pill_w + 10 if pill else 0)
    yield Box(x + 14, y + 18, 9, 9, lane.tone, radius=4.5)
    label = words(x + 30, y + 27.5, 15, "text", row.label, room, bold=True)
    yield label
    if plan.head > 50:
        yield words(x + 14, y + 46, 12, "quiet", row.sub, w - 28)
    else:
        used = width(label.pieces[0].text, 15, bold=True) * _WIDER + 8
        if room - used > 40:
            yield words(x + 30 + used, y + 27.5, 13, "quiet", row.sub, room - used)
    if pill and first is not None:
        left = x + w - 12 - pill_w
        yield Box(left, y + 12, pill_w, 22, lane.tone, radius=11, faint=0.16, since=first)
        yield words(left + pill_w / 2, y + 27.5, 13, "text", pill, since=first, bold=True, at="middle")


def _waiting(lane: Lane, plan: Plan, x: float, y: float, h: float) -> Iterator[Shape]:
    """Hatched for as long as nothing can be read although something is still to come."""
    until = lane.first_s if lane.first_s is not None else lane.end_s
    if until is None or until <= 0:
        return
    top = y + plan.head + 1
    yield Box(x + 1, top, plan.pane_w - 2, h - 2, "hatching", radius=8, until=until)
    big = plan.columns < 4
    size = 30 if big else 21
    middle, centre = top + h / 2, x + plan.pane_w / 2
    yield Clock(centre, middle, size, until, _step(until, 75 if big else 40))
    yield words(
        centre,
        middle + size * 0.85,
        13 if big else 11.5,
        "quiet",
        "nothing to read yet",
        until=until,
        at="middle",
    )
    if lane.is_blocking and lane.first_s is not None:
        yield Flash(x + 1, top, plan.pane_w - 2, h - 2, lane.tone, lane.first_s)


def _note(lane: Lane, x: float, y: float, w: float) -> Iterator[Shape]:
    since = lane.end_s or 0.0
    well = lane.row.call.state == "done"
    yield Box(
        x + 1, y, w - 2, 27, "soft" if well else "bad", radius=8, faint=1 if well else 0.14, since=since
    )
    yield words(x + 12, y + 18, 12, "text", lane.note, w - 24, since=since)


def _strips(racing: Sequence[Lane], plan: Plan, top: float, span: float) -> Iterator[Shape]:
    left, right = MARGIN + plan.label, WIDTH - MARGIN - 62
    w, step = right - left, plan.strip + 6
    for i, lane in enumerate(racing):
        y = top + i * step
        middle = y + plan.strip / 2 + 4.5
        yield from _row_label(lane, plan, middle)
        yield Sweep(left, y, w, plan.strip, tuple(_marks(lane, left, y, w, plan.strip, span)))
        if lane.end_s is not None:
            yield words(
                WIDTH - MARGIN, middle, 13, "text", seconds(lane.end_s), since=lane.end_s, bold=True, at="end"
            )
    below = top + len(racing) * step
    for place, name in ticks(span, 8):
        yield words(left + place / span * w, below + 10, 11.5, "quiet", name, at="middle")
    yield words(MARGIN, below + 10, 11.5, "quiet", "seconds")
    yield Cursor(left, top - 5, w, below - top + 4)


def _row_label(lane: Lane, plan: Plan, y: float) -> Iterator[Shape]:
    room = plan.label - 26
    small = 13 if plan.strip > 20 else 12
    yield Box(MARGIN, y - 9, 8, 8, lane.tone, radius=2)
    label = words(MARGIN + 14, y, small, "text", lane.row.label, room, bold=True)
    yield label
    used = width(label.pieces[0].text, small, bold=True) * _WIDER + 6
    if plan.label > 100 and room - used > 30:
        yield words(MARGIN + 14 + used, y, small - 1, "quiet", lane.row.sub, room - used)


def _marks(lane: Lane, x: float, y: float, w: float, h: float, span: float) -> Iterator[Box | Words | Marks]:
    until = lane.track.first_s if lane.track.first_s is not None else lane.end_s
    if until is not None and until > 0:
        wait = until / span * w
        yield Box(x, y, wait, h, "hatching")
        if wait > 150 and h > 20 and lane.track.t_s[0] > until / 2:
            yield words(x + 12, y + h / 2 + 4.5, 12.5, "quiet", "nothing to read")
    for kind, (low, tall, faint, fill) in _STROKES.items():
        places = [
            round(x + t / span * w, 1)
            for t, k in zip(lane.track.t_s, lane.track.kinds, strict=True)
            if k == kind
        ]
        if places:
            thick = 4.0 if lane.is_blocking and kind == "content" else 2.0
            kept = _apart(places, x + w - thick)
            yield Marks(kept, round(y + h * low, 1), thick, round(h * tall, 1), fill or lane.tone, faint)


def _apart(places: Sequence[float], most: float) -> tuple[float, ...]:
    """One of those that would be drawn within half a unit; none beyond the track."""
    kept: list[float] = []
    for x in places:
        if not kept or x - kept[-1] >= 0.5:
            kept.append(x)
    return tuple(min(x, most) for x in kept)


def _step(until: float, most: int) -> float:
    return next((s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60) if until / s <= most), 600)


def seconds(x: float) -> str:
    """Seconds for people: 0.16 s, 104.2 s."""
    return f"{x:.2f} s" if x < 99.995 else f"{x:.1f} s"


def ticks(span: float, most: int) -> list[tuple[float, str]]:
    """Round places on an axis from 0 to `span`, with their names."""
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(m * power for m in (1, 2, 5, 10, 20) if span / (m * power) <= most)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(i * step, f"{i * step:.{digits}f}") for i in range(int(span / step * 1.0001) + 1)]


def _name(row: Entry) -> str:
    label, sub = one_line(row.label), one_line(row.sub)
    return f"{label} ({sub})" if sub else label


def _story(lane: Lane) -> str:
    first, last = lane.track.first_s, lane.end_s
    if last is None:
        return f"shows nothing ({one_line(lane.note)})" if lane.note else "shows nothing"
    ended = f", {one_line(lane.note).rstrip('.')}" if lane.note else ""
    if first is None:
        return f"never shows text and ends at {seconds(last)}{ended}"
    if lane.is_blocking:
        return f"shows nothing for {seconds(first)}, then everything at once{ended}"
    return f"shows its first text after {seconds(first)} and its last event at {seconds(last)}{ended}"
