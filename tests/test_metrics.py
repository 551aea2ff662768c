"""Every number against the worked example, and what is null when, with its reason."""

import dataclasses
import hashlib
import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.metrics import (
    METRICS,
    between,
    cost_usd,
    curve,
    definition,
    flags,
    gaps_s,
    goodput,
    measure,
    meets,
    window_rate,
)
from lib.rates import peak_rate
from lib.recording import CallError
from lib.timeline import Event, Recount, Timeline, Usage, decode
from tests.experiments import timeline
from tests.figures import (
    CONTENT,
    CURVE,
    DONE,
    EDGES,
    FINISH,
    GAPS_S,
    PAIR,
    ROLE,
    TEXT,
    WINDOW_500MS,
    WORKED,
    Case,
    Row,
    blocking,
    streaming,
)
from tests.recorded import STREAMS, recording, spaced

OUTPUTS = {
    "1.1": "d74645fc77870e148f66076efc2fbd68c160e6e20b41f1942c3b262d4f79a1ba",
    "1.2": "d74645fc77870e148f66076efc2fbd68c160e6e20b41f1942c3b262d4f79a1ba",
    "2.2": "d0c6340440b079314772da61ce6cae327b5d5a5f33921e7ff95bb0db85e1713e",
    "2.3": "d0c6340440b079314772da61ce6cae327b5d5a5f33921e7ff95bb0db85e1713e",
    "3.3": "b72fa42d1c7c680ff9230700161dd8ca5abd23a622127e98225bf7e2fd20870e",
}
"""Per definition: a hash of what it makes of the worked examples. Never change an entry: raise VERSION in
lib/timeline.py or lib/metrics.py and add one, so that stored numbers are made anew."""

CASES = {"worked": WORKED, **EDGES}


def same(got: object, expected: object) -> bool:
    if isinstance(expected, float | int) and not isinstance(expected, bool) and isinstance(got, float | int):
        return math.isclose(got, expected, rel_tol=1e-6, abs_tol=1e-9)
    return got == expected and type(got) is type(expected)


def value(timeline: Timeline, name: str, recount: Recount | None = None) -> Any:
    return measure(timeline, recount)[0][name]


def texts(*parts: str, every: int = 100, **more: Any) -> tuple[Timeline, Recount]:
    """Content events of one token each, 100 ms apart from 1 s on, then the finish."""
    rows = [Row(i, 1000 + every * i, "content", t, 1) for i, t in enumerate(parts)]
    return streaming([*rows, Row(99, rows[-1].ms, "finish")], None, **more)


@pytest.mark.parametrize("name", CASES)
def test_the_worked_examples_come_out_to_the_last_digit(name: str) -> None:
    case = CASES[name]
    values, _ = measure(case.timeline, case.recount)
    wrong = {k: (values[k], v) for k, v in case.expect.items() if not same(values[k], v)}
    assert not wrong


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_metric_has_a_value_or_a_reason(case: Case) -> None:
    for recount in (case.recount, None):
        values, reasons = measure(case.timeline, recount)
        assert list(values) == list(METRICS)
        assert {name for name, v in values.items() if v is None} == set(reasons)
        assert all(r.endswith(".") and r[0].isupper() for r in reasons.values())


def test_the_phases_sum_to_the_end_of_the_stream() -> None:
    names = [
        "request_to_headers",
        "headers_to_first_event",
        "first_event_to_first_token",
        "reasoning",
        "answer",
    ]
    values, _ = measure(WORKED.timeline, WORKED.recount)
    assert same(sum(values[n] for n in [*names, "tail"]), values["eof_s"])  # type: ignore[misc]
    # 0.09 + 0.01 + 0.20 + 0.90 + 1.00 + 0.06 = 2.26; with leading white space too:
    line, _ = texts(" ", "\n", "a", "b")
    values, _ = measure(line, None)
    assert same(sum(values[n] for n in [*names, "tail"]), 2.26)  # type: ignore[misc]
    assert values["reasoning"] == 0


def test_gaps_and_curve_of_the_worked_example() -> None:
    assert all(same(a, b) for a, b in zip(gaps_s(WORKED.timeline), GAPS_S, strict=True))
    rows = [v for row in curve(WORKED.timeline) for v in row]
    assert all(same(a, b) for a, b in zip(rows, [v for row in CURVE for v in row], strict=True))


def test_the_sliding_window_of_the_worked_example() -> None:
    times = [r.ms / 1000 for r in CONTENT]
    at, rate = window_rate(times, [r.tokens for r in CONTENT], 0.5)
    got = dict(zip(at.round(6).tolist(), rate.tolist(), strict=True))
    # 1.90 s: (1.40, 1.90] holds " But a stall", 3 tokens; the token exactly 0.5 s old has left.
    assert {t: got[t] for t in WINDOW_500MS} == WINDOW_500MS
    assert rate.max() == 28
    assert got[2.7] == 0


def test_an_empty_window_has_no_points() -> None:
    at, rate = window_rate([], [])
    assert (at.size, rate.size) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 9)), min_size=1, max_size=40))
def test_no_window_holds_more_than_was_counted(rows: list[tuple[int, int]]) -> None:
    rows.sort()
    _, rate = window_rate([t / 1000 for t, _ in rows], [n for _, n in rows], 0.25)
    assert 0 <= rate.min() <= rate.max() * 0.25 <= sum(n for _, n in rows)


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 9)), min_size=1, max_size=40))
def test_the_peak_is_the_highest_window(rows: list[tuple[int, int]]) -> None:
    rows.sort()
    tokens = [n for _, n in rows]
    _, rate = window_rate([t / 1000 for t, _ in rows], tokens, 0.25)
    assert peak_rate([t * 1_000_000 for t, _ in rows], tokens, 0.25) == rate.max()


def test_the_pair_of_the_worked_example() -> None:
    values, reasons = between(blocking()[0], WORKED.timeline)
    assert not reasons
    assert not {k: (values[k], v) for k, v in PAIR.items() if not same(values[k], v)}


def test_texts_that_differ_say_where_they_part() -> None:
    values, _ = between(blocking("Streaming shows more")[0], WORKED.timeline)
    assert (values["text_equal"], values["common_prefix_chars"]) == (False, 16)
    assert (values["blocking_chars"], values["streaming_chars"]) == (20, 108)
    values, _ = between(blocking(TEXT[:50])[0], WORKED.timeline)
    assert values["common_prefix_chars"] == 50


def test_a_pair_with_a_cut_call_has_no_differences() -> None:
    values, reasons = between(blocking()[0], EDGES["cut_short"].timeline)
    assert values["total_difference_s"] is None
    assert values["text_equal"] is None
    assert reasons["text_equal"] == "Only two whole answers can be compared."
    # The head start of the first visible text is known all the same: 2.30 - 1.20.
    assert same(values["head_start_first_s"], 1.1)


def test_a_blocking_call_shows_everything_at_its_end() -> None:
    line, recount = blocking()
    values, reasons = measure(line, recount)
    for name in (
        "ttfe_s",
        "ttft_s",
        "ttfo_s",
        "ttfs_s",
        "last_content_s",
        "e2e_s",
        "eof_s",
        "speed_index_s",
        "t50_s",
    ):
        assert values[name] == 2.3
    assert same(values["e2e_tps"], 31 / 2.3)
    assert {"gap_max_s", "answer_tps", "answer_cps", "peak", "tpot_s"} <= set(reasons)
    assert (values["content_arrivals"], values["freeze_count"]) == (1, 0)


def test_a_recorded_blocking_call_without_marks_ends_with_its_last_event() -> None:
    line = dataclasses.replace(blocking()[0], marks=())
    assert (value(line, "e2e_s"), value(line, "ttfo_s"), value(line, "eof_s")) == (2.3, 2.3, None)


def test_a_role_only_event_is_not_first_text() -> None:
    # role at 0.10 s, content at 1.20 s
    assert value(EDGES["hidden_reasoning"].timeline, "ttfe_s") == 0.1
    assert value(EDGES["hidden_reasoning"].timeline, "ttft_s") == 1.2


def test_a_comment_is_no_event() -> None:
    line, _ = streaming([Row(0, 50, "comment"), *ROLE, *CONTENT, *FINISH])
    assert value(line, "ttfe_s") == 0.1


def test_leading_white_space_does_not_stop_the_clock_of_visible_text() -> None:
    line, recount = texts("\n", " ", "a", "b")
    values, _ = measure(line, recount)
    assert (values["ttft_s"], values["ttfo_s"]) == (1.0, 1.2)
    # The window starts at 1.2 s, so what came before is not in its numerator: (4 - 3) / 0.1 s.
    assert values["first_arrival_tokens"] == 3
    assert same(values["answer_tps"], 10)
    assert same(values["answer_cps"], 10)


def test_an_answer_of_white_space_has_no_visible_text() -> None:
    line, recount = texts("\n", " ")
    values, reasons = measure(line, recount)
    assert (values["ttft_s"], values["ttfo_s"], values["last_content_s"]) == (1.0, None, None)
    assert reasons["ttfo_s"] == "No visible text arrived."


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("One", ".", " Two"), 1.2),  # the white space after the stop makes it a sentence
        (('"One', '!"', "\n", "x"), 1.2),
        (("One.", "Two.", "x"), 1.2),  # no white space: last_content_s
        (("你好。", "再见"), 1.0),  # a CJK stop needs none
        (("Wait…) ", "x"), 1.0),
    ],
)
def test_the_first_sentence_ends_where_its_end_is_sure(parts: tuple[str, ...], expected: float) -> None:
    assert same(value(texts(*parts)[0], "ttfs_s"), expected)


def test_a_freeze_needs_a_gap_before_it_and_counts_whole() -> None:
    # Gaps 0.1 0.1 0.25 0.1: 0.25 = 0.1 + 0.150 >= and < 3 x 0.1, so none; 0.3 is one.
    def line(gap: int) -> Timeline:
        times = [1000, 1100, 1200, 1200 + gap, 1300 + gap]
        return streaming([Row(i, t, "content", "a") for i, t in enumerate(times)])[0]

    assert value(line(299), "freeze_count") == 0
    assert (value(line(300), "freeze_count"), value(line(300), "freeze_s")) == (1, 0.3)
    first = streaming([Row(0, 0, "content", "a"), Row(1, 9000, "content", "b")])[0]
    assert (value(first, "freeze_count"), value(first, "freeze_s")) == (0, 0)


def test_the_mean_before_a_freeze_runs_over_thirty_gaps() -> None:
    # 10 gaps of 1 s, 30 of 0.01 s, then 0.17: the last thirty alone decide, 0.17 >= 0.01 + 0.150.
    gaps = [1000] * 10 + [10] * 30 + [170]
    times = [sum(gaps[:i]) for i in range(len(gaps) + 1)]
    line, _ = streaming([Row(i, t, "content", "a") for i, t in enumerate(times)])
    assert value(line, "freeze_s") == 0.17


def test_events_of_one_frame_count_once() -> None:
    line, _ = texts("a", "b")
    twice = dataclasses.replace(line, events=(line.events[0], line.events[0], *line.events[1:]))
    assert value(twice, "content_events") == 2


def test_an_answer_ends_with_its_text_where_finish_reasons_come_before() -> None:
    """Some servers send one with every event, others text after it."""
    rows = [
        Row(0, 100, "content", "a"), Row(0, 100, "finish"), Row(1, 300, "content", "b"),
        Row(1, 300, "finish"), Row(2, 350, "usage"), Row(3, 400, "finish"),
    ]  # fmt: skip
    assert value(streaming(rows, None)[0], "e2e_s") == 0.3
    assert value(streaming(rows[:3], None)[0], "e2e_s") == 0.3


def test_events_without_a_known_place_count_each() -> None:
    line, _ = texts("a", "b", "c")
    placeless = dataclasses.replace(line, events=tuple(e._replace(start=0, end=0) for e in line.events))
    assert value(placeless, "content_events") == 3


def test_a_server_that_reports_no_reasoning_tokens_is_taken_at_its_word_only_without_reasoning() -> None:
    plain, recount = streaming([*ROLE, *CONTENT, *FINISH], Usage(12, 25))
    assert measure(plain, recount)[0]["visible_tokens_source"] == "reported"
    thought, recount = streaming([*ROLE, Row(1, 300, "reasoning", "Hm", 1), *CONTENT, *FINISH], Usage(12, 31))
    values, _ = measure(thought, recount)
    assert (values["visible_tokens"], values["visible_tokens_source"]) == (24, "recount")
    assert measure(thought, None)[0]["visible_tokens"] is None


def test_more_reasoning_than_completion_is_no_report() -> None:
    line, recount = streaming([*ROLE, *CONTENT, *FINISH], Usage(12, 5, 9))
    assert measure(line, recount)[0]["visible_tokens_source"] == "recount"


def test_without_a_tokenizer_one_token_is_taken_off_and_flagged() -> None:
    values, reasons = measure(WORKED.timeline, None)
    assert values["answer_tps"] == 24  # (25 - 1) / 1.00
    assert values["first_arrival_tokens"] is None
    assert "first_arrival_tokens" in reasons
    assert set(flags(WORKED.timeline, None)) == {"first_arrival_assumed"}


def test_without_any_count_of_tokens_characters_are_the_rate() -> None:
    values, reasons = measure(EDGES["no_usage"].timeline, None)
    assert values["answer_tps"] is None
    assert values["answer_cps"] == 99  # (108 - 9) / 1.00
    assert reasons["visible_tokens"] == (
        "The server reported no count of visible tokens, and there is no recount of them."
    )


def test_all_tokens_in_the_first_arrival_are_no_rate() -> None:
    line, _ = texts("a b c", "")
    line = dataclasses.replace(line, events=(*line.events[:1], line.events[1]._replace(text=" ", chars=1)))
    assert measure(line, Recount("x", "exact", (3, 0)))[0]["answer_tps"] is None


def test_hidden_reasoning_taken_for_visible_would_be_wrong_26_times() -> None:
    case = EDGES["hidden_reasoning"]
    usage = case.timeline.usage
    assert usage is not None
    assert usage.completion is not None
    naive = (usage.completion - 1) / value(case.timeline, "answer_s", case.recount)
    assert same(naive, 624)
    assert same(naive / value(case.timeline, "answer_tps", case.recount), 26)


def test_a_cut_call_keeps_what_it_showed_and_no_totals() -> None:
    values, reasons = measure(EDGES["cut_short"].timeline, None)
    assert values["ttfo_s"] == 1.2
    for name in ("e2e_s", "eof_s", "t50_s", "speed_index_s"):
        assert values[name] is None
        assert name in reasons


def test_a_failure_inside_a_whole_stream_has_an_end_but_no_total() -> None:
    failed = dataclasses.replace(WORKED.timeline, complete=False, error=CallError("error_event", "Broken."))
    assert (value(failed, "e2e_s"), value(failed, "eof_s")) == (None, 2.26)


def test_a_limit_keeps_the_total_and_is_flagged() -> None:
    line, recount = streaming([*ROLE, *CONTENT, *FINISH], finish="length")
    assert value(line, "e2e_s") == 2.22
    assert set(flags(line, recount)) == {"length"}


def test_bunched_delivery_is_flagged_from_a_fifth_on() -> None:
    assert "bunched" in flags(EDGES["buffered_one_read"].timeline, WORKED.recount)
    assert "bunched" not in flags(WORKED.timeline, WORKED.recount)
    rows = [Row(i, t, "content", "a") for i, t in enumerate((1, 2, 3, 4, 4))]  # 4 arrivals of 5 events
    assert "bunched" in flags(streaming(rows)[0], None)


def test_headers_tell_what_a_withheld_rate_would_have_measured() -> None:
    rows: list[Any] = [(2.5 + i / 1000, "content", "word ") for i in range(20)]  # all within 19 ms
    line = timeline("streaming", [*rows, (2.52, "finish", "")])
    for headers, what in (((), "a finished answer was told"), ((("via", "1.1 x"),), "a buffer was emptied")):
        values, reasons = measure(line, None, headers)
        assert values["answer_cps"] is None
        assert what in reasons["answer_cps"]


def test_withheld_text_makes_no_guesses() -> None:
    events = tuple(e._replace(text=None) if e.chars else e for e in WORKED.timeline.events)
    values, reasons = measure(dataclasses.replace(WORKED.timeline, events=events), None)
    assert (values["ttfo_s"], values["ttft_s"], values["e2e_s"]) == (None, 0.3, 2.22)
    assert reasons["ttfo_s"].startswith("The text was withheld")
    assert same(values["speed_index_s"], 1.702777778)


def test_nothing_at_all_is_all_null_but_the_counts() -> None:
    empty = dataclasses.replace(WORKED.timeline, events=(), marks=(), usage=None, complete=False)
    values, _ = measure(empty, Recount("x", "exact", ()))
    known = {name: v for name, v in values.items() if v is not None}
    assert known.pop("visible_tokens_source") == "recount"
    assert set(known.values()) == {0}
    assert {"content_events", "freeze_count", "freeze_s"} <= set(known)


def test_cost_is_decimal_and_cached_input_is_apart() -> None:
    price_in, price_out = Decimal("0.15"), Decimal("0.60")
    assert cost_usd(Usage(12, 31, 6, 0), price_in, price_out) == Decimal("0.0000204")
    # by events: 12 x 0.15 + 14 x 0.60 = 10.2 per million
    assert cost_usd(Usage(12, 14), price_in, price_out) == Decimal("0.0000102")
    # 2 x 0.15 + 10 x 0.05 + 31 x 0.60 = 19.4 per million
    assert cost_usd(Usage(12, 31, 6, 10), price_in, price_out, Decimal("0.05")) == Decimal("0.0000194")
    assert cost_usd(Usage(None, 31), price_in, price_out) is None


def test_a_call_is_good_when_it_holds_every_limit() -> None:
    values, _ = measure(WORKED.timeline, WORKED.recount)
    assert meets(values, {"ttfo_s": 1.2, "answer_tps": 24})
    assert not meets(values, {"ttfo_s": 1.2, "answer_tps": 24.1})
    assert not meets(values, {"ttfo_s": 0.5})
    assert meets(values, {"ttft_s": 0.5})
    assert not meets(measure(EDGES["cut_short"].timeline, None)[0], {"e2e_s": 100})


def test_goodput_counts_every_call_that_was_started() -> None:
    assert goodput([True, False, True, True], 2.0) == (0.75, 1.5)
    assert goodput([], 2.0) == (None, 0.0)
    assert goodput([True], None) == (1.0, None)


def test_the_table_describes_every_number() -> None:
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.formula.endswith(".")
        assert metric.label
        assert metric.null
    assert len({m.label for m in METRICS.values()}) == len(METRICS)
    units = {"s": "s", "tps": "tokens/s", "cps": "characters/s", "tokens": "tokens", "events": ""}
    for name, metric in METRICS.items():
        assert metric.unit == units.get(name.rsplit("_", 1)[-1], metric.unit)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3000),
            st.sampled_from(["role", "reasoning", "content", "finish", "usage", "comment", "error"]),
            st.sampled_from(["", " ", "a. ", "é。", "word"]),
        ),
        max_size=20,
    ),
    st.booleans(),
    st.sampled_from(["blocking", "streaming"]),
)
def test_any_timeline_is_measured_without_an_error(rows: list[Any], complete: bool, mode: Any) -> None:
    events = tuple(
        Event(ms * 10**6, kind, "", t, len(t), 0, 0, 0)
        for ms, kind, t in sorted(rows)
        if bool(t) == (kind in ("content", "reasoning"))
    )
    line = dataclasses.replace(WORKED.timeline, events=events, complete=complete, mode=mode)
    for recount in (None, Recount("x", "exact", (1,) * len(events))):
        values, _ = measure(line, recount)
        assert not any(isinstance(v, float) and not math.isfinite(v) for v in values.values())
    between(line, WORKED.timeline)


def test_outputs_change_only_with_a_new_version() -> None:
    rows: list[Any] = [measure(c.timeline, c.recount) for c in CASES.values()]
    rows += [between(blocking()[0], c.timeline) for c in CASES.values()]
    rows += [dataclasses.asdict(decode(recording(spaced(frames), api))) for api, frames in STREAMS.items()]
    plain = json.dumps(rows, default=str, sort_keys=True)
    rounded = json.dumps(
        json.loads(plain, parse_float=lambda t: f"{float(t):.9g}"), ensure_ascii=False, sort_keys=True
    )
    assert hashlib.sha256(rounded.encode()).hexdigest() == OUTPUTS[definition()]


def test_done_moves_nothing() -> None:
    with_done = streaming([*ROLE, *CONTENT, *FINISH, *DONE])[0]
    without = streaming([*ROLE, *CONTENT, *FINISH])[0]
    assert measure(with_done, None)[0] == measure(without, None)[0]
