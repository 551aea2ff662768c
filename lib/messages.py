"""How a call travels between the service and a probe: JSON lines, one object a line, `type` first.

The messages *are* the recording: `fold(start, hello, parts, close)`. A probe killed in mid-call
leaves what came; lines that could not be delivered are spooled and folded later.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import Any, Literal

from lib.errors import DecodeError
from lib.recording import (
    CallError,
    Clock,
    Connection,
    Instrument,
    Read,
    Recording,
    Request,
    Write,
    plain,
    read_instrument,
    read_request,
    read_tail,
    times,
)
from lib.spec import Pairs

PROTOCOL = 1
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=plain)


@dataclass(frozen=True, slots=True)
class Key:
    """A key on its way to the probe, over stdin only. `origin`: the one address it may go to."""

    ref: str
    secret: str = field(repr=False)
    origin: str
    type: Literal["key"] = "key"


@dataclass(frozen=True, slots=True)
class Start:
    """Make this call. `call`: "EXPERIMENT/N"; one already seen is ignored. `at_ns` None: now.

    `lab`: it goes to the built-in lab, which hosted mode's rules exempt; said by the service, which
    started the lab, and never by an address.
    """

    call: str
    request: Request
    at_ns: int | None = None
    lab: bool = False
    type: Literal["start"] = "start"


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop this call; what arrived is kept."""

    call: str
    type: Literal["cancel"] = "cancel"


@dataclass(frozen=True, slots=True)
class Hello:
    """The probe's first line. `now_ns` places `Start.at_ns`."""

    protocol: int
    instrument: Instrument
    now_ns: int
    type: Literal["hello"] = "hello"


@dataclass(frozen=True, slots=True)
class Part:
    """What is new since the call's last part. `seq` counts without a hole; `body` is latin-1."""

    call: str
    seq: int
    marks: tuple[tuple[str, int], ...] = ()
    writes: tuple[Write, ...] = ()
    reads: tuple[Read, ...] = ()
    body: str = ""
    type: Literal["part"] = "part"


@dataclass(frozen=True, slots=True)
class Close:
    """The end of a call: the rest of its Recording."""

    call: str
    seq: int
    wall_ms: int
    connection: Connection | None
    headers_read: int | None
    body_read: int | None
    status: int | None
    http_version: str | None
    headers: Pairs
    clocks: tuple[Clock, ...]
    pauses: tuple[tuple[int, int], ...]
    due_ns: int | None = None
    error: CallError | None = None
    type: Literal["close"] = "close"


Inbound = Key | Start | Cancel
Outbound = Hello | Part | Close


def fold(start: Start, hello: Hello, parts: Iterable[Part], close: Close | None) -> Recording:
    """Messages → Recording. Parts may come in any order and more than once; a hole ends the fold.

    Without a Close, or with parts missing before it, the recording keeps what came and says
    `CallError("lost")`.
    """
    by_seq = {p.seq: p for p in parts}
    whole = [by_seq[i] for i in takewhile(by_seq.__contains__, count())]
    if close is None or len(whole) != close.seq:
        close = _lost(start.call, len(whole), close)
    return Recording(
        request=start.request,
        instrument=hello.instrument,
        wall_ms=close.wall_ms,
        connection=close.connection,
        marks=tuple(m for p in whole for m in p.marks),
        writes=tuple(w for p in whole for w in p.writes),
        reads=tuple(r for p in whole for r in p.reads),
        headers_read=close.headers_read,
        body_read=close.body_read,
        status=close.status,
        http_version=close.http_version,
        headers=close.headers,
        body="".join(p.body for p in whole).encode("latin-1"),
        clocks=close.clocks,
        pauses=close.pauses,
        due_ns=close.due_ns,
        error=close.error,
    )


def to_line(message: Inbound | Outbound) -> str:
    """One JSON line with its newline, `type` first; bytes of a body travel as latin-1 text."""
    data = {"type": message.type} | {f.name: getattr(message, f.name) for f in dataclasses.fields(message)}
    return _ENCODER.encode(data) + "\n"


def from_line(line: str) -> Inbound | Outbound:
    """The reverse of `to_line`. Raises DecodeError on anything else."""
    try:
        data: dict[str, Any] = json.loads(line)
        message: Inbound | Outbound = _MESSAGES[data.pop("type")](data)
        return message
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DecodeError(f"Not a line of the probe's protocol: {error}.") from None


def _lost(call: str, seq: int, close: Close | None) -> Close:
    message = "The measuring process ended before the call did. What had arrived is kept."
    if close is not None:
        return dataclasses.replace(close, seq=seq, body_read=None, error=CallError("lost", message))
    return Close(call, seq, 0, None, None, None, None, None, (), (), (), error=CallError("lost", message))


def _part(d: dict[str, Any]) -> Part:
    return Part(
        **{
            **d,
            "marks": times(d["marks"]),
            "writes": tuple(Write(*w) for w in d["writes"]),
            "reads": tuple(Read(*r) for r in d["reads"]),
        }
    )


_MESSAGES: dict[str, Any] = {
    "key": lambda d: Key(**d),
    "start": lambda d: Start(**{**d, "request": read_request(d["request"])}),
    "cancel": lambda d: Cancel(**d),
    "hello": lambda d: Hello(**{**d, "instrument": read_instrument(d["instrument"])}),
    "part": _part,
    "close": lambda d: Close(**read_tail(d)),
}
