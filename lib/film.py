"""The filmstrip's moments, and what could be read at each: when to look, and what was there. Pure.

The hero has a twin of this rule in JavaScript. How a filmstrip is drawn is the page's and lib.pictures'
business. Times are seconds on the picture's clock, to 0.1 ms, as in lib/lanes.py.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

from lib.facts import SENTENCE
from lib.lanes import Entry
from lib.timeline import Event, Kind

Steps = Literal["doubling", "equal"]
FIRST_S = 0.25
EQUAL = 8
_NEAR_THE_END = 0.9
_UNSPACED = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_TWO_WORDS = re.compile(r"\S\s+\S")


class Track(NamedTuple):
    """One lane's events but its keep-alives, in order; `t_s` never runs back. Withheld text is "".

    `chars`: code points of each event's text, known for withheld text too.
    """

    t_s: tuple[float, ...]
    kinds: tuple[Kind, ...]
    texts: tuple[str, ...]
    chars: tuple[int, ...]

    @property
    def last_s(self) -> float | None:
        """When the last event came; None without one."""
        return self.t_s[-1] if self.t_s else None

    @property
    def first_s(self) -> float | None:
        """When the first visible text came that is more than white space; None without any."""
        seen = zip(self.t_s, self.kinds, self.texts, strict=True)
        return next((t for t, kind, text in seen if kind == "content" and text.strip()), None)


class View(NamedTuple):
    """What one lane shows in one frame. `amount` is "" while there is nothing to count.

    `first`: no earlier frame has visible text, and this one has. `sentence`: the same for a whole sentence;
    a text that never holds one has no such frame.
    """

    text: str
    reasoning: str
    amount: str
    first: bool
    sentence: bool


class Frame(NamedTuple):
    """One moment, s, with a view of each lane in the order of the rows."""

    t_s: float
    lanes: tuple[View, ...]


def track(row: Entry) -> Track:
    """A lane's events on the picture's clock."""
    timeline = row.call.timeline
    events = [] if timeline is None else [e for e in timeline.events if e.kind != "comment"]
    times = accumulate((e.t_ns for e in events), max)
    return Track(
        tuple(round(t / 1e9 + row.shift_s, 4) for t in times),
        tuple(e.kind for e in events),
        tuple((e.text or "") if _is_text(e) else "" for e in events),
        tuple(e.chars if _is_text(e) else 0 for e in events),
    )


def moments(last_s: float, steps: Steps) -> list[float]:
    """When the frames are, s; the last is `last_s` itself. [] when that is not after the start.

    "doubling": 0.25 s, 0.5 s, 1 s … below nine tenths of `last_s`; for short answers it starts earlier.
    "equal": eight equal steps.
    """
    if last_s <= 0:
        return []
    if steps == "equal":
        return [last_s * i / EQUAL for i in range(1, EQUAL + 1)]
    at = FIRST_S
    while at * 4 > last_s:
        at /= 2
    found = []
    while at < _NEAR_THE_END * last_s:
        found.append(at)
        at *= 2
    return [*found, last_s]


def frames(rows: Sequence[Entry], steps: Steps = "doubling") -> list[Frame]:
    """What could be read of each lane at each moment; [] when nothing arrived on any lane."""
    tracks = [track(row) for row in rows]
    times = moments(max((t.last_s or 0.0 for t in tracks), default=0.0), steps)
    lanes = [list(_views(t, times)) for t in tracks]
    return [Frame(at, tuple(views[i] for views in lanes)) for i, at in enumerate(times)]


def amount(content: str, whole: str) -> str:
    """ "12 words", or characters where words say little: scripts without spaces, lists without them.

    `whole` decides which, so that a lane doesn't change its unit on the way.
    """
    sparse = len(whole) > 24 and not _TWO_WORDS.search(whole[:60])
    if sparse or _UNSPACED.search(whole[:400]):
        return _plural(len(content), "character")
    return _plural(len(content.split()), "word")


def _views(lane: Track, times: Sequence[float]) -> Iterator[View]:
    """Each frame's view. A mark is set once, at the first frame it holds for."""
    whole = "".join(_texts(lane, "content", len(lane.t_s)))
    first = sentence = False
    for at in times:
        count = bisect_right(lane.t_s, at)
        text = "".join(_texts(lane, "content", count))
        read, said = bool(text.strip()), bool(SENTENCE.search(text))
        reasoning = "".join(_texts(lane, "reasoning", count))
        yield View(
            text, reasoning, _amount(lane, count, text, whole), read and not first, said and not sentence
        )
        first, sentence = first or read, sentence or said


def _texts(lane: Track, kind: Kind, count: int) -> Iterator[str]:
    return (lane.texts[i] for i in range(count) if lane.kinds[i] == kind)


def _amount(lane: Track, count: int, text: str, whole: str) -> str:
    """Of withheld text nothing but its length is known."""
    if whole:
        return amount(text, whole) if text else ""
    chars = sum(lane.chars[i] for i in range(count) if lane.kinds[i] == "content")
    return _plural(chars, "character") if chars else ""


def _is_text(event: Event) -> bool:
    return event.kind in ("reasoning", "content")


def _plural(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"
