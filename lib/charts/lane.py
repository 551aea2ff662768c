"""Lanes as numpy columns on a picture's own axis, and the part of the axis that is drawn. Pure.

Made once for all rows of a figure. How a lane looks is each picture's business, its words are told's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from lib import lanes
from lib.calibration import suspect_gaps
from lib.charts.look import DASHES, SYMBOLS, Floats, Palette
from lib.dialects import Kind
from lib.facts import Facts
from lib.phases import phases
from lib.timeline import Arrival, Event

Spans = list[tuple[float, float]]
_CODES = {kind: code for code, kind in enumerate(get_args(Kind))}
Whole = npt.NDArray[np.int64]


class Lane:
    """One Entry. Times are seconds on the axis: the call's own, shifted, minus where the axis reads 0."""

    def __init__(self, place: int, row: lanes.Entry, zero_s: float) -> None:
        self.place = place
        self.row = row
        self.off_s = row.shift_s - zero_s
        self.timeline = row.call.timeline
        self.events: tuple[Event, ...] = () if self.timeline is None else self.timeline.events
        self.reads: tuple[Arrival, ...] = () if self.timeline is None else self.timeline.reads
        self.blocking = row.call.planned.mode == "blocking"
        self.dash = DASHES[row.tone]
        self.symbol = SYMBOLS[row.tone]

    def colour(self, palette: Palette) -> str:
        """The lane's tone in a scheme."""
        return palette.series[self.row.tone]

    def on_axis(self, t_ns: float) -> float:
        """A time of the call on the picture's axis."""
        return t_ns / 1e9 + self.off_s

    @cached_property
    def facts(self) -> Facts | None:
        """None when nothing is known of the call."""
        return None if self.timeline is None else Facts(self.timeline, self.row.call.recount)

    @cached_property
    def times(self) -> Floats:
        """Of every event, in the order of the events."""
        t_ns = np.fromiter((e[0] for e in self.events), np.int64, len(self.events))
        return t_ns / 1e9 + self.off_s

    @cached_property
    def kinds(self) -> npt.NDArray[np.int8]:
        """Of every event, as a number."""
        return np.fromiter((_CODES[e[1]] for e in self.events), np.int8, len(self.events))

    @cached_property
    def chars(self) -> Whole:
        """Of every event."""
        return np.fromiter((e[4] for e in self.events), np.int64, len(self.events))

    @cached_property
    def tokens(self) -> Whole | None:
        """Of every event, as recounted; None without a recount."""
        recount = self.row.call.recount
        return None if recount is None else np.array(recount.tokens, dtype=np.int64)

    @cached_property
    def queued(self) -> npt.NDArray[np.bool_]:
        """Of every event: whether the read that completed it had been waiting."""
        if not self.reads:
            return np.zeros(len(self.events), dtype=np.bool_)
        read = np.fromiter((e[5] for e in self.events), np.intp, len(self.events))
        known = (read >= 0) & (read < len(self.reads))
        late: npt.NDArray[np.bool_] = self.read_earliest < self.read_times
        return known & late[np.where(known, read, 0)]

    @cached_property
    def read_times(self) -> Floats:
        """Of every read."""
        return np.fromiter((r[0] for r in self.reads), np.int64, len(self.reads)) / 1e9 + self.off_s

    @cached_property
    def read_earliest(self) -> Floats:
        """Of every read: the moment from which it may have been waiting; its own time when it was not."""
        return np.fromiter((r[1] for r in self.reads), np.int64, len(self.reads)) / 1e9 + self.off_s

    def places(self, *kinds: Kind) -> npt.NDArray[np.intp]:
        """Which events are of these kinds, in order of time."""
        wanted = np.zeros(len(_CODES), dtype=np.bool_)
        wanted[[_CODES[kind] for kind in kinds]] = True
        found = np.flatnonzero(wanted[self.kinds])
        times = self.times[found]
        return found if (times[1:] >= times[:-1]).all() else found[np.argsort(times, kind="stable")]

    @cached_property
    def freezes(self) -> Spans:
        """Where visible text stopped, as METRICS.md 3 counts it."""
        spans = [] if self.facts is None or self.blocking else self.facts.freeze_spans
        return [(self.on_axis(start), self.on_axis(end)) for start, end in spans]

    @cached_property
    def suspects(self) -> Spans:
        """Gaps in which this program stood still for a fifth or more."""
        if self.timeline is None or self.facts is None or not self.timeline.pauses:
            return []
        gaps = zip(pairwise(self.facts.arrivals), suspect_gaps(self.timeline), strict=True)
        return [(self.on_axis(start), self.on_axis(end)) for (start, end), suspect in gaps if suspect]

    @cached_property
    def phases(self) -> list[tuple[str, float, float]]:
        """(label as lib.phases names it, start, end)."""
        found = () if self.timeline is None else phases(self.timeline)
        return [(p.label, p.start_s + self.off_s, p.end_s + self.off_s) for p in found]

    @cached_property
    def last(self) -> float | None:
        """The last event but keep-alives; None without one."""
        counted = self.times[self.kinds != _CODES["comment"]]
        return float(counted.max()) if len(counted) else None


class View(NamedTuple):
    """The part of the axis that is drawn. `whole`: nothing is left out but what decimation drops."""

    low: float
    high: float
    whole: bool

    def within(self, times: Floats, *, beside: int = 0) -> npt.NDArray[np.intp]:
        """Places of the sorted times in sight, and so many more on either side."""
        if self.whole:
            return np.arange(len(times))
        first = int(np.searchsorted(times, self.low, "left")) - beside
        last = int(np.searchsorted(times, self.high, "right")) + beside
        return np.arange(max(0, first), min(len(times), last))

    def clipped(self, spans: Spans) -> Spans:
        """The parts of spans in sight."""
        cut = [(max(start, self.low), min(end, self.high)) for start, end in spans]
        return [(start, end) for start, end in cut if start < end]

    def share(self, x: float) -> float:
        """How far along the axis a time lies, 0 to 1 when it is in sight."""
        return (x - self.low) / (self.high - self.low)


def drawn(rows: Sequence[lanes.Entry], zero_s: float) -> list[Lane]:
    """The rows' lanes, top to bottom. The last few are kept: a range of a long stream is drawn at once."""
    return [_lane(place, _Same(row), zero_s) for place, row in enumerate(rows)]


class _Same:
    """A row whose call is compared by identity: hashing 100,000 events costs more than drawing them."""

    def __init__(self, row: lanes.Entry) -> None:
        self.row = row

    def __hash__(self) -> int:
        return id(self.row.call)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.row.call is other.row.call and self.row[1:] == other.row[1:]


@lru_cache(maxsize=8)
def _lane(place: int, same: _Same, zero_s: float) -> Lane:
    return Lane(place, same.row, zero_s)


def view(found: Sequence[Lane], range_s: tuple[float, float] | None, zero_s: float) -> View:
    """All that the lanes hold, connecting included; or the range that was asked for."""
    if range_s is not None and range_s[1] > range_s[0]:
        return View(float(range_s[0]), float(range_s[1]), False)
    last = max((lane.last + zero_s for lane in found if lane.last is not None), default=0.0)
    high = lanes.past(last) - zero_s
    begun = min((start for lane in found for _, start, _ in lane.phases), default=-zero_s)
    low = min(begun, min((lane.off_s for lane in found), default=-zero_s))
    return View(low - 0.01 * (high - low) if low < -zero_s else low, high, True)
