import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lib import document
from lib.calibration import LEAST
from lib.document import ExperimentDocument
from lib.errors import DecodeError, InvalidSpec, KeyRefused, NotAllowed, NotFound, StoreError
from lib.experiment import Experiment, preset
from lib.feed import END, FeedItem, rows
from lib.lab import recordings as lab_recordings
from lib.outline import outlined
from lib.plan import plan
from lib.providers import Provider
from lib.results import version
from lib.service import Service
from lib.settings import Settings
from lib.spec import LAB, Arm, CallSpec, Endpoint, ExperimentSpec, Limits
from lib.summary import encodings
from tests import endpoint as endpoints

ROOT = Path(__file__).parent.parent
PATIENCE_S = 60.0
FAST = "steady:first=0.05,rate=200,tokens=20"


def settings(folder: Path) -> Settings:
    return Settings(data=folder, discover=False, download=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
def shared() -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as folder:
        opened = Service.open(settings(Path(folder)))
        yield opened
        opened.close()


@pytest.fixture
def service(shared: Service) -> Service:
    """One for the module, since its processes take a second to start; emptied for each test."""
    for entry in shared.listing(limit=1000):
        shared.delete(entry.id)
    return shared


@pytest.fixture
def endpoint() -> Iterator[endpoints.Endpoint]:
    with endpoints.endpoint() as server:
        yield server


def ask(base_url: str, model: str, *, pairs: int = 1, **more: object) -> ExperimentSpec:
    arm = Arm(Endpoint(base_url), CallSpec(model=model, prompt="Say something."))
    return ExperimentSpec((arm,), pairs=pairs, seed=1, **more)  # type: ignore[arg-type]


def streaming_first(spec: ExperimentSpec) -> ExperimentSpec:
    """The same, with a seed that draws the streaming call first."""
    seeded = (dataclasses.replace(spec, seed=seed) for seed in range(1, 99))
    return next(s for s in seeded if plan(s)[0].mode == "streaming")


def until(condition: Callable[[], object]) -> None:
    """Wait for something that must happen; the bound only ends a test that would hang."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def finished(service: Service, id: str) -> Experiment:
    service.wait(id, PATIENCE_S)
    experiment = service.experiment(id)
    assert experiment.state != "running"
    return experiment


def states(experiment: Experiment) -> list[str]:
    return [c.state for c in experiment.calls]


def text(experiment: Experiment, n: int) -> str:
    timeline = experiment.calls[n].timeline
    return "" if timeline is None else "".join(e.text or "" for e in timeline.events if e.kind == "content")


def test_a_pair_against_the_lab_is_measured_and_kept(folder: Path) -> None:
    service = Service.open(settings(folder))
    id = service.start(ask(LAB, FAST))
    experiment = finished(service, id)
    assert (experiment.state, states(experiment)) == ("done", ["done", "done"])
    assert text(experiment, 0) == text(experiment, 1) != ""
    for call in experiment.calls:
        assert call.timeline is not None
        assert call.metrics is not None
        assert call.metrics["e2e_s"] is not None
        assert call.instrument is not None
        assert call.wall_ms
        assert (call.status, call.http_version) == (200, "HTTP/1.1")
        assert dict(call.headers)["server"] == "streamgauge-lab"
    before = service.json(id)
    service.close()
    again = Service.open(settings(folder))
    assert again.json(id) == before
    again.close()


@pytest.mark.real_time
def test_the_instruments_error_is_kept_with_the_experiment(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error below 0.2 s at the median says that true and measured times were matched, even where much
    else runs."""
    monkeypatch.setattr("lib.calibrator.PATIENCE_S", PATIENCE_S)
    service.warm()
    experiment = finished(service, service.start(ask(LAB, FAST)))
    found = experiment.calibration
    assert found is not None
    assert (found.reason, found.n >= LEAST) == (None, True)
    assert found.median_s is not None
    assert abs(found.median_s) < 0.2
    instrument = experiment.calls[0].instrument
    assert instrument is not None
    assert found.probe == instrument.probe
    assert experiment.calibration_age_s is not None
    assert len(experiment.calls) == 2  # it is none of them
    again = finished(service, service.start(ask(LAB, FAST)))
    assert again.calibration == found
    assert (again.calibration_age_s or 0) > experiment.calibration_age_s


def test_a_lab_that_cannot_start_hinders_no_call_to_another_endpoint(
    folder: Path, endpoint: endpoints.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.children.LAB", "lib.not_there")
    service = Service.open(settings(folder))
    experiment = finished(service, service.start(ask(endpoint.base_url, "slow:1")))
    assert states(experiment) == ["done", "done"]
    assert experiment.calibration is not None
    assert experiment.calibration.reason
    assert experiment.calibration.min_detectable_gap_s is None
    ExperimentDocument.model_validate_json(service.json(experiment.id))
    service.close()


@pytest.mark.real_time
def test_the_delivery_check_asks_again_without_and_with_compression(service: Service) -> None:
    """On a machine that never stands still for half a second: that would be a stall in the stream."""
    first = finished(service, service.start(ask(LAB, "trap-gzip-held")))
    assert {c.delivery.kind for c in first.calls if c.delivery} == {"incremental"}
    spec = service.check_spec(first.id)
    assert [a.endpoint.accept_encoding for a in spec.arms] == ["identity", "gzip"]
    checked = finished(service, service.start(spec, parent=first.id))
    kinds = {(c.planned.arm, c.delivery.kind) for c in checked.calls if c.delivery}
    assert kinds == {(0, "incremental"), (1, "buffered")}
    told = encodings(checked)
    assert told is not None
    assert told.startswith("Held back only when compressed")
    packed = next(c for c in checked.calls if c.delivery and c.planned.arm == 1)
    assert dict(packed.headers)["content-encoding"] == "gzip"


def test_a_compressed_stream_is_measured_like_any_other(service: Service) -> None:
    plain = ask(LAB, "trap-gzip")
    endpoint = dataclasses.replace(plain.arms[0].endpoint, accept_encoding="gzip")
    spec = dataclasses.replace(plain, arms=(dataclasses.replace(plain.arms[0], endpoint=endpoint),))
    id = service.start(spec)
    experiment = finished(service, id)
    assert states(experiment) == ["done", "done"]
    assert text(experiment, 0) == text(experiment, 1) != ""
    (stream,) = (c for c in experiment.calls if c.delivery)
    assert dict(stream.headers)["content-encoding"] == "gzip"
    items, _, _ = service.feed.read(id, 0)
    live = "".join(e[2] for i in items if i.n == stream.planned.n for e in i.events if e[1] == "content")
    assert live == text(experiment, 0)


@pytest.mark.parametrize("arm", [1, -1])
def test_only_an_arm_that_was_asked_can_be_checked(service: Service, arm: int) -> None:
    id = service.start(ask(LAB, FAST))
    with pytest.raises(InvalidSpec):
        service.check_spec(id, arm)
    finished(service, id)


@pytest.fixture
def hosted(folder: Path) -> Iterator[Service]:
    opened = Service.open(Settings(data=folder, mode="hosted", download=False))
    yield opened
    opened.close()


def test_strangers_reach_the_lab_and_nothing_else_of_this_computer(
    hosted: Service, endpoint: endpoints.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = endpoint.base_url.replace("127.0.0.1", "localhost")
    for base_url in (endpoint.base_url, address):
        with pytest.raises(InvalidSpec) as refused:
            hosted.start(ask(base_url, "slow:1"))
        assert refused.value.field == "arms.0.base_url"
        assert hosted.models(Endpoint(base_url)).problem
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    assert hosted.keys.found("OPENAI_API_KEY") is None
    ours = Arm(Endpoint("https://api.openai.com/v1", "env:OPENAI_API_KEY"), CallSpec(model="m", prompt="p"))
    with pytest.raises(KeyRefused):
        hosted.start(ExperimentSpec((ours,)))
    assert hosted.discover() == []
    assert (hosted.listing(), endpoint.asked) == ([], [])
    assert states(finished(hosted, hosted.start(ask(LAB, FAST)))) == ["done", "done"]


def test_a_name_that_leads_back_here_is_refused_by_the_probe(
    hosted: Service, endpoint: endpoints.Endpoint
) -> None:
    spec = ask("https://localhost/v1", "slow:1", stop_after=1)
    experiment = finished(hosted, hosted.start(spec))
    error = experiment.calls[0].error
    assert error is not None
    assert error.kind == "refused"


def test_the_calls_of_a_pair_run_in_turn(service: Service, endpoint: endpoints.Endpoint) -> None:
    experiment = finished(service, service.start(ask(endpoint.base_url, "slow:3")))
    first, second = (c.timeline for c in experiment.calls)
    assert first is not None
    assert second is not None
    assert first.t_send_monotonic_ns is not None
    assert second.t_send_monotonic_ns is not None
    assert second.t_send_monotonic_ns >= first.t_send_monotonic_ns + first.events[-1].t_ns
    assert len({a["messages"][0]["content"][:14] for a in endpoint.asked}) == 2  # a nonce each


@pytest.mark.real_time
def test_calls_of_one_group_start_together(service: Service) -> None:
    """Within 50 ms: both threads wait for the same moment of the clock, on a busy machine."""
    call = CallSpec("completions", "text-davinci-002", "1,2,3,", max_tokens=3)
    spec = ExperimentSpec((Arm(Endpoint(LAB), call),), together=True, cache="as_is", seed=1)
    experiment = finished(service, service.start(spec))
    sends = [c.timeline.t_send_monotonic_ns or 0 for c in experiment.calls if c.timeline]
    assert abs(sends[0] - sends[1]) < 50_000_000


def test_the_feed_tells_what_is_saved(service: Service) -> None:
    id = service.start(ask(LAB, FAST))
    service.wait(id, PATIENCE_S)
    items, _, ended = service.feed.read(id, 0)
    assert ended
    assert items[-1] == END
    for call in service.experiment(id).calls:
        assert call.timeline is not None
        told = [e for i in items if i.n == call.planned.n for e in i.events]
        saved = list(rows(call.timeline.events))
        assert [e[1:] for e in told] == [e[1:] for e in saved]
        # User stamps live, the kernel's when saved: a millisecond of lateness on a busy machine is not news.
        assert all(live[0] >= late[0] - 1_000_000 for live, late in zip(told, saved, strict=True))


def test_a_live_experiment_shows_what_has_arrived(service: Service, endpoint: endpoints.Endpoint) -> None:
    id = service.start(streaming_first(ask(endpoint.base_url, "hold")))
    until(lambda: text(service.experiment(id), 0) == "word0 word1 word2 ")
    live = service.experiment(id)
    assert (live.state, live.calls[0].state) == ("running", "sent")
    assert live.calls[0].error is None
    assert service.feed.ages(id)[0] > 0
    endpoint.release.set()
    assert states(finished(service, id)) == ["done", "done"]


def test_cancel_keeps_what_arrived_and_drops_the_rest(service: Service, endpoint: endpoints.Endpoint) -> None:
    id = service.start(ask(endpoint.base_url, "hold", pairs=2))
    assert endpoint.begun.acquire(timeout=PATIENCE_S)
    service.cancel(id)
    experiment = finished(service, id)
    assert (experiment.state, states(experiment)) == (
        "cancelled",
        ["failed", "dropped", "dropped", "dropped"],
    )
    error = experiment.calls[0].error
    assert error is not None
    assert error.kind == "cancelled"
    assert len(endpoint.asked) == 1


def test_an_experiment_stops_after_failures_in_a_row(service: Service, endpoint: endpoints.Endpoint) -> None:
    experiment = finished(service, service.start(ask(endpoint.base_url, "refuse", pairs=4)))
    assert states(experiment) == ["failed"] * 3 + ["dropped"] * 5
    error = experiment.calls[0].error
    assert error is not None
    assert (error.kind, error.status) == ("status", 401)
    assert len(endpoint.asked) == 3


def test_what_it_will_take_is_learned_from_calls_before(
    service: Service, endpoint: endpoints.Endpoint
) -> None:
    spec = ask(endpoint.base_url, "slow:2", pairs=5)
    unknown = service.estimate(spec)
    assert (unknown.calls, unknown.seconds, unknown.usd_most, unknown.counted) == (10, None, None, False)
    finished(service, service.start(ask(endpoint.base_url, "slow:2")))
    known = service.estimate(spec)
    assert known.seconds is not None
    assert 5 * 0.2 <= known.seconds < 60
    assert service.estimate(ask(LAB, FAST)).usd_most == 0


def test_an_experiment_that_stopped_goes_on_where_it_was(
    service: Service, endpoint: endpoints.Endpoint
) -> None:
    id = service.start(ask(endpoint.base_url, "moody:2", pairs=4, stop_after=2))
    stopped = finished(service, id)
    assert states(stopped) == ["failed"] * 2 + ["dropped"] * 6
    assert stopped.stopped is not None
    assert (stopped.stopped.rule, stopped.resumable) == ("failures", True)
    service.resume(id)
    assert service.feed.read(id, 0)[0][:2] == [FeedItem(0, "failed"), FeedItem(1, "failed")]
    again = finished(service, id)
    assert states(again) == ["failed"] * 2 + ["done"] * 6
    assert (again.state, again.stopped, again.resumable) == ("done", None, False)
    assert again.calls[:2] == stopped.calls[:2]
    assert len(endpoint.asked) == 8
    with pytest.raises(InvalidSpec, match="no call left"):
        service.resume(id)


def test_a_running_experiment_is_not_resumed(service: Service, endpoint: endpoints.Endpoint) -> None:
    id = service.start(ask(endpoint.base_url, "hold"))
    assert endpoint.begun.acquire(timeout=PATIENCE_S)
    with pytest.raises(InvalidSpec, match="runs"):
        service.resume(id, repeat_unknown=True)
    service.cancel(id)
    finished(service, id)
    assert len(endpoint.asked) == 1


@pytest.mark.real_time
def test_an_endpoint_that_asks_for_a_pause_gets_it(service: Service) -> None:
    """The lab's refusal asks for 2 s; the call after it leaves no sooner."""
    id = service.start(ask(LAB, "trap-429", stop_after=None))
    until(lambda: service.standing(id).waits)
    (wait,) = service.standing(id).waits
    assert (wait.n, wait.ended_ms) == (1, None)
    assert FeedItem(1, "wait") in service.feed.read(id, 0)[0]
    experiment = finished(service, id)
    assert states(experiment) == ["failed", "failed"]
    rows = service._store.calls(id)
    assert rows[0].done_ms is not None
    assert rows[1].sent_ms is not None
    assert rows[1].sent_ms - rows[0].done_ms > 1900
    (wait,) = experiment.waits
    assert wait.ended_ms is not None


def test_a_killed_probe_loses_no_event_and_the_next_call_gets_a_new_one(
    service: Service, endpoint: endpoints.Endpoint
) -> None:
    id = service.start(streaming_first(ask(endpoint.base_url, "hold", stop_after=None)))
    until(lambda: text(service.experiment(id), 0) == "word0 word1 word2 ")
    probe = service._dispatch.probe.pid
    assert probe is not None
    os.kill(probe, signal.SIGKILL)
    until(lambda: service.experiment(id).calls[0].state == "failed")
    endpoint.release.set()
    experiment = finished(service, id)
    assert states(experiment) == ["failed", "done"]
    error = experiment.calls[0].error
    assert error is not None
    assert error.kind == "lost"
    assert text(experiment, 0) == "word0 word1 word2 "
    assert service._dispatch.probe.pid not in (probe, None)
    assert len(endpoint.asked) == 2


KILLED = """
import sys, time
from pathlib import Path
from lib.service import Service
from lib.settings import Settings
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec
service = Service.open(Settings(data=Path(sys.argv[1]), discover=False, download=False))
arm = Arm(Endpoint(sys.argv[2]), CallSpec(model="hold", prompt="Say something."))
print(service.start(ExperimentSpec((arm,), seed=int(sys.argv[3]))), flush=True)
time.sleep(600)
"""


def test_a_killed_service_keeps_what_arrived_and_sends_nothing_again(
    folder: Path, endpoint: endpoints.Endpoint
) -> None:
    seed = streaming_first(ask(endpoint.base_url, "hold")).seed
    command = [sys.executable, "-c", KILLED, str(folder), endpoint.base_url, str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as web:
        assert web.stdout is not None
        id = web.stdout.readline().strip()
        assert endpoint.begun.acquire(timeout=PATIENCE_S)
        web.kill()
    service = Service.open(settings(folder))
    experiment = service.experiment(id)
    assert experiment.state == "interrupted"
    assert experiment.calls[1].state == "dropped"
    assert experiment.calls[0].state == "unknown"
    service._sweep()  # the probe has spooled what the dead service may lack; it goes on all the same
    until(lambda: service._sweep() or text(service.experiment(id), 0) == "word0 word1 word2 ")
    error = service.experiment(id).calls[0].error
    assert error is not None
    assert error.kind == "lost"
    assert service.feed.read(id, 0)[2]
    endpoint.release.set()  # the orphaned probe finishes the call; its last lines are folded in
    until(lambda: service._sweep() or service.experiment(id).calls[0].state == "done")
    assert service.experiment(id).calls[0].error is None
    assert service.experiment(id).resumable
    until(lambda: service._sweep() or not list((folder / "spool").glob("*.jsonl")))
    assert len(endpoint.asked) == 1
    service.close()


def test_a_closed_service_leaves_the_call_to_the_probe(folder: Path, endpoint: endpoints.Endpoint) -> None:
    service = Service.open(settings(folder))
    id = service.start(ask(endpoint.base_url, "hold", stop_after=None))
    assert endpoint.begun.acquire(timeout=PATIENCE_S)
    service.close()
    again = Service.open(settings(folder))
    assert again.experiment(id).state == "interrupted"
    endpoint.release.set()
    until(lambda: again._sweep() or again.experiment(id).calls[0].state == "done")
    assert len(endpoint.asked) == 1
    again.close()


def test_two_services_share_one_folder(service: Service, endpoint: endpoints.Endpoint) -> None:
    other = Service.open(service.settings)
    mine = service.start(ask(endpoint.base_url, "slow:4"))
    theirs = other.start(ask(endpoint.base_url, "slow:4"))
    other._sweep()
    service._sweep()
    assert states(finished(service, mine)) == ["done", "done"]
    assert states(finished(other, theirs)) == ["done", "done"]
    assert states(service.experiment(theirs)) == ["done", "done"]
    assert {e.id for e in service.listing()} == {mine, theirs}
    other.close()


def test_an_experiment_of_another_process_can_be_watched(
    service: Service, endpoint: endpoints.Endpoint
) -> None:
    other = Service.open(service.settings)
    id = other.start(ask(endpoint.base_url, "hold"))
    assert endpoint.begun.acquire(timeout=PATIENCE_S)
    assert service.experiment(id).state == "running"
    assert not service.feed.read(id, 0)[2]
    endpoint.release.set()
    finished(other, id)
    assert service.feed.read(id, 0)[2]
    other.close()


def test_bad_input_is_refused_before_anything_is_sent(service: Service, endpoint: endpoints.Endpoint) -> None:
    with pytest.raises(InvalidSpec):
        service.start(ask(endpoint.base_url, ""))
    bound = Arm(Endpoint(endpoint.base_url, "env:HOME"), CallSpec(model="m", prompt="p"))
    with pytest.raises(KeyRefused):
        service.start(ExperimentSpec((bound,)))
    with pytest.raises(InvalidSpec):
        service.start(preset(), title="x" * 1000)
    assert service.listing() == []
    assert endpoint.asked == []


def test_a_seed_is_drawn_when_none_was_given(service: Service, endpoint: endpoints.Endpoint) -> None:
    spec = ExperimentSpec(ask(endpoint.base_url, "slow:1").arms)
    assert finished(service, service.start(spec)).spec.seed > 0


def test_name_note_and_deletion(service: Service, endpoint: endpoints.Endpoint) -> None:
    id = service.start(ask(endpoint.base_url, "slow:1"), title="one")
    finished(service, id)
    service.rename(id, " Two ")
    service.annotate(id, "why\nnot")
    found = service.experiment(id)
    assert (found.title, found.note) == ("Two", "why\nnot")
    (entry,) = service.listing("two")
    assert (entry.id, entry.models) == (id, ("slow:1",))
    assert entry.headline.startswith("first text ")
    service.delete(id)
    for method in (service.experiment, service.require, service.cancel, service.delete, service.json):
        with pytest.raises(NotFound):
            method(id)
    with pytest.raises(NotFound):
        service.feed.read(id, 0)


def test_a_running_experiment_can_be_deleted(service: Service, endpoint: endpoints.Endpoint) -> None:
    id = service.start(ask(endpoint.base_url, "hold"))
    assert endpoint.begun.acquire(timeout=PATIENCE_S)
    service.delete(id)
    service.wait(id, PATIENCE_S)
    assert service.listing() == []
    assert service._dispatch.saver.problem is None


def test_models_are_asked_for_through_the_probe(service: Service, endpoint: endpoints.Endpoint) -> None:
    assert service.models(Endpoint(endpoint.base_url)) == (("hold", "slow:3"), None)
    assert service.models(Endpoint(LAB)).names[0] == "text-davinci-002-2022-09"
    for address in ("nonsense", "http://127.0.0.1:9/v1", f"{endpoint.base_url}#x"):
        names, problem = service.models(Endpoint(address))
        assert names == ()
        assert problem


def test_local_servers_are_found(
    folder: Path, endpoint: endpoints.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Provider("Ours", endpoint.base_url, "", "auto")
    nobody = Provider("Nobody", "http://127.0.0.1:9/v1", "", "auto")
    monkeypatch.setattr("lib.discovery.LOCAL_SERVERS", (nobody, ours))
    service = Service.open(Settings(data=folder, discover=True, download=False))
    assert service.discover() == [(ours, ("hold", "slow:3"))]
    assert service.discover() == [(ours, ("hold", "slow:3"))]
    assert len(endpoint.authorizations) == 1  # the second answer was remembered
    service.close()


def test_discovery_can_be_turned_off(service: Service) -> None:
    assert service.discover() == []


def test_health_says_what_fails(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service._dispatch.probe.ready()
    assert service.health() == {"status": "ok", "data": "writable", "probe": "running"}

    def full() -> None:
        raise StoreError("The data folder is full.")

    monkeypatch.setattr(service._store, "check", full)
    assert service.health()["status"] == "failing"
    assert service.health()["data"] == "The data folder is full."


def test_a_disk_that_fills_up_ends_the_experiment_and_is_made_up_for_later(
    service: Service, endpoint: endpoints.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("No space.")

    monkeypatch.setattr("lib.underway.RETRY_S", 0.05)
    id = service.start(ask(endpoint.base_url, "hold"))
    assert endpoint.begun.acquire(timeout=PATIENCE_S)
    with monkeypatch.context() as broken:
        broken.setattr(service._ledger, "save", full)
        broken.setattr(service._ledger, "finish", full)
        endpoint.release.set()
        service.wait(id, PATIENCE_S)
        assert service.feed.read(id, 0)[2]
        assert service.health()["status"] == "failing"
    until(lambda: service.experiment(id).calls[0].state == "done")
    service._sweep()
    assert service.experiment(id).state == "interrupted"
    assert service.health()["status"] == "ok"


def test_a_saved_document_is_valid(service: Service) -> None:
    id = service.start(ask(LAB, FAST))
    finished(service, id)
    read = ExperimentDocument.model_validate_json(service.json(id))
    assert read.id == id
    assert all(c.events[-1].t_ns > 0 for c in read.calls)


def test_limits_are_the_specs_own(service: Service, endpoint: endpoints.Endpoint) -> None:
    spec = ask(endpoint.base_url, "hold", limits=Limits(silence_s=0.3), stop_after=1)
    experiment = finished(service, service.start(spec))
    error = experiment.calls[0].error
    assert error is not None
    assert error.kind == "timeout"
    assert "STREAMGAUGE_SILENCE_S" in error.message  # silence counts before the first byte, too


def test_a_damaged_recording_does_not_take_the_list_with_it(
    service: Service, endpoint: endpoints.Endpoint
) -> None:
    id = service.start(ask(endpoint.base_url, "slow:1"))
    finished(service, id)
    with service._store.write() as connection:
        connection.exec_driver_sql("update evidence set bytes = x'00'")
        connection.exec_driver_sql("delete from derived")
    service._results.forget(id)
    with pytest.raises(DecodeError, match="not a recording"):
        service.experiment(id)
    (entry,) = service.listing()
    assert (entry.id, entry.headline) == (id, "")


def test_numbers_that_were_thrown_away_are_computed_again(
    service: Service, endpoint: endpoints.Endpoint
) -> None:
    id = service.start(ask(endpoint.base_url, "slow:2"))
    before = finished(service, id)
    with service._store.write() as connection:
        connection.exec_driver_sql("delete from derived")
    service._results.forget(id)
    assert service.experiment(id) == before


def test_outlines_are_the_calls_without_what_arrived_when(
    service: Service, endpoint: endpoints.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = service.start(ask(endpoint.base_url, "slow:2", pairs=2))
    whole = finished(service, id)
    wanted = dataclasses.replace(whole, calls=tuple(outlined(c) for c in whole.calls))
    service._results.forget(id)
    with monkeypatch.context() as kept:
        kept.setattr("lib.results.decode", None)
        assert service.numbers(id) == wanted
        assert service.numbers(id) == wanted
    assert list(service.calls(id, [1, 2]).values()) == list(whole.calls[1:3])
    with service._store.write() as connection:
        connection.exec_driver_sql("delete from derived")
    service._results.forget(id)
    assert service.numbers(id) == wanted
    assert len(service._results._derived.outlines(id, version(), range(4))) == 4


def test_numbers_of_an_older_definition_are_made_anew_while_nothing_else_happens(
    service: Service, endpoint: endpoints.Endpoint
) -> None:
    id = service.start(ask(endpoint.base_url, "slow:1", pairs=2))
    finished(service, id)
    with service._store.write() as connection:
        connection.exec_driver_sql("update derived set definition = '0.0'")
        connection.exec_driver_sql("update evidence set bytes = x'00' where n = 3")
    service._results.forget(id)
    assert [service._results.refresh(3), service._results.refresh(3), service._results.refresh(3)] == [
        3,
        1,
        0,
    ]
    assert sorted(service._results._derived.outlines(id, version(), range(4))) == [0, 1, 2]


def test_a_live_experiment_has_outlines_too(service: Service, endpoint: endpoints.Endpoint) -> None:
    id = service.start(streaming_first(ask(endpoint.base_url, "hold")))
    until(lambda: text(service.experiment(id), 0) == "word0 word1 word2 ")
    first, second = service.numbers(id).calls
    assert (first.state, second.state) == ("sent", "planned")
    assert first.timeline is not None
    assert (first.timeline.events, first.outline, second.timeline) == ((), True, None)
    endpoint.release.set()
    finished(service, id)
    assert [c.state for c in service.numbers(id).calls] == ["done", "done"]


def test_a_finished_experiment_is_decoded_once(
    service: Service, endpoint: endpoints.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = service.start(ask(endpoint.base_url, "slow:1"))
    first = finished(service, id)
    monkeypatch.setattr("lib.results.decode", None)
    assert service.experiment(id) == first


def test_a_viewer_runs_the_lab_and_nothing_else(tmp_path: Path) -> None:
    opened = Service.open(Settings(data=tmp_path / "data", mode="viewer", download=False))
    try:
        id = opened.start(ask(LAB, FAST))
        assert states(finished(opened, id)) == ["done", "done"]
        elsewhere = ask("https://api.openai.com/v1", "gpt-4o")
        with pytest.raises(InvalidSpec, match="only shows"):
            opened.start(elsewhere)
        with pytest.raises(KeyRefused, match="takes no keys"):
            opened.keys.typed("sk-0123456789", "https://api.openai.com/v1")
        assert opened.models(elsewhere.arms[0].endpoint).problem is not None
        assert opened.discover() == []
        for change in (
            lambda: opened.rename(id, "x"),
            lambda: opened.annotate(id, "x"),
            lambda: opened.delete(id),
            lambda: opened.library.share(id),
            lambda: opened.library.bring(b"{}"),
        ):
            with pytest.raises(NotAllowed):
                change()
        assert opened.json(id)
    finally:
        opened.close()


def test_what_came_as_a_file_is_an_experiment_like_any_other(service: Service) -> None:
    data = document.to_json(lab_recordings.experiment("text-davinci-002-2022-10")).encode()
    id = service.library.bring(data)
    found = service.experiment(id)
    assert (found.id, found.imported, found.state) == (id, "streamgauge", "done")
    assert service.json(id).encode() == data
    assert service.standing(id).calls
    (entry,) = service.listing()
    assert (entry.id, entry.imported) == (id, "streamgauge")
    assert entry.headline == "first text 0.16 s, blocking 7.32 s"
    service.rename(id, "Theirs")
    assert service.experiment(id).title == "Theirs"
    with pytest.raises(InvalidSpec, match="came as a file"):
        service.resume(id, repeat_unknown=True)
    service.delete(id)
    with pytest.raises(NotFound):
        service.experiment(id)
