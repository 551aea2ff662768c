"""When a calibration is made, shared, given up; with a probe and a lab that do as they are told."""

import dataclasses
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from lib.calibration import GOOD_MS, Calibration
from lib.calibrator import Calibrator
from lib.errors import ChildError
from tests.recorded import INSTRUMENT

PATIENCE_S = 60.0
FOUND = Calibration("probe", 1, 210, 4e-5, 3e-4, 1e-3, "kernel", "other", ())
GOING = threading.Event()
"""Never set: an experiment that nobody stops."""


class FakeCall:
    def __init__(self) -> None:
        self.kept = threading.Event()

    def recording(self) -> str:
        return "recording"


class FakeDispatch:
    """Its calls end when `ends` says so."""

    def __init__(self) -> None:
        self.calls: list[FakeCall] = []
        self.dropped: list[FakeCall] = []
        self.begun = threading.Event()
        self.ends = True
        self.instrument = INSTRUMENT
        self.trouble: ChildError | None = None
        self.probe = self

    def ready(self) -> Any:
        if self.trouble:
            raise self.trouble
        return SimpleNamespace(hello=SimpleNamespace(instrument=self.instrument))

    def begin(self, request: Any, *, lab: bool) -> FakeCall:
        assert lab
        call = FakeCall()
        self.calls.append(call)
        if self.ends:
            call.kept.set()
        self.begun.set()
        return call

    def drop(self, call: FakeCall) -> None:
        self.dropped.append(call)
        call.kept.set()


class FakeLab:
    def __init__(self) -> None:
        self.up = threading.Event()
        self.up.set()
        self.trouble: ChildError | None = None

    def base_url(self) -> str:
        assert self.up.wait(PATIENCE_S)
        if self.trouble:
            raise self.trouble
        return "http://127.0.0.1:5555/v1"


class Desk:
    def __init__(self) -> None:
        self.dispatch, self.lab = FakeDispatch(), FakeLab()
        made: Any = (self.dispatch, self.lab)
        self.calibrator = Calibrator(*made)

    def get(self, stop: threading.Event = GOING, **more: bool) -> Calibration:
        return self.calibrator.get(stop, **more).calibration

    def grow_old(self, seconds: float) -> None:
        assert self.calibrator._known is not None
        found, at = self.calibrator._known
        self.calibrator._known = (found, at - seconds)


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Patient, so that a busy machine ends no test; whoever tests impatience says so.

    What it began in the background has ended before the real parts stand in their places again.
    """
    monkeypatch.setattr("lib.calibrator.PATIENCE_S", PATIENCE_S)
    made = Desk()

    def shown(recording: Any) -> Calibration:
        return dataclasses.replace(FOUND, probe=made.dispatch.instrument.probe)

    monkeypatch.setattr("lib.calibrator.calibration", shown)
    yield made
    made.lab.up.set()
    for call in made.dispatch.calls:
        call.kept.set()
    for thread in [t for t in threading.enumerate() if t.name == "calibrate"]:
        thread.join(PATIENCE_S)


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.calibrator.PATIENCE_S", 0.05)


def test_one_calibration_serves_ten_minutes_of_a_probe(desk: Desk) -> None:
    assert desk.get() == FOUND
    desk.grow_old(GOOD_MS / 1000 - 60)
    found, age_s = desk.calibrator.get(GOING)
    assert (found, len(desk.dispatch.calls)) == (FOUND, 1)
    assert age_s >= GOOD_MS / 1000 - 60
    desk.grow_old(60)
    assert desk.get() == FOUND
    assert len(desk.dispatch.calls) == 2


def test_a_new_one_is_as_old_as_the_wait_at_most(desk: Desk) -> None:
    begun = time.monotonic()
    found, age_s = desk.calibrator.get(GOING)
    assert found == FOUND
    assert 0 <= age_s <= time.monotonic() - begun


def test_another_probe_is_calibrated_anew(desk: Desk) -> None:
    desk.get()
    desk.dispatch.instrument = dataclasses.replace(INSTRUMENT, probe="other")
    assert desk.get().probe == "other"
    assert len(desk.dispatch.calls) == 2


def test_experiments_at_once_share_one_call(desk: Desk) -> None:
    desk.dispatch.ends = False
    got: list[Calibration] = []
    threads = [threading.Thread(target=lambda: got.append(desk.get())) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert desk.dispatch.begun.wait(PATIENCE_S)
    desk.dispatch.calls[0].kept.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert got == [FOUND] * 3
    assert len(desk.dispatch.calls) == 1


def test_what_was_begun_in_the_background_is_there_already(desk: Desk) -> None:
    assert desk.calibrator.begin().done.wait(PATIENCE_S)
    assert desk.get() == FOUND
    assert len(desk.dispatch.calls) == 1


def test_a_call_that_takes_too_long_is_dropped_and_said_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    desk.dispatch.ends = False
    found = desk.get()
    assert found.reason == "It took longer than 0.05 s and was given up."
    assert (found.n, found.p95_s, found.min_detectable_gap_s, found.probe) == (0, None, None, "probe")
    assert desk.dispatch.dropped == desk.dispatch.calls


def test_a_lab_that_is_slow_to_start_is_not_waited_for_and_called_by_nobody_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch)
    desk.lab.up.clear()
    assert desk.get().reason is not None
    job = desk.calibrator._job
    assert job is not None
    desk.lab.up.set()
    assert job.done.wait(PATIENCE_S)
    assert desk.dispatch.calls == []


def test_once_it_has_started_the_next_experiment_is_calibrated(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hasty:
        impatient(hasty)
        desk.lab.up.clear()
        desk.get()
    desk.lab.up.set()
    assert desk.get() == FOUND


def test_an_experiment_of_the_lab_waits_for_its_start(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)
    desk.lab.up.clear()
    threading.Timer(0.3, desk.lab.up.set).start()
    begun = time.monotonic()
    desk.get(lab=True)
    assert time.monotonic() - begun >= 0.25


@pytest.mark.parametrize("who", ["lab", "dispatch"])
def test_a_child_that_does_not_start_is_the_reason_and_tried_again(desk: Desk, who: str) -> None:
    child: Any = getattr(desk, who)
    child.trouble = ChildError("It did not start.")
    assert desk.get().reason == "It did not start."
    assert desk.get(lab=True).reason == "It did not start."
    child.trouble = None
    assert desk.get() == FOUND


def test_a_cancelled_experiment_waits_no_longer(desk: Desk) -> None:
    desk.dispatch.ends = False
    stop = threading.Event()
    threading.Thread(target=lambda: desk.dispatch.begun.wait(PATIENCE_S) and stop.set()).start()
    assert desk.get(stop).reason is not None
    assert desk.dispatch.dropped == desk.dispatch.calls


def test_a_failed_calibration_is_not_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = dataclasses.replace(FOUND, n=3, median_s=None, p95_s=None, max_s=None, reason="Only 3 events.")
    with monkeypatch.context() as context:
        context.setattr("lib.calibrator.calibration", lambda recording: failed)
        assert desk.get() == failed
    assert desk.get() == FOUND
