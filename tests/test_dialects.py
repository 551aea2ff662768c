"""What each API kind's JSON carries, and that nothing in it can break the reading."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.dialects import (
    DIALECTS,
    Kind,
    Piece,
    Usage,
    limit_name,
    models_request,
    read_body,
    read_event,
    request,
)
from lib.experiment import preset
from lib.plan import PlannedCall, plan
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec, Limits
from tests.recorded import USED, USED_RESPONSES, delta, said, spoke

CHAT, TEXT, RESPONSES = "chat.completions", "completions", "responses"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda v: (
        st.lists(v, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "message", "content", "text", "usage", "error", "type", "response",
                 "output", "tool_calls", "function", "arguments", "finish_reason", "index", "status", "role"]
            ),
            v,
            max_size=5,
        )
    ),
    max_leaves=12,
)  # fmt: skip


def pieces(api: Any, value: object, name: str = "") -> list[tuple[str, ...]]:
    return [tuple(p) for p in read_event(api, value, name).pieces]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_read_under_both_field_names(name: str) -> None:
    assert pieces(CHAT, delta(**{name: "Hm"})) == [("reasoning", "", "Hm")]


def test_reasoning_told_in_details_only_is_read() -> None:
    details = [{"type": "reasoning.text", "text": "Hm"}, {"type": "reasoning.encrypted", "data": "x"}]
    assert pieces(CHAT, delta(reasoning_details=details)) == [("reasoning", "", "Hm")]
    assert pieces(CHAT, delta(reasoning="So.", reasoning_details=details)) == [("reasoning", "", "So.")]


def test_a_role_only_chunk_is_a_role() -> None:
    assert pieces(CHAT, delta(role="assistant")) == [("role", "", "")]


@pytest.mark.parametrize("empty", [{"content": ""}, {"content": None}, {}])
def test_an_empty_first_chunk_is_a_role_and_never_content(empty: dict[str, Any]) -> None:
    assert pieces(CHAT, delta(**empty)) == [("role", "", "")]
    assert pieces(TEXT, said("")) == [("role", "", "")]


def test_one_frame_gives_its_kinds_in_order() -> None:
    value = delta("stop", role="assistant", content="b", reasoning_content="a") | {"usage": USED}
    assert [p[0] for p in pieces(CHAT, value)] == ["role", "reasoning", "content", "finish", "usage"]


def test_the_finish_reason_may_ride_on_the_last_text() -> None:
    assert pieces(TEXT, said("end", "length")) == [("content", "", "end"), ("finish", "length", "")]


def test_a_usage_chunk_has_no_choices() -> None:
    answer = read_event(CHAT, {"choices": [], "usage": USED})
    assert answer.pieces == (Piece("usage"),)
    assert answer.usage == Usage(prompt=5, completion=7, reasoning=2, cached=1)


def test_usage_is_found_where_gateways_put_it() -> None:
    last = delta("stop")
    groq = read_event(CHAT, last | {"x_groq": {"id": "r", "usage": USED}})
    inside = read_event(CHAT, {"choices": [last["choices"][0] | {"usage": USED}]})
    for answer in (groq, inside):
        assert answer.usage == Usage(5, 7, 2, 1)
        assert [p.kind for p in answer.pieces] == ["finish", "usage"]
    assert read_event(CHAT, last | {"x_groq": {"id": "r"}}).usage is None


@pytest.mark.parametrize("whole", [False, True])
def test_a_choice_that_was_broken_off_is_an_error_and_keeps_its_text(whole: bool) -> None:
    said = {"message": {"content": "Half"}} if whole else {"delta": {"content": "Half"}}
    read = read_body if whole else read_event
    for error in ({"code": 502, "message": "Provider gone"}, None):
        answer = read(CHAT, {"choices": [said | {"finish_reason": "error", "error": error}]})
        assert [p.kind for p in answer.pieces] == ["content", "error"]
        assert ("Provider gone" if error else "broken off") in answer.trouble


def test_a_chunk_without_choices_or_usage_is_other() -> None:
    assert pieces(CHAT, {"choices": [], "prompt_filter_results": []}) == [("other", "", "")]


def test_refusals_are_content_of_their_own_kind() -> None:
    assert pieces(CHAT, delta(refusal="No.")) == [("content", "refusal", "No.")]
    assert pieces(RESPONSES, spoke("refusal.delta", "No.")) == [("content", "refusal", "No.")]


def test_of_a_tool_call_only_the_arguments_are_text() -> None:
    named = delta(tool_calls=[{"index": 0, "function": {"name": "find", "arguments": ""}}])
    assert pieces(CHAT, named) == [("other", "tool", "")]
    more = delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}])
    assert pieces(CHAT, more) == [("content", "tool", '{"a"')]
    assert pieces(CHAT, delta(function_call={"arguments": "1}"})) == [("content", "tool", "1}")]
    assert pieces(RESPONSES, spoke("function_call_arguments.delta", "{")) == [("content", "tool", "{")]


def test_content_may_be_parts_of_which_thinking_is_reasoning() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
        {"type": "text", "text": "Yes"},
    ]
    assert pieces(CHAT, delta(content=parts)) == [("reasoning", "", "Hm"), ("content", "", "Yes")]


def test_only_the_first_choice_is_measured() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]}
    assert pieces(CHAT, other) == [("content", "", "a")]
    assert pieces(CHAT, {"choices": [{"index": 1, "delta": {"content": "b"}}]}) == [("other", "", "")]


def test_responses_are_told_apart_by_type() -> None:
    assert pieces(RESPONSES, spoke("output_text.delta", "a")) == [("content", "", "a")]
    assert pieces(RESPONSES, spoke("reasoning_text.delta", "a")) == [("reasoning", "", "a")]
    assert pieces(RESPONSES, spoke("reasoning_summary_text.delta", "a")) == [("reasoning", "summary", "a")]
    assert pieces(RESPONSES, spoke("output_text.done", text="a")) == [
        ("other", "response.output_text.done", "")
    ]
    assert pieces(RESPONSES, {"type": "response.new.thing", "delta": "a"}) == [
        ("other", "response.new.thing", "")
    ]


def test_a_completed_response_finishes_with_usage() -> None:
    answer = read_event(RESPONSES, spoke("completed", response={"model": "m", "usage": USED_RESPONSES}))
    assert answer.pieces == (Piece("finish", "completed"), Piece("usage"))
    assert (answer.usage, answer.model) == (Usage(5, 7, 2, 1), "m")


def test_an_incomplete_response_finishes_with_its_reason() -> None:
    value = spoke("incomplete", response={"incomplete_details": {"reason": "max_output_tokens"}})
    assert pieces(RESPONSES, value) == [("finish", "max_output_tokens", "")]


@pytest.mark.parametrize(
    ("api", "value", "name", "code", "message"),
    [
        (CHAT, {"error": {"message": "Too\nmuch", "code": 429}}, "", "429", "Too much"),
        (CHAT, {"error": "overloaded"}, "", "error", "overloaded"),
        (CHAT, {"message": "gone", "type": "server"}, "error", "server", "gone"),
        (CHAT, {"object": "error", "message": "bad", "code": 400}, "", "400", "bad"),
        (CHAT, ["boom"], "error", "error", "error"),
        (RESPONSES, {"type": "error", "message": "bad", "code": "x"}, "", "x", "bad"),
        (RESPONSES, spoke("failed", response={"error": {"code": "c", "message": "m"}}), "", "c", "m"),
    ],
)
def test_errors_are_seen_in_all_their_forms(api: Any, value: Any, name: str, code: str, message: str) -> None:
    answer = read_event(api, value, name)
    assert (answer.pieces, answer.trouble) == ((Piece("error", code),), message)


def test_a_null_error_is_none() -> None:
    assert pieces(CHAT, delta(content="a") | {"error": None}) == [("content", "", "a")]


def test_whole_bodies_give_one_content_then_finish_and_usage() -> None:
    message = {"role": "assistant", "content": "Yes.", "reasoning": "Hm", "refusal": None}
    chat = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USED}
    text = {"choices": [{"text": "Yes.", "finish_reason": "stop"}], "usage": USED}
    items = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm"}]},
        {
            "type": "message",
            "content": [{"type": "output_text", "text": "Ye"}, {"type": "output_text", "text": "s."}],
        },
    ]
    responses = {"status": "completed", "error": None, "output": items, "usage": USED_RESPONSES}
    kinds = [[tuple(p) for p in read_body(api, v).pieces]
             for api, v in ((CHAT, chat), (TEXT, text), (RESPONSES, responses))]  # fmt: skip
    tail = [("usage", "", "")]
    assert kinds == [
        [("reasoning", "", "Hm"), ("content", "", "Yes."), ("finish", "stop", ""), *tail],
        [("content", "", "Yes."), ("finish", "stop", ""), *tail],
        [("reasoning", "summary", "Hm"), ("content", "", "Yes."), ("finish", "completed", ""), *tail],
    ]


@pytest.mark.parametrize("count", [True, -1, 1.5, "7", 1 << 60, None])
def test_a_count_that_is_no_count_is_not_reported(count: object) -> None:
    assert read_event(CHAT, {"usage": {"completion_tokens": count}}).usage == Usage()


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    value = json.loads('{"choices":[{"index":0,"delta":{"content":"a\\ud83d"}}]}')
    assert pieces(CHAT, value) == [("content", "", "a\ufffd")]


def test_untrusted_names_become_one_short_line() -> None:
    answer = read_event(CHAT, delta("st\nop\x1b" + "x" * 999, content="a") | {"model": ["m"]})
    assert answer.pieces[1].sub.startswith("st op ")
    assert len(answer.pieces[1].sub) <= 500
    assert answer.model is None


def test_the_service_tier_is_read_where_each_api_says_it() -> None:
    assert read_event(CHAT, delta(content="a") | {"service_tier": "flex"}).service_tier == "flex"
    assert read_body(CHAT, {"choices": [], "service_tier": "de\nfault"}).service_tier == "de fault"
    assert read_event(RESPONSES, spoke("created", response={"service_tier": "auto"})).service_tier == "auto"
    assert read_body(RESPONSES, {"output": [], "service_tier": "default"}).service_tier == "default"
    nothing = (None, "", ["flex"], {"a": 1}, True)
    assert [read_event(CHAT, {"service_tier": tier}).service_tier for tier in nothing] == [None] * 5


@pytest.mark.parametrize("api", [*DIALECTS, "models", "moderations"])
@given(value=JSON, name=st.sampled_from(["", "error", "ping"]))
def test_no_json_can_break_the_reading(api: Any, value: object, name: str) -> None:
    for answer in (read_event(api, value, name), read_body(api, value)):
        assert answer.pieces
        assert all(p.kind in get_args(Kind) for p in answer.pieces)
        assert all((p.kind in ("content", "reasoning")) == bool(p.text) for p in answer.pieces)


def spec(**fields: Any) -> ExperimentSpec:
    call = {"model": "m", "prompt": "Why?", **fields}
    return ExperimentSpec((Arm(Endpoint("http://h/v1", "env:K"), CallSpec(**call)),), pairs=1, seed=7)


def body(asked: ExperimentSpec, mode: Any, nonce: str = "") -> dict[str, Any]:
    sent = request(asked, PlannedCall(0, 0, mode, nonce=nonce))
    return dict(json.loads(sent.body))


def test_unset_fields_are_not_sent() -> None:
    assert body(spec(), "blocking") == {"messages": [{"role": "user", "content": "Why?"}], "model": "m"}


def test_the_token_limit_has_the_name_each_api_knows() -> None:
    for api, name in (
        (CHAT, "max_completion_tokens"),
        (TEXT, "max_tokens"),
        (RESPONSES, "max_output_tokens"),
    ):
        assert body(spec(api=api, max_tokens=9), "blocking")[name] == 9
    old = Endpoint("http://h", limit_name="max_tokens")
    assert [limit_name(api, old) for api in DIALECTS] == ["max_tokens", "max_output_tokens", "max_tokens"]


def test_only_a_streaming_call_asks_for_a_stream_and_its_usage() -> None:
    assert body(spec(), "streaming")["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body(spec(api=RESPONSES), "streaming")
    assert "stream" not in body(spec(), "blocking")


def test_the_nonce_stands_first_in_prompt_and_system_message() -> None:
    sent = body(spec(system="Be brief."), "blocking", nonce="ab12")["messages"]
    assert [m["content"] for m in sent] == ["[ab12] Be brief.", "[ab12] Why?"]


def test_the_extra_body_wins() -> None:
    assert body(spec(extra_body='{"model":"n","seed":1}'), "blocking")["model"] == "n"


def test_equal_requests_are_equal_text() -> None:
    asked = preset()
    first, second = (request(asked, planned, "http://127.0.0.1:1/v1") for planned in plan(asked))
    assert {first.base_url, second.base_url} == {"http://127.0.0.1:1/v1"}
    assert (first.body, second.body) == tuple(
        json.dumps(json.loads(r.body), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        for r in (first, second)
    )


def test_a_look_at_the_models_carries_the_keys_name_only() -> None:
    found = models_request(Endpoint("http://h/v1", "env:K"), Limits())
    assert (found.api, found.key_ref, found.body) == ("models", "env:K", "{}")
