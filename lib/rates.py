"""Numbers that need more than a call's own timeline: a window, prices, limits. METRICS.md section 4. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from lib.timeline import Usage

Floats = npt.NDArray[np.float64]
RATES = frozenset({"answer_tps", "e2e_tps", "answer_cps", "peak"})
"""Metrics of which more is better: their limits are lower bounds."""


def window_rate(
    times_s: Sequence[float] | Floats, tokens: Sequence[int], w: float = 1.0
) -> tuple[Floats, Floats]:
    """(times in s, tokens/s): tokens in (t - w, t] / w at each arrival and w after it, in time order.

    `times_s` must not fall. The divisor stays w at both ends. Empty arrays for no arrivals. Compared in
    whole nanoseconds, so that a token exactly w old has left the window.
    """
    at = np.rint(np.asarray(times_s, dtype=np.float64) * 1e9).astype(np.int64)
    width = round(w * 1e9)
    points = np.unique(np.concatenate([at, at + width]))
    return points / 1e9, _inside(at, tokens, points, width) / w


def peak_rate(
    times_ns: Sequence[int] | npt.NDArray[np.int64], tokens: Sequence[int], w: float = 1.0
) -> float:
    """The highest of `window_rate`, from times in ns that must not fall: it is always at an arrival."""
    at = np.asarray(times_ns, dtype=np.int64)
    return float(_inside(at, tokens, at, round(w * 1e9)).max() / w)


def cost_usd(
    usage: Usage, price_in: Decimal, price_out: Decimal, price_cached: Decimal | None = None
) -> Decimal | None:
    """Dollars of one call; prices per million tokens, cached input apart if it has a price.

    None when the server did not report what must be paid for. Decimal: no rounding but the caller's.
    """
    if usage.prompt is None or usage.completion is None:
        return None
    cached = 0 if price_cached is None else min(usage.cached or 0, usage.prompt)
    total = (usage.prompt - cached) * price_in + usage.completion * price_out
    return (total + cached * (price_cached or Decimal(0))) / 1_000_000


def meets(values: Mapping[str, object], limits: Mapping[str, float]) -> bool:
    """Whether a call holds every named limit: at most, or at least for a rate. A null holds none."""
    return all(_holds(name, values.get(name), limit) for name, limit in limits.items())


def goodput(good: Sequence[bool], wall_s: float | None) -> tuple[float | None, float | None]:
    """(good calls / all started calls, good calls per second of the experiment); None without any."""
    share = sum(good) / len(good) if good else None
    return share, sum(good) / wall_s if wall_s else None


def _inside(
    at: npt.NDArray[np.int64], tokens: Sequence[int], points: npt.NDArray[np.int64], width: int
) -> npt.NDArray[np.int64]:
    """Tokens that came in (point - width, point], for each point."""
    total = np.concatenate([[0], np.cumsum(np.asarray(tokens, dtype=np.int64))])
    until, since = np.searchsorted(at, points, "right"), np.searchsorted(at, points - width, "right")
    inside: npt.NDArray[np.int64] = total[until] - total[since]
    return inside


def _holds(name: str, value: object, limit: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return value >= limit if name in RATES else value <= limit
