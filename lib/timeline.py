"""Recording → Timeline: what came when, in the words of METRICS.md. Pure; safe on any bytes.

All times are nanoseconds after `t_send`, the moment just before the request's first byte was written,
and may be negative before it. The Timeline is the second storable form: a timing-only share or an
import has one and no recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from lib.recording import CallError, Connection
from lib.spec import Api, Mode

VERSION = 1

Kind = Literal["role", "reasoning", "content", "finish", "usage", "done", "comment", "error", "other"]


class Arrival(NamedTuple):
    """One read. `earliest_ns` < `t_ns`: queued; the truth lies in [earliest_ns, t_ns]."""

    t_ns: int
    earliest_ns: int
    size: int


class Event(NamedTuple):
    """One kind carried by one frame. `text` None: withheld, with `chars` kept; `start:end` of the body.

    `sub`: "refusal", "tool", "summary", the finish reason, an error code, an event type, or "".
    """

    t_ns: int
    kind: Kind
    sub: str
    text: str | None
    chars: int
    read: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server reported them; the last report wins. None: not reported."""

    prompt: int | None = None
    completion: int | None = None
    reasoning: int | None = None
    cached: int | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """One call, decoded. `complete` is our own verdict, `why` its evidence in one sentence.

    `marks`: dns.start ... tls.end where they happened, send.end, headers, first_byte, eof.
    `source`: "measured", "recorded:WHERE", "imported:TOOL". `t_send_monotonic_ns` None: not ours.
    """

    version: int
    source: str
    api: Api
    mode: Mode
    connection: Connection | None
    t_send_monotonic_ns: int | None
    marks: tuple[tuple[str, int], ...]
    reads: tuple[Arrival, ...]
    events: tuple[Event, ...]
    usage: Usage | None
    model: str | None
    fingerprint: str | None
    finish: str | None
    complete: bool
    why: str
    error: CallError | None
    pauses: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Recount:
    """Tokens of each event as a tokenizer counts them; `tokens` has one number per event.

    Kept beside the timeline, since it depends on which vocabulary a machine has.
    """

    encoding: str
    basis: Literal["exact", "assumed", "approximate"]
    tokens: tuple[int, ...]
