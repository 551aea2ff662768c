"""The delivery verdict on made-up streams and on the six recorded ones. Times in ms after the request."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.delivery import RATES, compare_encodings, delivery
from lib.experiment import pair
from lib.lab import recordings
from lib.metrics import BUNCHED, flags, measure
from lib.timeline import Arrival, Event, Timeline, Usage

MS = 1_000_000
VIA = (("Via", "1.1 proxy.example"),)
GZIP = (("content-encoding", "gzip"),)


def stream(
    times: Sequence[float],
    *,
    reasoning: Sequence[float] = (),
    sizes: int | Sequence[int] = 300,
    queued: Sequence[float] = (),
    usage: Usage | None = None,
    mode: Any = "streaming",
) -> Timeline:
    """One event with text at each time; events of an equal time share a read.

    `sizes`: bytes of each event's part of its read, or of each read; `queued`: how far back each read may
    lie.
    """
    rows = sorted([(t, "content") for t in times] + [(t, "reasoning") for t in reasoning])
    moments = sorted({t for t, _ in rows})
    events: list[Any] = [
        Event(round(t * MS), kind, "", "word", 4, moments.index(t), 10 * i, 10 * i + 10)  # type: ignore[arg-type]
        for i, (t, kind) in enumerate(rows)
    ]
    reads = []
    for i, t in enumerate(moments):
        size = sizes * sum(at == t for at, _ in rows) if isinstance(sizes, int) else sizes[i]
        back = queued[i] if queued else 0
        reads.append(Arrival(round(t * MS), round((t - back) * MS), size))
    events.append(Event(events[-1].t_ns, "finish", "stop", "", 0, len(reads) - 1, 9000, 9010))
    return Timeline(
        2, "measured", "chat.completions", mode, "new", 0, (), tuple(reads), tuple(events), usage, None, None,
        "stop", True, "It is whole.", None, (),
    )  # fmt: skip


def steady(count: int, first: float = 100, step: float = 20) -> list[float]:
    return [first + i * step for i in range(count)]


def bursts(count: int, events: int, every: float = 120) -> list[float]:
    return [every * (i + 1) for i in range(count) for _ in range(events)]


def test_an_even_stream_is_incremental() -> None:
    found = delivery(stream(steady(40)))
    assert found.kind == "incremental"
    assert not found.withheld
    assert found.evidence[0] == "40 events with text came at 40 moments."


def test_events_at_random_moments_are_incremental() -> None:
    # gaps of an exponential distribution by their quantiles, mean 20 ms: a tenth of them are very short
    gaps = [20 * -math.log(1 - (i + 0.5) / 50) for i in range(50)]
    shuffled = [gaps[i * 7 % 50] for i in range(50)]
    times = [100 + sum(shuffled[: i + 1]) for i in range(50)]
    assert delivery(stream(times)).kind == "incremental"


@pytest.mark.parametrize(
    ("recording", "kind"),
    [
        ("text-davinci-002-2022-09", "incremental"),
        ("text-davinci-002-2022-10", "incremental"),
        ("text-davinci-002-2023-03", "incremental"),
        ("gpt-3.5-turbo-0301-2023-03", "stalled"),  # 0.73 s of 2.85 s
        ("gpt-3.5-turbo-0301-2023-03-slow", "bunched"),  # a third of the events share a time
        ("gpt-3.5-turbo-0613-2023-12", "bunched"),  # 299 events at 82 times
    ],
)
def test_the_recorded_experiments_are_described_and_never_blamed(recording: str, kind: str) -> None:
    both = pair(recordings.experiment(recording))
    assert both is not None
    assert both[1].timeline is not None
    found = delivery(both[1].timeline)
    assert found.kind == kind
    assert not found.withheld
    assert found.fix is None
    assert not found.client_bound
    assert "fault" not in found.sentence


def test_bunches_are_told_with_their_size_and_distance() -> None:
    found = delivery(stream(bursts(8, 5)))
    assert found.kind == "bunched"
    assert found.sentence == "The text came in bunches: 5.0 events at a time on average, 0.12 s apart."


def test_bunches_sent_in_several_quick_writes_are_bunches_too() -> None:
    """0.2 ms apart inside a bunch: no two events share a read, and no gap is zero."""
    times = [t + 0.2 * (i % 5) for i, t in enumerate(bursts(8, 5))]
    assert len(set(times)) == 40
    assert delivery(stream(times)).kind == "bunched"


def test_bunches_and_the_flag_of_the_metrics_agree() -> None:
    one_in_five = stream([*steady(15), 400, 420, 440, *[460] * 7])  # 25 events at 19 moments: 0.24
    assert BUNCHED == 0.2
    assert "bunched" in flags(one_in_five, None)
    assert delivery(one_in_five).kind == "bunched"


def test_bunches_too_quick_to_be_seen_are_none() -> None:
    times = [100 + 8 * (i // 2) for i in range(80)]  # two events each 8 ms
    assert delivery(stream(times)).kind == "incremental"


def test_a_buffer_shows_in_the_size_of_what_it_passes_on() -> None:
    sizes = [16_700, 16_392, 16_392, 16_392, 4000]
    found = delivery(stream(bursts(5, 40, 400), sizes=sizes))
    assert found.kind == "buffered"
    assert "16 kB" in found.sentence
    assert found.withheld == RATES
    assert found.fix is None


def test_a_buffer_arriving_in_several_segments_shows_too() -> None:
    times = [t + 0.05 * (i % 12) for i, t in enumerate(bursts(5, 12, 400))]
    segments = [1448] * 11 + [16_392 - 11 * 1448]
    assert delivery(stream(times, sizes=segments * 5)).kind == "buffered"


def test_bunches_of_whole_events_are_no_buffer() -> None:
    assert delivery(
        stream(bursts(6, 50, 500), sizes=[15_100, 15_300, 14_900, 15_050, 15_210, 15_150])
    ).kind == ("bunched")


def test_an_answer_in_one_piece_at_the_end_was_told_at_the_end() -> None:
    found = delivery(stream([520] * 20))
    assert found.kind == "replayed"
    assert found.sentence == (
        "The answer was told at the end: all of it came in one piece, after 0.52 s in which no text came."
    )
    assert found.withheld == RATES


def test_an_answer_told_again_word_by_word_was_told_at_the_end() -> None:
    found = delivery(stream(steady(20, 520, 1)))
    assert found.kind == "replayed"
    assert "within 0.02 s" in found.sentence


def test_a_long_wait_before_an_ordinary_pace_is_no_replay() -> None:
    assert delivery(stream(steady(20, 10_000, 20))).kind == "incremental"


def test_a_fast_model_that_answers_soon_is_not_judged_by_its_speed() -> None:
    found = delivery(stream(steady(20, 120, 0.3)))
    assert found.kind is None
    assert "too soon to tell" in found.sentence
    assert delivery(stream(steady(200, 120, 1))).kind == "incremental"


def test_hidden_thinking_may_explain_the_wait_before_a_fast_answer() -> None:
    thought = Usage(1, 500, 480)
    assert delivery(stream(steady(20, 3000, 1), usage=thought)).kind is None
    assert delivery(stream([3000] * 20, usage=thought)).kind == "replayed"


def test_streamed_reasoning_ends_the_wait() -> None:
    """3 s of reasoning, then the answer at once: held back for 20 ms at most, so nothing is known."""
    found = delivery(stream([3000] * 20, reasoning=steady(144, 100, 20.05)))
    assert found.kind is None


def test_reasoning_is_judged_where_there_is_no_answer() -> None:
    assert delivery(stream([], reasoning=steady(40))).kind == "incremental"


def test_a_compressor_or_a_proxy_makes_the_end_a_buffer() -> None:
    assert delivery(stream([520] * 20), VIA).kind == "buffered"
    assert delivery(stream([520] * 20), GZIP).kind == "buffered"
    assert delivery(stream([520] * 20), (("x-accel-buffering", "yes"),)).kind == "buffered"
    assert delivery(stream([520] * 20), (("server", "anything"),)).kind == "replayed"


@pytest.mark.parametrize(
    ("headers", "fix"),
    [
        (GZIP, "Leave text/event-stream uncompressed, or flush the compressor after each event."),
        ((*VIA, *GZIP), "Leave text/event-stream uncompressed, or flush the compressor after each event."),
        (
            VIA,
            "Send X-Accel-Buffering: no with the stream, or switch response buffering off in the proxy.",
        ),
        (
            (*VIA, ("x-accel-buffering", "no")),
            "Switch response buffering off in the proxy: it does not heed X-Accel-Buffering: no.",
        ),
        ((("x-accel-buffering", "yes"),), "Send X-Accel-Buffering: no with the stream."),
        ((), None),
    ],
)
def test_the_fix_is_named_where_the_headers_tell(headers: Any, fix: str | None) -> None:
    assert delivery(stream(bursts(8, 5)), headers).fix == fix
    assert delivery(stream(steady(40)), headers).fix is None


def test_a_long_header_is_cut() -> None:
    found = delivery(stream([520] * 20), (("via", "x" * 5000),))
    assert max(map(len, found.evidence)) < 200


def test_a_stop_in_the_middle_is_a_stall() -> None:
    found = delivery(stream([*steady(5), *steady(15, 3200)]))
    assert found.kind == "stalled"
    assert found.sentence == "The text stopped for 3.02 s, 0.08 s after it began."
    assert not found.withheld


def test_what_a_stall_held_back_is_no_bunch() -> None:
    times = [*steady(20), *[1480] * 30, *steady(20, 1500)]
    assert delivery(stream(times)).kind == "stalled"


def test_a_slow_model_does_not_stall() -> None:
    assert delivery(stream(steady(20, 1000, 1100))).kind == "incremental"


def test_a_short_pause_is_no_stall() -> None:
    assert delivery(stream([*steady(100), *steady(100, 2550)])).kind == "incremental"  # 0.47 s


@pytest.mark.parametrize("count", [0, 1, 4])
def test_too_little_text_is_not_judged(count: int) -> None:
    timeline = stream(steady(count or 1))
    if not count:
        timeline = dataclasses.replace(timeline, events=timeline.events[-1:])
    found = delivery(timeline)
    assert found.kind is None
    assert found.sentence.endswith(".")
    assert not found.withheld


def test_a_blocking_call_has_no_delivery() -> None:
    assert delivery(stream([500] * 20, mode="blocking")).kind is None


def test_queued_reads_label_the_client() -> None:
    few = stream(steady(40), queued=[0] * 38 + [1, 1])
    some = stream(steady(40), queued=[0] * 37 + [1, 1, 1])
    assert not delivery(few).client_bound
    found = delivery(some)
    assert found.client_bound
    assert found.kind == "incremental"
    assert any("8% of the reads" in line for line in found.evidence)


def test_a_client_that_lags_all_the_time_can_not_tell_bunches() -> None:
    times = bursts(20, 5, 40)
    found = delivery(stream(times, queued=[0, *[39] * 19]))
    assert found.kind is None
    assert found.client_bound
    assert "faster than this client" in found.sentence


def test_withheld_rates_are_null_with_the_reason_and_the_rest_stays() -> None:
    values, reasons = measure(stream(steady(20, 520, 1)), None)
    assert values["answer_cps"] is None
    assert "finished answer" in reasons["answer_cps"]
    assert values["ttfo_s"] == 0.52
    assert values["gap_median_s"] == pytest.approx(0.001)


def test_only_the_compressed_call_held_back_is_what_a_browser_gets() -> None:
    found = compare_encodings(stream(steady(20)), stream([520] * 20), (), GZIP)
    assert found.kind == "buffered"
    assert found.sentence.startswith("Held back only when compressed, which is what a browser would get.")
    assert found.fix is not None


def test_equal_deliveries_make_no_difference() -> None:
    found = compare_encodings(stream(steady(20)), stream(steady(20)), (), GZIP)
    assert found.sentence.startswith("Compression makes no difference.")


def test_an_endpoint_that_does_not_compress_is_said_so() -> None:
    found = compare_encodings(
        stream(steady(20)), stream(steady(20)), (), (("content-type", "text/event-stream"),)
    )
    assert found.sentence.startswith("The endpoint does not compress")


def test_different_deliveries_are_both_told() -> None:
    found = compare_encodings(stream([520] * 20), stream(bursts(8, 5)), (), GZIP)
    assert found.kind == "bunched"
    assert "Uncompressed: The answer was told at the end" in found.sentence


def test_two_calls_of_which_one_says_nothing_are_not_compared() -> None:
    found = compare_encodings(stream(steady(2)), stream(steady(20)), (), GZIP)
    assert found.kind is None
    assert "can't be compared" in found.sentence


@given(
    st.lists(st.integers(0, 5000), max_size=40),
    st.lists(st.integers(0, 5000), max_size=10),
    st.dictionaries(st.sampled_from(["via", "content-encoding", "x-accel-buffering"]), st.text(max_size=9)),
)
def test_any_stream_has_a_verdict_in_a_sentence(
    times: list[int], thoughts: list[int], headers: dict[str, str]
) -> None:
    if times or thoughts:
        found = delivery(stream(times, reasoning=thoughts), tuple(headers.items()))
        assert found.sentence.endswith(".")
        assert (
            bool(found.withheld)
            == (found.why_withheld is not None)
            == (found.kind in ("buffered", "replayed"))
        )
