"""What the lab will do on one request: which bytes leave when, and how the connection ends.

An `Answer` says what is told and when; `script` turns it into a `Script` for the API and the mode
that were asked for. Pure but for the random ids in the frames; `server` plays a script.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal

from lib.lab import asks
from lib.lab.asks import Ask
from lib.lab.frames import FRAMES, Frames, Usage

Timed = tuple[float, bytes]
"""Seconds after the whole request was received, and the body's bytes that leave then in one send."""

SSE = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
JSON = (("content-type", "application/json"),)


@dataclass(frozen=True, slots=True)
class Script:
    """One response. The head leaves with the first write; without any write nothing leaves at all.

    `length` None: chunked, else the Content-Length that is declared. `end`: "keep" finishes the body
    and keeps the connection, "fin" and "rst" close it in the middle, "hold" stays silent until the
    client goes. `end_s`: when it ends, None: after the last write.
    """

    writes: Iterable[Timed]
    status: int = 200
    headers: tuple[tuple[str, str], ...] = SSE
    length: int | None = None
    end: Literal["keep", "fin", "rst", "hold"] = "keep"
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, whichever way it is sent. Times are seconds after receipt, never falling.

    `pieces`: at least one. `opening`: the delta of chat's role chunk, at `opening_s`. `usage` None:
    none is ever sent. Whatever has an equal time leaves in one write.
    """

    model: str
    pieces: tuple[tuple[float, str], ...]
    finish: str
    finish_s: float
    blocking_s: float
    opening_s: float
    opening: dict[str, str] = field(default_factory=lambda: {"role": "assistant", "content": ""})
    reasoning: tuple[tuple[float, str], ...] = ()
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """All of the answer."""
        return "".join(text for _, text in self.pieces)


def script(answer: Answer, ask: Ask) -> Script:
    """The answer as it was asked for."""
    return Script(streaming(answer, ask)) if ask.streaming else whole(answer.blocking_s, body(answer, ask))


def streaming(answer: Answer, ask: Ask) -> Iterator[Timed]:
    """The writes of a stream: frames of an equal time joined, rendered as they are needed."""
    for t_s, frames in groupby(_frames(answer, ask), key=itemgetter(0)):
        if joined := b"".join(data for _, data in frames):
            yield t_s, joined


def body(answer: Answer, ask: Ask) -> bytes:
    """The blocking answer's JSON."""
    reasoning = "".join(text for _, text in answer.reasoning)
    return FRAMES[ask.api](answer.model).body(answer.text, reasoning, answer.finish, answer.usage)


def whole(t_s: float, data: bytes, status: int = 200, headers: tuple[tuple[str, str], ...] = JSON) -> Script:
    """Head and body in one write, with their Content-Length."""
    return Script([(t_s, data)], status, headers, len(data))


def error(status: int, message: str, **fields: Any) -> Script:
    """An error object, at once. `fields`: param, code."""
    return whole(0.0, asks.error_body(status, message, **fields), status)


def _frames(answer: Answer, ask: Ask) -> Iterator[Timed]:
    frames: Frames = FRAMES[ask.api](answer.model)
    yield answer.opening_s, frames.opening(answer.opening)
    for t_s, text in answer.reasoning:
        yield t_s, frames.reasoning(text)
    last = len(answer.pieces) - 1
    for i, (t_s, text) in enumerate(answer.pieces):
        yield t_s, frames.text(text, answer.finish if i == last else None)
    yield answer.finish_s, frames.finish(answer.finish)
    usage = answer.usage if ask.include_usage or ask.api == "responses" else None
    yield answer.finish_s, frames.end(answer.text, answer.finish, usage)
