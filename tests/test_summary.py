"""One pair in words: true, short, and never more digits than the error allows."""

import dataclasses
from typing import Any

import pytest

from lib import summary
from lib.calibration import Calibration
from lib.delivery import delivery
from lib.experiment import CallResult, Experiment
from lib.lab.recordings import PLAYED
from lib.lab.recordings import experiment as recorded
from lib.plan import PlannedCall
from lib.recording import CallError
from lib.spec import Arm, CallSpec, Endpoint, Pairs
from lib.timeline import Usage
from tests.experiments import call, experiment

Rows = list[Any]


def words(found: Experiment) -> str:
    return "".join(f"**{t}**" if strong else t for t, strong in summary.sentence(found))


def answer(seconds: float, text: str = "One two three.") -> CallResult:
    rows: Rows = [(seconds, "content", text), (seconds, "finish", "")]
    return call(0, "blocking", rows if text else rows[1:])


def stream(first: float, end: float, n: int = 1, text: str = "One two three.", **more: Any) -> CallResult:
    rows: Rows = [(first, "content", text[:3]), (end - 0.01, "content", text[3:]), (end, "finish", "")]
    return call(n, "streaming", rows, **more)


def changed(found: CallResult, **fields: Any) -> CallResult:
    """The call with other timeline fields, its numbers made anew."""
    assert found.timeline is not None
    line = dataclasses.replace(found.timeline, **fields)
    return dataclasses.replace(found, timeline=line, metrics=None, reasons=None)


def rows(found: Experiment) -> dict[str, summary.Row]:
    return {row.label: row for row in summary.table(found)}


def test_the_preset_is_said_exactly_so() -> None:
    assert words(recorded("text-davinci-002-2022-10")) == (
        "Streaming showed its first text after **0.16 s**. "
        "The blocking call showed nothing for **7.32 s**. "
        "Both finished at about the same time."
    )


def test_who_finished_later_is_said_without_a_cause() -> None:
    # 21.00 s against 19.67 s differ by 6.3 %.
    assert words(recorded("gpt-3.5-turbo-0301-2023-03-slow")).endswith(
        "In this pair streaming finished 1.33 s later."
    )
    assert words(recorded("gpt-3.5-turbo-0613-2023-12")).endswith(
        "In this pair blocking finished 0.86 s later."
    )


@pytest.mark.parametrize(
    ("blocking", "streaming", "same"),
    [(10.0, 10.49, True), (10.0, 10.6, False), (0.10, 0.14, True), (0.10, 0.16, False), (10.49, 10.0, True)],
)
def test_about_the_same_time_is_five_percent_or_fifty_milliseconds(
    blocking: float, streaming: float, same: bool
) -> None:
    found = experiment(answer(blocking), stream(0.02, streaming))
    assert words(found).endswith("Both finished at about the same time.") == same


def test_a_cut_call_says_how_far_it_came_and_why() -> None:
    rows: Rows = [(0.1 + 1.1 * i / 39, "content", "a ") for i in range(40)]
    error = CallError("reset", "The connection\nwas reset.")
    found = experiment(answer(2.3), call(1, "streaming", rows, state="failed", cut=error))
    assert words(found) == (
        "The streaming call was cut after 40 events at 1.20 s: The connection was reset. "
        "The blocking call showed nothing for **2.30 s**."
    )


def test_a_call_that_failed_before_any_text_says_why() -> None:
    error = CallError("status", "The key was refused. Check it.", status=401)
    refused = call(0, "blocking", [], state="failed", cut=error)
    found = experiment(refused, stream(0.1, 1.0))
    assert words(found) == (
        "Streaming showed its first text after **0.10 s**. "
        "The blocking call failed: The key was refused. Check it."
    )


def test_a_call_of_which_nothing_is_known_is_still_a_sentence() -> None:
    for state in ("failed", "unknown"):
        found = experiment(call(0, "blocking", None, state=state), stream(0.1, 1.0))  # type: ignore[arg-type]
        assert words(found).endswith("The blocking call failed: Nothing was kept of it.")


def test_a_call_that_was_dropped_was_not_sent() -> None:
    found = experiment(answer(1.0), call(1, "streaming", None, state="dropped"))
    assert words(found).startswith(
        "The streaming call was cancelled before it was sent. The blocking call showed"
    )


def test_calls_under_way_are_told_as_far_as_they_are() -> None:
    begun = call(1, "streaming", [(0.16, "content", "One")], state="sent")
    assert words(experiment(call(0, "blocking", None, state="sent"), begun)) == (
        "Streaming showed its first text after **0.16 s** and is still running. "
        "The blocking call is still under way."
    )
    assert words(experiment(answer(1.0), call(1, "streaming", None, state="planned"))) == (
        "The streaming call has not begun. The blocking call showed nothing for **1.00 s**."
    )


def test_an_empty_answer_is_not_a_first_text() -> None:
    empty = call(1, "streaming", [(0.1, "role", ""), (0.5, "finish", "")])
    found = experiment(answer(0.5, ""), empty)
    assert words(found) == (
        "Streaming ended without any visible text. The blocking call came back without any visible text "
        "after **0.50 s**. Both finished at about the same time."
    )
    assert [f.label for f in summary.headline(found)] == ["Total time, streaming"]


def test_a_missing_pair_is_said() -> None:
    found = experiment(stream(0.1, 1.0))
    assert words(found) == "This experiment has no such pair of calls."
    assert (summary.headline(found), summary.table(found), summary.caveat(found)) == ([], [], "")


@pytest.mark.parametrize("name", list(PLAYED))
def test_at_most_four_numbers_stand_above_the_fold(name: str) -> None:
    figures = summary.headline(recorded(name))
    assert len(figures) == 4
    assert figures[-1].label == "Answer rate, tokens/s"


def test_the_headline_of_the_preset() -> None:
    assert [tuple(f) for f in summary.headline(recorded("text-davinci-002-2022-10"))] == [
        ("First text, streaming", "0.16 s", ""),
        ("First text, blocking", "7.32 s", "all at once"),
        ("Total time, streaming", "7.25 s", "blocking 7.32 s"),
        ("Answer rate, tokens/s", "27.1", "recounted, p50k_base"),
    ]


def test_without_tokens_the_rate_is_in_characters_and_says_so() -> None:
    # 11 characters after the first three, in 1.00 s.
    found = experiment(answer(1.0), stream(0.5, 1.51))
    assert summary.headline(found)[-1] == ("Answer rate, characters/s", "11.0", "no count of tokens")


def test_an_approximate_recount_says_so() -> None:
    counted = stream(0.5, 1.51, tokens=[1, 3, 0])
    assert counted.recount is not None
    approximate = dataclasses.replace(counted.recount, encoding="o200k_base", basis="approximate")
    found = experiment(answer(1.0), dataclasses.replace(counted, recount=approximate))
    assert summary.headline(found)[-1] == (
        "Answer rate, tokens/s",
        "3.00",
        "recounted, o200k_base, approximate",
    )
    assert rows(found)["Tokens recounted"].note == "Counted with o200k_base, approximate."


def test_a_reported_rate_names_the_server() -> None:
    counted = changed(stream(0.5, 1.51, tokens=[1, 3, 0]), usage=Usage(5, 41, 0))
    assert summary.headline(experiment(answer(1.0), counted))[-1] == (
        "Answer rate, tokens/s", "40.0", "reported by the server")  # fmt: skip


def test_the_comparison_of_the_preset() -> None:
    assert [tuple(row) for row in summary.table(recorded("text-davinci-002-2022-10"))] == [
        ("Time to first event", "7.32 s", "0.16 s", ""),
        ("Time to first visible text", "7.32 s", "0.16 s", ""),
        ("Time to the full response", "7.32 s", "7.25 s", "about the same time"),
        ("Text", "285 characters", "285 characters", "equal, 285 characters"),
        ("Tokens reported by the server", "not reported", "not reported", ""),
        ("Tokens recounted", "193", "193", "Counted with p50k_base."),
        ("Events with text", "1", "193", "An event is not a token."),
    ]


def test_texts_that_part_say_where() -> None:
    found = experiment(answer(1.0, "One two four"), stream(0.1, 1.0))
    assert rows(found)["Text"] == (
        "Text", "12 characters", "14 characters", "parts after 8 characters: 12 and 14")  # fmt: skip


def test_a_cut_call_has_a_total_it_exceeds() -> None:
    cut = call(1, "streaming", [(0.1, "content", "One"), (1.2, "content", " two")], state="failed",
               cut=CallError("cut", "It ended."))  # fmt: skip
    found = rows(experiment(answer(1.0), cut))
    assert found["Time to the full response"] == ("Time to the full response", "1.00 s", "> 1.20 s", "")
    assert found["Text"].note == "Only two whole answers can be compared."


def test_nothing_known_is_not_known_and_never_zero() -> None:
    found = experiment(call(0, "blocking", None, state="failed"), call(1, "streaming", None, state="failed"))
    cells = {cell for row in summary.table(found) for cell in (row.blocking, row.streaming)}
    assert cells == {"not known", "not reported", "not available"}


def test_recounted_reasoning_is_shown_apart() -> None:
    thinking: Rows = [
        (0.1, "reasoning", "Hm"),
        (0.3, "content", "One"),
        (0.5, "content", " two"),
        (0.6, "finish", ""),
    ]
    found = experiment(answer(1.0), call(1, "streaming", thinking, tokens=[2, 1, 1, 0]))
    assert rows(found)["Tokens recounted"].streaming == "2 + 2 reasoning"


def test_why_there_is_no_recount_stands_in_the_table() -> None:
    without = dataclasses.replace(stream(0.1, 1.0), recount_reason="Recount not available: nothing found.")
    assert (
        rows(experiment(answer(1.0), without))["Tokens recounted"].note
        == "Recount not available: nothing found."
    )


def test_the_caveat_names_the_order() -> None:
    assert summary.caveat(experiment(answer(1.0), stream(0.1, 1.0))) == (
        "One pair: a look, not a measurement. Streaming ran second."
    )
    first = dataclasses.replace(answer(1.0), planned=PlannedCall(2, 0, "blocking", pair=0, group=2))
    assert summary.caveat(experiment(first, stream(0.1, 1.0))).endswith("Blocking ran second.")


def test_the_caveat_of_one_pair_of_many_names_it() -> None:
    found = experiment(answer(1.0), stream(0.1, 1.0))
    found = dataclasses.replace(found, spec=dataclasses.replace(found.spec, pairs=5))
    assert summary.caveat(found).startswith("Pair 1 of 5: a look, not a measurement.")


def test_calls_at_once_are_excused_only_by_the_built_in_endpoint() -> None:
    together = experiment(answer(1.0), dataclasses.replace(
        stream(0.1, 1.0), planned=PlannedCall(1, 0, "streaming", pair=0, group=0)))  # fmt: skip
    assert summary.caveat(together) == (
        "One pair: a look, not a measurement. "
        "Both calls ran at the same time, so each may have slowed the other."
    )
    lab = dataclasses.replace(together.spec, arms=(Arm(Endpoint("lab"), CallSpec()),))
    assert summary.caveat(dataclasses.replace(together, spec=lab)) == (
        "Both calls ran at the same time against the built-in endpoint, which is not disturbed by that."
    )


def test_a_recording_states_its_sources_error() -> None:
    assert summary.caveat(recorded("text-davinci-002-2022-10")) == (
        "One pair: a look, not a measurement. "
        "Recorded October 2022, rounded to 10 ms, client's own lateness unknown."
    )


@pytest.mark.parametrize(
    ("first", "shown"), [(12.345, "12.3 s"), (1.2345, "1.23 s"), (0.1634, "0.16 s"), (0.01634, "0.016 s"),
                         (0.00163, "0.0016 s")]
)  # fmt: skip
def test_measured_times_have_two_or_three_figures(first: float, shown: str) -> None:
    found = experiment(answer(20.0), stream(first, 20.0))
    assert summary.headline(found)[0].value == shown


CALIBRATION = Calibration("p", 1, 212, 4.2e-5, 3.1e-4, 1e-3, "kernel", "other", ())


def instrumented(found: Experiment, p95_s: float | None = 3.1e-4, **more: Any) -> Experiment:
    return dataclasses.replace(found, calibration=dataclasses.replace(CALIBRATION, p95_s=p95_s, **more))


def test_the_instruments_error_is_one_line() -> None:
    found = experiment(answer(2.3), stream(1.2, 2.2))
    assert summary.instrument(found) == ""
    assert summary.instrument(instrumented(found)) == (
        "The instrument's own error: 0.04 ms median, 0.3 ms p95 (kernel stamps, 212 events). "
        "Gaps below 0.6 ms are not told apart."
    )
    failed = instrumented(found, None, median_s=None, max_s=None, reason="The lab did not start.")
    assert summary.instrument(failed) == "The instrument's own error is not known. The lab did not start."


def test_a_difference_below_what_can_be_told_is_none() -> None:
    found = experiment(answer(2.3), stream(1.2, 2.1))  # 0.2 s apart
    assert "finished 0.20 s later" in words(instrumented(found, 0.09))
    assert words(instrumented(found, 0.11)).endswith("Both finished at about the same time.")  # 2 x 0.11


def test_a_longest_gap_below_what_can_be_told_is_no_number() -> None:
    silent: Rows = [(0.1, "content", None), (0.102, "content", None), (0.11, "finish", "")]
    found = experiment(answer(2.3), call(1, "streaming", silent))
    found = dataclasses.replace(found, calls=(found.calls[0], without_rates(found.calls[1])))
    assert summary.headline(instrumented(found))[-1] == ("Longest gap", "0.0020 s", "")
    assert summary.headline(instrumented(found, 0.0015))[-1] == ("Longest gap", "below 3.0 ms", "")


def without_rates(found: CallResult) -> CallResult:
    return dataclasses.replace(
        found, metrics=(found.metrics or {}) | {"answer_tps": None, "answer_cps": None}
    )


def encoded(one: CallResult, other: CallResult, **more: Any) -> Experiment:
    """Arm 0 asks without compression, arm 1 with it."""
    found = experiment(one, other, models=("m", "m"), **more)
    place = Endpoint("https://host.example/v1")
    arms = tuple(
        Arm(dataclasses.replace(place, accept_encoding=way), found.spec.arms[0].call)  # type: ignore[arg-type]
        for way in ("identity", "gzip")
    )
    return dataclasses.replace(found, spec=dataclasses.replace(found.spec, arms=arms))


def judged(n: int, times: list[float], headers: Pairs = ()) -> CallResult:
    rows: Rows = [*((t, "content", "word ") for t in times), (times[-1], "finish", "")]
    made = call(n, "streaming", rows, arm=n)
    assert made.timeline is not None
    return dataclasses.replace(made, delivery=delivery(made.timeline, headers), headers=headers)


EVEN = [0.5 + i / 10 for i in range(20)]
AT_ONCE = [2.5] * 20
PACKED = (("content-encoding", "gzip"),)


def test_what_is_held_back_only_when_compressed_is_said_with_what_would_help() -> None:
    found = summary.encodings(encoded(judged(0, EVEN), judged(1, AT_ONCE, PACKED)))
    assert found is not None
    assert found.startswith("Held back only when compressed, which is what a browser would get.")
    assert found.endswith("Leave text/event-stream uncompressed, or flush the compressor after each event.")
    same = summary.encodings(encoded(judged(0, EVEN), judged(1, EVEN, PACKED)))
    assert same is not None
    assert same.startswith("Compression makes no difference.")


def test_only_arms_that_differ_in_nothing_else_are_compared() -> None:
    assert summary.encodings(experiment(judged(0, EVEN), judged(1, EVEN), models=("m", "n"))) is None
    assert summary.encodings(experiment(judged(0, EVEN))) is None
    both = encoded(judged(0, EVEN), judged(1, EVEN))
    twice = dataclasses.replace(both.spec, arms=(both.spec.arms[0],) * 2)
    assert summary.encodings(dataclasses.replace(both, spec=twice)) is None


def test_a_call_that_is_not_over_is_not_compared() -> None:
    going = dataclasses.replace(judged(1, EVEN), delivery=None)
    assert summary.encodings(encoded(judged(0, EVEN), going)) is None


def test_seconds_may_be_unknown() -> None:
    assert (summary.seconds(None), summary.seconds(1234.567), summary.seconds(0.1634, 3)) == (
        "not known", "1,234.57 s", "0.163 s")  # fmt: skip


def test_a_long_provider_message_stays_one_short_line() -> None:
    error = CallError("error_event", "<b>no</b>\n" * 200)
    found = experiment(call(0, "blocking", [], state="failed", cut=error), stream(0.1, 1.0))
    text = words(found)
    assert len(text) < 400
    assert "\n" not in text
    assert text.endswith("…")
