"""One pair of an experiment as a script that the lab can play: what was told, and when. Pure.

How it is played is lib/lab/replays.py's business. Withheld text is played as as many crosses.
"""

from __future__ import annotations

import json
from typing import Any

from lib.experiment import CallResult, Experiment
from lib.spec import Mode
from lib.timeline import Event, Timeline


def script(experiment: Experiment, arm: int = 0, pair: int = 0) -> str | None:
    """JSON for the lab; None when neither call of the pair brought any text.

    Where only one of the two came, the other tells the same text: blocking all of it at its end.
    """
    streaming, blocking = (_timeline(experiment, arm, pair, mode) for mode in ("streaming", "blocking"))
    told = streaming or blocking
    if told is None:
        return None
    events = told.events
    pieces = _pieces(events, "content")
    last_s = max(e.t_ns for e in events) / 1e9
    finish = [e.t_ns / 1e9 for e in events if e.kind == "finish"]
    roles = [e.t_ns / 1e9 for e in events if e.kind == "role"]
    whole = blocking or told
    data = {
        "model": told.model or experiment.spec.arms[arm].call.model,
        "pieces": pieces or [[last_s, ""]],
        "reasoning": _pieces(events, "reasoning"),
        "finish": told.finish or "stop",
        "finish_s": max(finish[0] if finish else 0.0, pieces[-1][0] if pieces else last_s),
        "blocking_s": dict(whole.marks).get("eof", max(e.t_ns for e in whole.events)) / 1e9,
        "opening_s": roles[0] if roles else events[0].t_ns / 1e9,
        "usage": _usage(told),
        "whole": told.complete,
    }
    return json.dumps(data)


def _timeline(experiment: Experiment, arm: int, pair: int, mode: Mode) -> Timeline | None:
    """One call's timeline, if any text came."""
    found = (c for c in experiment.calls if _is(c, arm, pair, mode))
    timeline = next((c.timeline for c in found if c.timeline is not None), None)
    if timeline is None or not any(e.kind in ("content", "reasoning") for e in timeline.events):
        return None
    return timeline


def _is(call: CallResult, arm: int, pair: int, mode: Mode) -> bool:
    return (call.planned.arm, call.planned.pair, call.planned.mode) == (arm, pair, mode)


def _pieces(events: tuple[Event, ...], kind: str) -> list[list[Any]]:
    return [
        [max(0, e.t_ns) / 1e9, "x" * e.chars if e.text is None else e.text] for e in events if e.kind == kind
    ]


def _usage(timeline: Timeline) -> dict[str, int] | None:
    usage = timeline.usage
    if usage is None or usage.prompt is None or usage.completion is None:
        return None
    total = usage.prompt + usage.completion
    return {"prompt_tokens": usage.prompt, "completion_tokens": usage.completion, "total_tokens": total}
