"""A metric's values in words and on an axis: units, signs, and when a scale is logarithmic. Pure."""

from __future__ import annotations

import math
from typing import Any

from lib.charts.look import duration
from lib.metrics import METRICS

LOG_ABOVE = 12.0
"""Where the highest value is so many times the lowest, the scale is logarithmic."""


def amount(x: float, metric: str) -> str:
    """A value with its unit, for people."""
    unit = METRICS[metric].unit
    return duration(x) if unit == "s" else f"{x:.4g}{f' {unit}' if unit else ''}"


def signed(x: float, metric: str) -> str:
    """A difference of two values; "unbounded" for one that has no end."""
    if not math.isfinite(x):
        return "unbounded"
    return ("−" if x < 0 else "+" if x > 0 else "") + amount(abs(x), metric)


def axis_title(metric: str, *, log: bool = False) -> str:
    """The metric in plain words with its unit."""
    known = METRICS[metric]
    unit = f" ({known.unit})" if known.unit else ""
    return f"{known.label}{unit}{', logarithmic' if log else ''}"


def spans_decades(low: float, high: float) -> bool:
    """Whether values from `low` to `high` need a logarithmic scale."""
    return low > 0 and high / low > LOG_ABOVE


def log_ticks(low: float, high: float, metric: str, most: int = 6) -> dict[str, Any]:
    """Round values of a logarithmic axis with their units, not more than fit."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        found = [step * 10.0**n for n in powers for step in steps if low <= step * 10.0**n <= high]
        if len(found) <= most:
            break
    return {"tickvals": found, "ticktext": [_round(x, metric) for x in found]}


def pair_ticks(pairs: int) -> list[int]:
    """The first pair and round numbers after it, about six."""
    size = 10 ** max(0, math.floor(math.log10(pairs / 5)))
    step = next(size * n for n in (1, 2, 5, 10) if pairs / (size * n) <= 6)
    return [1, *range(max(2, step), pairs + 1, step)]


def _round(x: float, metric: str) -> str:
    """A round value without digits that say nothing."""
    unit = METRICS[metric].unit
    return f"{x * 1000:g} ms" if unit == "s" and x < 1 else f"{x:g}{f' {unit}' if unit else ''}"
