"""What one call's socket saw, held until it was told. Plain bookkeeping between two threads.

The call's thread adds, the sender's thread reads what is settled and lets go of what it has sent. What
the bytes mean is not this module's business.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from time import perf_counter_ns as now

from lib.guard import Budget
from lib.recording import Read, Write


class Trace:
    """Marks, writes, reads and the body so far. Indices and offsets count from the call's beginning.

    The first `settled` reads are final: since the client pulls, a read's `body_end` can no longer grow
    once the next one has begun.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.marks: list[tuple[str, int]] = []
        self.writes: list[Write] = []
        self.size = 0
        self.count = 0
        self.settled = 0
        self.connected = False
        self.awaits_head = False
        self._first = 0
        self._stamps: list[tuple[int, int, int | None, int]] = []
        self._ends: list[int] = []
        self._pieces: list[bytearray] = []
        self._interrupt: Callable[[], None] | None = None

    def mark(self, name: str) -> None:
        """Note that something happened now."""
        self.marks.append((name, now()))

    def reads(self, start: int, end: int) -> list[Read]:
        """Reads as they are recorded; only those before `settled` are final while the call runs."""
        window = slice(start - self._first, end - self._first)
        pairs = zip(self._stamps[window], self._ends[window], strict=True)
        return [Read(*stamps, end) for stamps, end in pairs]

    def body(self, start: int, end: int) -> bytearray:
        """The bytes of the body that these reads brought."""
        return bytearray().join(self._pieces[start - self._first : end - self._first])

    def replace(self, start: int, data: bytearray) -> None:
        """Put other bytes of the same length where these settled reads had theirs."""
        at = 0
        for piece in self._pieces[start - self._first :]:
            if at == len(data):
                break
            piece[:] = data[at : at + len(piece)]
            at += len(piece)

    def let_go(self, reads: int) -> None:
        """The first `reads` reads are not needed any more. From the sender's thread."""
        done = reads - self._first
        self._first = reads
        del self._stamps[:done], self._ends[:done], self._pieces[:done]

    @property
    def last_read(self) -> int:
        """The index of the newest read."""
        return self.count - 1

    @property
    def at_end_of_file(self) -> bool:
        """Whether the newest read found the connection closed."""
        return bool(self._stamps) and self._stamps[-1][3] == 0

    def append(self, before: int, after: int, kernel_ns: int | None, size: int) -> None:
        """One read returned."""
        self._pieces.append(bytearray())
        self._ends.append(self.size)
        self._stamps.append((before, after, kernel_ns, size))
        self.count += 1

    def take(self, piece: bytes) -> None:
        """A piece of the body came out of the newest read."""
        self._pieces[-1] += piece
        self.size += len(piece)
        self._ends[-1] = self.size

    def settle(self) -> None:
        """Nothing more can come out of the reads there are."""
        self.settled = self.count

    def on_cancel(self, interrupt: Callable[[], None] | None) -> None:
        """How to wake the call's thread out of what it waits for now."""
        self._interrupt = interrupt

    def cancel(self) -> None:
        """From any thread: end the call now. What arrived is kept."""
        self.budget.cancelled = True
        if (interrupt := self._interrupt) is not None:
            with contextlib.suppress(OSError):
                interrupt()
