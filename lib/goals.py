"""Limits for single calls: which were good, what share, and who missed what. METRICS.md 4. Pure.

A limit is at most, or at least for a rate. A call that failed, or lacks a number, is not good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from lib import findings, lanes, sample
from lib.charts import amount
from lib.errors import InvalidSpec
from lib.experiment import CallResult, Experiment
from lib.intervals import Share, share
from lib.metrics import METRICS
from lib.rates import RATES, goodput, meets
from lib.spec import number

NAMES = ("ttfo_s", "gap_p95_s", "e2e_s", "answer_tps")
"""Numbers that a limit may be set for."""


class Good(NamedTuple):
    """`share`: of the streaming calls that were made. `per_s`: good calls a second of the experiment."""

    share: Share
    per_s: float | None


class Miss(NamedTuple):
    """A call that was not good. `why`: every limit that it missed; may hold a server's words."""

    n: int
    pair: int | None
    model: str
    why: str


def read(typed: Mapping[str, str]) -> tuple[dict[str, float], list[InvalidSpec]]:
    """(limits, complaints) of what was typed; empty fields set none."""
    limits: dict[str, float] = {}
    found: list[InvalidSpec] = []
    for name, text in typed.items():
        if text.strip():
            try:
                limits[name] = number(METRICS[name].label, text.strip())
            except InvalidSpec as error:
                found.append(error)
    return limits, found


def good(experiment: Experiment, limits: Mapping[str, float], arm: int) -> Good:
    """How many streaming calls of an arm held every limit."""
    held = sample.good(experiment, limits, arm, "streaming")
    return Good(share(sum(held), len(held)), goodput(held, wall_s(experiment))[1])


def missed(experiment: Experiment, limits: Mapping[str, float], arm: int) -> list[Miss]:
    """Who did not, in run order."""
    rows = []
    for call in sample.measured(experiment, arm, "streaming"):
        whole = call.state == "done" and not sample.failed(call)
        if not whole or not meets(call.metrics or {}, limits):
            pair = None if call.planned.pair is None else call.planned.pair + 1
            model = lanes.model_name(experiment, arm)
            rows.append(Miss(call.planned.n + 1, pair, model, _why(call, limits, whole=whole)))
    return rows


def sign(name: str) -> str:
    """How a limit is read."""
    return "at least" if name in RATES else "at most"


def wall_s(experiment: Experiment) -> float | None:
    """From the first measured call's start to the last one's end; None while a time is not known.

    By the probe's clock; wall-clock labels stand in where calls have no such times or came from several
    probes. A call that failed or was cut lasted for as long as it was waited for.
    """
    calls = [c for c in experiment.calls if c.planned.role == "measure" and c.wall_ms]
    if not calls:
        return None
    sent = [c.timeline.t_send_monotonic_ns if c.timeline else None for c in calls]
    known = [t / 1e9 for t in sent if t is not None]
    one_clock = len(known) == len(calls) and len({c.instrument and c.instrument.probe for c in calls}) == 1
    begun = known if one_clock else [(c.wall_ms or 0) / 1000 for c in calls]
    return max(start + _took_s(c) for start, c in zip(begun, calls, strict=True)) - min(begun)


def _took_s(call: CallResult) -> float:
    """Until the last thing known of a call; its events may have been left out, its numbers stay."""
    values = (call.metrics or {}).get("e2e_s"), (call.metrics or {}).get("eof_s")
    ends = [float(v) for v in values if isinstance(v, int | float)]
    timeline = call.timeline
    if timeline is not None and (timeline.marks or timeline.t_send_monotonic_ns is not None):
        error = call.error or timeline.error
        at = None if error is None else error.at_ns
        times = (at or 0, *(t for _, t in timeline.marks), *(e.t_ns for e in timeline.events[-1:]))
        ends.append(max(times) / 1e9)
    return max(ends, default=0.0)


def _why(call: CallResult, limits: Mapping[str, float], *, whole: bool) -> str:
    if not whole:
        return findings.why(call, "e2e_s") or findings.outcome(call)
    values = call.metrics or {}
    said = []
    for name, limit in limits.items():
        if not meets(values, {name: limit}):
            value = values.get(name)
            known = amount(float(value), name) if isinstance(value, int | float) else "not known"
            said.append(f"{METRICS[name].label} {known}")
    return ", ".join(said)
