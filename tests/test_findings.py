"""A measured experiment in words and rows; how far a running one is; an earlier one as a pilot."""

from __future__ import annotations

import dataclasses

from lib import findings, goals, pilot, progress
from lib.comparison import Rank
from lib.experiment import Experiment, Wait
from lib.outline import outlined
from lib.recording import CallError
from tests.experiments import timeline
from tests.measured import experiment, without


def words(found: Experiment, arm: int = 0) -> str:
    metric = findings.between(found)
    return "".join(text for text, _ in findings.sentence(found, findings.effects(found, metric), metric, arm))


def test_the_verdict_is_the_sentence() -> None:
    # Streaming shows its text after a tenth of 2 s.
    assert words(experiment(30)).startswith("First visible text 1.76 s sooner")
    assert "no difference shown" in words(experiment(30, primary="e2e_s"))
    assert "too few pairs" in words(experiment(3))


def test_of_several_models_it_says_how_many() -> None:
    said = words(experiment(30, ("one", "two")), 1)
    assert said.startswith("two: first visible text")
    assert said.endswith("A difference is shown for 2 of 2 models.")


def test_success_stands_before_any_time() -> None:
    shown = findings.figures(experiment(10, failed={3: "failed"}, cut=[7]), 0, "e2e_s")
    assert (shown[0].label, shown[0].value) == ("Calls that came whole", "18 of 20")
    assert shown[0].note == "70 % to 97 %"
    assert len(shown) <= 4


def test_the_consumer_gets_advice_only_where_one_was_declared() -> None:
    found = experiment(30, primary="e2e_s")
    one = findings.effects(found, "e2e_s")[0].found
    assert findings.for_whom(found, one) == "Whether streaming buys a program anything here is not settled."
    other = experiment(30, primary="speed_index_s")
    assert findings.for_whom(other, one) == ""


def test_a_declared_rate_is_compared_between_models_only() -> None:
    found = experiment(30, ("one", "two"), primary="answer_tps")
    assert findings.between(found) == "ttfo_s"
    rows = findings.standings(found)
    assert [(row.name, row.rank) for row in rows] == [("one", Rank(1, 1)), ("two", Rank(2, 2))]
    assert findings.leader(found, rows) == "By answer rate, one is first."


def test_models_that_do_not_differ_share_their_places() -> None:
    found = experiment(6, ("one", "two"), spread=2.0)
    rows = findings.standings(found)
    assert {findings.rank(row.rank) for row in rows} == {"1 to 2"}
    assert "allow no order" in findings.leader(found, rows)


def test_every_call_and_every_wait_is_a_row() -> None:
    found = experiment(2, failed={1: "failed"}, warmups=1)
    wait = Wait(3, 1000, 3500, 3000, "It asked for it.")
    columns = findings.calls(dataclasses.replace(found, waits=(wait,)), "ttfo_s")
    assert len(columns["Call"]) == 7
    assert columns["Outcome"][3] == "wait"
    assert columns["Waited, s"][3] == 2.0
    assert columns["Outcome"][1] == "warm-up, failed"
    assert columns["First visible text, s"][1] is None


def test_a_cancelled_call_is_a_row_but_no_failure() -> None:
    found = experiment(6)
    gone = CallError("cancelled", "The call was cancelled. What had arrived is kept.")
    calls = list(found.calls)
    calls[7] = dataclasses.replace(calls[7], state="failed", error=gone)
    cut = dataclasses.replace(found, calls=tuple(calls))
    assert findings.figures(cut, 0, "ttfo_s")[0].value == "11 of 11"
    assert findings.effects(cut, "ttfo_s")[0].found.n == 5
    assert findings.troubles(cut) == {}
    assert findings.calls(cut, "ttfo_s")["Outcome"][7] == "cancelled"


def test_the_model_is_a_column_only_where_there_are_several() -> None:
    assert "Model" not in findings.calls(experiment(2), "ttfo_s")
    assert "Model" in findings.calls(experiment(2, ("one", "two")), "ttfo_s")


def test_troubles_are_counted_by_kind() -> None:
    found = experiment(4, failed={0: "failed", 1: "failed", 2: "failed", 3: "unknown"})
    assert sum(findings.troubles(found).values()) == 4


def test_progress_says_what_is_asked_and_how_long_it_takes() -> None:
    found = without(experiment(4), 4, 5, 6, 7)
    now = found.created_ms + 8000
    assert progress.counted(found) == (4, 8)
    # Four of eight calls took 8 s.
    assert progress.standing(found, now).endswith("The next one is about to start. About 8 s left.")
    calls = tuple(dataclasses.replace(c, state="sent") if c.planned.n == 4 else c for c in found.calls)
    under_way = dataclasses.replace(found, calls=calls)
    assert f"Under way: {found.calls[4].planned.mode}, pair 3 of 4." in progress.standing(under_way, now)
    assert progress.pair(under_way) == 2


def test_a_wait_is_told_as_a_wait() -> None:
    found = without(experiment(4), 4, 5, 6, 7)
    now = found.created_ms + 8000
    waiting = dataclasses.replace(found, waits=(Wait(4, now, now + 2000, None, "host asked for 2 s"),))
    assert "Asked to wait: 2 s more." in progress.standing(waiting, now)
    long = dataclasses.replace(found, waits=(Wait(4, now, now + 60_000, None, "host asked for 60 s"),))
    assert progress.standing(long, now).endswith("Asked to wait: 60 s more. About 60 s left.")
    assert progress.waiting(found) is None


def test_a_pilot_tells_how_many_pairs_a_difference_takes() -> None:
    earlier = experiment(12, spread=0.1)
    found = pilot.needed(earlier, "e2e_s")
    assert found is not None
    pairs, takes = found
    assert pairs == 12
    assert takes[0.05] > takes[0.1] >= takes[0.2] >= 6
    assert "5 % takes more than 50, 10 % takes" in pilot.told(12, {0.05: 300, 0.1: 20}, 50)
    assert pilot.needed(experiment(1), "e2e_s") is None


def test_a_pilot_must_have_asked_the_same() -> None:
    one, other = experiment(6).spec, experiment(30).spec
    assert pilot.same(one, other)
    assert not pilot.same(one, experiment(6, ("else",)).spec)
    assert not pilot.same(one, dataclasses.replace(one, cache="keep"))
    crowded = tuple(dataclasses.replace(arm, contention=True) for arm in one.arms)
    assert not pilot.same(one, dataclasses.replace(one, arms=crowded))


def test_arms_in_turn_and_under_contention_are_told_apart_wherever_they_are_named() -> None:
    made = experiment(6, ("a", "a"))
    arms = (made.spec.arms[0], dataclasses.replace(made.spec.arms[0], contention=True))
    made = dataclasses.replace(made, spec=dataclasses.replace(made.spec, arms=arms))
    both = {"a", "a, under contention"}
    assert {e.name for e in findings.effects(made, "e2e_s")} == both
    assert {row.name for row in findings.standings(made)} == both
    assert set(findings.calls(made, "e2e_s")["Model"]) == both


def test_a_call_is_good_when_it_came_whole_and_holds_every_limit() -> None:
    # Streaming shows its text after 0.2 s and is whole after 2 s; the rate is 50 tokens/s.
    found = experiment(10, spread=0.0, failed={0: "failed", 1: "failed"}, odd=dict.fromkeys((4, 5), 3.0))
    assert goals.good(found, {"ttfo_s": 0.3}, 0).share[:2] == (8, 10)
    assert goals.good(found, {"ttfo_s": 0.1}, 0).share.good == 0
    assert goals.good(found, {"answer_tps": 40.0}, 0).share.good == 8
    rows = goals.missed(found, {"ttfo_s": 0.3, "answer_tps": 40.0}, 0)
    assert [row.pair for row in rows] == [1, 3]
    assert rows[0].why == "failed"
    assert rows[1].why == "first visible text 600 ms, answer rate 16.67 tokens/s"


def test_a_median_that_leaves_failed_calls_out_says_of_how_many_it_is() -> None:
    whole = findings.figures(experiment(6), 0, "e2e_s")
    assert [f.note for f in whole[1:]] == ["total time, median"] * 2
    some = experiment(6, failed={0: "failed"})
    notes = {f.label.lower(): f.note for f in findings.figures(some, 0, "e2e_s")[1:]}
    lost = some.calls[0].planned.mode
    assert notes.pop(lost) == "total time, median of 5 of 6 calls"
    assert list(notes.values()) == ["total time, median"]


def test_the_experiment_lasts_until_its_last_call_has_failed() -> None:
    """A call that hung for 60 s counts with its 60 s, by the probe's clock and not by the wall's."""
    hung = CallError("timeout", "Nothing came for 60 s.", 61_000_000_000)
    lines = [
        timeline("streaming", [(0.5, "content", "a"), (2.0, "finish", "")]),
        timeline("streaming", [(1.0, "content", "a")], cut=hung),
    ]
    sent = [dataclasses.replace(line, t_send_monotonic_ns=i * 10**10) for i, line in enumerate(lines)]
    found = experiment(1)
    calls = [
        dataclasses.replace(c, timeline=line, wall_ms=1_760_000_000_000 + (1 - i) * 3_600_000)
        for i, (c, line) in enumerate(zip(found.calls, sent, strict=True))
    ]
    found = dataclasses.replace(found, calls=tuple(calls))
    assert goals.wall_s(found) == 10 + 61
    outlines = dataclasses.replace(found, calls=tuple(outlined(c) for c in found.calls))
    assert goals.wall_s(outlines) == 10 + 61


def test_without_the_probes_clock_the_wall_clock_labels_a_call() -> None:
    line = timeline("streaming", [(0.5, "content", "a"), (2.0, "finish", "")])
    line = dataclasses.replace(line, t_send_monotonic_ns=None)
    found = experiment(1)
    calls = [
        dataclasses.replace(c, timeline=line, metrics={"e2e_s": 2.0}, wall_ms=1_760_000_000_000 + i * 3000)
        for i, c in enumerate(found.calls)
    ]
    assert goals.wall_s(dataclasses.replace(found, calls=tuple(calls))) == 5.0
    assert goals.wall_s(found) is None


def test_a_limit_that_is_no_number_is_none_and_gets_its_sentence() -> None:
    limits, wrong = goals.read({"ttfo_s": "fast", "e2e_s": "", "answer_tps": "20"})
    assert limits == {"answer_tps": 20.0}
    assert [e.field for e in wrong] == ["first visible text"]
