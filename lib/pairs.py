"""What lies between the two calls of a pair: METRICS.md sections 7 and 11. Pure; one pair, no statistics."""

from __future__ import annotations

from collections.abc import Callable

from lib.experiment import Number
from lib.facts import Facts, Unknown
from lib.timeline import Timeline

NOT_BOTH = "Only two whole answers can be compared."


def between(blocking: Timeline, streaming: Timeline) -> tuple[dict[str, Number], dict[str, str]]:
    """(values, reasons) of one pair; seconds, positive when streaming was earlier.

    The three head starts answer different questions: the first visible text, the mean over all
    characters, the end. Curves are shares of their own text, so texts that differ may be compared;
    `text_equal` says whether they do.
    """
    one, other = Facts(blocking, None), Facts(streaming, None)
    values: dict[str, Number] = {}
    reasons: dict[str, str] = {}
    for name, of in _NUMBERS.items():
        try:
            values[name] = of(one, other)
        except Unknown as reason:
            values[name] = None
            reasons[name] = str(reason)
    return values, reasons


def common_prefix(one: str, other: str) -> int:
    """How many characters two texts share before they part."""
    if one == other:
        return len(one)
    shorter = min(len(one), len(other))
    return next((i for i in range(shorter) if one[i] != other[i]), shorter)


def _texts(blocking: Facts, streaming: Facts) -> tuple[str, str]:
    if not (blocking.timeline.complete and streaming.timeline.complete):
        raise Unknown(NOT_BOTH)
    return blocking.text, streaming.text


def _equal(blocking: Facts, streaming: Facts) -> bool:
    one, other = _texts(blocking, streaming)
    return one == other


_NUMBERS: dict[str, Callable[[Facts, Facts], Number]] = {
    "blocking_speed_index_s": lambda b, s: b.speed_index_ns() / 1e9,
    "head_start_first_s": lambda b, s: (b.e2e_ns - s.ttfo_ns) / 1e9,
    "mean_head_start_s": lambda b, s: (b.speed_index_ns() - s.speed_index_ns()) / 1e9,
    "total_difference_s": lambda b, s: (b.e2e_ns - s.e2e_ns) / 1e9,
    "text_equal": _equal,
    "common_prefix_chars": lambda b, s: common_prefix(*_texts(b, s)),
    "blocking_chars": lambda b, s: b.length,
    "streaming_chars": lambda b, s: s.length,
}
