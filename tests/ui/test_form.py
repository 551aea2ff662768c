"""The form: every bad input gets its sentence and sends nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from lib.service import Service
from lib.spec import LAB, Arm, CallSpec, Endpoint, Limits, contended
from lib.ui import form
from lib.ui.design import Design
from lib.ui.form import Question

Open = Callable[..., AppTest]
GOOD = Question("Say hello.", "", "300", "")
ELSEWHERE = Arm(Endpoint("https://api.example.com/v1"), CallSpec(model="m"))
IN_LAB = Arm(Endpoint(LAB), CallSpec(model="steady"))


def opened(open_page: Open) -> AppTest:
    at = open_page()
    at.button(key="try_mine").click().run()
    at.selectbox(key="provider_0").select("other").run()
    at.text_input(key="url_0").set_value("http://127.0.0.1:9/v1")
    at.text_input(key="model_0").set_value("some-model").run()
    return at


def said(at: AppTest) -> list[str]:
    return [text.value for text in at.text]


BAD = {
    "empty prompt": ("prompt", "", "The prompt is empty. Write what the model is asked."),
    "long prompt": (
        "prompt",
        "x" * 1_000_001,
        "The prompt has 1,000,001 bytes; at most 1,000,000 can be sent.",
    ),
    "no tokens": ("max_tokens", "0", "This must be from 1 to 1,000,000; 0 is not."),
    "negative tokens": ("max_tokens", "-1", "This must be from 1 to 1,000,000; -1 is not."),
    "tokens in words": ("max_tokens", "ten", "This must be a number; 'ten' is not one."),
    "half a token": ("max_tokens", "1.5", "This must be a whole number; 1.5 is not."),
    "too hot": ("temperature", "9", "This must be from 0 to 2; 9 is not."),
    "no scheme": (
        "url_0",
        "api.example.com",
        "The base URL must start with http:// or https:// and name a host.",
    ),
    "half an IPv6 address": (
        "url_0",
        "http://[::1",
        "The base URL cannot be read. It should look like https://api.example.com/v1.",
    ),
    "no model": ("model_0", "", "Name a model, as the endpoint calls it."),
    "no key": (
        "key_0",
        "two words",
        "A key has no spaces, line breaks or special characters. Copy it again.",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_its_sentence_and_sends_nothing(open_page: Open, service: Service, case: str) -> None:
    key, value, sentence = BAD[case]
    at = opened(open_page)
    at.get_by_key(key).set_value(value)
    at.button(key="run_form").click().run()
    assert sentence in said(at)
    assert service.listing() == []
    assert not at.exception


def test_complaints_wait_for_the_run_button_and_go_when_put_right(open_page: Open) -> None:
    at = opened(open_page)
    at.text_input(key="max_tokens").set_value("0").run()
    assert not any("must be" in text for text in said(at))
    at.button(key="run_form").click().run()
    assert any("must be" in text for text in said(at))
    at.text_input(key="max_tokens").set_value("5").run()
    assert not any("must be" in text for text in said(at))


def test_a_found_key_is_named_and_never_shown(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk-very-secret-value")
    at = open_page()
    at.button(key="try_mine").click().run()
    assert at.selectbox(key="provider_0").value == "Groq"
    assert any("`GROQ_API_KEY` found" in caption.value for caption in at.caption)
    assert "gsk-very-secret-value" not in str(at.main) + str(at.session_state)


def test_a_found_key_goes_to_another_address_only_when_allowed(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk-very-secret-value")
    at = open_page()
    at.button(key="try_mine").click().run()
    at.text_input(key="url_0").set_value("https://elsewhere.example/v1").run()
    boxes = [box for box in at.checkbox if "GROQ_API_KEY" in box.label]
    assert [box.value for box in boxes] == [False]


def test_the_cost_is_said_before_anything_is_sent(open_page: Open) -> None:
    at = opened(open_page)
    assert "This sends 2 calls to 127.0.0.1:9." in said(at)
    at.button(key="add_arm").click().run()
    at.selectbox(key="provider_1").select(LAB).run()
    assert "This sends 4 calls: 2 to 127.0.0.1:9, 2 to the built-in lab." in said(at)


def test_at_most_eight_models_and_each_can_be_removed(open_page: Open) -> None:
    at = opened(open_page)
    for _ in range(7):
        at.button(key="add_arm").click().run()
    assert "add_arm" not in [button.key for button in at.button]
    at.button(key="remove_1").click().run()
    drawn = [box.key for box in at.selectbox if str(box.key).startswith("provider_")]
    assert drawn == [f"provider_{k}" for k in (0, 2, 3, 4, 5, 6, 7)]


def test_calls_start_together_only_in_the_lab() -> None:
    assert form.assemble([IN_LAB], GOOD, Limits())[0].together
    assert not form.assemble([IN_LAB, ELSEWHERE], GOOD, Limits())[0].together


def test_the_nonce_is_on_unless_switched_off() -> None:
    assert form.assemble([ELSEWHERE], GOOD, Limits())[0].cache == "bust"
    as_is = Design(cache="as_is")
    assert form.assemble([ELSEWHERE], GOOD, Limits(), as_is)[0].cache == "as_is"


def test_contention_is_asked_for_by_name() -> None:
    crowded = dataclasses.replace(ELSEWHERE, contention=True)
    spec, found = form.assemble([ELSEWHERE, crowded], GOOD, Limits())
    assert (found, spec.together) == ([], False)
    assert [contended(spec, arm) for arm in range(2)] == [False, True]


def test_a_model_under_contention_is_ticked_and_told_before_it_runs(open_page: Open) -> None:
    at = opened(open_page)
    at.toggle(key="more_options").set_value(True).run()
    at.checkbox(key="contention_0").check().run()
    assert any(c.value.startswith("Under contention: both calls of a pair at once") for c in at.caption)
    at.button(key="add_arm").click().run()
    assert any("Of model 1 both are sent at once, under contention." in c.value for c in at.caption)
    at.toggle(key="more_options").set_value(False).run()
    assert any("Of model 1 both are sent at once, under contention." in c.value for c in at.caption)


def test_a_look_has_no_warm_ups_and_no_rules_of_a_measurement() -> None:
    spec, found = form.assemble([ELSEWHERE], GOOD, Limits(), Design(margin="5", half_width="5", warmups=3))
    assert found == []
    assert (spec.design, spec.warmups, spec.margin, spec.half_width) == ("look", 0, None, None)


def test_percents_become_shares() -> None:
    spec, found = form.assemble(
        [ELSEWHERE], GOOD, Limits(), Design("measure", margin="5 %", half_width="2.5")
    )
    assert found == []
    assert (spec.margin, spec.half_width) == (0.05, 0.025)


def test_empty_numbers_are_not_sent() -> None:
    spec, found = form.assemble([ELSEWHERE], GOOD._replace(max_tokens=" ", temperature=""), Limits())
    assert found == []
    assert spec.arms[0].call.max_tokens is None
    assert spec.arms[0].call.temperature is None


def test_running_goes_to_the_experiment(open_page: Open, service: Service) -> None:
    at = open_page()
    at.button(key="try_mine").click().run()
    at.selectbox(key="provider_0").select(LAB).run()
    at.selectbox(key="pick_0").select("steady").run()
    at.button(key="run_form").click().run()
    (entry,) = service.listing()
    assert at.query_params["id"] == entry.id
