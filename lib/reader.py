"""METRICS.md section 6: what a reader of the answer goes through, at a speed in characters a second. Pure.

A fluid model: reading starts with the first visible text, never outruns what has arrived, and waits where
it would. The presets are mean speeds of English in Latin script; any other script needs a speed of its own.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.experiment import Number
from lib.facts import CUT, NO_TEXT, Facts, Unknown
from lib.metrics import Metric
from lib.timeline import Recount, Timeline

Floats = npt.NDArray[np.float64]
SILENT_WPM = 238.0
"""Silent reading, words a minute: doi 10.1016/j.jml.2019.104047."""
ALOUD_WPM = 183.0
"""Reading aloud, same source."""
EXPECTED_WAIT_S = 1.0
"""After so long a reader is expected to have something to read (`qoe`)."""
OTHER_SCRIPT = "Reading speeds are known for Latin script only; for other scripts: r is asked for."
INSTANT_S = 5e-10
"""Times are whole nanoseconds: a shorter wait is rounding."""


def rate(wpm: float) -> float:
    """Characters a second at `wpm` words a minute: 4.6 letters and a space a word, as METRICS.md counts."""
    return wpm * 5.6 / 60


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: `cps` characters a second. `latin`: a preset, true of Latin script only."""

    cps: float
    latin: bool = False


SILENT = Reader(rate(SILENT_WPM), latin=True)
ALOUD = Reader(rate(ALOUD_WPM), latin=True)


class Deadlines(NamedTuple):
    """Of `fluidity_index`: when the first token is due, and each later one after the one before it."""

    first_s: float = 1.0
    token_s: float = 0.05


DEADLINES = Deadlines()


class Stall(NamedTuple):
    """The reader has read all there is at `start_s` and waits."""

    start_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Fluid:
    """`finish_s`: when each arrival has been read. `line`: (s, characters read), straight in between."""

    finish_s: tuple[float, ...]
    stalls: tuple[Stall, ...]
    line: tuple[tuple[float, float], ...]


NOTHING_READ = Fluid((), (), ())


def fluid(arrivals: Sequence[tuple[float, int]], r: float) -> Fluid:
    """F_1 = t_1 + n_1/r; F_i = max(F_(i-1), t_i) + n_i/r; stall_i = max(0, t_i - F_(i-1)). O(n).

    `arrivals`: (seconds, characters), times rising; `r` > 0. Empty for no arrivals.
    """
    if not arrivals:
        return NOTHING_READ
    times, chars = (np.asarray(column, dtype=np.float64) for column in zip(*arrivals, strict=True))
    return _flow(times, chars, r)


def _flow(times: Floats, chars: Floats, r: float) -> Fluid:
    """As `fluid`, from columns of at least one arrival."""
    read = np.concatenate([[0.0], np.cumsum(chars)])
    # F_i - (characters up to i)/r is the latest t_j - (characters before j)/r so far: no loop is needed.
    finish = np.maximum.accumulate(times - read[:-1] / r) + read[1:] / r
    waits = times[1:] - finish[:-1]
    at = np.flatnonzero(waits > INSTANT_S)
    stalls = tuple(map(Stall, finish[at].tolist(), waits[at].tolist()))
    line = [(float(times[0]), 0.0)]
    for stall, known in zip(stalls, read[at + 1].tolist(), strict=True):
        line += [(stall.start_s, known), (stall.start_s + stall.seconds, known)]
    return Fluid(tuple(finish.tolist()), stalls, (*line, (float(finish[-1]), float(read[-1]))))


def mostly_latin(text: str) -> bool:
    """Whether at least half of the letters are Latin; true of a text without letters."""
    if text.isascii():
        return True
    letters = {c: n for c, n in Counter(text).items() if c.isalpha()}
    latin = sum(
        n for c, n in letters.items() if unicodedata.name(c, "").startswith(("LATIN", "FULLWIDTH LATIN"))
    )
    return 2 * latin >= sum(letters.values())


def noticed(freezes: Sequence[tuple[int, int]], stalls: Sequence[Stall]) -> list[bool]:
    """For each freeze (start, end in ns, as `Facts.freeze_spans`): whether the reader stalled in it."""
    return [any(s / 1e9 <= stall.start_s + stall.seconds and stall.start_s < e / 1e9 for stall in stalls)
            for s, e in freezes]  # fmt: skip


class Reading:
    """One call with who reads it; `blocking`: the call it is held against. Properties may raise Unknown."""

    def __init__(
        self,
        facts: Facts,
        reader: Reader,
        blocking: Facts | None = None,
        deadlines: Deadlines | None = None,
        expected_wait_s: float = EXPECTED_WAIT_S,
    ) -> None:
        self.facts = facts
        self.reader = reader
        self.blocking = blocking
        self.deadlines = deadlines
        self.expected_wait_s = expected_wait_s

    @cached_property
    def arrivals(self) -> tuple[Floats, Floats]:
        """(seconds, characters), as `arrivals` has them, in columns."""
        return _arrived(self.facts)

    @cached_property
    def cps(self) -> float:
        """Characters a second; Unknown where a preset does not apply."""
        known = None not in self.facts.shows.text
        if self.reader.latin and known and not mostly_latin(self.facts.text):
            raise Unknown(OTHER_SCRIPT)
        if not self.reader.cps > 0:
            raise Unknown("A reading speed is more than 0 characters a second.")
        return self.reader.cps

    @cached_property
    def fluid(self) -> Fluid:
        """The model at work; empty for a call without visible text."""
        times, chars = self.arrivals
        return _flow(times, chars, self.cps) if self.cps and times.size else NOTHING_READ

    @property
    def whole(self) -> Fluid:
        """As `fluid`; Unknown for a cut answer, or one without visible text."""
        if not self.arrivals[0].size:
            raise Unknown(NO_TEXT)
        if not self.facts.timeline.complete:
            raise Unknown(CUT)
        return self.fluid

    @cached_property
    def due(self) -> tuple[int, int]:
        """Token deadlines (missed, in all); Unknown without a recount, a whole answer, or deadlines."""
        if self.deadlines is None:
            raise Unknown("No deadlines were set.")
        if not self.facts.timeline.complete:
            raise Unknown(CUT)
        first, each = (round(s * 1e9) for s in self.deadlines)
        if each <= 0 or first < 0:
            raise Unknown("A deadline between tokens is more than 0 s.")
        missed, total = _deadlines(self.facts, first, each)
        if not total:
            raise Unknown(NO_TEXT)
        return missed, total

    @property
    def stall_s(self) -> float:
        """Seconds waited after reading began."""
        return sum(stall.seconds for stall in self.fluid.stalls)


def arrivals(f: Facts) -> list[tuple[float, int]]:
    """(seconds, characters) of each arrival of visible text, from the first that shows something on.

    Leading white space is counted with that first one. Of withheld text the first arrival is taken.
    """
    times, chars = _arrived(f)
    return list(zip(times.tolist(), chars.astype(np.int64).tolist(), strict=True))


def _arrived(f: Facts) -> tuple[Floats, Floats]:
    texts = f.shows.text
    first = next((i for i, text in enumerate(texts) if text is None or not text.isspace()), len(texts))
    if first == len(texts) or not f.length:
        return np.empty(0), np.empty(0)
    if f.blocking:
        return np.array([f.e2e_ns / 1e9]), np.array([float(f.length)])
    times, at = np.unique(f.shows.times[first:], return_inverse=True)
    chars: Floats = np.bincount(at, weights=f.shows.chars[first:]).astype(np.float64)
    chars[0] += sum(f.shows.chars[:first])
    return times / 1e9, chars


def reader_stall_count(r: Reading) -> int:
    """How often the reader had read all there was and waited for more."""
    return len(r.fluid.stalls)


def reader_stall_s(r: Reading) -> float:
    """Sum over i >= 2 of max(0, t_i - F_(i-1)): seconds waited after reading began."""
    return r.stall_s


def reader_finish_s(r: Reading) -> float:
    """F_m, when the last character has been read: ttfo_s + characters / r + reader_stall_s."""
    return r.whole.finish_s[-1]


def reader_stall_ratio(r: Reading) -> float:
    """reader_stall_s / (reader_stall_s + characters / r)."""
    reading_s = r.whole.line[-1][1] / r.cps
    return r.stall_s / (r.stall_s + reading_s)


def reader_time_saved_s(r: Reading) -> float:
    """(Total time of blocking + its characters / r) - reader_finish_s."""
    if r.blocking is None:
        raise Unknown("There is no blocking call to hold it against.")
    return Reading(r.blocking, r.reader).whole.finish_s[-1] - r.whole.finish_s[-1]


def qoe(r: Reading) -> float:
    """Area of min(characters read, expected) / area of expected, up to last_content_s.

    Expected: reading at r from `expected_wait_s` on. arXiv 2404.16283 v1; the clipping is ours. Later
    versions of that paper use another formula.
    """
    line = r.whole.line
    end, wait, chars = float(r.arrivals[0][-1]), r.expected_wait_s, line[-1][1]
    if end <= wait:
        raise Unknown("The whole answer came before a reader would have expected its beginning.")
    expected = [(wait, 0.0), (wait + chars / r.cps, chars)]
    times = sorted({t for t, _ in (*line, *expected) if 0 < t < end} | {0.0, end})
    read, due = _at(line, times), _at(expected, times)
    spans = list(zip(pairwise(read), pairwise(due), pairwise(times), strict=True))
    both = sum(_below(a, b, t1 - t0) for a, b, (t0, t1) in spans)
    ideal = sum((b0 + b1) / 2 * (t1 - t0) for _, (b0, b1), (t0, t1) in spans)
    return both / ideal


def deadlines_total(r: Reading) -> int:
    """Deadlines there were: one a token in time, and each that passed while waiting for a late one."""
    return r.due[1]


def deadlines_missed(r: Reading) -> int:
    """A late token misses 1 + floor(lateness / deadline between tokens)."""
    return r.due[0]


def fluidity_index(r: Reading) -> float:
    """1 - deadlines_missed / deadlines_total; arXiv 2407.07000 and its code."""
    missed, total = r.due
    return 1 - missed / total


def _deadlines(f: Facts, first_ns: int, each: int) -> tuple[int, int]:
    """(missed, total); slack of a token in time is carried to the next, a late one leaves none."""
    tokens = np.asarray(f.visible_counts, dtype=np.int64)
    times = f.shows.times if not f.blocking else np.full(len(tokens), f.e2e_ns)
    times, tokens = times[tokens > 0], tokens[tokens > 0]
    # After an event's first token the others come with no gap, each with one more deadline of slack.
    earned = np.concatenate([[first_ns], each * tokens[:-1]])[: len(tokens)]
    slack = np.cumsum(earned - np.diff(times, prepend=0))
    floor = np.minimum.accumulate(np.concatenate([[0], slack]))[:-1]
    late = np.maximum(0, floor - slack)
    missed = np.where(late > 0, 1 + late // each, 0)
    return int(missed.sum()), int((np.maximum(1, missed) + tokens - 1).sum())


def _at(line: Sequence[tuple[float, float]], times: Sequence[float]) -> list[float]:
    """Heights of a line at rising times; level before its first point and after its last."""
    found: list[float] = []
    i = 0
    for t in times:
        while i < len(line) - 1 and line[i + 1][0] <= t:
            i += 1
        (t0, y0), (t1, y1) = line[i], line[min(i + 1, len(line) - 1)]
        found.append(y0 if t <= t0 or t1 <= t0 else y0 + (y1 - y0) * (t - t0) / (t1 - t0))
    return found


def _below(one: tuple[float, float], other: tuple[float, float], width: float) -> float:
    """Area under the lower of two straight lines, each given by its heights at both ends."""
    first, last = one[0] - other[0], one[1] - other[1]
    start, end = min(one[0], other[0]), min(one[1], other[1])
    if first * last >= 0:
        return (start + end) / 2 * width
    share = first / (first - last)
    crossing = one[0] + (one[1] - one[0]) * share
    return ((start + crossing) * share + (crossing + end) * (1 - share)) / 2 * width


_WHOLE = "no visible text, or cut short"
_DUE = "no tokenizer, no deadlines, no visible text, or cut short"
_TABLE = (
    Metric(reader_stall_count, "times a reader waits", "", "another script than the speed's", "counted"),
    Metric(reader_stall_s, "time a reader waits", "s", "another script than the speed's"),
    Metric(reader_finish_s, "reader has finished", "s", _WHOLE),
    Metric(reader_stall_ratio, "share of reading spent waiting", "", _WHOLE),
    Metric(
        reader_time_saved_s, "earlier finished than with blocking", "s", "no blocking call, or either cut"
    ),
    Metric(
        qoe,
        "reading against expected reading",
        "",
        "no visible text, cut short, or all there within the wait",
    ),
    Metric(deadlines_missed, "token deadlines missed", "", _DUE, "recounted"),
    Metric(deadlines_total, "token deadlines", "", _DUE, "recounted"),
    Metric(fluidity_index, "share of token deadlines met", "", _DUE, "recounted"),
)
READER: dict[str, Metric[Reading]] = {m.name: m for m in _TABLE}
"""Every number of one call and its reader. `fluidity_index` is shown with its deadlines only."""


def read(
    timeline: Timeline,
    recount: Recount | None = None,
    reader: Reader = SILENT,
    *,
    blocking: Timeline | None = None,
    deadlines: Deadlines | None = None,
    expected_wait_s: float = EXPECTED_WAIT_S,
) -> tuple[dict[str, Number], dict[str, str]]:
    """(values, reasons): every name of READER, null ones with their sentence."""
    held = None if blocking is None else Facts(blocking, None)
    reading = Reading(Facts(timeline, recount), reader, held, deadlines, expected_wait_s)
    values: dict[str, Number] = {}
    reasons: dict[str, str] = {}
    for name, metric in READER.items():
        try:
            values[name] = metric.of(reading)
        except Unknown as reason:
            values[name] = None
            reasons[name] = str(reason)
    return values, reasons
