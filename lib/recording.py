"""A Recording says what arrived at one call: plain data, never edited, only reduced or deleted.

Times are nanoseconds of CLOCK_MONOTONIC on the probe's machine, absolute and unconverted; kernel
stamps stay in CLOCK_REALTIME with the clock readings that convert them. What the answer means is
timeline's business, how a recording travels is messages' business.
"""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from lib.errors import DecodeError
from lib.spec import Api, Limits, Mode, Pairs

Connection = Literal["new", "reused"]
ErrorKind = Literal[
    "resolve", "connect", "tls", "refused", "timeout", "deadline", "limit", "status", "cut",
    "reset", "protocol", "error_event", "cancelled", "lost",
]  # fmt: skip
MAGIC = b"SG1\0"
MAX_INFLATED = 512 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """One call as the probe sees it. `body`: canonical JSON of the client's keyword arguments."""

    api: Api
    mode: Mode
    base_url: str
    key_ref: str
    body: str
    connection: Connection
    accept_encoding: Literal["identity", "gzip"]
    limits: Limits


class Write(NamedTuple):
    """One send to the socket; `size` in bytes on the wire."""

    before_ns: int
    after_ns: int
    size: int


class Read(NamedTuple):
    """One recv that returned; size 0 is the end of file. `kernel_ns`: CLOCK_REALTIME, None without.

    `body_end`: length of the body once this read had gone through TLS and HTTP framing.
    """

    before_ns: int
    after_ns: int
    kernel_ns: int | None
    size: int
    body_end: int


class Clock(NamedTuple):
    """A bracketed reading of both clocks; the true offset is known to half of `width_ns`."""

    monotonic_ns: int
    realtime_ns: int
    width_ns: int


@dataclass(frozen=True, slots=True)
class Instrument:
    """What took the stamps. `probe`: random per process; `scheduler`: "other", "fifo 20", ..."""

    probe: str
    region: str
    stamps: Literal["kernel", "user"]
    scheduler: str
    resolution_ns: int
    versions: Pairs


@dataclass(frozen=True, slots=True)
class CallError:
    """Why a call did not end well. `message` is redacted and written for people."""

    kind: ErrorKind
    message: str
    at_ns: int | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """Everything that arrived. `body_read` None: the body never ended. `wall_ms`: a label only."""

    request: Request
    instrument: Instrument
    wall_ms: int
    connection: Connection | None
    marks: tuple[tuple[str, int], ...]
    writes: tuple[Write, ...]
    reads: tuple[Read, ...]
    headers_read: int | None
    body_read: int | None
    status: int | None
    http_version: str | None
    headers: Pairs
    body: bytes
    clocks: tuple[Clock, ...]
    pauses: tuple[tuple[int, int], ...]
    due_ns: int | None = None
    error: CallError | None = None
    schema: int = 1


def to_bytes(recording: Recording) -> bytes:
    """Recording → `SG1\\0` + zlib of one JSON head line (delta columns) and the raw body."""
    head = {
        f.name: plain(getattr(recording, f.name))
        for f in dataclasses.fields(recording)
        if f.name not in ("body", "reads", "writes")
    }
    head["reads"] = _columns(recording.reads, 5)
    head["writes"] = _columns(recording.writes, 3)
    line = json.dumps(head, separators=(",", ":")).encode()
    return MAGIC + zlib.compress(line + b"\n" + recording.body, 1)


def from_bytes(data: bytes) -> Recording:
    """The reverse of `to_bytes`. Raises DecodeError; never inflates past 512 MiB."""
    if not data.startswith(MAGIC):
        raise DecodeError("These bytes are not a recording.")
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(data[len(MAGIC) :], MAX_INFLATED)
        if inflater.unconsumed_tail or not inflater.eof:
            raise DecodeError("This recording is damaged, or too large to open.")
        line, _, body = raw.partition(b"\n")
        return _recording(json.loads(line), body)
    except (zlib.error, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DecodeError(f"This recording cannot be read: {error}.") from None


def plain(value: Any) -> Any:
    """Dataclasses and tuples → dicts and lists, ready for JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    return value


def _columns(rows: Sequence[tuple[int | None, ...]], width: int) -> list[list[int | None]]:
    """Rows → columns of differences; a None stays None and does not move the sum."""
    return [_deltas([row[i] for row in rows]) for i in range(width)]


def _deltas(column: list[int | None]) -> list[int | None]:
    out: list[int | None] = []
    last = 0
    for value in column:
        out.append(None if value is None else value - last)
        last = last if value is None else value
    return out


def _sums(column: list[int | None]) -> list[int | None]:
    known = iter(accumulate(v for v in column if v is not None))
    return [None if v is None else next(known) for v in column]


def _rows(columns: list[list[int | None]]) -> list[tuple[Any, ...]]:
    return list(zip(*(_sums(c) for c in columns), strict=True))


def read_request(d: dict[str, Any]) -> Request:
    """A Request from plain data; raises TypeError or KeyError when it is none."""
    return Request(**{**d, "limits": Limits(**d["limits"])})


def read_instrument(d: dict[str, Any]) -> Instrument:
    """An Instrument from plain data."""
    return Instrument(**{**d, "versions": _pairs(d["versions"])})


def _error(d: dict[str, Any] | None) -> CallError | None:
    return None if d is None else CallError(**d)


def _pairs(rows: list[list[str]]) -> Pairs:
    return tuple((a, b) for a, b in rows)


def times(rows: list[Any]) -> tuple[tuple[Any, int], ...]:
    """Rows of two, as tuples."""
    return tuple((a, b) for a, b in rows)


def read_tail(d: dict[str, Any]) -> dict[str, Any]:
    """The fields that Close and Recording share, from plain data."""
    return {
        **d,
        "headers": _pairs(d["headers"]),
        "clocks": tuple(Clock(*c) for c in d["clocks"]),
        "pauses": times(d["pauses"]),
        "error": _error(d["error"]),
    }


def _recording(d: dict[str, Any], body: bytes) -> Recording:
    return Recording(
        **read_tail(d)
        | {
            "request": read_request(d["request"]),
            "instrument": read_instrument(d["instrument"]),
            "marks": times(d["marks"]),
            "writes": tuple(Write(*w) for w in _rows(d["writes"])),
            "reads": tuple(Read(*r) for r in _rows(d["reads"])),
            "body": body,
        }
    )
