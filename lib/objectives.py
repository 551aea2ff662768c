"""Limits that an experiment is held to: `ttfo_s=0.8`. Pure; what missing one leads to is the caller's."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

from lib.errors import InvalidSpec
from lib.experiment import Experiment
from lib.metrics import METRICS
from lib.spec import number


class Objective(NamedTuple):
    """A number of the streaming calls and its limit: at least that much of a rate, else at most."""

    name: str
    limit: float

    @property
    def is_rate(self) -> bool:
        """Whether more is better."""
        return METRICS[self.name].unit.endswith("/s")

    def missed(self, experiment: Experiment) -> str | None:
        """Why it was missed, in a sentence; None when it was kept. Of several calls, their median counts."""
        calls = [c for c in experiment.calls if (c.planned.mode, c.planned.role) == ("streaming", "measure")]
        found = [c.metrics.get(self.name) for c in calls if c.metrics is not None]
        values = [v for v in found if isinstance(v, int | float)]
        if not values or len(values) < len(calls):
            return f"{self.name} is not known of every call, so nobody can say that it is kept."
        value = median(values)
        if value >= self.limit if self.is_rate else value <= self.limit:
            return None
        side = "below" if self.is_rate else "above"
        return f"{self.name} is {value:.4g}, {side} {self.limit:g}."


def parse(text: str) -> Objective:
    """`NAME=VALUE`. Raises InvalidSpec."""
    name, _, value = text.partition("=")
    metric = METRICS.get(name)
    if metric is None or name == "visible_tokens_source":
        raise InvalidSpec(
            "limit", f"{name[:40]!r} is no number of a call. Write NAME=VALUE, such as ttfo_s=0.8."
        )
    return Objective(name, number("limit", value))
