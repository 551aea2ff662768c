"""What may be asked: bounds, addresses, and a form that JSON carries there and back."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import spec as specs
from lib.errors import InvalidSpec
from lib.spec import (
    BOUNDS,
    SIZES,
    Arm,
    CallSpec,
    Endpoint,
    ExperimentSpec,
    Limits,
    Size,
    call_problems,
    check,
    contended,
    diff,
    endpoint_problems,
    from_dict,
    is_lab,
    number,
    origin,
    problems,
    to_dict,
)

CALL = CallSpec(model="m", prompt="Why?")
SPEC = ExperimentSpec((Arm(Endpoint("https://api.example.com/v1"), CALL),))


def fields(found: list[InvalidSpec]) -> list[str]:
    return [e.field for e in found]


def with_call(**changes: Any) -> list[str]:
    return fields(call_problems(dataclasses.replace(CALL, **changes)))


def test_a_plain_spec_has_no_problems() -> None:
    assert problems(SPEC) == []
    check(SPEC)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": " \n"}, "prompt"),
        ({"prompt": "é" * 500_001}, "prompt"),
        ({"prompt": "\ud800"}, "prompt"),
        ({"system": "x" * 1_000_001}, "system"),
        ({"model": "  "}, "model"),
        ({"model": "m" * 257}, "model"),
        ({"api": "models"}, "api"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"max_tokens": 1_000_001}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"extra_body": "[1]"}, "extra_body"),
        ({"extra_body": "{"}, "extra_body"),
        ({"extra_body": "[" * 100_000}, "extra_body"),
        ({"extra_body": '{"stream":true}'}, "extra_body"),
        ({"extra_body": '{"stream_options":{}}'}, "extra_body"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    assert with_call(**changes) == [field]


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "x" * 1_000_000},
        {"max_tokens": 1},
        {"max_tokens": 1_000_000},
        {"temperature": 0},
        {"temperature": 2.0},
        {"system": ""},
        {"extra_body": '{"top_p":0.9}'},
    ],
)
def test_the_bounds_themselves_are_allowed(changes: dict[str, Any]) -> None:
    assert with_call(**changes) == []


def test_every_refusal_comes_at_once_and_names_its_arm() -> None:
    bad = Arm(Endpoint("ftp://h"), CallSpec(prompt="x"))
    spec = dataclasses.replace(SPEC, arms=(SPEC.arms[0], bad), pairs=0, limits=Limits(total_s=0))
    assert fields(problems(spec)) == ["pairs", "arms.1.base_url", "arms.1.model", "total_s"]
    with pytest.raises(InvalidSpec) as error:
        check(spec)
    assert error.value.field == "pairs"


@pytest.mark.parametrize("count", [0, 9])
def test_an_experiment_has_one_to_eight_arms(count: int) -> None:
    assert fields(problems(dataclasses.replace(SPEC, arms=SPEC.arms * count))) == ["arms"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com/v1",
        "ftp://example.com",
        "http://",
        "https:///v1",
        "https://user:secret@example.com/v1",
        "https://user@example.com/v1",
        "https://example.com/v1?key=1",
        "https://example.com/v1?",
        "https://example.com/v1#a",
        "https://example.com:99999/v1",
        "https://example.com:abc/v1",
        "http://[::1/v1",
        "https://exa mple.com/v1",
        "https://example.com/v1\n",
        "https://example.com/\x00",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "LAB",
    ],
)
def test_an_address_that_cannot_be_called_is_refused(url: str) -> None:
    assert fields(endpoint_problems(Endpoint(url))) == ["base_url"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example.com/v1", "https://api.example.com:443"),
        ("http://localhost:11434/v1", "http://localhost:11434"),
        ("http://127.0.0.1/v1", "http://127.0.0.1:80"),
        ("http://[::1]:8000/v1", "http://[::1]:8000"),
        ("HTTPS://API.Example.com/v1", "https://api.example.com:443"),
    ],
)
def test_an_origin_always_names_its_port(url: str, expected: str) -> None:
    assert endpoint_problems(Endpoint(url)) == []
    assert origin(url) == expected


@pytest.mark.parametrize("url", ["lab", "http://h:99999", "mailto:a@b", "http://"])
def test_what_has_no_origin_is_refused(url: str) -> None:
    with pytest.raises(InvalidSpec):
        origin(url)


def test_the_lab_needs_no_address() -> None:
    assert is_lab(Endpoint("lab"))
    assert endpoint_problems(Endpoint("lab")) == []


@pytest.mark.parametrize("ref", ["sk-1234", "env:", "env:A B", "typed:" + "x" * 129, "file:/etc/passwd"])
def test_a_key_ref_is_a_name_and_never_a_key(ref: str) -> None:
    assert fields(endpoint_problems(Endpoint("https://h/v1", ref))) == ["key_ref"]


@pytest.mark.parametrize("ref", ["", "env:OPENAI_API_KEY", "secret:groq", "typed:a-b_c.d"])
def test_names_of_keys_are_allowed(ref: str) -> None:
    assert endpoint_problems(Endpoint("https://h/v1", ref)) == []


def test_a_typed_number_is_read_or_its_text_repeated() -> None:
    assert number("temperature", " 0.5 ") == 0.5
    with pytest.raises(InvalidSpec, match=r"temperature must be a number; 'warm' is not one\."):
        number("temperature", "warm")
    with pytest.raises(InvalidSpec, match="finite"):
        number("temperature", "inf")


def test_only_what_differs_is_named() -> None:
    other = dataclasses.replace(CALL, model="n", max_tokens=9)
    assert diff([CALL, other, CALL]) == {"model": ["m", "n", "m"], "max_tokens": [None, 9, None]}
    assert diff([CALL, CALL]) == {}


@given(
    st.builds(
        ExperimentSpec,
        arms=st.lists(
            st.builds(
                Arm,
                st.builds(Endpoint, st.text(max_size=20), include_usage=st.booleans()),
                st.builds(CallSpec, prompt=st.text(max_size=20), max_tokens=st.none() | st.integers()),
            ),
            max_size=3,
        ).map(tuple),
        pairs=st.integers(),
        margin=st.none() | st.floats(allow_nan=False),
        limits=st.builds(Limits, connect_s=st.floats(0, 100)),
    )
)
def test_a_spec_survives_json(spec: ExperimentSpec) -> None:
    assert from_dict(json.loads(json.dumps(to_dict(spec)))) == spec


@pytest.mark.parametrize("spoil", [{"temprature": 1}, {"arms": None}, {"arms": [{}]}, {"limits": {"x": 1}}])
def test_a_spec_with_unknown_or_missing_fields_is_refused(spoil: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec, match="This specification cannot be read"):
        from_dict({**to_dict(SPEC), **spoil})


def test_no_key_can_be_in_a_spec() -> None:
    names = {f.name for kind in (ExperimentSpec, Arm, Endpoint, CallSpec) for f in dataclasses.fields(kind)}
    assert not {n for n in names if "secret" in n or n in ("key", "api_key", "token", "password")}


def test_every_bound_has_help_in_plain_words() -> None:
    assert all(b.help.endswith(".") and b.low < b.high for b in BOUNDS.values())
    assert specs.MAX_PROMPT_BYTES == 1_000_000


MEASURE = dataclasses.replace(SPEC, pairs=30, warmups=1, design="measure")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"primary": "ttfx_s"}, "primary"),
        ({"primary": "answer_tps"}, "primary"),
        ({"design": "guess"}, "design"),
        ({"cache": "warm"}, "cache"),
        ({"connection": "old"}, "connection"),
        ({"margin": 0.0}, "margin"),
        ({"margin": 0.6}, "margin"),
        ({"margin": float("nan")}, "margin"),
        ({"margin": "5 %"}, "margin"),
        ({"half_width": 0.0}, "half_width"),
        ({"half_width": 0.05, "pairs": 9}, "half_width"),
        ({"half_width": 0.05, "design": "look", "warmups": 0}, "half_width"),
        ({"stop_after": 0}, "stop_after"),
        ({"stop_after": 1.5}, "stop_after"),
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"design": "look"}, "warmups"),
        ({"pairs": 201}, "pairs"),
        ({"arms": SPEC.arms * 9}, "arms"),
    ],
)
def test_a_design_that_means_nothing_is_refused_in_a_sentence(changes: dict[str, Any], field: str) -> None:
    (found,) = problems(dataclasses.replace(MEASURE, **changes))
    assert found.field == field
    assert found.message.endswith(".")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"primary": "speed_index_s", "margin": 0.05, "half_width": 0.1, "stop_after": None},
        {"primary": "answer_tps", "arms": SPEC.arms * 8, "pairs": 200},
        {"stop_after": 1, "cache": "keep", "connection": "reused", "seed": 2**31},
    ],
)
def test_a_design_that_means_something_is_taken(changes: dict[str, Any]) -> None:
    assert problems(dataclasses.replace(MEASURE, **changes)) == []


@pytest.mark.parametrize("size", SIZES.values())
def test_every_size_on_offer_can_be_run(size: Size) -> None:
    assert problems(dataclasses.replace(SPEC, **size._asdict())) == []


def test_calls_at_once_disturb_each_other_outside_the_lab_only() -> None:
    lab = Arm(Endpoint("lab"), CALL)
    spec = ExperimentSpec((*SPEC.arms, lab), together=True)
    assert [contended(spec, i) for i in range(2)] == [True, False]
    assert not contended(SPEC, 0)
