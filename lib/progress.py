"""How far a running experiment is, in words: what is asked, how long it takes, what it waits for. Pure.

The wall clock is handed in; nothing here is a measured time.
"""

from __future__ import annotations

from lib import lanes
from lib.experiment import CallResult, Experiment, Wait

LEAST = 2
"""Of fewer ended calls nobody can say how long the rest takes."""


def counted(experiment: Experiment) -> tuple[int, int]:
    """(calls that are over, all calls)."""
    over = sum(call.state not in ("planned", "sent") for call in experiment.calls)
    return over, len(experiment.calls)


def waiting(experiment: Experiment) -> Wait | None:
    """The wait that goes on, if any; its reason is untrusted text."""
    return next((w for w in experiment.waits if w.ended_ms is None), None)


def pair(experiment: Experiment) -> int:
    """The pair under way, else the next one."""
    open_ = (c.planned.pair for c in experiment.calls if c.state in ("planned", "sent"))
    return next((number for number in open_ if number is not None), 0)


def standing(experiment: Experiment, now_ms: int) -> str:
    """One line: count, what is asked now, time left. Untrusted text: it names models."""
    over, total = counted(experiment)
    said = f"{over} of {total} calls done."
    wait = waiting(experiment)
    now = [name(experiment, call) for call in experiment.calls if call.state == "sent"]
    if wait is not None:
        said += f" Asked to wait: {max(0, round((wait.until_ms - now_ms) / 1000))} s more."
    elif now:
        said += f" Under way: {', '.join(now)}."
    else:
        said += " The next one is about to start."
    left = left_s(experiment, now_ms)
    return said if left is None else f"{said} About {spoken(left)} left."


def name(experiment: Experiment, call: CallResult) -> str:
    """Mode, pair and model of a call, as far as there are several. Untrusted text."""
    parts: list[str] = [call.planned.mode]
    if len(experiment.spec.arms) > 1:
        parts.append(lanes.in_words(lanes.model_name(experiment, call.planned.arm)))
    if call.planned.pair is None:
        parts.append("warm-up")
    elif experiment.spec.pairs > 1:
        parts.append(f"pair {call.planned.pair + 1} of {experiment.spec.pairs}")
    return ", ".join(parts)


def left_s(experiment: Experiment, now_ms: int) -> float | None:
    """Seconds until the end at the pace so far, never before a wait is over.

    None while too little is known, or of a single pair.
    """
    over, total = counted(experiment)
    if experiment.spec.pairs == 1 or over < LEAST or now_ms <= experiment.created_ms:
        return None
    at_pace = (now_ms - experiment.created_ms) / 1000 / over * (total - over)
    wait = waiting(experiment)
    return at_pace if wait is None else max(at_pace, (wait.until_ms - now_ms) / 1000)


def spoken(seconds: float) -> str:
    """A time that is only guessed: 40 s, 3 min, 2 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
