"""Running an experiment: its groups in order, each call sent once, until the end or a cancel.

`Runner` is what the service needs; `LocalRunner` does it with one probe on this machine, a thread for
each experiment. How a call travels is dispatch's business, what it means results'.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from lib.calibrator import Calibrator
from lib.children import Lab
from lib.dialects import request
from lib.dispatch import Dispatch, Leaving
from lib.errors import ChildError, KeyRefused, StoreError
from lib.experiment import ExperimentState
from lib.feed import END, Feed, FeedItem
from lib.ledger import Ledger
from lib.plan import PlannedCall
from lib.recording import CallError, Instrument, Recording, Request, to_bytes
from lib.results import Results
from lib.spec import ExperimentSpec, is_lab
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
    ) -> None:
        self._dispatch, self._lab, self._ledger = dispatch, lab, ledger
        self._results, self._feed, self._calibrator = results, feed, calibrator
        self._runs: dict[str, _Run] = {}
        self._unfinished: dict[str, ExperimentState] = {}

    def start(self, experiment: str, spec: ExperimentSpec, calls: Sequence[PlannedCall]) -> None:
        """Begin in a thread of its own."""
        run = _Run(experiment, spec, tuple(calls))
        self._runs[experiment] = run
        self._feed.begin(experiment)
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
        for id, state in list(self._unfinished.items()):
            self._ledger.finish(id, state)
            del self._unfinished[id]

    def _drive(self, run: _Run) -> None:
        state: ExperimentState = "interrupted"
        try:
            self._calibrate(run)
            self._groups(run)
            state = "cancelled" if run.stop.is_set() else "done"
        except StoreError as error:
            log.error("An experiment was stopped. %s", error)
        finally:
            if not run.leaving:
                self._end(run, state)
            self._runs.pop(run.id, None)

    def _calibrate(self, run: _Run) -> None:
        """Find out how wrong the instrument is, before the first call; it runs all the same without."""
        lab = any(is_lab(arm.endpoint) for arm in run.spec.arms)
        found, age_s = self._calibrator.get(run.stop, lab=lab)
        if not run.stop.is_set():
            self._results.calibrated(run.id, found, age_s)

    def _groups(self, run: _Run) -> None:
        failures = 0
        for _, group in groupby(run.calls, key=lambda c: c.group):
            if run.stop.is_set() or (run.spec.stop_after and failures >= run.spec.stop_after):
                return
            for failed in self._group(run, list(group)):
                failures = failures + 1 if failed else 0

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
        arm = next(c.arm for c in planned if c.n == call.n)
        assert call.timeline is not None
        self._results.compute(run.id, call.n, run.spec, arm, call.timeline, call.headers)
        return call.closed.state == "failed"

    def _unsent(self, run: _Run, planned: list[PlannedCall], sentence: str) -> None:
        """These calls could not leave: they failed, and say why."""
        for call in planned:
            recording = _never_sent(request(run.spec, call), sentence)
            self._ledger.fail_unsent(run.id, call.n, to_bytes(recording))
            self._feed.put(run.id, FeedItem(call.n, "failed"))

    def _end(self, run: _Run, state: ExperimentState) -> None:
        try:
            dropped = self._ledger.finish(run.id, state)
        except StoreError as error:
            log.error("An experiment's end is not written yet. %s", error)
            self._unfinished[run.id] = state
            dropped = []
        for n in dropped:
            self._feed.put(run.id, FeedItem(n, "dropped"))
        self._feed.put(run.id, END)


class _Run:
    """One experiment in progress."""

    def __init__(self, id: str, spec: ExperimentSpec, calls: tuple[PlannedCall, ...]) -> None:
        self.id, self.spec, self.calls = id, spec, calls
        self.stop = threading.Event()
        self.leaving = False
        self.thread: threading.Thread | None = None


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
