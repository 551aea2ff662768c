"""Intervals of one sample: a quantile, a share, a drift; and how many pairs a difference takes. Pure.

All of it is SciPy's and statsmodels', loaded on first use: they cost seconds and 60 MB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
POWER = 0.8
"""How often a difference of the size asked for is to be seen."""
DIFFERENCES = (0.05, 0.10, 0.20)
DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LEAST_PAIRS = 6
SURE_EFFECT = 5.0
"""A difference of so many standard deviations is seen with the least number of pairs."""


class Interval(NamedTuple):
    """95 %, two-sided. ±inf: unbounded on that side; among ratios that is 0 and inf."""

    low: float
    high: float

    def plain(self) -> tuple[float | None, float | None]:
        """As JSON can hold it: None where unbounded."""
        low, high = (x if math.isfinite(x) else None for x in self)
        return low, high


class Share(NamedTuple):
    """`good` of `total`, and Wilson's interval; without any, nothing is known."""

    good: int
    total: int
    interval: Interval | None


class Percentile(NamedTuple):
    """`value` interpolated, None where it falls on a failed call; `interval` exact, often unbounded."""

    value: float | None
    interval: Interval


class Shift(NamedTuple):
    """Of one decile `p`: its value in both samples and `by` how much the other's is higher, None where
    it falls on a failed call; `interval` of that, ±inf where the samples are too small for a bound."""

    p: float
    base: float | None
    other: float | None
    by: float | None
    interval: Interval


class Drift(NamedTuple):
    """Change from the first to the last of a row, as a share; `p` of Spearman's rank correlation."""

    change: float
    interval: Interval
    p: float


def exact(values: Sequence[float], p: float = 0.5, level: float = LEVEL) -> tuple[Interval, float]:
    """(exact interval of the quantile `p`, p value of its being 0). ±inf keeps its rank."""
    from scipy import stats

    found = stats.quantile_test(np.asarray(values, dtype=np.float64), p=p)
    low, high = found.confidence_interval(level)
    return (
        Interval(-math.inf if math.isnan(low) else float(low), math.inf if math.isnan(high) else float(high)),
        float(found.pvalue),
    )


def percentile(values: Sequence[float], p: float) -> Percentile | None:
    """A percentile with its exact interval, None of nothing; a failed call is +inf.

    p95 has no upper bound below 72 values, p99 none below 368.
    """
    if not values:
        return None
    rows = sorted(values)
    return Percentile(_quantile(rows, p), exact(rows, p)[0])


def shifts(base: Sequence[float], other: Sequence[float]) -> list[Shift]:
    """How far each decile of `other` lies above that of `base`; [] when either is empty.

    The interval is made of two exact ones of 97.5 %, so that both hold in 95 % of the cases at least,
    whatever the distributions and however the two samples hang together. A failed call is +inf.
    """
    if not base or not other:
        return []
    return [_shift(p, sorted(base), sorted(other)) for p in DECILES]


def share(good: int, total: int) -> Share:
    """A share with Wilson's interval."""
    if not total:
        return Share(good, total, None)
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(good, total, alpha=1 - LEVEL, method="wilson")
    return Share(good, total, Interval(float(low), float(high)))


def drift(values: Sequence[float]) -> Drift | None:
    """How values > 0 moved in the order given, by Theil and Sen's slope of their logs.

    None below LEAST_PAIRS values, and of values that never change.
    """
    if len(values) < LEAST_PAIRS or max(values) <= min(values):
        return None
    from scipy import stats

    order, logs = np.arange(len(values)), np.log(np.asarray(values, dtype=np.float64))
    slope = stats.theilslopes(logs, order, LEVEL)
    low, change, high = (math.expm1(s * (len(values) - 1)) for s in (slope[2], slope[0], slope[3]))
    return Drift(change, Interval(low, high), float(stats.spearmanr(order, logs).pvalue))


def pairs_needed(
    log_ratios: Sequence[float], differences: Sequence[float] = DIFFERENCES
) -> dict[float, int | None]:
    """Pairs it takes to see each difference (a share) in four of five experiments, at a pilot's spread.

    `log_ratios`: the pilot's; None for all when fewer than two are finite. A small pilot knows its spread
    badly: the answer is a guide.
    """
    known = [d for d in log_ratios if math.isfinite(d)]
    if len(known) < 2:
        return dict.fromkeys(differences)
    spread = float(np.std(known, ddof=1))
    return {d: _pairs(math.log1p(d), spread) for d in differences}


def _quantile(rows: Sequence[float], p: float) -> float | None:
    """Interpolated between sorted values; None where it falls on a failed call."""
    if not math.isfinite(rows[math.ceil((len(rows) - 1) * p)]):
        return None
    return float(np.quantile(np.minimum(rows, np.finfo(np.float64).max), p))


def _shift(p: float, base: Sequence[float], other: Sequence[float]) -> Shift:
    each = 1 - (1 - LEVEL) / 2
    below, above = exact(base, p, each)[0], exact(other, p, each)[0]
    one, two = _quantile(base, p), _quantile(other, p)
    by = None if one is None or two is None else two - one
    return Shift(p, one, two, by, Interval(_less(above.low, below.high), _less(above.high, below.low)))


def _less(a: float, b: float) -> float:
    """a - b of two bounds; unbounded wherever one of them is."""
    if math.isfinite(a) and math.isfinite(b):
        return a - b
    return a if not math.isfinite(a) else -b


def _pairs(effect: float, spread: float) -> int:
    from statsmodels.stats.power import TTestPower

    if spread * SURE_EFFECT <= effect:
        return LEAST_PAIRS
    size, power = effect / spread, TTestPower()
    if power.power(size, LEAST_PAIRS, 1 - LEVEL) >= POWER:
        return LEAST_PAIRS
    return int(np.ceil(power.solve_power(effect_size=size, alpha=1 - LEVEL, power=POWER)))
