"""Notices when this process stood still: a pause makes an arrival look late, and a gap look long.

METRICS 10: sleep 2 ms, keep an oversleep of 5 ms or more. It beats only while calls are under way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from time import perf_counter_ns

BEAT_S = 0.002
PAUSE_NS = 5_000_000


class Heartbeat:
    """Counts the calls under way; `start` and `stop` are called once for each."""

    def __init__(
        self, now: Callable[[], int] = perf_counter_ns, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._now = now
        self._sleep = sleep
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
        step = round(BEAT_S * 1e9)
        while self._calls and self._pauses is pauses:
            due = self._now() + step
            self._sleep(BEAT_S)
            woke = self._now()
            if woke - due >= PAUSE_NS:
                pauses.append((due, woke))
