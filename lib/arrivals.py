"""When each read really arrived: kernel stamps brought onto the monotonic clock, where they can be trusted.

Pure arithmetic on a recording's reads and clock readings. What the reads carried is timeline's business.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from lib.recording import Clock, Read

CLOCK_STEP_NS = 50_000
"""Two clock readings that disagree by more than this mean that the wall clock was set: no kernel stamps."""
NO_WAIT_NS = 20_000
"""A recv that returned sooner than this found its data already waiting."""
LATE_NS = 200_000
"""A recv that returned so long after the kernel's stamp was woken late: earlier data may have joined in."""
UNSEEN_NS = 20_000_000
"""A process that stood still for longer has a heartbeat pause to show for it."""
FULL = 65_536
"""A read of this size left data behind, which had come no later; the kernel may stamp both as one."""


def arrivals(
    reads: Sequence[Read], clocks: Sequence[Clock], sent_ns: int, pauses: Sequence[tuple[int, int]] = ()
) -> list[tuple[int, int]]:
    """(time, earliest) of each read, absolute monotonic nanoseconds, times never falling.

    The time is the kernel's receive stamp where it is valid, else the user-space stamp after the read.
    Earliest < time: the read was queued, the truth lies between. `sent_ns`: when nothing had come yet.
    The kernel's stamp is that of a read's last byte; what came before it in the same read came at the
    earliest with the read before. `pauses`: when this process stood still, and so may have joined data.
    """
    first, last = (clocks[0], clocks[-1]) if trusted(clocks) else (None, None)
    found: list[tuple[int, int]] = []
    before, floor, known = sent_ns, sent_ns, sent_ns
    for read in reads:
        at = read.after_ns
        if read.kernel_ns is not None and first is not None and last is not None:
            at = _valid(_monotonic(read.kernel_ns, first, last), floor, at)
        earliest = before if at == read.after_ns else known
        if not (_queued(read, at) or _stood_still(read, pauses)):
            earliest = max(earliest, at - UNSEEN_NS) if read.after_ns - at >= LATE_NS else at
        at = max(at, found[-1][0]) if found else at
        found.append((at, min(earliest, at)))
        if read.size >= FULL:
            before = known = found[-1][1]
        else:
            before, floor, known = read.after_ns, max(floor, read.before_ns), at
    return found


def trusted(clocks: Sequence[Clock]) -> bool:
    """Whether kernel stamps can be converted: clocks read before and after the call, without a step."""
    return len(clocks) >= 2 and abs(_offset(clocks[-1]) - _offset(clocks[0])) <= CLOCK_STEP_NS


def _queued(read: Read, at: int) -> bool:
    """Whether data was waiting: the read did not wait, or the kernel had stamped it before. A thread that
    waits for its turn looks as if it had waited for data."""
    soon = NO_WAIT_NS if at == read.after_ns else LATE_NS
    return read.after_ns - read.before_ns < soon or at <= read.before_ns


def _stood_still(read: Read, pauses: Sequence[tuple[int, int]]) -> bool:
    """Whether the process paused during a read: data may have waited however soon the last of it was read."""
    after = bisect_left(pauses, (read.after_ns,))
    return after > 0 and pauses[after - 1][1] > read.before_ns


def _offset(clock: Clock) -> int:
    return clock.realtime_ns - clock.monotonic_ns


def _monotonic(kernel_ns: int, first: Clock, last: Clock) -> int:
    """Kernel time on the monotonic clock; the offset is interpolated between the two readings."""
    span = last.realtime_ns - first.realtime_ns
    drift = _offset(last) - _offset(first)
    along = min(max(kernel_ns - first.realtime_ns, 0), max(span, 0))
    return kernel_ns - _offset(first) - (drift * along // span if span > 0 else 0)


def _valid(at: int, floor: int, after: int) -> int:
    """The kernel's time unless it is impossible: later than the read's end, or before the read before
    could have left this data behind (allowing for what the clocks may disagree by)."""
    return at if floor - CLOCK_STEP_NS <= at <= after else after
