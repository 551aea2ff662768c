"""What the lab will do on one request: which bytes leave when, and how the connection ends.

An `Answer` says what is told and when; `script` turns it into a `Script` for the API and the mode
that were asked for. Pure but for the random ids in the frames; `server` plays a script.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from lib.dialects import Kind
from lib.lab import asks
from lib.lab.asks import Ask
from lib.lab.frames import FRAMES, Frames, Usage

Timed = tuple[float, bytes]
"""Seconds after the whole request was received, and the body's bytes that leave then in one send."""


class Part(NamedTuple):
    """Bytes of a stream and when they leave. `tells`: the (kind, text)s of the event they complete.

    Parts of an equal time that follow each other leave in one send.
    """

    t_s: float
    data: bytes
    tells: tuple[tuple[Kind, str], ...] = ()


End = Literal["keep", "fin", "rst", "hold"]
SSE = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
JSON = (("content-type", "application/json"),)


@dataclass(frozen=True, slots=True)
class Script:
    """One response. The head leaves with the first write; without any write nothing leaves at all.

    `head_s`: when it leaves in a send of its own instead. `length` None: chunked, else the
    Content-Length that is declared; "close": neither, the body ends with the connection. `end`: "keep"
    finishes the body and keeps the connection, "fin" and "rst" close it in the middle, "hold" stays
    silent until the client goes. `end_s`: when it ends, None: after the last write. `stop_s`: when it
    stops even in front of a client that reads too slowly. `gzip`: compressed, each write flushed.
    """

    writes: Iterable[Timed]
    status: int = 200
    headers: tuple[tuple[str, str], ...] = SSE
    length: int | Literal["close"] | None = None
    end: End = "keep"
    end_s: float | None = None
    head_s: float | None = None
    stop_s: float | None = None
    gzip: bool = False


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
    """The writes of a stream, rendered as they are needed."""
    return joined(parts(answer, ask))


def joined(parts: Iterable[Part]) -> Iterator[Timed]:
    """Parts of an equal time as one write each."""
    held: Part | None = None
    for part in parts:
        if held is None:
            held = part
        elif part.t_s == held.t_s:
            held = Part(held.t_s, held.data + part.data)
        else:
            yield held.t_s, held.data
            held = part
    if held is not None:
        yield held.t_s, held.data


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


def parts(answer: Answer, ask: Ask) -> Iterator[Part]:
    """The frames of a stream in order, each with what it tells; without those that this API lacks."""
    frames: Frames = FRAMES[ask.api](answer.model)
    if opening := frames.opening(answer.opening):
        yield Part(answer.opening_s, opening, (("role", ""),) if frames.has_role else ())
    for t_s, text in answer.reasoning:
        if data := frames.reasoning(text):
            yield Part(t_s, data, (("reasoning", text),))
    *pieces, (last_s, last) = answer.pieces
    for t_s, text in pieces:
        yield Part(t_s, frames.text(text, None), (("content", text),))
    finish: tuple[Kind, str] = ("finish", answer.finish)
    riding = (finish,) if frames.finish_in == "text" else ()
    yield Part(last_s, frames.text(last, answer.finish), (("content", last), *riding))
    yield from _ending(answer, ask, frames, finish)


def _ending(answer: Answer, ask: Ask, frames: Frames, finish: tuple[Kind, str]) -> Iterator[Part]:
    if frames.finish_in == "own":
        yield Part(answer.finish_s, frames.finish(answer.finish), (finish,))
    usage = answer.usage if ask.include_usage or ask.api == "responses" else None
    tells: list[tuple[Kind, str]] = [finish] if frames.finish_in == "end" else []
    tells += [("usage", "")] if usage else []
    tells += [("done", "")] if frames.finish_in != "end" else []
    yield Part(answer.finish_s, frames.end(answer.text, answer.finish, usage), tuple(tells))
