"""Earlier experiments of the same arms as a pilot: how many pairs a difference takes. Pure."""

from __future__ import annotations

from lib import sample
from lib.comparison import compare
from lib.experiment import Experiment
from lib.intervals import pairs_needed
from lib.spec import ExperimentSpec, at_once

LEAST = 2
"""Pairs that a pilot must have."""


def same(one: ExperimentSpec, other: ExperimentSpec) -> bool:
    """Whether both ask the same of the same models in the same way; keys and numbers of pairs aside."""
    return _asked(one) == _asked(other)


def needed(pilot: Experiment, metric: str) -> tuple[int, dict[float, int]] | None:
    """(pairs of the pilot, share → pairs it takes to see such a difference), of its least steady arm.

    None when it has too few pairs of which this number is known.
    """
    most: dict[float, int] = {}
    least = None
    for arm in range(len(pilot.spec.arms)):
        logs = compare(sample.pairs(pilot, metric, arm)).log_ratios
        found = {share: n for share, n in pairs_needed(logs).items() if n is not None}
        if not found:
            return None
        least = len(logs) if least is None else min(least, len(logs))
        most = {share: max(n, most.get(share, 0)) for share, n in found.items()}
    return None if least is None else (least, most)


def told(pairs: int, takes: dict[float, int], most: int) -> str:
    """The same in one sentence; numbers above `most` pairs are not to be had."""
    said = [
        f"{share * 100:.0f} % takes {n if n <= most else f'more than {most}'}" for share, n in takes.items()
    ]
    return f"At the spread of your last run ({pairs} pairs), seeing a difference of {', '.join(said)} pairs."


def _asked(spec: ExperimentSpec) -> list[tuple[object, ...]]:
    return [
        (arm.endpoint.base_url, arm.call, at_once(spec, i), spec.cache) for i, arm in enumerate(spec.arms)
    ]
