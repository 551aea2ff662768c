"""What an experiment will take, before it starts: calls, tokens, money, time. Pure.

What is known of each arm beforehand is handed in. Tokens and money are upper bounds as far as a limit was
set; nothing unknown is taken for 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from lib.dialects import led
from lib.plan import PlannedCall, plan
from lib.spec import Arm, ExperimentSpec, Mode

CHARS_PER_TOKEN = 4
NONCE = "0" * 12
NO_TIME = "No earlier call of this model here tells how long it takes."


class Cost(NamedTuple):
    """US dollars, not rounded; None has a reason."""

    usd: Decimal | None
    reason: str | None = None


class Beforehand(NamedTuple):
    """What is known of an arm. `counted`: whether a tokenizer counted the prompt, else it is a guess.

    `cost`: of one call with all the tokens it may have. `seconds`: what earlier calls took at the median,
    None: there are none.
    """

    prompt_tokens: int
    counted: bool
    cost: Cost
    seconds: Mapping[Mode, float] | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """`completion_most` None: an arm has no limit. `usd_most`, `seconds` None: not known, for a reason."""

    calls: int
    prompt_tokens: int
    counted: bool
    completion_most: int | None
    usd_most: Decimal | None
    usd_reason: str | None
    seconds: float | None
    seconds_reason: str | None


def estimate(spec: ExperimentSpec, arms: Sequence[Beforehand]) -> Estimate:
    """The whole experiment, warm-ups included; `arms` in the spec's order."""
    calls = plan(spec)
    limits = [spec.arms[c.arm].call.max_tokens for c in calls]
    costs = [arms[c.arm].cost for c in calls]
    reason = next((c.reason for c in costs if c.usd is None), None)
    seconds = _seconds(calls, arms)
    return Estimate(
        calls=len(calls),
        prompt_tokens=sum(arms[c.arm].prompt_tokens for c in calls),
        counted=all(a.counted for a in arms),
        completion_most=None if None in limits else sum(n or 0 for n in limits),
        usd_most=None if reason else sum((c.usd or Decimal(0) for c in costs), Decimal(0)),
        usd_reason=reason,
        seconds=seconds,
        seconds_reason=NO_TIME if seconds is None else None,
    )


def sent(spec: ExperimentSpec, arm: Arm) -> str:
    """The words of one call, the system message and the nonce included, for a tokenizer."""
    words = [text for text in (arm.call.system, arm.call.prompt) if text is not None]
    return "\n\n".join(led(text, NONCE if spec.cache == "bust" else "") for text in words)


def guess(text: str) -> int:
    """Tokens of a text that no tokenizer has counted: a quarter of its characters, at least one."""
    return max(1, round(len(text) / CHARS_PER_TOKEN))


def _seconds(calls: Sequence[PlannedCall], arms: Sequence[Beforehand]) -> float | None:
    """Calls of a group run together, groups one after the other."""
    total = 0.0
    for _, group in groupby(calls, key=lambda c: c.group):
        took = [(arms[c.arm].seconds or {}).get(c.mode) for c in group]
        if None in took:
            return None
        total += max(s or 0.0 for s in took)
    return total
