"""A comparison in METRICS.md 9's words: what was shown, what was not, and what the data allow. Pure.

Plain sentences without markup, our own words only. Digits are those that the interval allows.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from lib.comparison import ALPHA, LEAST, Comparison, Kind, higher
from lib.intervals import Interval, Percentile, Share
from lib.metrics import METRICS

Consumer = Literal["reader", "voice", "program"]
HEADLINE: dict[Consumer, str] = {"reader": "ttfo_s", "voice": "ttfs_s", "program": "e2e_s"}
"""Who consumes the answer → the number that decides."""
ONE_SIDE = "one side failed in most pairs"
_MOMENTS = frozenset({"headers_s", "ttfb_s", "ttfe_s", "ttft_s", "ttfo_s", "ttfs_s", "last_content_s"})


class Verdict(NamedTuple):
    """`sentence` stands alone; `detail`: how it was found, and what was left out."""

    kind: Kind
    sentence: str
    detail: str


def verdict(metric: str, found: Comparison) -> Verdict:
    """What a comparison of this metric says, `other` against `base`."""
    label = METRICS[metric].label
    if found.kind == "shown":
        said = f"{label}: {ONE_SIDE}" if _one_side(found) else _shown(metric, label, found)
        return Verdict(found.kind, said, detail(found))
    return Verdict(found.kind, f"{label}: {_open(found)}", detail(found))


def detail(found: Comparison) -> str:
    """The estimate, both tests and what was left out, in sentences."""
    parts = [f"{_count(found.n, 'pair')}."]
    if found.interval and found.point is not None:
        parts.append(f"Mean ratio {_ratio(found.point, found.interval)}.")
    if found.median_interval and found.median_ratio is not None:
        parts.append(f"Median ratio {_ratio(found.median_ratio, found.median_interval)}.")
    if found.t_p is not None and found.wilcoxon_p is not None:
        parts.append(f"t test p {_p(found.t_p)}, Wilcoxon p {_p(found.wilcoxon_p)}.")
    if found.holm_p is not None and found.holm_p != found.p:
        parts.append(f"Among all models p {_p(found.holm_p)} (Holm).")
    if found.tost_p is not None and found.margin and found.kind != "shown":
        parts.append(f"Equal within ±{found.margin * 100:g} %: p {_p(found.tost_p)}.")
    if found.censored:
        lost = _count(found.censored, "pair")
        parts.append(f"In {lost} one call failed: it keeps the worst rank, and only medians hold.")
    if found.both_failed:
        parts.append(f"{_count(found.both_failed, 'pair')} left out: both calls failed.")
    if found.unknown:
        parts.append(f"{_count(found.unknown, 'pair')} left out: a number is not known.")
    return " ".join(parts)


def advice(consumer: Consumer, found: Comparison) -> str:
    """What streaming buys this consumer, from the comparison of its headline metric between modes."""
    who, slower = f"a {consumer}", higher(found)
    if found.kind == "too_few":
        return f"Too few pairs to say what streaming buys {who}."
    if _one_side(found):
        if slower:
            return f"Streaming buys {who} nothing here: most of its calls failed."
        return f"Streaming answers {who} here where most blocking calls fail."
    if found.kind == "equal" or (found.kind == "shown" and slower):
        return f"Streaming buys {who} nothing here."
    if found.kind == "shown":
        begins = {"reader": "can begin to read", "voice": "can begin to speak", "program": "can go on"}
        return f"With streaming {who} {begins[consumer]} {_saved(found)}."
    return f"Whether streaming buys {who} anything here is not settled."


def change(found: Comparison) -> str:
    """The change in percent with its interval, for a label; of too few pairs how many there are."""
    if found.kind == "too_few":
        return _failed_all(found) or f"{_count(found.n, 'pair')}, too few"
    if _one_side(found):
        return ONE_SIDE
    return _percent_of(found)


def succeeded(found: Share) -> str:
    """A share of calls that came whole, with its interval."""
    if found.interval is None:
        return "No call was made."
    low, high = (100 * x for x in found.interval)
    return f"{found.good} of {_count(found.total, 'call')} came whole ({low:.0f} % to {high:.0f} %)"


def percentile_words(found: Percentile, unit: str = "s") -> str:
    """A percentile with its bounds; a bound that the sample is too small for is named so."""
    sizes = [abs(x) for x in (found.value, *found.interval) if x is not None and math.isfinite(x)]
    times, unit = _unit(sizes[0], unit) if sizes else (1, unit)
    ends = Interval(*(x * times for x in found.interval))
    point = None if found.value is None else found.value * times
    digits = min(1 if times > 1 else 3, _digits(ends, 1.0 if point is None else point))
    value = "not known" if point is None else f"{point:.{digits}f} {unit}"
    if math.isinf(ends.low) and math.isinf(ends.high):
        return f"{value} (too few for an interval)"
    return f"{value} ({_end(ends.low, digits)} to {_end(ends.high, digits)})"


def _shown(metric: str, label: str, found: Comparison) -> str:
    """In seconds where that interval agrees, else in percent."""
    if METRICS[metric].unit != "s" or (seconds := _seconds(found)) is None:
        return f"{label} {_percent_of(found)}"
    by, near, far = seconds
    words = ("sooner", "later") if metric in _MOMENTS else ("shorter", "longer")
    return f"{label} {by} {words[higher(found) is True]}, {near} to {far}"


def _seconds(found: Comparison) -> tuple[str, str, str] | None:
    """(median difference with its unit, nearer end, farther end) without signs.

    None where they don't exclude 0 too.
    """
    low, high = found.difference_interval or Interval(-math.inf, math.inf)
    if found.difference is None or not (low > 0 if higher(found) else high < 0):
        return None
    times, unit = _unit(found.difference, "s")
    near, far = sorted((abs(low) * times, abs(high) * times))
    digits = min(1 if times > 1 else 3, _digits(Interval(near, far), found.difference * times))
    return f"{abs(found.difference) * times:.{digits}f} {unit}", _end(near, digits), _end(far, digits)


def _unit(x: float, unit: str) -> tuple[int, str]:
    """(factor, unit) in which a value is told: times below a second in ms, as beside the verdict."""
    return (1000, "ms") if unit == "s" and abs(x) < 0.9995 else (1, unit)


def _one_side(found: Comparison) -> bool:
    """Whether so many calls of one side failed that no ratio is left."""
    return found.allowed is not None and (found.allowed.low == math.inf or found.allowed.high <= 0)


def _failed_all(found: Comparison) -> str:
    """Of pairs that all failed that they did; "" otherwise."""
    if found.n or not found.both_failed:
        return ""
    pairs = "the one pair" if found.both_failed == 1 else f"all {found.both_failed} pairs"
    return f"both calls failed in {pairs}"


def _open(found: Comparison) -> str:
    if found.kind == "too_few":
        failed = _failed_all(found)
        return f"too few pairs: {failed}" if failed else f"too few pairs, {found.n} of at least {LEAST}"
    if found.kind == "equal":
        return f"equal within ±{(found.margin or 0) * 100:g} %; {_allow(found)}"
    if found.kind == "none":
        return f"no difference shown; {_allow(found)}"
    if found.holm_p is not None and found.p is not None and found.p < ALPHA <= found.holm_p:
        return f"not settled among all models; {_allow(found)}"
    return f"not settled; {_allow(found)}"


def _allow(found: Comparison) -> str:
    if _one_side(found):
        return ONE_SIDE
    low, high = found.allowed or Interval(0, math.inf)
    if low <= 0 and high == math.inf:
        return "the data allow anything"
    digits = _percent_digits(low, high)
    if low <= 0:
        return f"the data allow anything below {_percent(high, digits)}"
    if high == math.inf:
        return f"the data allow anything above {_percent(low, digits)}"
    return f"the data allow {_percent(low, digits)} to {_percent(high, digits)}"


def _saved(found: Comparison) -> str:
    """By how much sooner: seconds where they agree, else percent."""
    seconds = _seconds(found)
    return f"{seconds[0]} sooner" if seconds else f"sooner: {_percent_of(found)}"


def _percent_of(found: Comparison) -> str:
    low, high = found.allowed or Interval(0, math.inf)
    digits = _percent_digits(low, high)
    ends = [_percent(x, digits) if 0 < x < math.inf else "unbounded" for x in (low, high)]
    point = "not known" if found.point is None else _percent(found.point, digits)
    return f"{point} ({ends[0]} to {ends[1]})"


def _percent(ratio: float, digits: int) -> str:
    return _signed(100 * (ratio - 1), digits) + " %"


def _signed(x: float, digits: int) -> str:
    text = f"{abs(x):.{digits}f}"
    return text if float(text) == 0 else ("−" if x < 0 else "+") + text


def _percent_digits(low: float, high: float) -> int:
    """As `_digits`, and enough that a bound beside zero is not printed as zero."""
    ends = [100 * (x - 1) for x in (low, high) if 0 < x < math.inf]
    digits = _digits(Interval(ends[0], ends[-1]), ends[0]) if ends else 0
    while digits < 2 and any(x and round(x, digits) == 0 for x in ends):
        digits += 1
    return digits


def _digits(interval: Interval, point: float = 1.0) -> int:
    """Decimals that show half an interval's width with one figure, at most 3."""
    half = (interval.high - interval.low) / 2
    if not math.isfinite(half) or half <= 0:
        half = abs(point) / 20 or 0.1
    return min(3, max(0, math.ceil(-math.log10(half))))


def _end(x: float, digits: int) -> str:
    return f"{x:.{digits}f}" if math.isfinite(x) else "unbounded"


def _ratio(point: float, interval: Interval) -> str:
    digits = max(2, _digits(interval))
    low = f"{interval.low:.{digits}f}" if interval.low > 0 else "unbounded"
    return f"{point:.{digits}f} ({low} to {_end(interval.high, digits)})"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else "> 0.99" if p > 0.99 else f"{p:.3f}"


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"
