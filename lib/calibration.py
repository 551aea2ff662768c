"""How wrong the instrument is: its stamps against the lab's own account of its sends. METRICS.md 10. Pure.

A calibration is one call to the lab, made by the same capture code as every other; here is the request
for it and what its recording shows. Making the call is the service's business.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import median
from typing import Literal, NamedTuple

from lib.arrivals import trusted
from lib.body import Body
from lib.dialects import canonical
from lib.facts import Facts
from lib.plan import PlannedCall
from lib.recording import Recording, Request
from lib.spec import Limits
from lib.timeline import Timeline, decode

LEAST = 200
"""Events that a calibration needs: below, its p95 rests on fewer than ten of them."""
GOOD_MS = 600_000
"""How long a calibration holds for the same probe."""
SUSPECT = 0.2
"""From this share of a gap that the process stood still on, the gap says nothing about the stream."""
MODEL = "steady:first=0.05,rate=250,tokens=210"
"""210 events and a finish in 0.05 + 209/250 = 0.886 s."""
_COMMENT = "streamgauge-lab "


class Sent(NamedTuple):
    """The lab's account of one response, monotonic ns. `sizes`: the body's bytes in each write."""

    received_ns: int
    times_ns: tuple[int, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The error of one probe, seconds; None with a `reason`. `n`: events compared.

    `wall_ms`: when, for its age; `stamps`: those the times were really taken from; `pauses`: heartbeat
    pauses during the call, ns after t_send.
    """

    probe: str
    wall_ms: int
    n: int
    median_s: float | None
    p95_s: float | None
    max_s: float | None
    stamps: Literal["kernel", "user"]
    scheduler: str
    pauses: tuple[tuple[int, int], ...]
    reason: str | None = None

    @property
    def min_detectable_gap_s(self) -> float | None:
        """2 x p95: smaller differences are not shown as differences."""
        return None if self.p95_s is None else 2 * self.p95_s

    def tells(self, difference_s: float) -> bool:
        """Whether a difference is large enough to be shown as one; without an error none is."""
        least = self.min_detectable_gap_s
        return least is not None and abs(difference_s) >= least

    def holds(self, probe: str, wall_ms: int) -> bool:
        """Whether it is still good for that probe at that time."""
        return probe == self.probe and self.reason is None and 0 <= wall_ms - self.wall_ms <= GOOD_MS


def planned(n: int) -> PlannedCall:
    """The call's row in a plan: it belongs to no arm and no pair."""
    return PlannedCall(n, -1, "streaming", "calibration")


def request(base_url: str) -> Request:
    """The call to make. `base_url`: where the lab listens. Ends within a second, or is given up."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "calibrate"}], "stream": True}
    limits = Limits(connect_s=2.0, silence_s=2.0, total_s=5.0)
    return Request("chat.completions", "streaming", base_url, "", canonical(body), "new", "identity", limits)


def calibration(recording: Recording) -> Calibration:
    """What a calibration call shows. Never raises: what went wrong is its reason."""
    timeline = decode(recording)
    found = errors(recording)
    reason = None
    if not timeline.complete:
        reason = f"The calibration call failed. {timeline.why}"
    elif len(found) < LEAST:
        reason = f"Only {len(found)} events could be compared; {LEAST} are needed."
    known = reason is None
    return Calibration(
        probe=recording.instrument.probe,
        wall_ms=recording.wall_ms,
        n=len(found),
        median_s=median(found) / 1e9 if known else None,
        p95_s=quantile(found, 0.95) / 1e9 if known else None,
        max_s=max(found) / 1e9 if known else None,
        stamps=stamps(recording),
        scheduler=recording.instrument.scheduler,
        pauses=timeline.pauses,
        reason=reason,
    )


def sent(recording: Recording) -> Sent | None:
    """The lab's account, from the comment at the end of its streams; None without a sound one."""
    body = Body("streaming", recording.request.limits.body_bytes)
    comments = [f.comment for f in body.feed(recording.body) if f.comment is not None]
    told = next((c for c in reversed(comments) if c.startswith(_COMMENT)), None)
    try:
        data = json.loads((told or "").removeprefix(_COMMENT))
        times, sizes = tuple(map(int, data["sent_ns"])), tuple(map(int, data["bytes"]))
        account = Sent(int(data["received_ns"]), times, sizes)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return account if len(times) == len(sizes) and times == tuple(sorted(times)) else None


def errors(recording: Recording) -> tuple[int, ...]:
    """t_ns - t_written of each event in ns, in order; empty without the lab's account.

    Written is the send that completed the event, as the lab stamped it just before. One error per
    event, however many kinds it carries.
    """
    return tuple(at - written for written, at in compared(recording))


def compared(recording: Recording) -> tuple[tuple[int, int], ...]:
    """(written, measured) of each event, monotonic ns: what `errors` subtracts."""
    timeline, account = decode(recording), sent(recording)
    if account is None or timeline.t_send_monotonic_ns is None:
        return ()
    base, ends = timeline.t_send_monotonic_ns, list(accumulate(account.sizes))
    frames = {e.end: e.t_ns for e in timeline.events if e.kind != "comment"}
    return tuple(
        (account.times_ns[write], base + t_ns)
        for end, t_ns in frames.items()
        if (write := bisect_left(ends, end)) < len(ends)
    )


def first_text_error_ns(recording: Recording) -> int | None:
    """ttfo - (the lab's write of the first visible event - its receipt of the whole request), ns.

    None when either is not known. Holds what the network and the lab's own lateness in noticing add.
    """
    timeline, account = decode(recording), sent(recording)
    visible = next((e for e in timeline.events if e.kind == "content" and (e.text or "").strip()), None)
    if account is None or visible is None:
        return None
    write = bisect_left(list(accumulate(account.sizes)), visible.end)
    if write >= len(account.times_ns):
        return None
    return visible.t_ns - (account.times_ns[write] - account.received_ns)


def stamps(recording: Recording) -> Literal["kernel", "user"]:
    """What the times of a recording were taken from: the kernel only if every read that brought
    something has its stamp and the clocks let them be converted."""
    stamped = all(r.kernel_ns is not None for r in recording.reads if r.size)
    return "kernel" if stamped and trusted(recording.clocks) else "user"


def overlap_share(gap: tuple[int, int], pauses: Sequence[tuple[int, int]]) -> float:
    """How much of a gap the process stood still on, 0 to 1; any unit, both the same."""
    start, end = gap
    covered = sum(max(0, min(end, b) - max(start, a)) for a, b in pauses)
    return min(1.0, covered / (end - start)) if end > start else 0.0


def suspect_gaps(timeline: Timeline) -> tuple[bool, ...]:
    """For each gap of `metrics.gaps_s`: whether pauses cover a fifth of it or more."""
    arrivals = Facts(timeline, None).arrivals
    return tuple(overlap_share(gap, timeline.pauses) >= SUSPECT for gap in pairwise(arrivals))


def quantile(values: Sequence[float], q: float) -> float:
    """Linear interpolation between the two nearest of the sorted values; at least one is needed."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * q
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
