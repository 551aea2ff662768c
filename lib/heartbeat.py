"""Notices when this process stood still: a pause makes an arrival look late, and a gap look long.

METRICS 10: sleep 2 ms, keep an oversleep of 5 ms or more. It beats only while calls are under way.
A wake-up costs 17 µs of CPU even in C [measured on a virtual machine], 500 of them a second twice as much
as reading a stream. So where the kernel stamps arrivals, and a pause of this process alone moves none of
them, 250 calm ms slow the beat down to 10 ms; an oversleep of 2 ms brings the fast one back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from time import perf_counter_ns

BEAT_NS = 2_000_000
SLOW_NS = 10_000_000
PAUSE_NS = 5_000_000
STIR_NS = 2_000_000
CALM_NS = 250_000_000


class Heartbeat:
    """Counts the calls under way; `start` and `stop` are called once for each. `calm`: it may slow down."""

    def __init__(
        self,
        now: Callable[[], int] = perf_counter_ns,
        sleep: Callable[[float], None] = time.sleep,
        *,
        calm: bool = False,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._slow_ns = SLOW_NS if calm else BEAT_NS
        self._calls = 0
        self._pauses: list[tuple[int, int]] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """One more call is under way."""
        with self._lock:
            self._calls += 1
            if self._calls == 1:
                self._pauses = []
                threading.Thread(
                    target=self._beat, args=(self._pauses,), name="heartbeat", daemon=True
                ).start()

    def stop(self) -> None:
        """One call less; after the last the beat ends."""
        with self._lock:
            self._calls -= 1

    def pauses(self, begun_ns: int) -> tuple[tuple[int, int], ...]:
        """Start and end of the pauses since then, those that reach into it included."""
        return tuple(p for p in self._pauses if p[1] >= begun_ns)

    def _beat(self, pauses: list[tuple[int, int]]) -> None:
        """Beats for as long as this list is the one being kept."""
        now, sleep = self._now, self._sleep
        woke = stirred = now()
        while self._calls and self._pauses is pauses:
            step = self._slow_ns if woke - stirred > CALM_NS else BEAT_NS
            due = now() + step
            sleep(step / 1e9)
            woke = now()
            if woke - due >= STIR_NS:
                stirred = woke
                if woke - due >= PAUSE_NS:
                    pauses.append((due, woke))
