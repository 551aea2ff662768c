"""METRICS.md section 9: what pairs of numbers say, with intervals; never a number without its spread. Pure.

Estimates and tests are SciPy's and statsmodels', loaded on first use: they cost seconds and 60 MB. Single
samples (shares, percentiles, drift) are in intervals, the words in verdict, the pairs themselves in sample.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median
from typing import Literal, NamedTuple

import numpy as np

from lib.intervals import Interval, exact
from lib.spec import LEAST_PRECISE

Kind = Literal["shown", "not_settled", "none", "equal", "too_few"]
LEAST = 6
"""Fewer pairs have no verdict: five can't give an exact interval of 95 %."""
ALPHA = 0.05


class Pair(NamedTuple):
    """Two numbers that belong together; `number`: its place in run order.

    A number is None when it is not known; with `failed`, because its call failed or was cut: then it is
    worse than any other and keeps that rank.
    """

    number: int
    base: float | None
    other: float | None
    base_failed: bool = False
    other_failed: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """`other` against `base` over `n` pairs, as a ratio; below LEAST pairs there are points only.

    `ratio`, `interval`, `t_p`, `wilcoxon_p`: of the mean log ratio; None when a call of a pair is
    `censored`, for then only the median and its exact interval hold. `difference`: median of other - base
    in the metric's unit. `tost_p`: of equality within `margin`. `holm_p`: set by `over`. `log_ratios` in
    run order, ±inf where a call failed. Pairs of which both failed, or a number is unknown, are only counted.
    """

    n: int
    censored: int
    both_failed: int
    unknown: int
    log_ratios: tuple[float, ...]
    kind: Kind
    ratio: float | None = None
    interval: Interval | None = None
    t_p: float | None = None
    wilcoxon_p: float | None = None
    median_ratio: float | None = None
    median_interval: Interval | None = None
    median_p: float | None = None
    difference: float | None = None
    difference_interval: Interval | None = None
    margin: float | None = None
    tost_p: float | None = None
    holm_p: float | None = None

    @property
    def p(self) -> float | None:
        """Of "no difference": the larger of the two tests', since both must agree."""
        if self.t_p is None or self.wilcoxon_p is None:
            return self.median_p
        return max(self.t_p, self.wilcoxon_p)

    @property
    def allowed(self) -> Interval | None:
        """The ratios that the data allow: the t interval, else the exact one of the median."""
        return self.interval or self.median_interval

    @property
    def point(self) -> float | None:
        """The ratio that belongs to `allowed`."""
        return self.ratio if self.interval else self.median_ratio


def compare(
    pairs: Sequence[Pair], *, more_is_better: bool = False, margin: float | None = None
) -> Comparison:
    """What the pairs say. `margin`: the share within which a difference does not matter, declared before."""
    both_failed = sum(_lost(p.base, p.base_failed) and _lost(p.other, p.other_failed) for p in pairs)
    rows = [row for p in pairs if (row := _row(p, more_is_better)) is not None]
    logs = tuple(d for d, _ in rows)
    censored = sum(not math.isfinite(d) for d in logs)
    found = Comparison(
        len(rows), censored, both_failed, len(pairs) - len(rows) - both_failed, logs, "too_few", margin=margin
    )
    if logs:
        found = replace(found, median_ratio=_exp(_middle(logs)), difference=_middle([d for _, d in rows]))
        found = found if censored else replace(found, ratio=math.exp(math.fsum(logs) / len(logs)))
    if found.n < LEAST:
        return found
    interval, p = exact(logs)
    found = replace(found, median_interval=_ratios(interval), median_p=p)
    found = replace(found, difference_interval=exact([d for _, d in rows])[0])
    if not censored:
        found = _means(found)
    return replace(found, kind=_kind(found))


def over(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """The same with Holm's correction over those that have a verdict: what is shown must hold among all."""
    tested = [i for i, c in enumerate(comparisons) if c.p is not None and c.n >= LEAST]
    adjusted = dict(zip(tested, holm([comparisons[i].p or 0.0 for i in tested]), strict=True))
    return tuple(_among(c, adjusted[i]) if i in adjusted else c for i, c in enumerate(comparisons))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given."""
    if not p:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(x) for x in multipletests(list(p), method="holm")[1]]


def precise(found: Comparison, half_width: float) -> bool:
    """Whether the interval's half-width on the log ratio is at most `half_width`, from ten pairs on."""
    allowed = found.allowed
    if found.n < LEAST_PRECISE or allowed is None or not (allowed.low > 0 and allowed.high < math.inf):
        return False
    return math.log(allowed.high / allowed.low) / 2 <= half_width


class Rank(NamedTuple):
    """Places an arm may have, 1 the best: equal when the intervals allow one only."""

    best: int
    worst: int


def ranks(
    arms: Sequence[Mapping[int, tuple[float | None, bool]]], *, more_is_better: bool = False
) -> tuple[Rank, ...]:
    """A rank for each arm, by pair number (number, failed): arms differ where that is shown among all.

    Every two arms are compared over the pairs they share, with Holm over all of these comparisons.
    """
    duels = list(combinations(range(len(arms)), 2))
    found = over([compare(across(arms[i], arms[j]), more_is_better=more_is_better) for i, j in duels])
    better, worse = [0] * len(arms), [0] * len(arms)
    for (i, j), result in zip(duels, found, strict=True):
        if result.kind == "shown":
            first = (higher(result) is False) != more_is_better
            winner, loser = (j, i) if first else (i, j)
            better[loser] += 1
            worse[winner] += 1
    return tuple(Rank(1 + b, len(arms) - w) for b, w in zip(better, worse, strict=True))


def across(
    base: Mapping[int, tuple[float | None, bool]], other: Mapping[int, tuple[float | None, bool]]
) -> list[Pair]:
    """Pairs of two arms: what each measured under the same pair number."""
    return [
        Pair(n, base[n][0], other[n][0], base[n][1], other[n][1]) for n in sorted(base.keys() & other.keys())
    ]


def higher(found: Comparison) -> bool | None:
    """Whether `other` is the higher one, wherever the allowed ratios lie on one side of 1; else None."""
    allowed = found.allowed
    if allowed is None:
        return None
    if allowed.low > 1:
        return True
    return False if allowed.high < 1 else None


def _row(p: Pair, more_is_better: bool) -> tuple[float, float] | None:
    """(log ratio, difference), ±inf where one call failed; None when the pair says nothing."""
    worst = -math.inf if more_is_better else math.inf
    if p.base is not None and p.other is not None:
        return (math.log(p.other / p.base), p.other - p.base) if p.base > 0 and p.other > 0 else None
    if p.base is not None and p.other_failed:
        return worst, worst
    if p.other is not None and p.base_failed:
        return -worst, -worst
    return None


def _means(found: Comparison) -> Comparison:
    """With the t interval, its check, and the test of equality; a spread of nothing needs no test."""
    from scipy import stats
    from statsmodels.stats.weightstats import ttost_paired

    logs, margin = found.log_ratios, found.margin
    if max(logs) - min(logs) < 1e-12:
        ratio = math.exp(logs[0])
        same = abs(logs[0]) < 1e-12
        p = 1.0 if same else 2.0 ** (1 - len(logs))
        equal = None if not margin else float(not 1 - margin < ratio < 1 + margin)
        return replace(found, interval=Interval(ratio, ratio), t_p=p, wilcoxon_p=p, tost_p=equal)
    t = stats.ttest_1samp(logs, 0)
    low, high = t.confidence_interval(1 - ALPHA)
    tost = None
    if margin:
        rows = np.asarray(logs)
        tost = float(ttost_paired(rows, 0 * rows, math.log(1 - margin), math.log(1 + margin))[0])
    return replace(
        found,
        interval=Interval(math.exp(low), math.exp(high)),
        t_p=float(t.pvalue),
        wilcoxon_p=float(stats.wilcoxon(logs).pvalue),
        tost_p=tost,
    )


def _kind(found: Comparison) -> Kind:
    if found.interval is None or found.t_p is None or found.wilcoxon_p is None:
        return "none" if higher(found) is None else "shown"
    excluded = (higher(found) is not None) + (found.wilcoxon_p < ALPHA)
    if excluded:
        return "shown" if excluded == 2 else "not_settled"
    return "equal" if found.tost_p is not None and found.tost_p < ALPHA else "none"


def _among(found: Comparison, holm_p: float) -> Comparison:
    demoted = found.kind == "shown" and holm_p >= ALPHA
    return replace(found, holm_p=holm_p, kind="not_settled" if demoted else found.kind)


def _lost(value: float | None, failed: bool) -> bool:
    return value is None and failed


def _middle(values: Sequence[float]) -> float | None:
    """The median; None when it falls on a failed call."""
    found = median(values)
    return found if math.isfinite(found) else None


def _exp(x: float | None) -> float | None:
    return None if x is None else math.exp(x)


def _ratios(logs: Interval) -> Interval:
    return Interval(math.exp(logs.low), math.exp(logs.high))
