"""The runner's own rules, with a dispatch that answers as it is told; real probes are in test_service."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lib.calibration import Calibration
from lib.calibrator import Calibrated
from lib.dispatch import Leaving
from lib.errors import ChildError, KeyRefused, StoreError
from lib.experiment import CallResult, Experiment, Stop, preset
from lib.feed import END, Feed, FeedItem
from lib.ledger import Closed, Ledger
from lib.plan import PlannedCall, plan
from lib.recording import Request, from_bytes
from lib.runner import LocalRunner
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec
from lib.store import Store

ARM = Arm(Endpoint("http://127.0.0.1:9/v1"), CallSpec(model="m", prompt="p"))
ANSWER = SimpleNamespace(status=200, headers=())
CALIBRATION = Calibration("p", 1, 210, 4e-5, 3e-4, 1e-3, "kernel", "other", ())


class FakeDispatch:
    """Ends every call at once, in the state it is told."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.groups: list[list[int]] = []
        self.requests: list[Request] = []
        self.to_lab: list[bool] = []
        self.verdicts: dict[int, str] = {}
        self.answers: dict[int, Any] = {}
        self.trouble: Exception | None = None
        self.before_wait = lambda: None
        self.cancelled: list[str] = []

    def send(self, id: str, leaving: Sequence[Leaving]) -> list[Any]:
        if self.trouble is not None:
            raise self.trouble
        self.groups.append([x.n for x in leaving])
        self.requests += [x.request for x in leaving]
        self.to_lab += [x.lab for x in leaving]
        if not self.ledger.sent("me", id, [(x.n, "hello", "start") for x in leaving]):
            return []
        ends = [Closed(id, x.n, self.verdicts.get(x.n, "done"), b"r") for x in leaving]  # type: ignore[arg-type]
        self.ledger.save("me", [], ends)
        return [SimpleNamespace(n=e.n, closed=e, final=self.answers.get(e.n, ANSWER)) for e in ends]

    def wait(self, calls: Sequence[Any]) -> None:
        self.before_wait()

    def cancel(self, id: str) -> None:
        self.cancelled.append(id)


class FakeLab:
    trouble: Exception | None = None

    def base_url(self) -> str:
        if self.trouble:
            raise self.trouble
        return "http://127.0.0.1:5555/v1"


class FakeCalibrator:
    """Says what the dispatch had sent when it was asked."""

    def __init__(self, dispatch: FakeDispatch) -> None:
        self.dispatch = dispatch
        self.asked: list[tuple[bool, int]] = []
        self.meanwhile = lambda: None

    def get(self, stop: threading.Event, *, lab: bool) -> Calibrated:
        self.asked.append((lab, len(self.dispatch.groups)))
        self.meanwhile()
        return Calibrated(CALIBRATION, 7.5)


class Desk:
    """A runner with all it needs."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder)
        self.ledger = Ledger(self.store)
        self.dispatch, self.lab = FakeDispatch(self.ledger), FakeLab()
        self.feed = Feed(lambda id, cursor: ([], True))
        self.computed: list[int] = []
        self.calibrated: list[tuple[str, Calibration, float]] = []
        results = SimpleNamespace(
            compute=lambda id, spec, planned, state, recording: self.computed.append(planned.n),
            calibrated=lambda *kept: self.calibrated.append(kept),
            numbers=lambda id, live: self.known(),
        )
        self.calibrator = FakeCalibrator(self.dispatch)
        made: Any = (self.dispatch, self.lab, self.ledger, results, self.feed, self.calibrator)
        self.runner = LocalRunner(*made, owner="me")

    def known(self) -> Experiment:
        """What has ended so far: streaming shows its first text at half of the time, give or take."""
        row, calls = self.store.row("x"), self.store.calls("x")
        ended = [CallResult(c.planned, c.state, metrics=first_text(c.planned)) for c in calls if c.done_ms]
        return Experiment("x", row.asked(), "running", 0, tuple(ended))

    def run(self, spec: ExperimentSpec, calls: Sequence[PlannedCall] | None = None) -> list[str]:
        calls = plan(spec) if calls is None else calls
        self.store.add("x", spec, calls, owner="me")
        self.feed.begin("x")
        self.runner.start("x", spec, calls)
        self.runner.wait("x", 60)
        return [c.state for c in self.store.calls("x")]


def first_text(planned: PlannedCall) -> dict[str, Any]:
    streaming = planned.mode == "streaming"
    return {"ttfo_s": (0.5 if streaming else 1.0) * (1 + 0.01 * ((planned.pair or 0) % 3))}


@pytest.fixture
def desk(tmp_path: Path):
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_groups_run_in_order_and_their_calls_together(desk: Desk) -> None:
    groups = [0, 0, 1, 2, 2]
    calls = [PlannedCall(n, 0, "streaming", group=g) for n, g in enumerate(groups)]
    assert set(desk.run(ExperimentSpec((ARM,)), calls)) == {"done"}
    assert desk.dispatch.groups == [[0, 1], [2], [3, 4]]
    assert desk.computed == [0, 1, 2, 3, 4]
    assert desk.store.row("x").state == "done"
    assert desk.feed.read("x", 0)[0][-1] == END


def test_failures_in_a_row_stop_it_and_a_success_between_them_does_not(desk: Desk) -> None:
    desk.dispatch.verdicts = dict.fromkeys([0, 1, 3, 4, 5], "failed")
    states = desk.run(ExperimentSpec((ARM,), pairs=4))
    assert states == ["failed", "failed", "done", "failed", "failed", "failed", "dropped", "dropped"]


def test_it_says_why_it_stopped(desk: Desk) -> None:
    desk.dispatch.verdicts = dict.fromkeys(range(8), "failed")
    desk.run(ExperimentSpec((ARM,), pairs=4))
    sentence = "It was stopped after 3 failures in a row. The calls that were left out can still be made."
    assert desk.store.row("x").why() == Stop("failures", sentence)


def test_without_a_limit_all_failures_are_made(desk: Desk) -> None:
    desk.dispatch.verdicts = dict.fromkeys(range(8), "failed")
    assert desk.run(ExperimentSpec((ARM,), pairs=4, stop_after=None)) == ["failed"] * 8


@pytest.mark.parametrize("trouble", [ChildError("The probe did not start."), KeyRefused("The key is gone.")])
def test_a_call_that_cannot_leave_failed_and_says_why(desk: Desk, trouble: Exception) -> None:
    desk.dispatch.trouble = trouble
    assert desk.run(ExperimentSpec((ARM,), stop_after=1)) == ["failed", "dropped"]
    error = from_bytes(desk.store.evidence("x")[0]).error
    assert error is not None
    assert error.message == str(trouble)
    assert FeedItem(0, "failed") in desk.feed.read("x", 0)[0]


def test_a_lab_that_does_not_start_is_such_a_failure(desk: Desk) -> None:
    desk.lab.trouble = ChildError("The lab did not start.")
    assert desk.run(preset()) == ["failed", "failed"]


def test_the_lab_gets_its_address_and_no_key(desk: Desk) -> None:
    spec = ExperimentSpec((Arm(Endpoint("lab", "env:OPENAI_API_KEY"), ARM.call),))
    desk.run(spec)
    assert {(r.base_url, r.key_ref) for r in desk.dispatch.requests} == {("http://127.0.0.1:5555/v1", "")}


def test_only_calls_to_the_lab_are_said_to_go_there(desk: Desk) -> None:
    calls = [PlannedCall(n, n, "streaming", group=n) for n in range(2)]
    desk.run(ExperimentSpec((ARM, Arm(Endpoint("lab"), ARM.call))), calls)
    assert desk.dispatch.to_lab == [False, True]


@pytest.mark.parametrize(("spec", "lab"), [(ExperimentSpec((ARM,)), False), (preset(), True)])
def test_the_instrument_is_calibrated_once_and_before_anything_is_sent(
    desk: Desk, spec: ExperimentSpec, lab: bool
) -> None:
    desk.run(spec)
    assert desk.calibrator.asked == [(lab, 0)]
    assert desk.calibrated == [("x", CALIBRATION, 7.5)]


def test_who_cancels_while_it_is_calibrated_sends_nothing(desk: Desk) -> None:
    desk.calibrator.meanwhile = lambda: desk.runner.cancel("x")
    assert desk.run(ExperimentSpec((ARM,))) == ["dropped", "dropped"]
    assert desk.store.row("x").state == "cancelled"
    assert desk.calibrated == []


def test_cancel_between_groups_drops_the_rest(desk: Desk) -> None:
    desk.dispatch.before_wait = lambda: desk.runner.cancel("x")
    assert desk.run(ExperimentSpec((ARM,), pairs=2)) == ["done", "dropped", "dropped", "dropped"]
    assert desk.store.row("x").state == "cancelled"
    assert desk.dispatch.cancelled == ["x"]


def test_leaving_writes_no_end_of_its_own(desk: Desk) -> None:
    desk.dispatch.before_wait = desk.runner.leave
    assert desk.run(ExperimentSpec((ARM,), pairs=2)) == ["done", "planned", "planned", "planned"]
    assert desk.store.row("x").state == "running"


def test_an_end_that_cannot_be_written_is_written_later(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> list[int]:
        raise StoreError("No space.")

    with monkeypatch.context() as broken:
        broken.setattr(desk.ledger, "finish", full)
        desk.run(ExperimentSpec((ARM,)))
        assert desk.feed.read("x", 0)[2]
    assert desk.store.row("x").state == "running"
    desk.runner.tidy()
    assert desk.store.row("x").state == "done"


def test_cancelling_what_does_not_run_here_does_nothing(desk: Desk) -> None:
    desk.runner.cancel("elsewhere")
    assert desk.dispatch.cancelled == []


def test_two_experiments_run_at_once(desk: Desk) -> None:
    both = threading.Barrier(2, timeout=60)
    desk.dispatch.before_wait = lambda: both.wait() and None
    calls = [PlannedCall(0, 0, "streaming")]
    spec = ExperimentSpec((ARM,))
    for id in ("x", "y"):
        desk.store.add(id, spec, calls, owner="me")
        desk.feed.begin(id)
        desk.runner.start(id, spec, calls)
    for id in ("x", "y"):
        desk.runner.wait(id, 60)
        assert desk.store.row(id).state == "done"


def refused(seconds: str) -> Any:
    return SimpleNamespace(status=429, headers=(("retry-after", seconds),))


@pytest.mark.real_time
def test_the_next_call_to_an_endpoint_that_asked_waits_and_the_wait_is_a_row(desk: Desk) -> None:
    """At least the 0.2 s that were asked for, less the clock's own millisecond."""
    desk.dispatch.verdicts, desk.dispatch.answers = {0: "failed"}, {0: refused("0.2")}
    began = time.monotonic()
    assert desk.run(ExperimentSpec((ARM,))) == ["failed", "done"]
    assert time.monotonic() - began >= 0.199
    (wait,) = desk.store.waits("x")
    assert (wait.n, "127.0.0.1:9" in wait.reason) == (1, True)
    assert wait.ended_ms is not None
    assert wait.ended_ms - wait.began_ms >= 150
    items = [(i.n, i.state) for i in desk.feed.read("x", 0)[0]]
    assert items == [(1, "wait"), (-1, "end")]


def test_others_are_not_kept_waiting(desk: Desk) -> None:
    other = Arm(Endpoint("http://127.0.0.1:8/v1"), ARM.call)
    desk.dispatch.verdicts, desk.dispatch.answers = {0: "failed"}, {0: refused("600")}
    calls = [PlannedCall(n, n, "streaming", group=n) for n in range(2)]
    assert desk.run(ExperimentSpec((ARM, other)), calls) == ["failed", "done"]
    assert desk.store.waits("x") == ()


def test_cancel_ends_a_wait(desk: Desk) -> None:
    desk.dispatch.verdicts, desk.dispatch.answers = {0: "failed"}, {0: refused("600")}
    pause = desk.ledger.pause

    def cancelled(*given: Any) -> None:
        pause(*given)
        desk.runner.cancel("x")

    desk.ledger.pause = cancelled  # type: ignore[method-assign]
    assert desk.run(ExperimentSpec((ARM,))) == ["failed", "dropped"]
    assert desk.store.row("x").state == "cancelled"
    assert desk.store.waits("x")[0].ended_ms is not None


def test_a_disk_that_is_full_stops_it_with_a_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.dispatch.trouble = StoreError("The disk is full.")
    assert desk.run(ExperimentSpec((ARM,))) == ["dropped", "dropped"]
    assert desk.store.row("x").state == "interrupted"
    stopped = desk.store.row("x").why()
    assert stopped == Stop("storage", "It was stopped, and what was saved stays. The disk is full.")


def test_what_the_store_does_not_know_yet_is_known_here(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> list[int]:
        raise StoreError("No space.")

    with monkeypatch.context() as broken:
        broken.setattr(desk.ledger, "finish", full)
        desk.dispatch.trouble = StoreError("No space.")
        desk.run(ExperimentSpec((ARM,)))
    ending = desk.runner.ending("x")
    assert ending is not None
    assert ending.stopped is not None
    assert (ending.state, ending.stopped.rule) == ("interrupted", "storage")
    desk.runner.tidy()
    assert desk.runner.ending("x") is None
    assert desk.store.row("x").why() == ending.stopped


@pytest.mark.parametrize(("width", "pairs"), [(0.05, 10), (None, 14)])
def test_it_stops_when_it_is_as_precise_as_asked_and_not_before_ten_pairs(
    desk: Desk, width: float | None, pairs: int
) -> None:
    spec = ExperimentSpec((ARM,), pairs=14, design="measure", half_width=width)
    assert desk.run(spec) == ["done"] * 2 * pairs + ["dropped"] * 2 * (14 - pairs)
    stopped = desk.store.row("x").why()
    sentence = "It was stopped after 10 pairs: it is as precise as was asked for."
    assert stopped == (Stop("precision", sentence) if width else None)


def test_all_arms_must_be_precise(desk: Desk) -> None:
    spec = ExperimentSpec((ARM, ARM), pairs=12, design="measure", half_width=0.05)
    states = desk.run(spec)
    assert states.count("done") == 40
