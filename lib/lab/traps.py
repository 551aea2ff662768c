"""Answers that go wrong on purpose, one table entry each: model ids that start with `trap-`.

All tell the same short text: the role after 0.10 s, then 20 words from 0.12 s on, 0.02 s apart, the
finish 0.02 s later. "After 5 events" means five words. A trap changes the stream's writes, and
the blocking answer where that means anything.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

from lib.lab.asks import Ask, Refused, error_body
from lib.lab.frames import DONE, frame
from lib.lab.scripts import Answer, Script, Timed, body, streaming, whole
from lib.lab.steady import spoken

PREFIX = "trap-"
STALL_S = 3.0
_STEP_S = 0.02
_FIRST_S = 0.12
_BURST_S = 0.12
_KEPT = 6  # writes: the role and five words
_HTML = b"<!doctype html><html><title>Welcome</title><body><h1>Welcome to this proxy</h1></body></html>\n"
_BROKEN = b'data: {"id":"chatcmpl-lab","choices":[{"index":0,"delta":{"con\n\n'
_FAILED = "The model stopped working in the middle of this answer."
_THOUGHTS = (" I", " should", " think", " about", " rivers", " before", " I", " speak.")


class Trap(NamedTuple):
    """`line`: what it does, in one sentence. `play` makes the response; `apis`: where it answers."""

    line: str
    play: Callable[[Ask], Script]
    apis: tuple[str, ...] = ("chat.completions", "completions")


def script(ask: Ask) -> Script:
    """The trap's response. Raises Refused for an unknown trap or another API kind."""
    trap = TRAPS.get(ask.model)
    if trap is None:
        raise Refused(404, f"There is no trap {ask.model!r} here.", param="model", code="model_not_found")
    if ask.api not in trap.apis:
        sentence = f"{ask.model!r} answers through {' and '.join(trap.apis)}, not through {ask.api}."
        raise Refused(404, sentence, param="model", code="wrong_api")
    return trap.play(ask)


def _told(ask: Ask) -> Answer:
    words = spoken(20)
    pieces = tuple((_FIRST_S + i * _STEP_S, word) for i, word in enumerate(words))
    end_s = pieces[-1][0] + _STEP_S
    usage = {"prompt_tokens": 1, "completion_tokens": len(words), "total_tokens": 1 + len(words)}
    return Answer(ask.model, pieces, "stop", end_s, end_s, opening_s=_FIRST_S - _STEP_S, usage=usage)


def _writes(ask: Ask) -> list[Timed]:
    return list(streaming(_told(ask), ask))


def _blocking(ask: Ask) -> Script:
    told = _told(ask)
    return whole(told.blocking_s, body(told, ask))


def _cut(ask: Ask, *, reset: bool) -> Script:
    if ask.streaming:
        kept = _writes(ask)[:_KEPT]
        script = Script(kept, end_s=kept[-1][0] + _STEP_S)
    else:
        (t_s, data), *_ = _blocking(ask).writes
        script = dataclasses.replace(
            whole(t_s, data), writes=[(t_s, data[: len(data) // 2])], end_s=t_s + _STEP_S
        )
    return dataclasses.replace(script, end="rst" if reset else "fin")


def _error_event(ask: Ask) -> Script:
    if not ask.streaming:
        return _status(500, _FAILED)(ask)
    kept = _writes(ask)[:_KEPT]
    data = {"error": {"message": _FAILED, "type": "server_error", "param": None, "code": "model_failed"}}
    return Script([*kept, (kept[-1][0] + _STEP_S, frame(data))])


def _malformed(ask: Ask) -> Script:
    if not ask.streaming:
        return whole(_FIRST_S, _BROKEN.removeprefix(b"data: ").rstrip())
    writes = _writes(ask)
    between = (writes[_KEPT - 1][0] + _STEP_S / 2, _BROKEN)
    return Script([*writes[:_KEPT], between, *writes[_KEPT:]])


def _html(ask: Ask) -> Script:
    return whole(0.0, _HTML, headers=(("content-type", "text/html; charset=utf-8"),))


def _status(status: int, message: str, code: str | None = None, **headers: str) -> Callable[[Ask], Script]:
    def play(ask: Ask) -> Script:
        refusal = whole(0.0, error_body(status, message, code=code), status)
        more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return dataclasses.replace(refusal, headers=(*refusal.headers, *more))

    return play


def _silent(ask: Ask) -> Script:
    return Script([], end="hold")


def _timed(change: Callable[[int, float], float]) -> Callable[[Ask], Script]:
    """A trap that only moves the stream's writes: `change` of (index, seconds) → seconds."""

    def play(ask: Ask) -> Script:
        if not ask.streaming:
            return _blocking(ask)
        moved = [(change(i, t_s), data) for i, (t_s, data) in enumerate(_writes(ask))]
        grouped = itertools.groupby(moved, key=lambda write: write[0])
        return Script([(t_s, b"".join(data for _, data in group)) for t_s, group in grouped])

    return play


def _end_s() -> float:
    return _FIRST_S + 20 * _STEP_S


def _reasoning(ask: Ask) -> Script:
    told = _told(ask)
    thoughts = tuple((_FIRST_S + i * _STEP_S, text) for i, text in enumerate(_THOUGHTS))
    later = len(thoughts) * _STEP_S
    usage = {
        "prompt_tokens": 1,
        "completion_tokens": 28,
        "total_tokens": 29,
        "completion_tokens_details": {"reasoning_tokens": len(thoughts)},
    }
    thinking = dataclasses.replace(
        told,
        reasoning=thoughts,
        pieces=tuple((t_s + later, text) for t_s, text in told.pieces),
        finish_s=told.finish_s + later,
        blocking_s=told.blocking_s + later,
        usage=usage,
    )
    return (
        Script(streaming(thinking, ask)) if ask.streaming else whole(thinking.blocking_s, body(thinking, ask))
    )


def _no_done(ask: Ask) -> Script:
    if not ask.streaming:
        return _blocking(ask)
    *writes, (t_s, last) = _writes(ask)
    return Script([*writes, (t_s, last.removesuffix(DONE))])


def _no_usage(ask: Ask) -> Script:
    told = dataclasses.replace(_told(ask), usage=None)
    return Script(streaming(told, ask)) if ask.streaming else whole(told.blocking_s, body(told, ask))


TRAPS: dict[str, Trap] = {
    "trap-cut-fin": Trap("Closes in mid-stream after 5 events.", lambda ask: _cut(ask, reset=False)),
    "trap-cut-rst": Trap("Resets the connection after 5 events.", lambda ask: _cut(ask, reset=True)),
    "trap-error-event": Trap("Sends an error object after 5 events.", _error_event),
    "trap-malformed": Trap("Sends one event that is not JSON after 5 events, then goes on.", _malformed),
    "trap-html": Trap("Answers with an HTML page and status 200.", _html),
    "trap-401": Trap("Refuses the key.", _status(401, "Incorrect API key provided.", "invalid_api_key")),
    "trap-429": Trap(
        "Says that there were too many requests.",
        _status(429, "Rate limit reached. Try again in 2 s.", "rate_limit_exceeded", retry_after="2"),
    ),
    "trap-500": Trap("Fails before it answers.", _status(500, "The server had an error.")),
    "trap-silent": Trap("Accepts the request and never answers.", _silent),
    "trap-stall": Trap(
        "Stops for 3 s after 5 events, then goes on.",
        _timed(lambda i, t_s: t_s + STALL_S * (i >= _KEPT)),
    ),
    "trap-reasoning": Trap(
        "Streams 8 pieces of reasoning before its answer.", _reasoning, ("chat.completions",)
    ),
    "trap-bunched": Trap(
        "Holds events back and sends them in bursts, as some proxies do.",
        _timed(lambda i, t_s: math.ceil(round(t_s / _BURST_S, 6)) * _BURST_S),
    ),
    "trap-fake": Trap(
        "Calls itself a stream and sends everything at the end.", _timed(lambda i, t_s: _end_s())
    ),
    "trap-no-done": Trap("Ends without [DONE].", _no_done),
    "trap-no-usage": Trap("Never reports usage, even when asked.", _no_usage),
}
