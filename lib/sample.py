"""Experiment → the numbers that belong together, for comparison and its friends. Pure; no statistics.

Measured calls only: warm-ups and pilots are left out. A call still to come is no row, nor one that was
cancelled under way: when that happened says nothing about the endpoint. One that failed is.
"""

from __future__ import annotations

from collections.abc import Mapping

from lib.comparison import Comparison, Pair, across, compare, over
from lib.experiment import CallResult, Experiment
from lib.intervals import Share, share
from lib.rates import RATES, meets
from lib.spec import Mode

ENDED = frozenset({"done", "failed", "unknown"})
Numbers = dict[int, tuple[float | None, bool]]
"""By pair number: (number, whether its call failed or was cut)."""


def measured(experiment: Experiment, arm: int, mode: Mode) -> list[CallResult]:
    """The measured calls of an arm and mode that have ended by themselves, in run order."""
    return [
        c
        for c in experiment.calls
        if (c.planned.arm, c.planned.mode, c.planned.role) == (arm, mode, "measure") and counts(c)
    ]


def counts(call: CallResult) -> bool:
    """Whether it has ended, and by itself."""
    return call.state in ENDED and not cancelled(call)


def cancelled(call: CallResult) -> bool:
    """Whether somebody here cancelled it under way."""
    error = call.error or (call.timeline.error if call.timeline else None)
    return error is not None and error.kind == "cancelled"


def numbers(experiment: Experiment, metric: str, arm: int, mode: Mode) -> Numbers:
    """One metric of an arm and mode, by pair number. What a failed call did show before counts."""
    return {
        c.planned.pair: (_value(c, metric), failed(c))
        for c in measured(experiment, arm, mode)
        if c.planned.pair is not None
    }


def failed(call: CallResult) -> bool:
    """Whether it failed or was cut; a call whose end nobody saw is neither."""
    cut = call.timeline is not None and not call.timeline.complete
    return call.state == "failed" or (call.state == "done" and cut)


def pairs(experiment: Experiment, metric: str, arm: int = 0) -> list[Pair]:
    """Blocking as the base, streaming as the other, for each pair of which both calls have ended."""
    return across(numbers(experiment, metric, arm, "blocking"), numbers(experiment, metric, arm, "streaming"))


def modes(experiment: Experiment, metric: str | None = None) -> tuple[Comparison, ...]:
    """Streaming against blocking, one comparison per arm, Holm's correction over them.

    `metric` None: the one declared. One that was not declared is exploratory.
    """
    name = metric or experiment.spec.primary
    found = [
        compare(pairs(experiment, name, arm), more_is_better=name in RATES, margin=experiment.spec.margin)
        for arm in range(len(experiment.spec.arms))
    ]
    return over(found)


def arms(
    experiment: Experiment, base: int = 0, metric: str | None = None, mode: Mode = "streaming"
) -> dict[int, Comparison]:
    """Every other arm against one, by arm, Holm's correction over them."""
    name = metric or experiment.spec.primary
    against = numbers(experiment, name, base, mode)
    others = [arm for arm in range(len(experiment.spec.arms)) if arm != base]
    found = [
        compare(
            across(against, numbers(experiment, name, arm, mode)),
            more_is_better=name in RATES,
            margin=experiment.spec.margin,
        )
        for arm in others
    ]
    return dict(zip(others, over(found), strict=True))


def success(experiment: Experiment, arm: int, mode: Mode) -> Share:
    """Calls that came whole, of those that were made."""
    calls = measured(experiment, arm, mode)
    return share(sum(c.state == "done" and not failed(c) for c in calls), len(calls))


def good(experiment: Experiment, limits: Mapping[str, float], arm: int, mode: Mode) -> list[bool]:
    """For each call that was made, whether it came whole and holds every limit; for `rates.goodput`."""
    return [
        c.state == "done" and not failed(c) and meets(c.metrics or {}, limits)
        for c in measured(experiment, arm, mode)
    ]


def _value(call: CallResult, metric: str) -> float | None:
    value = (call.metrics or {}).get(metric)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
