"""What each page shows, and that nothing untrusted reaches a label."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lib import example
from lib.errors import NotFound
from lib.experiment import Experiment
from lib.glossary import sections
from lib.lab.recordings import RECORDINGS
from lib.metrics import METRICS
from lib.reader import READER
from lib.service import Service
from lib.spec import LAB, Arm, CallSpec, Endpoint, ExperimentSpec
from tests.ui.conftest import SHELL, wait_for

Open = Callable[..., AppTest]
HOSTILE = "![x](http://127.0.0.1:9/x.png) <img src=//127.0.0.1:9/y> *steady*"
MARKUP = (
    "markdown",
    "caption",
    "title",
    "header",
    "subheader",
    "metric",
    "expander",
    "error",
    "html",
    "button",
)


def sentence(at: AppTest) -> str:
    """The page's sentence with its bold runs between asterisks."""
    component = next(c for c in at.get("bidi_component") if c.proto.component_name == "streamgauge_sentence")
    runs = json.loads(component.proto.json)["runs"]
    return "".join(f"*{text}*" if strong else text for text, strong in runs)


def test_the_start_page_opens_on_the_answer(open_page: Open) -> None:
    at = open_page()
    assert at.title[0].value == "See when the words arrive."
    assert sentence(at).startswith(
        "Streaming showed its first text after *0.16 s*. The blocking call showed nothing for *7.32 s*."
    )
    assert any(c.value.startswith(example.ORIGIN) for c in at.caption)
    assert not at.get("plotly_chart")
    assert not at.exception


def test_the_start_page_offers_every_recording_with_what_it_does_not_show(open_page: Open) -> None:
    at = open_page()
    labels = {button.key: button.label for button in at.button}
    assert labels["run_here"] == "Run it here, 7 s, no key"
    assert [labels[f"run_{id}"] for id in RECORDINGS] == [f"Run it here, {n} s" for n in (7, 7, 3, 3, 21, 5)]
    words = " ".join(m.value for m in at.markdown)
    assert all(r.shows in words and r.shows_not in words for r in RECORDINGS.values())


@pytest.mark.parametrize("id", ["", "nonsense", "../../etc", "A" * 22, "x" * 5000, "a\x00b"])
def test_an_unknown_or_malformed_id_is_said_so(open_page: Open, id: str) -> None:
    at = open_page("experiment", id=id)
    assert at.title[0].value == "Experiment not found"
    assert not at.exception


def test_a_finished_experiment_shows_its_parts(open_page: Open, finished: Experiment) -> None:
    at = open_page("experiment", id=finished.id)
    assert not at.exception
    assert sentence(at).startswith("Streaming showed its first text after *0.0")
    assert 1 <= len(at.metric) <= 4
    assert len(at.get("plotly_chart")) == 1
    assert len(at.table) == 1
    assert [h.value for h in at.header] == ["Blocking and streaming compared", "When"]


def test_any_id_that_can_be_drawn_can_be_shown(
    open_page: Open, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.service.secrets.token_urlsafe", lambda _: "-__a__-__b__-_-____-_-")
    service.routes_mounted = True
    call = CallSpec("chat.completions", "steady:first=0.02,rate=400,tokens=5", "Count.")
    id = service.start(ExperimentSpec((Arm(Endpoint(LAB), call),), together=True))
    assert not open_page("experiment", id=id).exception
    wait_for(service, id)
    assert not open_page("experiment", id=id).exception


def test_the_closed_parts_open(open_page: Open, finished: Experiment) -> None:
    at = open_page("experiment", id=finished.id)
    for part in ("why", "trust", "texts"):
        at.session_state[part] = True
    at.run()
    assert not at.exception
    assert [len(READER), len(METRICS)] == [len(frame.value) for frame in at.dataframe[:2]]
    assert "Count." in [code.value for code in at.code]


def test_a_loopback_address_says_that_the_link_stays_here(open_page: Open, finished: Experiment) -> None:
    at = open_page("experiment", id=finished.id)
    assert any(c.value.startswith("This link opens on this computer only.") for c in at.caption)


def test_a_cancelled_experiment_says_what_was_kept(open_page: Open, service: Service) -> None:
    call = CallSpec("chat.completions", "steady:first=0.02,rate=5,tokens=500", "Count.")
    id = service.start(ExperimentSpec((Arm(Endpoint(LAB), call),), together=True))
    at = open_page("experiment", id=id)
    at.button(key="cancel").click().run()
    wait_for(service, id)
    at = open_page("experiment", id=id)
    assert not at.exception
    assert any("Cancelled" in m.value for m in at.markdown)


def test_a_refused_call_says_what_to_do(open_page: Open, service: Service) -> None:
    call = CallSpec("chat.completions", "no-such-model", "Count.")
    id = service.start(ExperimentSpec((Arm(Endpoint(LAB), call),), together=True))
    wait_for(service, id)
    at = open_page("experiment", id=id)
    assert not at.exception
    assert sentence(at) == "No answer arrived, so there is nothing to compare."
    assert any("Look up models" in caption.value for caption in at.caption)
    assert any(text.value == "No text arrived." for text in at.text)


def test_untrusted_text_never_reaches_a_label(open_page: Open, service: Service) -> None:
    call = CallSpec("chat.completions", HOSTILE, HOSTILE, system=HOSTILE)
    id = service.start(ExperimentSpec((Arm(Endpoint(LAB), call),) * 2), title=HOSTILE)
    wait_for(service, id)
    at = open_page("experiment", id=id)
    for part in ("why", "trust", "texts"):
        at.session_state[part] = True
    at.run()
    assert not at.exception
    for page in (at, open_page("saved")):
        shown = [str(element.proto) for kind in MARKUP for element in page.get(kind)]
        assert not any("x.png" in text or "//127.0.0.1:9/y" in text for text in shown)


def test_saved_lists_finds_names_and_deletes(open_page: Open, service: Service, finished: Experiment) -> None:
    at = open_page("saved")
    assert "Blocking and streaming: steady:first=0.02,rate=400,tokens=20" in [t.value for t in at.text]
    at.text_input(key="search").set_value("no such thing").run()
    assert "Nothing here has that in its name, models or prompt." in [m.value for m in at.markdown]
    at.text_input(key="search").set_value("").run()
    at.button(key=f"rename_{finished.id}").click().run()
    at.text_input(key=f"name_{finished.id}").set_value("My first")
    at.button(key="save_name").click().run()
    assert service.experiment(finished.id).title == "My first"
    at.button(key=f"delete_{finished.id}").click().run()
    at.button(key="confirm_delete").click().run()
    with pytest.raises(NotFound):
        service.experiment(finished.id)


def test_an_empty_saved_page_says_how_to_begin(open_page: Open) -> None:
    at = open_page("saved")
    assert "Nothing is saved yet. Every experiment you run appears here." in [m.value for m in at.markdown]


def test_method_names_every_number(open_page: Open) -> None:
    at = open_page("method")
    named = [cell for table in at.table for cell in table.value.get("Number", ())]
    assert [cell.split("`")[1] for cell in named] == [t.name for s in sections() for t in s.terms]


def test_without_a_usable_data_folder_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lib.ui import session

    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("STREAMGAUGE_DATA", str(blocked))
    session.service.clear()
    at = AppTest.from_file(SHELL, default_timeout=30).run()
    assert at.title[0].value == "Streamgauge cannot work here yet"
    assert str(blocked) in " ".join(t.value for t in at.text)
    assert not at.exception


def test_a_lane_with_fewer_events_starts_again_at_the_first(open_page: Open, finished: Experiment) -> None:
    at = open_page("experiment", id=finished.id)
    at.session_state["closeup"] = True
    at.run()
    at.number_input(key="closeup_event").set_value(15).run()
    assert any(text.value.startswith("Event: 15 of") for text in at.text)
    at.selectbox(key="closeup_lane").set_value(0).run()
    assert not at.exception
    assert any(text.value.startswith("Event: 1 of") for text in at.text)
