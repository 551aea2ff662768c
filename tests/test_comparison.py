"""What pairs of numbers say: the ten pairs of METRICS.md, and what must hold for any."""

import math
import subprocess
import sys
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from lib.comparison import (
    Comparison,
    Pair,
    across,
    compare,
    higher,
    holm,
    over,
    precise,
    ranks,
)
from lib.intervals import Interval, drift, exact, pairs_needed, percentile, share, shifts

BLOCKING = [2.3, 2.55, 2.21, 2.48, 3.1, 2.36, 2.27, 2.62, 2.41, 2.95]
STREAMING = [2.22, 2.49, 2.3, 2.31, 2.8, 2.33, 2.19, 2.7, 2.29, 2.66]


def pairs(base: list[float], other: list[float]) -> list[Pair]:
    return [Pair(i, b, o) for i, (b, o) in enumerate(zip(base, other, strict=True))]


def scaled(*ratios: float) -> list[Pair]:
    return pairs([2.0] * len(ratios), [2.0 * r for r in ratios])


TEN = compare(pairs(BLOCKING, STREAMING), margin=0.05)


def close(got: float | None, expected: float) -> bool:
    return got is not None and math.isclose(got, expected, rel_tol=1e-6)


def test_the_ten_pairs_come_out_to_the_last_digit() -> None:
    assert TEN.n == 10
    assert close(TEN.ratio, 0.9641351607360411)
    assert TEN.interval is not None
    assert close(TEN.interval.low, 0.931275184822303)
    assert close(TEN.interval.high, 0.9981545984658453)
    assert close(TEN.t_p, 0.04104870249930639)
    assert close(TEN.wilcoxon_p, 0.064453125)
    assert close(TEN.median_ratio, 0.9649875229059216)
    assert TEN.median_interval is not None
    assert close(TEN.median_interval.low, 0.9032258064516128)
    assert close(TEN.median_interval.high, 1.0305343511450382)
    assert close(TEN.tost_p, 0.18023465380014303)
    assert TEN.kind == "not_settled"


def test_the_difference_in_seconds_has_the_exact_interval_of_its_median() -> None:
    differences = sorted(s - b for b, s in zip(BLOCKING, STREAMING, strict=True))
    # Ten values: from the second to the ninth, 97.9 %.
    assert close(TEN.difference, (differences[4] + differences[5]) / 2)
    assert TEN.difference_interval == Interval(differences[1], differences[8])


def test_holm_as_in_the_vectors() -> None:
    assert all(
        close(a, b) for a, b in zip(holm([0.004, 0.03, 0.04, 0.2]), [0.016, 0.09, 0.09, 0.2], strict=True)
    )
    assert holm([]) == []


def test_five_pairs_have_points_and_no_verdict() -> None:
    found = compare(pairs(BLOCKING[:5], STREAMING[:5]))
    assert (found.kind, found.n, found.interval, found.median_interval) == ("too_few", 5, None, None)
    assert found.ratio is not None
    assert exact([1, 2, 3, 4, 5])[0] == Interval(-math.inf, math.inf)


def test_both_must_exclude_no_difference_to_show_one() -> None:
    found = compare(scaled(0.80, 0.82, 0.78, 0.81, 0.79, 0.80))
    assert (found.kind, higher(found)) == ("shown", False)
    assert found.p == found.wilcoxon_p == 0.03125
    # One outlier hides the mean from the t test; the ranks are all on one side.
    found = compare(scaled(0.99, 0.98, 0.97, 0.985, 0.975, 0.2))
    assert (found.kind, found.wilcoxon_p) == ("not_settled", 0.03125)


def test_no_difference_is_equality_only_within_a_declared_margin() -> None:
    near = scaled(1.01, 0.99, 1.005, 0.995, 1.002, 0.998)
    assert compare(near).kind == "none"
    assert compare(near, margin=0.05).kind == "equal"
    assert compare(near, margin=0.001).kind == "none"


def test_values_that_never_vary_need_no_test() -> None:
    same = compare(scaled(*[1.0] * 6), margin=0.05)
    assert (same.kind, same.interval, same.p) == ("equal", Interval(1, 1), 1.0)
    assert compare(scaled(*[1.0] * 6)).kind == "none"
    halved = compare(scaled(*[0.5] * 6), margin=0.05)
    assert (halved.kind, halved.p) == ("shown", 2 / 2**6)


def test_a_failed_call_keeps_the_worst_rank_and_leaves_only_the_median() -> None:
    rows = [*scaled(*[0.5 + i / 100 for i in range(9)]), Pair(9, 2.0, None, other_failed=True)]
    found = compare(rows)
    assert (found.n, found.censored, found.interval, found.ratio) == (10, 1, None, None)
    assert found.log_ratios[-1] == math.inf
    assert found.allowed == found.median_interval
    assert found.kind == "shown"  # the ninth of ten is still below 1
    blocked = compare([*rows[:9], Pair(9, None, 2.0, base_failed=True)])
    assert blocked.log_ratios[-1] == -math.inf
    assert compare([Pair(0, 2.0, None, other_failed=True)], more_is_better=True).log_ratios == (-math.inf,)


def test_too_many_failures_leave_an_interval_without_an_end() -> None:
    lost = [Pair(i, 2.0, None, other_failed=True) for i in range(6, 10)]
    found = compare([*scaled(*[0.5 + i / 100 for i in range(6)]), *lost])
    assert found.median_interval is not None
    assert found.median_interval.high == math.inf
    assert found.median_interval.plain()[1] is None
    assert found.kind == "none"
    # All of them failed: worse than any number, and that is shown.
    gone = compare([Pair(i, 2.0, None, other_failed=True) for i in range(8)])
    assert (gone.kind, higher(gone), gone.median_ratio) == ("shown", True, None)


def test_pairs_that_say_nothing_leave_the_estimate_and_are_counted() -> None:
    both = Pair(10, None, None, base_failed=True, other_failed=True)
    unknown = [Pair(11, None, 2.0), Pair(12, None, None, base_failed=True), Pair(13, 0.0, 2.0)]
    found = compare([*pairs(BLOCKING, STREAMING), both, *unknown])
    assert (found.n, found.both_failed, found.unknown) == (10, 1, 3)
    assert found.ratio == TEN.ratio


def test_nothing_compared_is_no_error() -> None:
    found = compare([])
    assert (found.kind, found.n, found.ratio, found.median_ratio, found.p) == ("too_few", 0, None, None, None)


def test_what_is_shown_alone_may_not_be_among_many() -> None:
    # p = 0.03125 alone; with three others as good, Holm asks for 0.0125.
    shown = compare(scaled(0.80, 0.82, 0.78, 0.81, 0.79, 0.80))
    assert over([shown])[0].kind == "shown"
    many = over([shown] * 4)
    assert {c.kind for c in many} == {"not_settled"}
    assert {c.holm_p for c in many} == {0.125}
    few = compare(scaled(0.8))
    assert over([few, shown]) == (few, replace(shown, holm_p=0.03125))


def test_a_precision_rule_waits_for_ten_pairs() -> None:
    assert TEN.interval is not None
    half = math.log(TEN.interval.high / TEN.interval.low) / 2
    assert precise(TEN, half * 1.01)
    assert not precise(TEN, half * 0.99)
    assert not precise(compare(scaled(*[0.5] * 9)), 1)
    assert not precise(compare([Pair(i, 2.0, None, other_failed=True) for i in range(12)]), 1)


def test_arms_share_a_rank_until_their_intervals_part() -> None:
    slow = {i: (2.0 + i / 1000, False) for i in range(12)}
    same = {i: (2.0 + (11 - i) / 1000, False) for i in range(12)}
    fast = {i: (1.0 + i / 1000, False) for i in range(12)}
    assert ranks([slow, same, fast]) == ((2, 3), (2, 3), (1, 1))
    assert ranks([slow, same, fast], more_is_better=True) == ((1, 2), (1, 2), (3, 3))
    assert ranks([slow]) == ((1, 1),)
    failing = dict.fromkeys(range(12), (None, True))
    assert ranks([slow, failing]) == ((1, 1), (2, 2))


def test_arms_are_paired_by_number() -> None:
    assert across({0: (1.0, False), 1: (2.0, False)}, {1: (None, True), 2: (3.0, False)}) == [
        Pair(1, 2.0, None, False, True)
    ]


def test_an_upper_bound_of_a_percentile_takes_many_values() -> None:
    for p, least in ((0.95, 72), (0.99, 368)):
        short, enough = percentile(range(least - 1), p), percentile(range(least), p)
        assert short is not None
        assert enough is not None
        assert short.interval.high == math.inf
        assert enough.interval.high < math.inf
    assert percentile([], 0.5) is None
    assert percentile([1.0, 2.0, math.inf], 0.5) == percentile([1.0, 2.0, 9.0], 0.5)
    assert percentile([1.0, 2.0, math.inf], 0.95) == (None, Interval(2.0, math.inf))


def test_a_share_has_wilsons_interval() -> None:
    found = share(9, 10)
    assert found.interval is not None
    assert close(found.interval.low, 0.5958499732047614)
    assert close(found.interval.high, 0.982123786904927)
    assert share(0, 0).interval is None


def test_a_drift_is_a_change_over_the_whole_run() -> None:
    found = drift([1.1**i for i in range(11)])
    assert found is not None
    assert close(found.change, 1.1**10 - 1)
    assert found.p < 0.001
    assert drift([1, 2, 3]) is None
    assert drift([2.0] * 9) is None


def test_smaller_differences_take_more_pairs() -> None:
    # Spread 0.05, 5 %: effect 0.976 standard deviations, 10.3 pairs for power 0.8.
    logs = [0.05 * x for x in (-1, 0, 1)]
    assert pairs_needed(logs) == {0.05: 11, 0.10: 6, 0.20: 6}
    assert pairs_needed([0.0, 0.0]) == {0.05: 6, 0.10: 6, 0.20: 6}
    assert pairs_needed([0.1, math.inf]) == {0.05: None, 0.10: None, 0.20: None}
    wide = pairs_needed([-1.0, 0.0, 1.0])
    assert (wide[0.05] or 0) > (wide[0.10] or 0) > (wide[0.20] or 0) > 100


TIMES = st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)), min_size=6, max_size=30)


@settings(deadline=None, max_examples=30)
@given(TIMES)
def test_swapping_the_arms_inverts_the_ratio(rows: list[tuple[float, float]]) -> None:
    base, other = ([x for x, _ in rows], [y for _, y in rows])
    there, back = compare(pairs(base, other)), compare(pairs(other, base))
    assert there.ratio is not None
    assert back.ratio is not None
    assert math.isclose(there.ratio, 1 / back.ratio, rel_tol=1e-9)
    assert there.interval is not None
    assert back.interval is not None
    assert math.isclose(there.interval.low, 1 / back.interval.high, rel_tol=1e-6)
    assert there.kind == back.kind


@settings(deadline=None, max_examples=30)
@given(TIMES, st.sampled_from([None, 0.05, 0.5]))
def test_a_verdict_agrees_with_its_interval(rows: list[tuple[float, float]], margin: float | None) -> None:
    found = compare(pairs([x for x, _ in rows], [y for _, y in rows]), margin=margin)
    excludes = higher(found) is not None
    assert found.kind in {"shown", "not_settled", "none", "equal"}
    assert not (found.kind == "shown" and not excludes)
    assert not (found.kind in ("none", "equal") and excludes)
    assert not (found.kind == "equal" and margin is None)
    assert found.interval is not None
    assert found.ratio is not None
    assert found.interval.low <= found.ratio * (1 + 1e-9)
    assert found.ratio <= found.interval.high * (1 + 1e-9)


@settings(deadline=None, max_examples=30)
@given(TIMES, st.integers(0, 29))
def test_any_failure_takes_the_mean_away(rows: list[tuple[float, float]], which: int) -> None:
    some = pairs([x for x, _ in rows], [y for _, y in rows])
    at = which % len(some)
    some[at] = some[at]._replace(other=None, other_failed=True)
    found: Comparison = compare(some)
    assert (found.interval, found.t_p, found.tost_p, found.censored) == (None, None, None, 1)
    assert found.kind in {"shown", "none"}


def test_statistics_are_loaded_only_when_used() -> None:
    code = (
        "import sys, lib.comparison, lib.verdict, lib.trust, lib.sample, lib.intervals\n"
        "print([m for m in ('scipy', 'statsmodels') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_deciles_are_compared_with_intervals_that_hold_together() -> None:
    found = shifts([float(x) for x in range(1, 101)], [float(x) + 200 for x in range(1, 101)])
    assert [s.p for s in found] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert {round(s.by or 0, 9) for s in found} == {200.0}
    assert all(0 < s.interval.low < 200 < s.interval.high for s in found)
    median = exact([float(x) for x in range(1, 101)], 0.5, 0.975)[0]
    assert found[4].interval == Interval(200 - (median.high - median.low), 200 + (median.high - median.low))


def test_deciles_of_few_or_failed_calls_have_no_bounds() -> None:
    found = shifts([1.0, 2.0, 3.0], [1.0, 2.0, math.inf])
    assert found[0].interval == Interval(-math.inf, math.inf)
    assert found[-1].by is None
    assert shifts([], [1.0]) == []
