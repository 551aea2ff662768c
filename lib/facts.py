"""What the metrics of one call share: its visible events, arrivals, gaps and counts, each made once.

Nanoseconds as in the timeline. Whatever cannot be known raises `Unknown` with the reason; metrics turns
that into a null. Which numbers are shown, and what they are called, is metrics' business.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate, compress
from operator import itemgetter, mul
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from lib.timeline import Event, Recount, Timeline

T = TypeVar("T")
Integers = npt.NDArray[np.int64]
SENTENCE = re.compile(r"[.!?…][\"'”’»)\]}]*\s|[。！？]")
CUT = "The answer is not known to be whole, so its end has no time."
NO_TEXT = "No visible text arrived."
WITHHELD = "The text was withheld, so nobody can tell which event first showed something."
NO_RECOUNT = "There is no recount of the tokens."


class Unknown(Exception):
    """A number that cannot be computed; `str()` is the sentence that says why."""


class Columns:
    """Events field by field, each made once: much faster than one event after the other."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events

    def _all(self, name: str) -> list[Any]:
        return list(map(itemgetter(Event._fields.index(name)), self.events))

    @cached_property
    def t_ns(self) -> list[int]:
        """When each came."""
        return self._all("t_ns")

    @cached_property
    def times(self) -> Integers:
        """`t_ns` as an array."""
        return np.asarray(self.t_ns, dtype=np.int64)

    @cached_property
    def kind(self) -> list[str]:
        """What each is."""
        return self._all("kind")

    @cached_property
    def text(self) -> list[str | None]:
        """What each says; None withheld."""
        return self._all("text")

    @cached_property
    def chars(self) -> list[int]:
        """How long each is."""
        return self._all("chars")

    @cached_property
    def frames(self) -> int:
        """Distinct frames; an event whose place in the body is unknown is one of its own."""
        ends = self._all("end")
        known = [end for end in ends if end]
        return len(set(known)) + len(ends) - len(known)

    @cached_property
    def apart(self) -> bool:
        """Whether each is alone in its frame, and none came before the one before it."""
        return self.frames == len(self.events) and not bool((np.diff(self.times) < 0).any())


class Facts:
    """One timeline with its recount. Properties ending in _ns may raise Unknown."""

    def __init__(self, timeline: Timeline, recount: Recount | None) -> None:
        self.timeline = timeline
        self.recount = recount
        self.blocking = timeline.mode == "blocking"
        self.visible = self.of_kind("content", timeline.events)
        self.marks = dict(timeline.marks)

    @cached_property
    def texts(self) -> list[Event]:
        """The events with text."""
        if "reasoning" not in self.all.kind:
            return self.visible
        return [e for e in self.timeline.events if e.kind in ("content", "reasoning")]

    def of_kind(self, kind: str, values: Sequence[T]) -> list[T]:
        """Those of `values`, one an event, whose events are of a kind."""
        return [value for value, k in zip(values, self.all.kind, strict=True) if k == kind]

    @cached_property
    def all(self) -> Columns:
        """Every event."""
        return Columns(self.timeline.events)

    @cached_property
    def shows(self) -> Columns:
        """The visible events."""
        return Columns(self.visible)

    @cached_property
    def arrivals(self) -> list[int]:
        """Distinct times at which visible text came."""
        return sorted(dict.fromkeys(self.shows.t_ns))

    @cached_property
    def gaps(self) -> list[int]:
        """Between one visible arrival and the next; Unknown below two arrivals."""
        gaps: list[int] = self.gap_array.tolist()
        return gaps

    @cached_property
    def gap_array(self) -> Integers:
        """`gaps` as an array."""
        if len(self.arrivals) < 2:
            raise Unknown("Visible text arrived at fewer than two moments, so there is no gap.")
        arrivals = np.asarray(self.arrivals, dtype=np.int64)
        return arrivals[1:] - arrivals[:-1]

    @cached_property
    def freezes(self) -> list[int]:
        """Lengths of the gaps that are freezes."""
        return [end - start for start, end in self.freeze_spans]

    @cached_property
    def freeze_spans(self) -> list[tuple[int, int]]:
        """(start, end) of each freeze, as webrtc-stats counts them: a mean over up to 30 gaps before."""
        if len(self.arrivals) < 3:
            return []
        gaps = self.gap_array
        before, place = np.concatenate([[0], np.cumsum(gaps)[:-1]]), np.arange(len(gaps))
        mean = (before - before[np.maximum(place - 30, 0)])[1:] / np.minimum(place, 30)[1:]
        found = np.flatnonzero((gaps[1:] >= 3 * mean) & (gaps[1:] >= mean + 150e6)) + 1
        return [(self.arrivals[i], self.arrivals[i + 1]) for i in found.tolist()]

    @cached_property
    def visible_frames(self) -> int:
        """Distinct frames with visible text."""
        return self.shows.frames

    @cached_property
    def text_frames(self) -> int:
        """Distinct frames with text."""
        return self.visible_frames if len(self.texts) == len(self.visible) else Columns(self.texts).frames

    @cached_property
    def visible_times(self) -> list[int]:
        """When each distinct frame with visible text came."""
        return frame_times(self.visible)

    @cached_property
    def text_times(self) -> list[int]:
        """When each distinct frame with text came."""
        return frame_times(self.texts)

    @cached_property
    def shown(self) -> list[int]:
        """Characters visible after each visible event."""
        return list(accumulate(self.shows.chars))

    @property
    def length(self) -> int:
        """Code points of the visible text."""
        return self.shown[-1] if self.shown else 0

    @cached_property
    def text(self) -> str:
        """The visible text; Unknown when it was withheld."""
        if None in self.shows.text:
            raise Unknown(WITHHELD)
        return "".join(filter(None, self.shows.text))

    @cached_property
    def e2e_ns(self) -> int:
        """The finish event, or the body's end of a blocking call; Unknown when the call was cut.

        Some servers send a finish reason with every event, or text after it: what counts is the first one
        after all text, else the last text.
        """
        if not self.timeline.complete:
            raise Unknown(CUT)
        times, kinds = self.all.t_ns, self.all.kind
        if self.blocking and ("eof" in self.marks or times):
            return self.marks["eof"] if "eof" in self.marks else times[-1]
        if self.blocking or "finish" not in kinds:
            raise Unknown("No finish reason arrived, so the moment the answer ended is not known.")
        texts = (i for i in reversed(range(len(kinds))) if kinds[i] in ("content", "reasoning"))
        last = next(texts, 0)
        return times[kinds.index("finish", last) if "finish" in kinds[last:] else last]

    @cached_property
    def ttfo_ns(self) -> int:
        """First visible character that is not white space."""
        for event in self.visible:
            if event.text is None:
                raise Unknown(WITHHELD)
            if event.text and not event.text.isspace():
                return self.e2e_ns if self.blocking else event.t_ns
        raise Unknown(NO_TEXT)

    @cached_property
    def last_ns(self) -> int:
        """The last content event."""
        first = self.ttfo_ns
        return first if self.blocking else self.visible[-1].t_ns

    @property
    def answer_ns(self) -> int:
        """From the first visible text to the last; Unknown when all of it came at one moment."""
        window = self.last_ns - self.ttfo_ns
        if len(self.arrivals) < 2 or window <= 0:
            raise Unknown("All visible text arrived at one moment, so it has no rate.")
        return window

    def reached_ns(self, chars: int) -> int:
        """When `chars` characters were visible. Needs at least one visible character."""
        if not self.length:
            raise Unknown(NO_TEXT)
        return self.e2e_ns if self.blocking else self.visible[bisect_left(self.shown, chars)].t_ns

    def whole_ns(self, chars: int) -> int:
        """As `reached_ns`; Unknown for a cut answer, of which nobody knows the whole."""
        if not self.timeline.complete:
            raise Unknown(CUT)
        return self.reached_ns(chars)

    def speed_index_ns(self) -> float:
        """Mean time at which a character was visible; Unknown for a cut answer, whose whole is unknown."""
        total = self.e2e_ns
        if not self.length:
            raise Unknown(NO_TEXT)
        return total if self.blocking else sum(map(mul, self.shows.chars, self.shows.t_ns)) / self.length

    def sentence_ns(self) -> int:
        """The first whole sentence, else the last content event."""
        last = self.last_ns
        found = SENTENCE.search(self.text)
        return self.reached_ns(found.end()) if found else last

    def early_chars(self) -> int:
        """Characters that had come with the first visible text."""
        first = self.ttfo_ns
        return sum(compress(self.shows.chars, self._until(first)))

    @cached_property
    def visible_counts(self) -> list[int]:
        """Recounted tokens of each visible event."""
        return self._counts("content")

    @cached_property
    def content_tokens(self) -> int:
        """Recounted tokens of the visible text."""
        return sum(self.visible_counts)

    @cached_property
    def reasoning_tokens(self) -> int:
        """Recounted tokens of the reasoning text."""
        return sum(self._counts("reasoning"))

    @cached_property
    def early_tokens(self) -> int:
        """Recounted tokens that had come with the first visible text."""
        counts = self.visible_counts
        return sum(compress(counts, self._until(self.ttfo_ns))) if counts else 0

    def _until(self, t_ns: int) -> list[bool]:
        """For each visible event: whether it had come."""
        found: list[bool] = (self.shows.times <= t_ns).tolist()
        return found

    def _counts(self, kind: str) -> list[int]:
        if self.recount is None:
            raise Unknown(NO_RECOUNT)
        return self.of_kind(kind, self.recount.tokens)

    def reported(self, name: str) -> int:
        """A count the server reported; Unknown when it did not."""
        usage = self.timeline.usage
        value: int | None = None if usage is None else getattr(usage, name)
        if value is None:
            raise Unknown("The server reported no such token count.")
        return value

    def visible_tokens(self) -> tuple[int, str]:
        """(tokens of the visible text, "reported" or "recount")."""
        usage = self.timeline.usage
        if usage is not None and usage.completion is not None:
            hidden = usage.reasoning
            if hidden is None and "reasoning" not in self.all.kind:
                hidden = 0
            if hidden is not None and usage.completion >= hidden:
                return usage.completion - hidden, "reported"
        if self.recount is None:
            raise Unknown("The server reported no count of visible tokens, and there is no recount of them.")
        return self.content_tokens, "recount"


def frame_times(events: Iterable[Event]) -> list[int]:
    """The time of each distinct frame among events; one whose place is unknown is a frame of its own."""
    return list({e.end or -i: e.t_ns for i, e in enumerate(events, 1)}.values())
