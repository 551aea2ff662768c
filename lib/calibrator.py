"""Calibrating: the probe reads one stream of the lab when its own error is not known, or not any more.

One calibration serves every experiment of this process for ten minutes of the same probe. What such a call
shows is calibration's business. Nothing here hinders an experiment for long, whatever goes wrong.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import NamedTuple

from lib.calibration import GOOD_MS, Calibration, calibration, request
from lib.children import Lab
from lib.dispatch import Dispatch
from lib.errors import ChildError
from lib.recording import Instrument
from lib.store import now_ms
from lib.underway import Underway

log = logging.getLogger("streamgauge.calibrator")

PATIENCE_S = 1.5
"""What an experiment waits at most: the call takes 0.9 s, the lab, where it does not run, some more."""
LOOK_S = 0.02


class Calibrated(NamedTuple):
    """A calibration and how old it was when it was asked for, seconds."""

    calibration: Calibration
    age_s: float


class Calibrator:
    """Knows the error of the running probe, or finds it out. Safe from any thread."""

    def __init__(self, dispatch: Dispatch, lab: Lab) -> None:
        self._dispatch, self._lab = dispatch, lab
        self._known: tuple[Calibration, float] | None = None
        self._job: _Job | None = None
        self._lock = threading.Lock()

    def begin(self) -> _Job:
        """Calibrate in the background; joins a calibration that is being made."""
        with self._lock:
            if self._job is None or self._job.done.is_set():
                self._job = _Job()
                threading.Thread(target=self._make, args=(self._job,), name="calibrate", daemon=True).start()
            self._job.given_up = False
            return self._job

    def get(self, stop: threading.Event, *, lab: bool = False) -> Calibrated:
        """The error of the running probe, measured now if need be; what went wrong is its reason.

        Returns soon after `stop` is set, and after `PATIENCE_S` at most once the probe runs; then the
        calibration is given up, so that it runs beside no measured call. `lab`: the experiment needs
        the lab anyway, so its start is not counted either.
        """
        job = self.begin() if self._known is None else None  # the lab starts while the probe does
        try:
            instrument = self._dispatch.probe.ready().hello.instrument
            if (known := self._good(instrument.probe)) is not None:
                return known
            if lab:
                self._lab.base_url()
        except ChildError as error:
            return Calibrated(_unknown(None, str(error)), 0.0)
        job = job or self.begin()
        if not _ended(job, stop):
            self._give_up(job)
        found = job.found or _unknown(instrument, f"It took longer than {PATIENCE_S:g} s and was given up.")
        return Calibrated(found, 0.0)

    def _good(self, probe: str) -> Calibrated | None:
        if self._known is None:
            return None
        found, at = self._known
        age_s = time.monotonic() - at
        return Calibrated(found, age_s) if found.probe == probe and age_s <= GOOD_MS / 1000 else None

    def _make(self, job: _Job) -> None:
        try:
            job.found = self._measured(job)
        except ChildError as error:
            job.found = _unknown(None, str(error))
        finally:
            job.done.set()
        if job.found is not None and job.found.reason is not None:
            log.warning("The instrument's error is not known. %s", job.found.reason)

    def _measured(self, job: _Job) -> Calibration | None:
        """None: given up."""
        asked = request(self._lab.base_url())
        with self._lock:
            if job.given_up:
                return None
            job.call = self._dispatch.begin(asked, lab=True)
        job.call.kept.wait(asked.limits.total_s + asked.limits.connect_s)
        if job.given_up:
            return None
        found = calibration(job.call.recording())
        if found.reason is None:
            self._known = (found, time.monotonic())
        return found

    def _give_up(self, job: _Job) -> None:
        with self._lock:
            job.given_up = True
        if job.call is not None:
            self._dispatch.drop(job.call)


class _Job:
    """One calibration in progress."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.call: Underway | None = None
        self.found: Calibration | None = None
        self.given_up = False


def _ended(job: _Job, stop: threading.Event) -> bool:
    """Wait for a calibration's end, for as long as anybody wants to; whether it came."""
    until = time.monotonic() + PATIENCE_S
    while not job.done.wait(LOOK_S):
        if stop.is_set() or time.monotonic() >= until:
            return False
    return True


def _unknown(instrument: Instrument | None, reason: str) -> Calibration:
    """The calibration that was not to be had."""
    return Calibration(
        probe=instrument.probe if instrument else "",
        wall_ms=now_ms(),
        n=0,
        median_s=None,
        p95_s=None,
        max_s=None,
        stamps=instrument.stamps if instrument else "user",
        scheduler=instrument.scheduler if instrument else "other",
        pauses=(),
        reason=reason,
    )
