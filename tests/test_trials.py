"""Trials: what can be tried, what is true, and the verdicts on a recording of known truth."""

import dataclasses

import pytest

from lib import trials
from lib.delivery import delivery
from lib.experiment import CallResult, Experiment
from lib.lab.traps import TRAPS
from lib.metrics import measure
from lib.peers import Heard
from lib.plan import plan
from lib.spec import check
from lib.trials import TRIALS
from tests.experiments import timeline
from tests.recorded import INSTRUMENT, recording


def call(name: str) -> CallResult:
    """A streaming call that brought exactly what the trial sends, 0.1 ms late."""
    trial = TRIALS[name]
    rows = [(e.t_s + 0.0001, e.kind, e.text) for e in trial.truth.events]
    line = dataclasses.replace(timeline("streaming", rows), usage=trial.truth.usage)
    values, reasons = measure(line, None)
    planned = next(c for c in plan(trials.spec(trial)) if c.mode == "streaming")
    return CallResult(
        planned, "done", line, None, None, values, reasons, instrument=INSTRUMENT, delivery=delivery(line)
    )


def test_every_trial_can_be_started() -> None:
    for trial in TRIALS.values():
        check(trials.spec(trial))


def test_rates_come_first_then_the_traps() -> None:
    assert list(TRIALS)[:5] == ["steady-50", "steady-200", "steady-1000", "steady-5000", "empty-first"]


def test_streams_that_never_end_are_not_offered() -> None:
    assert {"silent", "endless", "endless-line", "keep-alive", "drip", "gzip-bomb"}.isdisjoint(TRIALS)
    assert len(TRIALS) > len(TRAPS) - 8


def test_labels_differ_and_every_trial_says_what_it_does() -> None:
    assert len({t.label for t in TRIALS.values()}) == len(TRIALS)
    assert all(t.line.endswith(".") and t.naive.endswith(".") for t in TRIALS.values())


@pytest.mark.parametrize("name", ["steady-50", "reasoning", "stall"])
def test_an_experiment_is_known_for_its_trial(name: str) -> None:
    one = Experiment("id", trials.spec(TRIALS[name]), "done", 0, ())
    found = trials.trial_of(one)
    assert found is not None
    assert found.name == name


def test_the_true_rate_counts_words_after_the_first_event() -> None:
    # four-tokens: 4 words an event, 80 ms apart; (20 - 4) / 0.32 = 50
    assert trials.true_rate(TRIALS["four-tokens"].truth) == pytest.approx(50)
    assert trials.true_rate(TRIALS["proxy"].truth) is None  # all at one moment
    assert trials.true_rate(TRIALS["429"].truth) is None  # no text


@pytest.mark.parametrize("name", ["reasoning", "stall", "steady-50"])
def test_a_perfect_reading_is_right_in_every_fact(name: str) -> None:
    found = trials.findings(TRIALS[name], call(name), recording([]), None)
    assert [f.what for f in found if f.right is False] == []
    assert [f.what for f in found if f.right] == [
        "First visible text after", "Events with visible text", "How it ended", "How it was delivered",
        "Tokens a second", "Tokens reported",
    ]  # fmt: skip


def test_a_wrong_reading_is_said_to_be_wrong() -> None:
    right = call("stall")
    assert right.timeline is not None
    events = tuple(e._replace(t_ns=e.t_ns + 20_000_000) for e in right.timeline.events[:-4])
    line = dataclasses.replace(right.timeline, events=events, complete=False, usage=None)
    wrong = dataclasses.replace(right, timeline=line, metrics=measure(line, None)[0])
    found = {f.what: f.right for f in trials.findings(TRIALS["stall"], wrong, recording([]), None)}
    assert found["First visible text after"] is False  # 20 ms late
    assert found["Events with visible text"] is False
    assert found["How it ended"] is False
    assert found["Tokens reported"] is False


def test_without_the_labs_account_the_schedule_stands_in() -> None:
    found = trials.deviations(TRIALS["cut-fin"], recording([]), call("cut-fin"))
    assert found.against == "schedule"
    assert [error for _, error in found.rows] == pytest.approx([0.0001] * 5)


def test_others_are_quoted_with_what_they_would_have_said() -> None:
    heard = Heard(0, 600_000_000, (500_000_000, 501_000_000), "IndexError: x", (1_000_000, 3_000_000))
    found = {f.what: f for f in trials.findings(TRIALS["proxy"], call("proxy"), recording([]), None, [heard])}
    assert found["First visible text after"].others == ("0.5000 s",)
    assert found["Events with visible text"].others == ("2",)
    assert found["How it ended"].others == ("IndexError: x",)
    assert found["Tokens a second"].others == ("1,000 a second",)
