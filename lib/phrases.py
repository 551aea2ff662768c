"""What is said of single calls, and their times in the digits that their error allows.

Pure. Summaries and captions are made from this. A provider's words appear
where it is said, on one short line.
"""

from __future__ import annotations

from lib import lanes
from lib.experiment import CallResult, Experiment
from lib.spec import Mode

Runs = tuple[tuple[str, bool], ...]
"""Pieces of a text, each with whether it matters."""

SAME_SHARE = 0.05
SAME_S = 0.05
SAME = "about the same time"
UNKNOWN = "not known"
MAX_REASON = 240


def capital(words: str) -> str:
    """The first letter large, all others as they are."""
    return words[:1].upper() + words[1:]


def seconds(x: float | None, digits: int = 2) -> str:
    """ "0.16 s"; "not known" for None."""
    return UNKNOWN if x is None else f"{x:,.{digits}f} s"


def timed(call: CallResult, x: float | None) -> str:
    """Seconds of this call, rounded to what is known of it."""
    return seconds(x, 2 if x is None else _digits(call, x))


def number(call: CallResult, name: str) -> float | None:
    """One of the call's metrics, None when it is not known or not a number."""
    value = lanes.numbers(call).get(name)
    return value if isinstance(value, (int, float)) else None


def ended(call: CallResult) -> bool:
    """Whether the whole answer is in."""
    return call.state == "done" and call.timeline is not None and call.timeline.complete


def recorded(call: CallResult) -> bool:
    """Whether the times are a published recording's."""
    return call.timeline is not None and call.timeline.source.startswith("recorded:")


def streamed(call: CallResult) -> Runs:
    """What the streaming call did, as far as it came. Holds untrusted text."""
    first = number(call, "ttfo_s")
    if call.state in ("planned", "sent"):
        if first is None:
            return ((waiting(call), False),)
        return (("Streaming showed its first text after ", False), (timed(call, first), True),
                (" and is still running.", False),)  # fmt: skip
    if not ended(call):
        return ((failure(call), False),)
    if first is None:
        return (("Streaming ended without any visible text.", False),)
    return (
        ("Streaming showed its first text after ", False),
        (timed(call, first), True),
        (".", False),
    )


def blocked(call: CallResult) -> Runs:
    """What the blocking call did, as far as it came. Holds untrusted text."""
    if call.state in ("planned", "sent"):
        return ((waiting(call), False),)
    if not ended(call):
        return ((failure(call), False),)
    total = number(call, "e2e_s")
    if number(call, "ttfo_s") is None:
        return (("The blocking call came back without any visible text after ", False),
                (timed(call, total), True), (".", False),)  # fmt: skip
    return (
        ("The blocking call showed nothing for ", False),
        (timed(call, total), True),
        (".", False),
    )


def waiting(call: CallResult) -> str:
    """Of a call that is not over, how far it is."""
    begun = "is still under way" if call.state == "sent" else "has not begun"
    return f"The {call.planned.mode} call {begun}."


def failure(call: CallResult) -> str:
    """Why there is no whole answer, with how much there is of it."""
    name = f"The {call.planned.mode} call"
    if call.absent:
        return lanes.absent(call)
    if call.state == "dropped":
        return f"{name} was cancelled before it was sent."
    reason = _reason(call)
    last, events = lanes.last_s(call.timeline), call.timeline.events if call.timeline else ()
    texts = sum(e.kind in ("content", "reasoning") for e in events)
    if texts and last is not None:
        plural = "event" if texts == 1 else "events"
        return f"{name} was cut after {texts:,} {plural} at {timed(call, last)}: {reason}"
    return f"{name} failed: {reason}"


def later(experiment: Experiment, blocking: CallResult, streaming: CallResult) -> str:
    """Who finished later and by how much; never why. "" when one total is not known."""
    one, other = number(blocking, "e2e_s"), number(streaming, "e2e_s")
    if one is None or other is None:
        return ""
    gap = abs(one - other)
    if gap < max(SAME_S, SAME_SHARE * max(one, other), least(experiment)):
        return SAME
    slower: Mode = "streaming" if other > one else "blocking"
    return f"{slower} finished {seconds(gap, _digits(streaming, max(one, other)))} later"


def least(experiment: Experiment) -> float:
    """Smaller differences, in seconds, are the instrument's own."""
    return (experiment.calibration and experiment.calibration.min_detectable_gap_s) or 0.0


def _reason(call: CallResult) -> str:
    error = call.error or (call.timeline.error if call.timeline else None)
    words = error.message if error else (call.timeline.why if call.timeline else "")
    return lanes.one_line(words, MAX_REASON) or "Nothing was kept of it."


def _digits(call: CallResult, x: float) -> int:
    """Recordings are known to 10 ms; of what was measured here, two or three figures are enough."""
    if recorded(call) or 0.1 <= x < 10:
        return 2
    return 1 if x >= 10 else 3 if x >= 0.01 else 4
