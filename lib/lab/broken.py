"""Traps whose stream breaks off or holds what is no event, one table entry each.

"After 5 events" means five words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Literal

from lib.lab import scripts, shapes
from lib.lab.asks import Ask
from lib.lab.faults import status
from lib.lab.frames import frame
from lib.lab.scripts import End, Part, Script
from lib.lab.trap import ALL, FIRST_S, KEPT, STEP_S, Play, Trap, streamed, whole

_MALFORMED = b'data: {"id":"chatcmpl-lab","choices":[{"index":0,"delta":{"con\n\n'
_FAILED = "The model stopped working in the middle of this answer."


def _cut(parts: Iterable[Part]) -> list[Part]:
    return shapes.beginning(parts, KEPT)


def _torn(parts: Iterable[Part]) -> list[Part]:
    *kept, last = shapes.beginning(parts, KEPT + 1)
    return [*kept, Part(last.t_s, last.data[: len(last.data) // 2])]


def _ending(end: End, *, length: Literal["close"] | None = None) -> Script:
    return Script((), end=end, end_s=FIRST_S + KEPT * STEP_S, length=length)


def _halved(end: End) -> Callable[[Ask], Script]:
    """The blocking answer, ended in the middle of its body."""

    def blocking(ask: Ask) -> Script:
        made = whole()(ask)
        ((t_s, data),) = made.writes
        half = data[: len(data) // 2]
        return dataclasses.replace(made, writes=[(t_s, half)], end=end, end_s=t_s + STEP_S)

    return blocking


def _error_event(ask: Ask) -> Play:
    error = {"message": _FAILED, "type": "server_error", "param": None, "code": "model_failed"}
    named = {"type": "error", "sequence_number": 9, "code": "model_failed", "message": _FAILED, "param": None}
    data = frame(named, "error") if ask.api == "responses" else frame({"error": error})
    play = streamed(change=_cut, errors=("error_event",))(ask)
    broken = Part(play.parts[-1].t_s + STEP_S, data, (("error", "model_failed"),))
    return dataclasses.replace(play, parts=[*play.parts, broken])


def _with_broken(parts: Iterable[Part]) -> list[Part]:
    parts = list(parts)
    at = len(_cut(parts))
    return [*parts[:at], Part(parts[at - 1].t_s + STEP_S / 2, _MALFORMED), *parts[at:]]


def _broken_body(ask: Ask) -> Script:
    return scripts.whole(FIRST_S, _MALFORMED.removeprefix(b"data: ").rstrip())


BROKEN: tuple[Trap, ...] = (
    Trap(
        "cut-fin",
        "Closes in mid-stream after 5 events.",
        "It reports a short answer and a good time.",
        ALL,
        streamed(change=_cut, errors=("cut",), shape=_ending("fin")),
        _halved("fin"),
    ),
    Trap(
        "cut-torn",
        "Closes in the middle of its 6th event.",
        "It drops or shows half an event, and reports a good time.",
        ALL,
        streamed(change=_torn, errors=("cut",), shape=_ending("fin")),
        _halved("fin"),
    ),
    Trap(
        "cut-unframed",
        "Ends after 5 events without a length or chunks, so that HTTP calls it a normal end.",
        "Its library raises nothing, and it reports a short answer and a good time.",
        ALL,
        streamed(change=_cut, errors=("cut",), shape=_ending("fin", length="close")),
        _halved("fin"),
    ),
    Trap(
        "cut-rst",
        "Resets the connection after 5 events.",
        "It loses the five events with the error.",
        ALL,
        streamed(change=_cut, errors=("reset",), shape=_ending("rst")),
        _halved("rst"),
    ),
    Trap(
        "malformed",
        "Sends one event that is not JSON after 5 events, then goes on.",
        "It stops there with an error of its own, or drops the event unseen.",
        ALL,
        streamed(change=_with_broken, errors=("protocol",)),
        _broken_body,
    ),
    Trap(
        "error-event",
        "Sends an error object after 5 events, with status 200.",
        "It reports a short answer and a good time.",
        ALL,
        _error_event,
        status(500, _FAILED),
    ),
)
