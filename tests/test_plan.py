"""The order of the calls: drawn by the seed, complete, and cold where it is asked for."""

import dataclasses
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.experiment import preset
from lib.plan import PlannedCall, again, plan
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec

ARM = Arm(Endpoint("https://h/v1"), CallSpec(model="m", prompt="Why?"))
LAB = Arm(Endpoint("lab"), CallSpec(model="m", prompt="Why?"))


def spec(arms: int = 1, **fields: Any) -> ExperimentSpec:
    return ExperimentSpec((ARM,) * arms, **fields)


@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 2), st.integers(), st.booleans())
def test_every_arm_gets_each_mode_once_in_every_pair(
    arms: int, pairs: int, warmups: int, seed: int, together: bool
) -> None:
    calls = plan(spec(arms, pairs=pairs, warmups=warmups, seed=seed, together=together))
    assert [c.n for c in calls] == list(range(2 * arms * (pairs + warmups)))
    measured = Counter((c.arm, c.pair, c.mode) for c in calls if c.role == "measure")
    assert set(measured.values()) == {1}
    assert len(measured) == 2 * arms * pairs
    warm = Counter((c.arm, c.mode, c.pair) for c in calls if c.role == "warmup")
    assert set(warm.values()) <= {warmups}
    assert all(pair is None for _, _, pair in warm)


@given(st.integers(1, 8), st.integers(1, 200), st.integers())
def test_arms_take_turns_and_the_calls_of_a_pair_follow_each_other(arms: int, pairs: int, seed: int) -> None:
    calls = plan(spec(arms, pairs=pairs, seed=seed))
    assert [c.pair for c in calls] == [pair for pair in range(pairs) for _ in range(2 * arms)]
    both = list(zip(calls[::2], calls[1::2], strict=True))
    assert all((a.arm, a.pair) == (b.arm, b.pair) and a.mode != b.mode for a, b in both)
    rounds = [[a.arm for a, _ in both[i : i + arms]] for i in range(0, len(both), arms)]
    assert all(sorted(r) == list(range(arms)) for r in rounds)


def test_every_place_in_a_round_falls_to_every_arm_and_mode_alike() -> None:
    """200 pairs of 8 arms, so 200 draws for each arm: Binomial(200, p), beyond 5 standard deviations."""
    calls = plan(spec(8, pairs=200, seed=1))
    streamed_first = Counter(c.arm for c in calls[::2] if c.mode == "streaming")
    assert all(65 <= streamed_first[arm] <= 135 for arm in range(8))
    places = Counter((i // 2 % 8, c.arm) for i, c in enumerate(calls) if i % 2 == 0)
    assert all(2 <= places[place, arm] <= 48 for place in range(8) for arm in range(8))


def test_one_pair_is_exactly_two_calls() -> None:
    calls = plan(spec())
    assert sorted(c.mode for c in calls) == ["blocking", "streaming"]
    assert {c.role for c in calls} == {"measure"}


def test_warm_ups_come_before_the_first_measured_call() -> None:
    roles = [c.role for c in plan(spec(2, pairs=2, warmups=2, seed=3))]
    assert roles == ["warmup"] * 8 + ["measure"] * 8


def test_the_seed_alone_decides_the_order() -> None:
    one = spec(3, pairs=5, seed=11)
    assert plan(one) == plan(one)
    orders = {tuple(c.mode for c in plan(spec(pairs=8, seed=seed))) for seed in range(40)}
    assert len(orders) > 20


def test_either_mode_may_run_first() -> None:
    firsts = Counter(plan(spec(seed=seed))[0].mode for seed in range(200))
    # Binomial(200, 1/2): outside 60..140 less than once in 10^7 seeds.
    assert 60 <= firsts["streaming"] <= 140


def test_calls_in_turn_have_a_group_each() -> None:
    groups = [c.group for c in plan(spec(2, pairs=2))]
    assert groups == list(range(8))


def test_calls_of_a_pair_at_once_share_a_group() -> None:
    calls = plan(spec(2, pairs=2, together=True))
    assert [c.group for c in calls] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert all(a.arm == b.arm and a.pair == b.pair for a, b in zip(calls[::2], calls[1::2], strict=True))


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 20), st.integers(0, 2), st.integers())
def test_only_pairs_of_arms_under_contention_are_groups(
    crowded: list[bool], pairs: int, warmups: int, seed: int
) -> None:
    arms = tuple(dataclasses.replace(ARM, contention=c) for c in crowded)
    calls = plan(ExperimentSpec(arms, pairs=pairs, warmups=warmups, seed=seed))
    groups: dict[int, list[PlannedCall]] = {}
    for call in calls:
        groups.setdefault(call.group, []).append(call)
    for group in groups.values():
        first = group[0]
        both = first.role == "measure" and crowded[first.arm]
        assert len({(c.arm, c.pair) for c in group}) == 1
        assert sorted(c.mode for c in group) == (["blocking", "streaming"] if both else [first.mode])
    assert list(groups) == list(range(len(groups)))
    assert len({(c.arm, c.pair, c.mode) for c in calls if c.pair is not None}) == 2 * len(arms) * pairs
    assert len(calls) == 2 * len(arms) * (pairs + warmups)
    in_turn = plan(ExperimentSpec((ARM,) * len(arms), pairs=pairs, warmups=warmups, seed=seed))
    assert [dataclasses.replace(c, group=0) for c in calls] == [
        dataclasses.replace(c, group=0) for c in in_turn
    ]


def test_a_pair_under_contention_is_asked_again_whole_and_at_once() -> None:
    asked = ExperimentSpec((ARM, dataclasses.replace(ARM, contention=True)), pairs=2, seed=3)
    calls = plan(asked)
    crowded = [c for c in calls if c.arm == 1]
    more = again(asked, calls, {crowded[0].n})
    assert [c.n for c in more] == [8, 9]
    assert {(c.arm, c.pair, c.group) for c in more} == {(1, 0, calls[-1].group + 1)}
    assert {c.mode for c in more} == {"blocking", "streaming"}
    assert again(asked, calls, {crowded[0].n, crowded[1].n}) == more
    assert again(asked, (*calls, *more), {crowded[0].n, crowded[1].n}) == ()


def test_nonces_are_unique_and_of_one_length() -> None:
    nonces = [c.nonce for c in plan(spec(2, pairs=20, warmups=1))]
    assert len(set(nonces)) == len(nonces)
    assert {len(n) for n in nonces} == {12}


@pytest.mark.parametrize("cache", ["keep", "as_is"])
def test_a_warm_cache_needs_no_nonce(cache: Any) -> None:
    assert {c.nonce for c in plan(spec(cache=cache))} == {""}


def test_the_lab_needs_no_nonce() -> None:
    mixed = ExperimentSpec((ARM, LAB))
    assert {c.arm for c in plan(mixed) if c.nonce} == {0}


def test_the_preset_plays_both_calls_at_once() -> None:
    calls = plan(preset())
    assert [(c.group, c.pair, c.nonce) for c in calls] == [(0, 0, ""), (0, 0, "")]
    assert len(plan(dataclasses.replace(preset(), pairs=3))) == 6


def test_what_was_lost_is_asked_again_in_its_own_pair() -> None:
    asked = spec(2, pairs=3, warmups=1, seed=5)
    calls = plan(asked)
    lost = [c for c in calls if c.n in (0, 6, 9)]
    more = again(asked, calls, {c.n for c in lost})
    assert [c.n for c in more] == [16, 17]
    assert [(c.arm, c.pair, c.mode) for c in more] == [(c.arm, c.pair, c.mode) for c in lost[1:]]
    assert len({c.nonce for c in (*calls, *more)}) == 18
    assert [c.group for c in more] == [calls[-1].group + 1, calls[-1].group + 2]


def test_what_has_been_asked_again_is_not_asked_a_third_time() -> None:
    asked = spec(pairs=2)
    calls = plan(asked)
    more = again(asked, calls, {1})
    assert again(asked, (*calls, *more), {1}) == ()
    assert [c.n for c in again(asked, (*calls, *more), {1, 4})] == [5]
