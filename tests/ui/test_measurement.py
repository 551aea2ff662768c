"""Many pairs: the form's design, a run that measures, its result, stops and resuming."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lib.experiment import Experiment
from lib.service import Service
from lib.spec import LAB, Arm, CallSpec, Endpoint, ExperimentSpec
from tests.ui.conftest import wait_for

Open = Callable[..., AppTest]
FAST = "steady:first=0.01,rate=2000,tokens=12"
NOWHERE = Arm(Endpoint("http://127.0.0.1:9/v1"), CallSpec(model="nobody", prompt="Count."))


def lab(model: str = FAST) -> Arm:
    return Arm(Endpoint(LAB), CallSpec(model=model, prompt="Count.", max_tokens=50))


def asked(*arms: Arm, **more: Any) -> ExperimentSpec:
    return ExperimentSpec(arms, design="measure", cache="as_is", **more)


@pytest.fixture
def checked(service: Service) -> Experiment:
    """Six pairs of a fast model of the lab."""
    return wait_for(service, service.start(asked(lab(), pairs=6, warmups=1, together=True)))


def texts(at: AppTest) -> list[str]:
    return [text.value for text in at.text]


def sentences(at: AppTest) -> str:
    """What components were told to show."""
    return " ".join(str(c.proto) for c in at.get("bidi_component"))


def opened(open_page: Open) -> AppTest:
    at = open_page()
    at.button(key="try_mine").click().run()
    at.selectbox(key="provider_0").select(LAB).run()
    at.selectbox(key="pick_0").select("steady").run()
    return at


def test_a_check_says_its_verdict_first(open_page: Open, checked: Experiment) -> None:
    at = open_page("experiment", id=checked.id)
    assert not at.exception
    assert "first visible text" in sentences(at).lower()
    assert at.metric[0].label == "Calls that came whole"
    assert at.metric[0].value == "12 of 12"
    assert len(at.metric) <= 4
    assert "One pair, played" in [h.value for h in at.header]
    assert len(at.get("plotly_chart")) >= 4


def test_every_call_is_a_row_warm_ups_too(open_page: Open, checked: Experiment) -> None:
    at = open_page("experiment", id=checked.id, calls="true")
    frames = [f.value for f in at.dataframe if "Outcome" in f.value.columns]
    assert [len(f) for f in frames] == [14]
    assert sorted(frames[0]["Outcome"].unique()) == ["warm-up, whole", "whole"]


def test_one_pair_stays_as_it_was(open_page: Open, finished: Experiment) -> None:
    at = open_page("experiment", id=finished.id)
    assert "One pair, played" not in [h.value for h in at.header]
    assert "Calls that came whole" not in [m.label for m in at.metric]


def test_failures_are_counted_before_any_time_and_named(open_page: Open, service: Service) -> None:
    found = wait_for(service, service.start(asked(NOWHERE, lab(), pairs=2, stop_after=None)))
    at = open_page("experiment", id=found.id)
    assert not at.exception
    assert at.metric[0].value == "0 of 4"
    assert any("127.0.0.1:9" in text for text in texts(at))
    assert "Models compared" in [h.value for h in at.header]


def test_a_run_that_stopped_says_why_and_goes_on_with_a_click(open_page: Open, service: Service) -> None:
    drawn = asked(NOWHERE, lab(), pairs=6, stop_after=3, seed=7)  # an order with failures in a row early
    found = wait_for(service, service.start(drawn))
    at = open_page("experiment", id=found.id)
    assert any("failures in a row" in text for text in texts(at))
    left = sum(c.state == "dropped" for c in found.calls)
    assert at.button(key="resume").label == f"Go on: make the {left} calls left"
    at.button(key="resume").click().run()
    assert not at.exception
    now = wait_for(service, found.id)
    assert sum(c.state == "dropped" for c in now.calls) < left


def test_another_number_is_named_exploratory(open_page: Open, checked: Experiment) -> None:
    at = open_page("experiment", id=checked.id)
    at.segmented_control(key="metric").set_value("e2e_s").run()
    assert "Exploratory" in sentences(at)


def test_a_running_measurement_shows_its_count_and_can_be_cancelled(
    open_page: Open, service: Service
) -> None:
    slow = lab("steady:first=0.2,rate=50,tokens=20")
    id = service.start(asked(slow, pairs=20, together=True))
    at = open_page("experiment", id=id)
    assert not at.exception
    assert any("of 40 calls done" in text for text in texts(at))
    at.button(key="cancel").click().run()
    found = wait_for(service, id)
    assert found.state == "cancelled"
    assert any(c.state == "dropped" for c in found.calls)


def test_the_page_says_which_model_was_under_contention(open_page: Open, service: Service) -> None:
    one = lab("steady:first=0.01,rate=500,tokens=5")
    spec = asked(one, pairs=2)
    arms = (spec.arms[0], dataclasses.replace(spec.arms[0], contention=True))
    made = wait_for(service, service.start(dataclasses.replace(spec, arms=arms)))
    at = open_page("experiment", id=made.id)
    assert "tokens=5 (number 2) were made at once" in sentences(at)


def test_the_form_sends_what_was_designed(open_page: Open, service: Service) -> None:
    at = opened(open_page)
    at.segmented_control(key="size").set_value("check").run()
    at.segmented_control(key="consumer").set_value("program").run()
    assert any("14 calls" in text for text in texts(at))
    at.button(key="run_form").click().run()
    (entry,) = service.listing()
    spec = service.standing(entry.id).spec
    assert (spec.pairs, spec.warmups, spec.design, spec.primary) == (6, 1, "measure", "e2e_s")
    service.cancel(entry.id)


DESIGNS = {
    "pairs in words": ("pairs", "many", "This must be a number; 'many' is not one."),
    "too many pairs": ("pairs", "201", "This must be from 1 to 200; 201 is not."),
    "half a pair": ("pairs", "2.5", "This must be a whole number; 2.5 is not."),
    "no pairs": ("pairs", "", "Say how many pairs."),
    "no seed below 0": ("seed", "-1", "This must be from 0 to 9,007,199,254,740,992; -1 is not."),
    "too wide a margin": ("margin", "80", "This must be from 0.1 to 50 percent; 80 is not."),
    "no seed": ("seed", "x", "This must be a number; 'x' is not one."),
    "too few to stop": ("half_width", "5", "Stopping early needs a measurement of 10 pairs or more."),
}


@pytest.mark.parametrize("case", DESIGNS)
def test_a_bad_design_gets_its_sentence_and_sends_nothing(
    open_page: Open, service: Service, case: str
) -> None:
    key, value, sentence = DESIGNS[case]
    at = opened(open_page)
    at.toggle(key="more_options").set_value(True).run()
    at.segmented_control(key="size").set_value("own").run()
    at.text_input(key="pairs").set_value("6")
    at.text_input(key=key).set_value(value)
    at.button(key="run_form").click().run()
    assert sentence in texts(at)
    assert service.listing() == []


def test_the_spread_of_an_earlier_run_tells_how_many_pairs_it_takes(
    open_page: Open, service: Service
) -> None:
    at = opened(open_page)
    at.segmented_control(key="size").set_value("check").run()
    assert any("not known before a first run" in text for text in texts(at))
    prompt, tokens = at.text_area(key="prompt").value, 20
    at.text_input(key="max_tokens").set_value(str(tokens)).run()
    call = CallSpec("chat.completions", "steady", prompt, max_tokens=tokens)
    spec = ExperimentSpec((Arm(Endpoint(LAB), call),), pairs=2, design="measure", together=True)
    wait_for(service, service.start(spec))
    at.run()
    assert any("At the spread of your last run (2 pairs)" in text for text in texts(at))


def test_limits_live_in_the_address(open_page: Open, checked: Experiment) -> None:
    at = open_page("experiment", id=checked.id, limits="true", ttfo_s="5", e2e_s="0.000001")
    assert not at.exception
    assert any("0 of 6 calls were good" in text.value for text in at.markdown)
    frames = [f.value for f in at.dataframe if "Missed" in f.value.columns]
    assert [len(f) for f in frames] == [6]


def test_other_tools_and_doubts_are_a_click_away(open_page: Open, checked: Experiment) -> None:
    at = open_page("experiment", id=checked.id, tools="true", trust="true")
    assert not at.exception
    (found,) = (t.value for t in at.table if "There" in t.value.columns)
    told = " ".join(found["There"])
    assert all(tool in told for tool in ("vLLM bench TTFT: **", "AIPerf", "GuideLLM"))
    assert "Are the calls comparable?" in [h.value for h in at.subheader]
