"""ExperimentSpec → the calls, in the order they are made. Pure: the seed decides every draw.

Each pair holds one blocking and one streaming call of the same arm; which goes first is drawn.
Calls of one `group` start together, groups run one after the other: both calls of a pair of an arm under
contention are one group, any other call is one of its own.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from lib.spec import ExperimentSpec, Mode, at_once, contended, is_lab

T = TypeVar("T")
Role = Literal["calibration", "warmup", "pilot", "measure"]
MODES: tuple[Mode, Mode] = ("blocking", "streaming")


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call to come. `n`: its place and id; `arm`: index into spec.arms, -1 the lab;
    `nonce`: put before the prompt; `due_s`: intended start after the experiment's, None: at its turn."""

    n: int
    arm: int
    mode: Mode
    role: Role = "measure"
    pair: int | None = None
    group: int = 0
    nonce: str = ""
    due_s: float | None = None


def plan(spec: ExperimentSpec) -> tuple[PlannedCall, ...]:
    """All calls in order: warm-ups first, then pair by pair with the arms in a drawn order."""
    rng = random.Random(spec.seed)  # noqa: S311  a drawn order, not a secret
    calls: list[PlannedCall] = []
    for _ in range(spec.warmups):
        for arm in range(len(spec.arms)):
            for mode in _drawn(rng, MODES):
                _append(calls, spec, rng, arm, mode, "warmup", None, new_group=True)
    for pair in range(spec.pairs):
        for arm in _drawn(rng, range(len(spec.arms))):
            for place, mode in enumerate(_drawn(rng, MODES)):
                fresh = place == 0 or not at_once(spec, arm)
                _append(calls, spec, rng, arm, mode, "measure", pair, new_group=fresh)
    return tuple(calls)


def again(
    spec: ExperimentSpec, calls: Sequence[PlannedCall], lost: Collection[int]
) -> tuple[PlannedCall, ...]:
    """New calls, to be made after all `calls`, that ask once more what the `lost` ones among them asked.

    Each has the arm, mode and pair of a lost one, a nonce of its own, and counts instead of it. Of an arm
    under contention both calls of the pair are made again, at once: one alone would be another measurement.
    Warm-ups are not made up for, nor calls that another one has replaced since.
    """
    rng = random.Random(f"{spec.seed} {len(calls)}")  # noqa: S311
    last = {(c.arm, c.pair, c.mode): c.n for c in calls}
    made = list(calls)
    for call in calls:
        if call.n in lost and call.pair is not None and last[call.arm, call.pair, call.mode] == call.n:
            both = contended(spec, call.arm)
            for place, mode in enumerate(_drawn(rng, MODES) if both else [call.mode]):
                _append(made, spec, rng, call.arm, mode, call.role, call.pair, new_group=place == 0)
                last[call.arm, call.pair, mode] = made[-1].n
    return tuple(made[len(calls) :])


def _append(
    calls: list[PlannedCall],
    spec: ExperimentSpec,
    rng: random.Random,
    arm: int,
    mode: Mode,
    role: Role,
    pair: int | None,
    *,
    new_group: bool,
) -> None:
    group = (calls[-1].group + new_group) if calls else 0
    busted = spec.cache == "bust" and not is_lab(spec.arms[arm].endpoint)
    nonce = f"{rng.getrandbits(48):012x}" if busted else ""
    calls.append(PlannedCall(len(calls), arm, mode, role, pair, group, nonce))


def _drawn(rng: random.Random, items: Iterable[T]) -> list[T]:
    drawn = list(items)
    rng.shuffle(drawn)
    return drawn
