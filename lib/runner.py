"""Running an experiment: its groups in order, each call sent once, until the end, a rule or a cancel.

`Runner` is what the service needs; `LocalRunner` does it with one probe on this machine, a thread for
each experiment. How a call travels is dispatch's business, what it means results'.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from lib import sample, waits
from lib.calibrator import Calibrator
from lib.children import Lab
from lib.comparison import precise
from lib.dialects import request
from lib.dispatch import Dispatch, Leaving
from lib.errors import ChildError, KeyRefused, StoreError
from lib.experiment import ExperimentState, Stop, Wait
from lib.feed import END, Feed, FeedItem
from lib.ledger import Ledger
from lib.plan import PlannedCall
from lib.rates import RATES
from lib.recording import CallError, Instrument, Recording, Request, to_bytes
from lib.results import Results
from lib.spec import Arm, ExperimentSpec, is_lab, origin
from lib.store import now_ms
from lib.underway import Underway

log = logging.getLogger("streamgauge.runner")

NOWHERE = Instrument("", "", "user", "other", 0, ())
"""The instrument of a call that no instrument ever saw."""


class Runner(Protocol):
    """Makes the calls of an experiment that is in the ledger as planned."""

    def start(self, experiment: str, spec: ExperimentSpec, calls: Sequence[PlannedCall]) -> None:
        """Begin; returns at once."""

    def cancel(self, experiment: str) -> None:
        """Stop; what arrived is kept, what was not sent is dropped."""


class LocalRunner:
    """Runs experiments on this machine."""

    def __init__(
        self,
        dispatch: Dispatch,
        lab: Lab,
        ledger: Ledger,
        results: Results,
        feed: Feed,
        calibrator: Calibrator,
        *,
        owner: str,
    ) -> None:
        self._owner = owner
        self._dispatch, self._lab, self._ledger = dispatch, lab, ledger
        self._results, self._feed, self._calibrator = results, feed, calibrator
        self._runs: dict[str, _Run] = {}
        self._unfinished: dict[str, Ending] = {}

    def start(self, experiment: str, spec: ExperimentSpec, calls: Sequence[PlannedCall]) -> None:
        """Begin in a thread of its own, with the calls that are still to be made."""
        run = _Run(experiment, spec, tuple(calls))
        self._runs[experiment] = run
        run.thread = threading.Thread(target=self._drive, args=(run,), name=f"run-{experiment}", daemon=True)
        run.thread.start()

    def cancel(self, experiment: str) -> None:
        """Stop it, if it runs here. Returns at once; the end shows in the feed."""
        if (run := self._runs.get(experiment)) is not None:
            run.stop.set()
            self._dispatch.cancel(experiment)

    def running(self, experiment: str) -> bool:
        """Whether it runs here."""
        return experiment in self._runs

    @property
    def busy(self) -> bool:
        """Whether any experiment runs here."""
        return bool(self._runs)

    def wait(self, experiment: str, timeout: float | None = None) -> None:
        """Until it does not run any more."""
        if (run := self._runs.get(experiment)) is not None and run.thread is not None:
            run.thread.join(timeout)

    def leave(self) -> None:
        """The process ends: send nothing more. Calls under way are left to the probe."""
        for run in list(self._runs.values()):
            run.leaving = True
            run.stop.set()

    def tidy(self) -> None:
        """Write the ends that could not be written before."""
        for id, (state, stopped) in list(self._unfinished.items()):
            self._ledger.finish(self._owner, id, state, stopped)
            del self._unfinished[id]

    def ending(self, experiment: str) -> Ending | None:
        """How it ended here, where the store does not know it yet."""
        return self._unfinished.get(experiment)

    def _drive(self, run: _Run) -> None:
        state: ExperimentState = "interrupted"
        try:
            self._calibrate(run)
            self._groups(run)
            state = "cancelled" if run.stop.is_set() else "done"
        except StoreError as error:
            log.error("An experiment was stopped. %s", error)
            run.stopped = Stop("storage", f"It was stopped, and what was saved stays. {error}")
        finally:
            if not run.leaving:
                self._end(run, state)
            if self._runs.get(run.id) is run:
                del self._runs[run.id]

    def _calibrate(self, run: _Run) -> None:
        """Find out how wrong the instrument is, before the first call; it runs all the same without."""
        lab = any(is_lab(arm.endpoint) for arm in run.spec.arms)
        found, age_s = self._calibrator.get(run.stop, lab=lab)
        if not run.stop.is_set():
            self._results.calibrated(run.id, found, age_s)

    def _groups(self, run: _Run) -> None:
        for _, group in groupby(run.calls, key=lambda c: c.group):
            planned = list(group)
            if run.stop.is_set() or run.stopped is not None or not self._turn(run, planned):
                return
            for failed in self._group(run, planned):
                run.failures = run.failures + 1 if failed else 0
            run.stopped = _too_many(run) or self._precise(run, planned[-1].n)

    def _precise(self, run: _Run, n: int) -> Stop | None:
        """The precision rule, looked at when call `n` ended a round: every interval is narrow enough."""
        width = run.spec.half_width
        if width is None or n not in run.rounds:
            return None
        found = self._results.numbers(run.id, {})
        by_arm = run.spec.primary in RATES
        comparisons = sample.arms(found).values() if by_arm else sample.modes(found)
        if not comparisons or not all(precise(c, width) for c in comparisons):
            return None
        pairs = min(c.n for c in comparisons)
        return Stop("precision", f"It was stopped after {pairs:,} pairs: it is as precise as was asked for.")

    def _turn(self, run: _Run, planned: list[PlannedCall]) -> bool:
        """Wait for as long as the endpoints of these calls asked; False when it was stopped meanwhile."""
        places = {_place(run.spec.arms[c.arm]) for c in planned}
        asked = max((run.asked[p] for p in places if p in run.asked), default=_Asked(0.0, ""))
        left = asked.until - time.monotonic()
        if left <= 0:
            return True
        began = now_ms()
        wait = Wait(planned[0].n, began, began + round(left * 1000), None, asked.reason)
        self._ledger.pause(self._owner, run.id, wait)
        for call in planned:
            self._feed.put(run.id, FeedItem(call.n, "wait"))
        run.stop.wait(left)
        if not run.leaving:
            self._ledger.pause(self._owner, run.id, wait._replace(ended_ms=now_ms()))
        return not run.stop.is_set()

    def _group(self, run: _Run, planned: list[PlannedCall]) -> list[bool]:
        """Make these calls together → which of them failed."""
        try:
            calls = self._dispatch.send(run.id, [self._leaving(run.spec, c) for c in planned])
        except (ChildError, KeyRefused) as error:
            self._unsent(run, planned, str(error))
            return [True for _ in planned]
        if run.stop.is_set():
            self._dispatch.cancel(run.id)
        self._dispatch.wait(calls)
        if run.leaving:
            return []
        return [self._measured(run, planned, call) for call in calls]

    def _leaving(self, spec: ExperimentSpec, planned: PlannedCall) -> Leaving:
        if not is_lab(spec.arms[planned.arm].endpoint):
            return Leaving(planned.n, request(spec, planned), lab=False)
        asked = dataclasses.replace(request(spec, planned, self._lab.base_url()), key_ref="")
        return Leaving(planned.n, asked, lab=True)

    def _measured(self, run: _Run, planned: list[PlannedCall], call: Underway) -> bool:
        made = next(c for c in planned if c.n == call.n)
        state, answer = call.closed.state, call.final
        assert answer is not None
        self._results.compute(run.id, run.spec, made, state, answer)
        run.heed(run.spec.arms[made.arm], answer)
        return state == "failed"

    def _unsent(self, run: _Run, planned: list[PlannedCall], sentence: str) -> None:
        """These calls could not leave: they failed, and say why."""
        for call in planned:
            recording = _never_sent(request(run.spec, call), sentence)
            self._ledger.fail_unsent(self._owner, run.id, call.n, to_bytes(recording))
            self._feed.put(run.id, FeedItem(call.n, "failed"))

    def _end(self, run: _Run, state: ExperimentState) -> None:
        try:
            dropped = self._ledger.finish(self._owner, run.id, state, run.stopped)
        except StoreError as error:
            log.error("An experiment's end is not written yet. %s", error)
            self._unfinished[run.id] = Ending(state, run.stopped)
            dropped = []
        for n in dropped:
            self._feed.put(run.id, FeedItem(n, "dropped"))
        self._feed.put(run.id, END)


class Ending(NamedTuple):
    """How an experiment ended."""

    state: ExperimentState
    stopped: Stop | None


class _Asked(NamedTuple):
    """What an endpoint asked for: no call before this moment of the monotonic clock."""

    until: float
    reason: str


class _Run:
    """One experiment in progress. `failures`: how many in a row; `asked`: by origin; `rounds`: the last
    call of each pair number."""

    def __init__(self, id: str, spec: ExperimentSpec, calls: tuple[PlannedCall, ...]) -> None:
        self.id, self.spec, self.calls = id, spec, calls
        self.rounds = set({c.pair: c.n for c in calls if c.pair is not None}.values())
        self.stop = threading.Event()
        self.leaving = False
        self.thread: threading.Thread | None = None
        self.failures = 0
        self.asked: dict[str, _Asked] = {}
        self.stopped: Stop | None = None

    def heed(self, arm: Arm, answer: Recording) -> None:
        """Remember how long the endpoint wants to be left alone."""
        seconds = waits.asked_s(answer.status, answer.headers, now_ms())
        if seconds is not None:
            place = _place(arm)
            sentence = waits.reason(answer.status, seconds, urlsplit(place).netloc or "The built-in endpoint")
            self.asked[place] = _Asked(time.monotonic() + seconds, sentence)


def _place(arm: Arm) -> str:
    """What a wait holds for: an origin."""
    return arm.endpoint.base_url if is_lab(arm.endpoint) else origin(arm.endpoint.base_url)


def _too_many(run: _Run) -> Stop | None:
    """The stop rule: failures in a row over the whole experiment, warm-ups included."""
    if run.spec.stop_after is None or run.failures < run.spec.stop_after:
        return None
    said = "a failure" if run.failures == 1 else f"{run.failures:,} failures in a row"
    return Stop("failures", f"It was stopped after {said}. The calls that were left out can still be made.")


def _never_sent(asked: Request, sentence: str) -> Recording:
    error = CallError("lost", sentence)
    return Recording(
        request=asked,
        instrument=NOWHERE,
        wall_ms=now_ms(),
        connection=None,
        marks=(),
        writes=(),
        reads=(),
        headers_read=None,
        body_read=None,
        status=None,
        http_version=None,
        headers=(),
        body=b"",
        clocks=(),
        pauses=(),
        error=error,
    )
