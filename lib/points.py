"""One number of every call in the order the calls were made: what charts of many pairs are drawn from. Pure.

Every call that ended by itself is a point, warm-ups and failures included; none is dropped for its value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

import numpy as np

from lib import lanes
from lib.experiment import CallResult, Experiment
from lib.plan import Role
from lib.rates import RATES
from lib.sample import counts, failed
from lib.spec import Mode

What = Literal["known", "unknown", "cut", "failed"]
LONG = 8
"""Letters from which a shared beginning of names is left out."""
FAR = 3.0
"""A value lies out when it is so many spreads of the middle half beyond that half, in logarithms."""
FAR_SHARE = 0.05
"""What lies nearer to its median than this share is no outlier, however narrow the middle half is."""
LEAST = 6
"""Of fewer values nobody can say which lies out."""
WORDS: dict[What, str] = {
    "known": "",
    "unknown": "not known",
    "cut": "cut short",
    "failed": "failed",
}


class Point(NamedTuple):
    """One call. `pair`: its number, of a warm-up None; `place`: where it stands in the run order of its
    arm and mode, warm-ups before 0. `value` None: `what` says why.

    `first`: it was the earlier call of its pair. `out`: far from the others of its arm and mode; it counts
    like any other.
    """

    n: int
    arm: int
    mode: Mode
    pair: int | None
    place: int
    role: Role
    value: float | None
    what: What
    first: bool
    out: bool = False

    @property
    def lost(self) -> bool:
        """Whether it failed or was cut, and so has the worst rank."""
        return self.value is None and self.what in ("cut", "failed")


def points(experiment: Experiment, metric: str, arm: int | None = None) -> list[Point]:
    """Every ended call of one arm (None: of all) but a cancelled one, in run order."""
    ended = [c for c in experiment.calls if counts(c) and (arm is None or c.planned.arm == arm)]
    begun: dict[tuple[int, int | None], int] = {}
    for call in ended:
        begun.setdefault((call.planned.arm, call.planned.pair), call.planned.n)
    warm = [c for c in ended if c.planned.pair is None]
    early = {c.planned.n: _turn(c, warm) - experiment.spec.warmups for c in warm}
    made = [_point(c, metric, begun, early) for c in ended]
    far = outlying(made)
    return [p._replace(out=p.n in far) for p in made]


def outlying(found: Sequence[Point]) -> set[int]:
    """The calls whose values lie far from the others of their arm and mode."""
    groups: dict[tuple[int, Mode], list[Point]] = {}
    for point in found:
        if point.value is not None and point.value > 0 and point.role == "measure":
            groups.setdefault((point.arm, point.mode), []).append(point)
    return {p.n for group in groups.values() if len(group) >= LEAST for p in _far(group)}


def name(experiment: Experiment, arm: int) -> str:
    """An arm's name where there are several, "" where there is one. Untrusted text."""
    return lanes.model_name(experiment, arm) if len(experiment.spec.arms) > 1 else ""


def apart(names: Sequence[str]) -> list[str]:
    """The names without a long beginning or end that all of them share, cut between words; for labels.

    That an arm is under contention is never left out.
    """
    models, tails = zip(*map(lanes.parted, names), strict=True) if names else ((), ())
    if len(set(models)) == 1:
        return list(names)
    cut = _shared(models)
    kept = [f"…{model[cut:]}" for model in models] if cut else models
    end = _shared([model[::-1] for model in kept])
    return [f"{model[:-end]}…{t}" if end else model + t for model, t in zip(kept, tails, strict=True)]


def _shared(names: Sequence[str]) -> int:
    """How many letters all begin with, as whole words; 0 when that is not worth leaving out."""
    columns = zip(*names, strict=False)
    shared = "".join(letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, columns))
    ends = [i + 1 for i, letter in enumerate(shared) if not letter.isalnum() and letter not in ".…"]
    cut = ends[-1] if ends else 0
    return 0 if len(names) < 2 or cut < LONG or cut == len(min(names, key=len)) else cut


def worst(metric: str) -> Literal["high", "low"]:
    """At which edge a lost call stands."""
    return "low" if metric in RATES else "high"


def _point(
    call: CallResult, metric: str, begun: dict[tuple[int, int | None], int], early: dict[int, int]
) -> Point:
    planned = call.planned
    value = (call.metrics or {}).get(metric)
    known = isinstance(value, int | float) and not isinstance(value, bool)
    place = early[planned.n] if planned.pair is None else planned.pair
    return Point(
        planned.n,
        planned.arm,
        planned.mode,
        planned.pair,
        place,
        planned.role,
        float(value) if known else None,  # type: ignore[arg-type]  # a number by then
        "known" if known else _what(call),
        begun[planned.arm, planned.pair] == planned.n,
    )


def _what(call: CallResult) -> What:
    if not failed(call):
        return "unknown"
    return "cut" if (call.metrics or {}).get("text_events") else "failed"


def _turn(call: CallResult, warm: Sequence[CallResult]) -> int:
    """How many warm-ups of its arm and mode came before this one."""
    same = (call.planned.arm, call.planned.mode)
    return sum((c.planned.arm, c.planned.mode) == same and c.planned.n < call.planned.n for c in warm)


def _far(group: Sequence[Point]) -> list[Point]:
    logs = np.log([p.value or math.nan for p in group])
    low, middle, high = np.quantile(logs, [0.25, 0.5, 0.75])
    room = FAR * (high - low)
    least = math.log1p(FAR_SHARE)
    beyond = (logs < low - room) | (logs > high + room)
    return [p for p, x, out in zip(group, logs, beyond, strict=True) if out and abs(x - middle) > least]
