"""Calls under way: what has arrived of each, who waits for it, and the thread that saves it.

The probe's reader thread only appends here; it never waits for the database.
"""

from __future__ import annotations

import dataclasses
import logging
import queue
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import Literal

from lib.children import Session
from lib.errors import StoreError
from lib.ledger import Closed, Ledger, Line
from lib.messages import Close, Part, Start, fold
from lib.recording import CallError, Recording, to_bytes
from lib.store import now_ms
from lib.timeline import Decoder, Event, Timeline, decode

log = logging.getLogger("streamgauge.underway")

INTERVAL_S = 0.25
RETRY_S = 5.0


class Underway:
    """One call from its Start to its end. `experiment` "" marks a call that is not kept.

    `kept` is set once its end is saved, or could not be: then `problem` says why. `final` and its
    `timeline` are known once it is `closed`.
    """

    def __init__(self, experiment: str, n: int, start: Start, session: Session) -> None:
        self.experiment, self.n, self.start, self.session = experiment, n, start, session
        self.decoder = Decoder(start.request)
        self.kept = threading.Event()
        self.problem: StoreError | None = None
        self.final: Recording | None = None
        self.timeline: Timeline | None = None
        self._parts: list[Part] = []
        self._end: Close | None = None
        self._lock = threading.Lock()

    def take(self, part: Part) -> tuple[Event, ...]:
        """Keep what arrived → the events it completed. Parts after the end are ignored."""
        with self._lock:
            if self._end is not None:
                return ()
            self._parts.append(part)
            return tuple(self.decoder.take(part))

    def end(self, close: Close | None) -> bool:
        """End the call; None: the probe is gone. False when it had ended before."""
        with self._lock:
            if self._end is not None:
                return False
            self._end = close or lost(self.start.call, len(self._parts))
            return True

    def recording(self) -> Recording:
        """What has arrived: a Recording without an error while the call goes on."""
        with self._lock:
            found = fold(self.start, self.session.hello, self._parts, self._end)
        return found if self._end is not None else dataclasses.replace(found, error=None)

    def last(self) -> tuple[Event, ...]:
        """The events that only the end tells."""
        with self._lock:
            body_read = None if self._end is None else self._end.body_read
            return tuple(self.decoder.close(body_read))

    @cached_property
    def closed(self) -> Closed:
        """The end as the ledger takes it: done when the answer is complete, else failed."""
        self.final = self.recording()
        self.timeline = decode(self.final)
        return Closed(self.experiment, self.n, verdict(self.timeline), to_bytes(self.final))


def lost(call: str, seq: int) -> Close:
    """The end of a call whose probe is gone."""
    message = "The measuring process ended before the call did. What had arrived is kept. Run it again."
    error = CallError("lost", message)
    return Close(call, seq, now_ms(), None, None, None, None, None, (), (), (), error=error)


def verdict(timeline: Timeline) -> Literal["done", "failed"]:
    """The state of a call that has ended."""
    return "done" if timeline.complete and timeline.error is None else "failed"


class Saver:
    """Saves what arrives: all waiting lines in one transaction, at most every `INTERVAL_S`; ends at once.

    `saved` is called for each ended call. What cannot be saved stays in memory and is tried again for as
    long as the process lives; who waits for it is released with the problem.
    """

    def __init__(self, ledger: Ledger, owner: str, saved: Callable[[Underway], None]) -> None:
        self._ledger, self._owner, self._saved = ledger, owner, saved
        self._waiting: queue.SimpleQueue[Line | Underway | None] = queue.SimpleQueue()
        self._lines: list[Line] = []
        self._ends: list[Underway] = []
        self.problem: StoreError | None = None
        self._thread = threading.Thread(target=self._run, name="saver", daemon=True)
        self._thread.start()

    def line(self, line: Line) -> None:
        """Save this line soon."""
        self._waiting.put(line)

    def end(self, call: Underway) -> None:
        """Save this call's end now."""
        self._waiting.put(call)

    def close(self) -> None:
        """Save what waits, then stop."""
        self._waiting.put(None)
        self._thread.join(15)

    def _run(self) -> None:
        going = True
        while going:
            going = self._collect()
            self._keep()

    def _collect(self) -> bool:
        """Take what comes until the interval is over or a call ends; False when it is time to stop."""
        item = self._next(RETRY_S if self.problem else None)
        until = time.monotonic() + INTERVAL_S
        while item is not _NOTHING:
            if item is None:
                return False
            (self._ends if isinstance(item, Underway) else self._lines).append(item)  # type: ignore[arg-type]
            item = self._next(0.0 if self._ends else max(0.0, until - time.monotonic()))
        return True

    def _next(self, timeout: float | None) -> Line | Underway | object | None:
        try:
            return self._waiting.get(timeout=timeout)
        except queue.Empty:
            return _NOTHING

    def _keep(self) -> None:
        try:
            self._ledger.save(self._owner, self._lines, [c.closed for c in self._ends])
        except StoreError as error:
            self.problem = error
            log.error("What arrived could not be saved and is kept in memory. %s", error)
        else:
            self.problem = None
        for call in self._ends:
            call.problem = self.problem
            if self.problem is None:
                self._saved(call)
            call.kept.set()
        if self.problem is None:
            self._lines, self._ends = [], []


_NOTHING = object()
