"""What pages say of delivery, phases, error and truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lib.experiment import Experiment
from lib.lab.recordings import OURS, RECORDINGS
from lib.peers import Heard
from lib.service import Service
from lib.spec import LAB, Arm, CallSpec, Endpoint
from lib.trials import TRIALS, spec
from lib.ui import origins, session, shell, trust, verdict
from tests.ui.conftest import wait_for

Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests here: none looks at what another left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STREAMGAUGE_DATA", str(tmp_path_factory.mktemp("pages") / "data"))
        patch.setenv("STREAMGAUGE_DISCOVER", "false")
        patch.setenv("STREAMGAUGE_DOWNLOAD", "false")
        session.service.clear()
        opened = session.service()
    yield opened
    session.service.clear()


@pytest.fixture(scope="module")
def finished(service: Service) -> Experiment:
    """A lab experiment of half a second, with nothing odd about it."""
    return run(service, "finish-with-text")


def id_of(at: AppTest) -> str:
    """The experiment that the address names."""
    (id,) = at.query_params["id"] if isinstance(at.query_params["id"], list) else [at.query_params["id"]]
    return str(id)


def opened(open_page: Open, id: str, *sections: str) -> AppTest:
    at = open_page("experiment", id=id)
    for section in sections:
        at.session_state[section] = True
    return at.run() if sections else at


def lines(at: AppTest) -> list[str]:
    """What stands on the page as plain or quiet text."""
    runs = [json.loads(c.proto.json).get("runs", []) for c in at.get("bidi_component")]
    return [t.value for t in at.text] + ["".join(text for text, _ in run) for run in runs]


def badges(at: AppTest) -> str:
    return " ".join(m.value for m in at.markdown)


def run(service: Service, name: str) -> Experiment:
    return wait_for(service, service.start(spec(TRIALS[name])))


def test_why_is_drawn_only_when_opened(open_page: Open, finished: Experiment) -> None:
    assert len(opened(open_page, finished.id).get("plotly_chart")) == 1
    at = opened(open_page, finished.id, "why")
    assert not at.exception
    assert len(at.get("plotly_chart")) == 5
    assert all(chart.proto.alt for chart in at.get("plotly_chart"))
    phases = at.table[1].value
    assert "wait before the first token" in list(phases["Phase"])


def test_a_stream_that_was_held_back_says_so_and_withholds_its_rate(
    open_page: Open, service: Service
) -> None:
    one = run(service, "proxy")
    at = opened(open_page, one.id, "why")
    assert not at.exception
    said = lines(at)
    assert any(t.startswith("Delivery was held back on the way.") for t in said)
    assert any(t.startswith("What would help: Send X-Accel-Buffering: no") for t in said)
    assert any("Via: 1.1 proxy.example" in t for t in said)
    assert "Held back on the way" in badges(at)
    assert [m.value for m in at.metric][-1] == "withheld"
    numbers = at.dataframe[1].value.set_index("Number")
    assert numbers.loc["answer rate (tokens/s)", "Streaming"] == "withheld"


@pytest.mark.real_time  # a machine that stands still for half a second makes a stall
def test_an_incremental_stream_needs_no_line(open_page: Open, finished: Experiment) -> None:
    assert not [t for t in lines(opened(open_page, finished.id)) if t.startswith("Delivery")]


def test_the_error_stands_beside_the_numbers_and_in_trust(open_page: Open, finished: Experiment) -> None:
    at = opened(open_page, finished.id, "trust")
    assert not at.exception
    found = finished.calibration
    assert found is not None
    said = trust.error(finished, finished.calls[1])
    assert said in badges(at)
    if found.p95_s is not None:  # a busy machine may give the calibration up, and the page says so
        assert said.startswith("Stamps are right to ")
        assert "95 % are right to" in list(at.table[1].value["What"])
    else:
        assert said == "How true the stamps are is not known"


def test_a_recording_shows_its_own_error_never_ours() -> None:
    one = session.recorded("text-davinci-002-2022-10")
    assert trust.error(one, one.calls[1]) == "Times as recorded, to 10 ms"


@pytest.mark.real_time  # a machine that stands still for half a second makes a stall
def test_a_delivery_check_sends_four_calls_and_says_what_compression_does(
    open_page: Open, service: Service
) -> None:
    one = run(service, "gzip-held")
    at = opened(open_page, one.id, "why")
    at.button(key="check_delivery").click().run()
    id = id_of(at)
    assert id != one.id
    checked = wait_for(service, id)
    assert len(checked.calls) == 4
    assert checked.parent == one.id
    at = opened(open_page, id, "why")
    assert any(t.startswith("Delivery check: Held back only when compressed") for t in lines(at))
    assert verdict.CHECK not in [b.label for b in at.button]


@pytest.mark.parametrize("chip", [origins.CHIPS[0], origins.CHIPS[-1]], ids=lambda c: c.label)
def test_a_chip_starts_its_run_and_is_marked(open_page: Open, service: Service, chip: origins.Chip) -> None:
    at = open_page()
    at.button(key=f"chip_{chip.trial or origins.SLOW_DAY}").click().run()
    assert not at.exception
    id = id_of(at)
    service.cancel(id)
    one = wait_for(service, id)
    kind, wanted = ("simulated", "Simulated") if chip.trial else ("recorded", "Recorded rhythm")
    assert one.title == f"{chip.label} ({kind})"
    assert wanted in badges(open_page("experiment", id=id))


def test_what_is_shown_is_what_runs_and_says_whose_words_they_are(open_page: Open, service: Service) -> None:
    at = open_page()
    at.button(key="run_here").click().run()
    id = id_of(at)
    service.cancel(id)
    one = wait_for(service, id)
    assert one.spec.arms == session.recorded(OURS.id).spec.arms
    assert one.title == OURS.title
    assert "Rhythm recorded, words ours" in badges(open_page("experiment", id=id))


def test_the_start_page_has_a_chip_for_each_thing_that_streams_do(open_page: Open) -> None:
    labels = [b.label for b in open_page().button if str(b.key).startswith("chip_")]
    assert labels == [
        "A slow day :gray[· recorded]", "Thinking first :gray[· simulated]",
        "Held back by a proxy :gray[· simulated]", "Faked at the end :gray[· simulated]",
        "A stall :gray[· simulated]",
    ]  # fmt: skip
    assert all(chip.trial in TRIALS for chip in origins.CHIPS[1:])


def test_only_answers_that_no_model_made_get_a_badge() -> None:
    def of(url: str, model: str) -> str:
        return origins.kind(Arm(Endpoint(url), CallSpec(model=model)))

    assert of(LAB, "trap-stall") == of(LAB, "steady:rate=5") == origins.SIMULATED
    assert {of(LAB, model) for model in (*RECORDINGS, "text-davinci-002")} == {origins.RECORDED}
    assert of(LAB, OURS.id) == origins.OURS == "rhythm recorded, words ours"
    assert of("https://api.example.com/v1", "steady") == of("https://api.example.com/v1", "trap-stall") == ""


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard(0, 600_000_000, (100_000_000, 600_000_000), None, (1_000_000, 2_000_000))
    monkeypatch.setattr(Service, "peers", lambda *_: (heard, heard))


def test_a_trial_shows_measured_against_true(
    open_page: Open, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    at = open_page("method", trap="stall")
    assert at.selectbox(key="trial").value == "stall"
    at.button(key="run_trial").click().run()
    id = id_of(at)
    wait_for(service, id)
    at = open_page("method", trap="stall", id=id)
    assert not at.exception
    assert len(at.get("plotly_chart")) == 2
    facts = at.dataframe[0].value
    ours = dict(zip(facts.iloc[:, 0], facts["Streamgauge"], strict=True))
    assert ours["Events with visible text"] == "✓ 20"
    assert ours["How it was delivered"] == "✓ stalled"
    assert ours["How it ended"] == "✓ whole"
    assert list(facts.columns[3:]) == ["Cookbook's loop", "Plain reader"]


def test_a_link_to_no_trial_shows_the_choice_alone(open_page: Open, finished: Experiment) -> None:
    links = [("stall", "A" * 22), ("no-such", ""), ("stall", "../x"), ("", "a\x00"), ("stall", finished.id)]
    for trap, id in links:
        at = open_page("method", trap=trap, id=id)
        assert not at.exception
        assert not at.get("plotly_chart")


def test_the_header_names_the_program() -> None:
    assert "<title>Streamgauge</title>" in Path(shell.WORDMARK).read_text("utf-8")
