"""Measured experiments of any size, built from numbers alone: no timeline behind them."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Mapping, Sequence

from lib.experiment import CallResult, Experiment, Number
from lib.plan import PlannedCall, plan
from lib.rates import RATES
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec, State

ID = "AbCdEfGhIjKlMnOpQrStUv"


def experiment(
    pairs: int = 30,
    models: Sequence[str] = ("a-model",),
    *,
    failed: Mapping[int, State] | None = None,
    cut: Sequence[int] = (),
    warmups: int = 0,
    spread: float = 0.1,
    odd: Mapping[int, float] | None = None,
    margin: float | None = None,
    primary: str = "ttfo_s",
) -> Experiment:
    """Streaming shows its first text after a tenth of the blocking time, which is 2 s times the arm's place.

    `failed`: call → the state it ended in; `cut`: calls that brought text and no end; `odd`: call → factor.
    """
    arms = tuple(Arm(Endpoint("lab"), CallSpec(model=m, prompt="Why?")) for m in models)
    spec = ExperimentSpec(
        arms, pairs=pairs, warmups=warmups, design="measure", margin=margin, primary=primary, seed=7
    )
    rng = random.Random(11)
    calls = [_call(planned, rng.gauss(0, spread), failed or {}, cut, odd or {}) for planned in plan(spec)]
    return Experiment(ID, spec, "done", 1_760_000_000_000, tuple(calls))


def without(found: Experiment, *gone: int) -> Experiment:
    """The same with these calls still to come."""
    calls = [CallResult(c.planned, "planned") if c.planned.n in gone else c for c in found.calls]
    return dataclasses.replace(found, calls=tuple(calls))


def _call(
    planned: PlannedCall,
    noise: float,
    failed: Mapping[int, State],
    cut: Sequence[int],
    odd: Mapping[int, float],
) -> CallResult:
    if planned.n in failed:
        return CallResult(planned, failed[planned.n], metrics={"text_events": 0})
    whole = 2.0 * (planned.arm + 1) * math.exp(noise) * odd.get(planned.n, 1.0)
    first = whole if planned.mode == "blocking" else whole / 10
    metrics: dict[str, Number] = {
        "ttfo_s": first,
        "ttfs_s": first * 1.2,
        "e2e_s": whole,
        "speed_index_s": whole if planned.mode == "blocking" else whole / 2,
        "answer_tps": None if planned.mode == "blocking" else 100 / whole,
        "text_events": 20,
    }
    if planned.n in cut:
        lost = dict.fromkeys(RATES | {"e2e_s", "speed_index_s", "ttfs_s"})
        return CallResult(planned, "failed", metrics=metrics | lost)
    return CallResult(planned, "done", metrics=metrics)
