"""METRICS.md sections 3 and 4: gaps, smoothness, tokens and rates, one function each. Pure.

Each first docstring line is the formula; `Unknown` carries the reason of a null. A rate's numerator and
its window cover the same tokens. Labels and units are in metrics' table.
"""

from __future__ import annotations

import numpy as np

from lib.facts import NO_TEXT, Facts, Integers, Unknown
from lib.rates import peak_rate


def _s(ns: float) -> float:
    return ns / 1e9


def content_events(f: Facts) -> int:
    """Distinct frames that carried visible text."""
    return f.visible_frames


def text_events(f: Facts) -> int:
    """Distinct frames that carried text, reasoning included."""
    return f.text_frames


def content_arrivals(f: Facts) -> int:
    """Distinct moments at which visible text arrived."""
    return len(f.arrivals)


def coalesced_share(f: Facts) -> float:
    """1 - content_arrivals / content_events."""
    if not f.visible:
        raise Unknown(NO_TEXT)
    return 1 - len(f.arrivals) / f.visible_frames


def gap_median_s(f: Facts) -> float:
    """Median of the gaps between arrivals of visible text."""
    return _s(_quantile(f.gap_array, 0.5))


def gap_p95_s(f: Facts) -> float:
    """95th percentile of the gaps, interpolated linearly."""
    return _s(_quantile(f.gap_array, 0.95))


def gap_max_s(f: Facts) -> float:
    """The longest gap between arrivals of visible text."""
    return _s(int(f.gap_array.max()))


def gap_cv(f: Facts) -> float:
    """Population standard deviation of the gaps / their mean."""
    return float(f.gap_array.std() / f.gap_array.mean())


def freeze_count(f: Facts) -> int:
    """Gaps, from the second on, that are >= max(3 d, d + 0.150 s), d the mean of up to 30 before."""
    return len(f.freezes)


def freeze_s(f: Facts) -> float:
    """Sum of the whole gaps that are freezes."""
    return _s(sum(f.freezes))


def reported_completion(f: Facts) -> int:
    """Completion tokens the server reported, reasoning included."""
    return f.reported("completion")


def reported_reasoning(f: Facts) -> int:
    """Reasoning tokens the server reported."""
    return f.reported("reasoning")


def tokens_recount_content(f: Facts) -> int:
    """Tokens of the joined visible text, no special tokens."""
    return f.content_tokens


def tokens_recount_reasoning(f: Facts) -> int:
    """Tokens of the joined reasoning text."""
    return f.reasoning_tokens


def unexplained(f: Facts) -> int:
    """reported_completion - tokens_recount_content - tokens_recount_reasoning."""
    return f.reported("completion") - (f.content_tokens + f.reasoning_tokens)


def visible_tokens(f: Facts) -> int:
    """Reported completion - reported reasoning tokens, else the recount of the visible text."""
    return f.visible_tokens()[0]


def visible_tokens_source(f: Facts) -> str:
    """Either "reported" or "recount"."""
    return f.visible_tokens()[1]


def first_arrival_tokens(f: Facts) -> int:
    """Recounted tokens that had come with the first visible text."""
    return f.early_tokens


def tokens_per_content_event(f: Facts) -> float:
    """tokens_recount_content / content_events."""
    return _per(f.content_tokens, f.visible_frames)


def tokens_per_text_event(f: Facts) -> float:
    """Recounted tokens, reasoning included / text_events."""
    return _per(f.content_tokens + f.reasoning_tokens, f.text_frames)


def answer_tps(f: Facts) -> float:
    """(visible_tokens - tokens of the first visible arrival) / (last_content_s - ttfo_s)."""
    window = f.answer_ns
    early = 1 if f.recount is None else f.early_tokens
    later = f.visible_tokens()[0] - early
    if later <= 0:
        raise Unknown("All counted tokens came with the first visible text, so there is no rate.")
    return later / _s(window)


def tpot_s(f: Facts) -> float:
    """1 / answer_tps."""
    return 1 / answer_tps(f)


def e2e_tps(f: Facts) -> float:
    """reported_completion / e2e_s."""
    if f.e2e_ns <= 0:
        raise Unknown("The whole answer has no duration.")
    return f.reported("completion") / _s(f.e2e_ns)


def peak(f: Facts) -> float:
    """Largest number of recounted visible tokens in any window of 1 s."""
    if f.answer_ns <= 0:
        raise Unknown("All visible text arrived at one moment, so it has no rate.")
    return peak_rate(f.shows.times, f.visible_counts)


def answer_cps(f: Facts) -> float:
    """Characters after the first visible arrival / (last_content_s - ttfo_s): for want of tokens."""
    return (f.length - f.early_chars()) / _s(f.answer_ns)


def events_as_tokens_rate(f: Facts) -> float:
    """(content_events - 1) / (last_content_s - ttfo_s): a mistake often made, here to be compared."""
    return (f.visible_frames - 1) / _s(f.answer_ns)


def rate_error(f: Facts) -> float:
    """events_as_tokens_rate / answer_tps - 1."""
    true = answer_tps(f)
    return events_as_tokens_rate(f) / true - 1


def _per(tokens: int, events: int) -> float:
    if not events:
        raise Unknown("No text arrived.")
    return tokens / events


def _quantile(values: Integers, q: float) -> float:
    """Linear interpolation between the two nearest of the sorted values."""
    return float(np.quantile(values, q))
