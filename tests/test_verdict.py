"""The words of METRICS.md 9: exact sentences for known comparisons, and one kind at a time."""

import math
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from lib.comparison import Comparison, Pair, compare, over
from lib.intervals import Interval, Percentile, percentile, share
from lib.verdict import HEADLINE, advice, change, percentile_words, succeeded, verdict
from tests.test_comparison import TEN, pairs, scaled

SLOWER = [10.0, 10.2, 9.9, 10.1, 10.3, 9.8, 10.0, 10.1]


def test_the_ten_pairs_are_not_settled() -> None:
    found = verdict("e2e_s", TEN)
    assert found.kind == "not_settled"
    assert found.sentence == "total time: not settled; the data allow −6.9 % to −0.2 %"
    assert found.detail == (
        "10 pairs. Mean ratio 0.96 (0.93 to 1.00). Median ratio 0.96 (0.90 to 1.03). "
        "t test p 0.041, Wilcoxon p 0.064. Equal within ±5 %: p 0.180."
    )


def test_no_difference_says_what_the_data_allow() -> None:
    found = compare(scaled(0.95, 1.04, 0.97, 1.02, 0.98, 1.03, 0.99, 0.96))
    assert verdict("e2e_s", found).sentence == "total time: no difference shown; the data allow −4 % to +2 %"


def test_a_difference_in_time_is_told_in_seconds() -> None:
    other = [3.0, 3.3, 3.1, 3.2, 3.2, 3.1, 2.9, 3.3]
    found = verdict("ttfo_s", compare(pairs(SLOWER, other)))
    assert found.kind == "shown"
    assert found.sentence == "first visible text 6.9 s sooner, 6.7 to 7.1"
    assert verdict("ttfo_s", compare(pairs(other, SLOWER))).sentence == (
        "first visible text 6.9 s later, 6.7 to 7.1"
    )
    assert verdict("e2e_s", compare(pairs(SLOWER, other))).sentence == "total time 6.9 s shorter, 6.7 to 7.1"


def test_a_rate_is_told_in_percent() -> None:
    found = compare(scaled(1.20, 1.22, 1.19, 1.21, 1.20, 1.18), more_is_better=True)
    assert verdict("answer_tps", found).sentence == "answer rate +20 % (+19 % to +21 %)"


def test_seconds_that_do_not_agree_give_way_to_percent() -> None:
    # Ratios are all below 1, but the median difference in seconds has an interval that reaches 0.
    found = compare(scaled(0.80, 0.82, 0.78, 0.81, 0.79, 0.80))
    assert found.difference_interval is not None
    doubtful = Interval(found.difference_interval.low, 0.01)
    changed = Comparison(**{f: getattr(found, f) for f in found.__dataclass_fields__} | {
        "difference_interval": doubtful})  # fmt: skip
    assert verdict("e2e_s", changed).sentence == "total time −20 % (−21 % to −19 %)"


def test_equal_too_few_and_settled_among_none() -> None:
    near = compare(scaled(1.01, 0.99, 1.005, 0.995, 1.002, 0.998), margin=0.05)
    assert verdict("e2e_s", near).sentence == "total time: equal within ±5 %; the data allow −0.8 % to +0.8 %"
    few = compare(scaled(0.5, 0.5))
    assert verdict("ttfs_s", few).sentence == "first whole sentence: too few pairs, 2 of at least 6"
    many = over([compare(scaled(0.80, 0.82, 0.78, 0.81, 0.79, 0.80))] * 4)
    assert verdict("e2e_s", many[0]).sentence.startswith(
        "total time: not settled among all models; the data allow −21"
    )
    assert "Among all models p 0.125 (Holm)." in verdict("e2e_s", many[0]).detail


def test_failures_are_told_and_open_ends_named() -> None:
    lost = [Pair(i, 2.0, None, other_failed=True) for i in range(6, 10)]
    both = Pair(10, None, None, base_failed=True, other_failed=True)
    found = compare([*scaled(*[0.5 + i / 100 for i in range(6)]), *lost, both, Pair(11, None, 1.0)])
    words = verdict("e2e_s", found)
    assert words.sentence == "total time: no difference shown; the data allow anything above −49 %"
    assert "In 4 pairs one call failed" in words.detail
    assert "1 pair left out: both calls failed." in words.detail
    assert "1 pair left out: a number is not known." in words.detail
    mixed = [Pair(i, *((2.0, None, False, True) if i % 2 else (None, 2.0, True, False))) for i in range(8)]
    assert verdict("e2e_s", compare(mixed)).sentence.endswith("the data allow anything")
    slow = [Pair(i, None, 2.0, base_failed=True) for i in range(6, 10)]
    found = compare([*scaled(*[1.5 + i / 100 for i in range(6)]), *slow])
    assert verdict("e2e_s", found).sentence.endswith("the data allow anything below +54 %")


def test_streaming_buys_a_program_nothing_only_when_that_is_shown() -> None:
    nothing = "Streaming buys a program nothing here."
    equal = compare(scaled(1.01, 0.99, 1.005, 0.995, 1.002, 0.998), margin=0.05)
    slower = compare(scaled(1.20, 1.22, 1.19, 1.21, 1.20, 1.18))
    assert (advice("program", equal), advice("program", slower)) == (nothing, nothing)
    none = compare(scaled(1.01, 0.99, 1.005, 0.995, 1.002, 0.998))
    unsettled = "Whether streaming buys a program anything here is not settled."
    assert advice("program", none) == advice("program", TEN) == unsettled
    assert advice("program", compare([])) == "Too few pairs to say what streaming buys a program."
    faster = compare(scaled(0.80, 0.82, 0.78, 0.81, 0.79, 0.80))
    assert advice("program", faster) == "With streaming a program can go on 400 ms sooner."


def test_each_consumer_has_its_own_number() -> None:
    assert HEADLINE == {"reader": "ttfo_s", "voice": "ttfs_s", "program": "e2e_s"}
    found = compare(pairs(SLOWER, [3.0, 3.3, 3.1, 3.2, 3.2, 3.1, 2.9, 3.3]))
    assert advice("reader", found) == "With streaming a reader can begin to read 6.9 s sooner."
    assert advice("voice", found) == "With streaming a voice can begin to speak 6.9 s sooner."


def test_times_below_a_second_are_told_in_milliseconds() -> None:
    found = compare(pairs([0.127, 0.129, 0.128, 0.126, 0.127, 0.13], [0.03, 0.031, 0.03, 0.03, 0.032, 0.03]))
    assert verdict("ttfo_s", found).sentence == "first visible text 98 ms sooner, 95 to 100"
    half = percentile([0.0200, 0.0201, 0.0203, 0.0202, 0.0204, 0.0201, 0.0203], 0.5)
    assert half is not None
    assert percentile_words(half) == "20.2 ms (20.0 to 20.4)"
    assert percentile_words(half, "tokens/s").endswith("tokens/s (0.020 to 0.020)")


def test_pairs_that_all_failed_are_told_as_such() -> None:
    found = compare([Pair(i, None, None, base_failed=True, other_failed=True) for i in range(30)])
    assert change(found) == "both calls failed in all 30 pairs"
    assert verdict("e2e_s", found).sentence == "total time: too few pairs: both calls failed in all 30 pairs"


def test_equality_is_no_question_where_a_difference_is_shown() -> None:
    found = compare(scaled(0.80, 0.82, 0.78, 0.81, 0.79, 0.80), margin=0.05)
    assert "Equal" not in verdict("e2e_s", found).detail


def test_success_is_told_with_its_interval() -> None:
    assert succeeded(share(9, 10)) == "9 of 10 calls came whole (60 % to 98 %)"
    assert succeeded(share(0, 0)) == "No call was made."


def test_a_percentile_without_an_upper_bound_says_so() -> None:
    found = percentile([i / 10 for i in range(30)], 0.95)
    assert found is not None
    assert percentile_words(found) == "2.8 s (2.5 to unbounded)"
    assert percentile_words(Percentile(None, Interval(1.0, math.inf))).startswith("not known")
    assert (
        percentile_words(Percentile(0.21, Interval(-math.inf, math.inf)))
        == "210 ms (too few for an interval)"
    )


ROWS = st.lists(
    st.tuples(st.none() | st.floats(0.01, 100), st.none() | st.floats(0.01, 100)), min_size=0, max_size=14
)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.sampled_from([None, 0.1]))
def test_every_comparison_has_one_plain_sentence(
    rows: list[tuple[float | None, float | None]], margin: float | None
) -> None:
    some = [Pair(i, b, o, b is None, o is None) for i, (b, o) in enumerate(rows)]
    found = compare(some, margin=margin)
    words = verdict("e2e_s", found)
    assert words.kind == found.kind
    signs = ["too few pairs", "no difference shown", "not settled", "equal within"]
    assert sum(s in words.sentence for s in signs) == (0 if found.kind == "shown" else 1)
    for text in (words.sentence, words.detail, advice("program", found)):
        assert not re.search(r"nan|inf\b|None|[<*_`]", text.replace("p < 0.001", ""))


def test_a_side_that_failed_in_most_pairs_has_no_percent() -> None:
    lost = compare([Pair(i, 1.0, None, other_failed=True) for i in range(10)])
    assert change(lost) == "one side failed in most pairs"
    assert change(compare([Pair(0, 1.0, 2.0)])) == "1 pair, too few"


def test_a_side_that_failed_in_most_pairs_is_named_in_words() -> None:
    after = compare([Pair(i, 1.0, None, other_failed=True) for i in range(8)])
    before = compare([Pair(i, None, 1.0, base_failed=True) for i in range(8)])
    for found in (after, before):
        assert found.kind == "shown"
        assert verdict("e2e_s", found).sentence == "total time: one side failed in most pairs"
    assert advice("reader", after) == "Streaming buys a reader nothing here: most of its calls failed."
    assert advice("reader", before) == "Streaming answers a reader here where most blocking calls fail."
    among = over([compare([Pair(i, 1.0, None, other_failed=True) for i in range(6)]), TEN, TEN])[0]
    assert verdict("e2e_s", among).sentence == (
        "total time: not settled among all models; one side failed in most pairs"
    )
