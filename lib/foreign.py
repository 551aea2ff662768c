"""What other tools wrote, as a document of ours: AIPerf's raw export, vLLM's benchmark, a raw stream.

Frames go through the same decoder as everything measured here. Only the fields that are used are read,
and those strictly; `now_ms` dates a file that has no date. A file of streams only has no blocking calls:
their places stay unsent. Pure.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib import document
from lib.delivery import delivery
from lib.errors import InvalidDocument
from lib.experiment import CallResult, Experiment
from lib.metrics import definition, measure
from lib.plan import PlannedCall
from lib.recording import CallError, Instrument, Read, Recording, Request, Write
from lib.share import PRIVATE
from lib.spec import Api, Arm, CallSpec, Endpoint, ExperimentSpec, Limits, Mode
from lib.timeline import VERSION, Arrival, Event, Timeline, decode

MOST_REQUESTS = 200
MOST_EVENTS = 100_000
MOST_PIECES = 3 * MOST_EVENTS
"""Lines with a time: an event may have three."""
LATEST_S = 1e6

Seconds = Annotated[float, Field(ge=0, le=LATEST_S, allow_inf_nan=False)]
Nanoseconds = Annotated[int, Field(ge=0, le=1 << 62)]
Name = Annotated[str, Field(max_length=256)]

_NOWHERE = Instrument("", "elsewhere", "user", "other", 0, ())
_SPREAD = "The file does not say which event carried which text; it is spread over them evenly."
_FROM_START = "Times count from the start of the command that wrote them."
_BY_TEXT = ("ttfs_s", "t50_s", "t90_s", "speed_index_s")


Model = TypeVar("Model", bound=BaseModel)


class _Loose(BaseModel):
    """Another tool's record: its other fields are its own business, and are dropped."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Packet(_Loose):
    name: Annotated[str, Field(pattern=r"^(data|event|id|retry|comment|)$")] = "data"
    value: str


class _Response(_Loose):
    perf_ns: Nanoseconds
    packets: list[_Packet] | None = None
    text: str | None = None


class _AiperfMetadata(_Loose):
    request_start_ns: Nanoseconds = 0


class _AiperfRecord(_Loose):
    start_perf_ns: Nanoseconds
    metadata: _AiperfMetadata
    status: int | None = None
    responses: list[_Response]
    payload: dict[str, Any] = {}


class _Vllm(_Loose):
    ttfts: list[Seconds]
    itls: list[list[Seconds]]
    generated_texts: list[str] = []
    errors: list[str] = []
    model_id: Name = "unknown"
    endpoint_type: str | None = None
    backend: str | None = None


class _Piece(BaseModel):
    """One line of our raw stream format."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    t_s: Seconds
    data: str
    mode: Mode = "streaming"


class Heard(NamedTuple):
    """One answer as another tool kept it: pieces of the body with ns after the request was sent."""

    mode: Mode
    pieces: Sequence[tuple[int, bytes]]
    status: int | None = 200
    asked: str = ""


def aiperf(data: bytes, now_ms: int) -> bytes:
    """AIPerf's profile_export_raw.jsonl: a line for each request. Raises InvalidDocument."""
    records = [_read(_AiperfRecord, line, f"line {i}") for i, line in _lines(data)]
    heard = []
    for record in records[:MOST_REQUESTS]:
        pieces = [(r.perf_ns - record.start_perf_ns, _body(r)) for r in record.responses]
        streamed = any(r.packets is not None for r in record.responses)
        asked = json.dumps(record.payload, ensure_ascii=False) if record.payload else ""
        heard.append(Heard("streaming" if streamed else "blocking", pieces, record.status, asked[:20_000]))
    made_ms = records[0].metadata.request_start_ns // 1_000_000 if records else 0
    return _document("aiperf", heard, _left_out(len(records)), made_ms or now_ms)


def stream(data: bytes, now_ms: int) -> bytes:
    """A raw stream with times: JSON lines {"t_s", "data", "mode"?}, or lines of `ts -s '%.s'`.

    `data`: a piece of the body as it came, or one event's data alone. Raises InvalidDocument.
    """
    found: dict[Mode, list[tuple[int, bytes]]] = {"blocking": [], "streaming": []}
    for piece in _pieces(data):
        found[piece.mode].append((round(piece.t_s * 1e9), piece.data.encode("utf-8", "replace")))
    heard = [Heard(mode, pieces) for mode, pieces in found.items() if pieces]
    return _document("stream", heard, _FROM_START, now_ms)


def vllm(data: bytes, now_ms: int) -> bytes:
    """The JSON of vLLM's benchmark with --save-detailed. Raises InvalidDocument."""
    found = _read(_Vllm, data, "the file")
    if not found.ttfts:
        _refuse("It holds no request.")
    if len(found.ttfts) != len(found.itls):
        _refuse("It has another number of first times (ttfts) than of gaps (itls).")
    if sum(map(len, found.itls)) + 2 * len(found.ttfts[:MOST_REQUESTS]) > MOST_EVENTS:
        _refuse(f"It holds more than {MOST_EVENTS:,} events.")
    api: Api = "completions" if found.endpoint_type in ("vllm", "openai", None) else "chat.completions"
    timelines = [_spread(found, i, api) for i in range(min(len(found.ttfts), MOST_REQUESTS))]
    note = f"{_SPREAD} {_left_out(len(found.ttfts))}".strip()
    return _written(timelines, found.model_id, "", note, now_ms, by_text=False)


def _spread(found: _Vllm, i: int, api: Api) -> Timeline:
    """One request. Its error's text stays where it is."""
    times = [round(t * 1e9) for t in accumulate([found.ttfts[i], *found.itls[i]])]
    text = found.generated_texts[i] if i < len(found.generated_texts) else ""
    failed = i < len(found.errors) and bool(found.errors[i])
    error = CallError("cut", "The tool reported that this request failed.") if failed else None
    cuts = [round(len(text) * k / len(times)) for k in range(len(times) + 1)]
    parts = [text[a:b] for a, b in pairwise(cuts)]
    events = [
        Event(t, "content", "", p, len(p), k, 0, 0) for k, (t, p) in enumerate(zip(times, parts, strict=True))
    ]
    if not failed:
        events.append(Event(times[-1], "finish", "", "", 0, len(times) - 1, 0, 0))
    return Timeline(
        version=VERSION, source="imported:vllm", api=api, mode="streaming", connection=None,
        t_send_monotonic_ns=None, marks=(), reads=tuple(Arrival(t, t, 0) for t in times),
        events=tuple(events) if text or not failed else (), usage=None, model=None, fingerprint=None,
        finish=None, complete=not failed,
        why=error.message if error else "The tool reported that this request ended well.",
        error=error, pauses=(),
    )  # fmt: skip


def _document(tool: str, heard: Sequence[Heard], note: str, made_ms: int) -> bytes:
    if not heard:
        _refuse("It holds no answer.")
    timelines = [_decoded(tool, one) for one in heard]
    model = next((t.model for t in timelines if t.model), "unknown")
    return _written(timelines, model[:256], heard[0].asked, note, made_ms)


def _decoded(tool: str, heard: Heard) -> Timeline:
    times = [t for t, _ in heard.pieces]
    if any(b < a for a, b in pairwise((0, *times))):
        _refuse("Its times run backwards, or begin before the request.")
    framed = [(t, _framed(piece, heard.mode)) for t, piece in heard.pieces]
    body = b"".join(piece for _, piece in framed)
    if (frames := max(body.count(b"\n\n"), body.count(b"data:"))) > MOST_EVENTS:
        _refuse(f"It holds about {frames:,} events; at most {MOST_EVENTS:,} can be read.")
    ends = accumulate(len(piece) for _, piece in framed)
    reads = tuple(Read(t, t, None, len(p), end) for (t, p), end in zip(framed, ends, strict=True))
    made = decode(
        Recording(
            request=Request(_api(body), heard.mode, "", "", "{}", "new", "identity", Limits()),
            instrument=_NOWHERE, wall_ms=0, connection=None, marks=(), writes=(Write(0, 0, 0),),
            reads=reads, headers_read=None, body_read=len(reads) - 1 if reads else None,
            status=heard.status, http_version=None, headers=(), body=body, clocks=(), pauses=(),
        )
    )  # fmt: skip
    return dataclasses.replace(
        made,
        source=f"imported:{tool}",
        t_send_monotonic_ns=None,
        marks=tuple(m for m in made.marks if m[0] in ("first_byte", "eof")),
        reads=tuple(Arrival(r.after_ns, r.after_ns, r.size) for r in reads),
    )


def _written(
    timelines: Sequence[Timeline], model: str, asked: str, note: str, made_ms: int, *, by_text: bool = True
) -> bytes:
    """The document, one request a pair; the other mode's place stays unsent where there is none."""
    together = len(timelines) == 2 and {t.mode for t in timelines} == {"blocking", "streaming"}
    pairs = 1 if together else len(timelines)
    arm = Arm(Endpoint(PRIVATE), CallSpec(timelines[0].api, model, asked))
    calls: list[CallResult] = []
    for i, timeline in enumerate(timelines):
        calls.append(_call(timeline, len(calls), 0 if together else i, by_text=by_text))
        if not together:
            other: Mode = "streaming" if timeline.mode == "blocking" else "blocking"
            calls.append(CallResult(PlannedCall(len(calls), 0, other, pair=i, group=len(calls)), "dropped"))
    spec = ExperimentSpec((arm,), pairs=pairs, cache="as_is")
    made = Experiment("", spec, "done", made_ms, tuple(calls), note=note, definition=definition())
    return document.to_json(made).encode()


def _call(timeline: Timeline, n: int, pair: int, *, by_text: bool) -> CallResult:
    numbers, reasons = measure(timeline, None)
    for name in () if by_text else _BY_TEXT:
        numbers[name], reasons[name] = None, _SPREAD
    return CallResult(
        PlannedCall(n, 0, timeline.mode, pair=pair, group=n),
        "done" if timeline.complete else "failed",
        timeline,
        recount_reason="Recount not available: the file came from another tool.",
        metrics=numbers,
        reasons=reasons,
        error=timeline.error,
        delivery=delivery(timeline) if timeline.mode == "streaming" else None,
    )


def _pieces(data: bytes) -> list[_Piece]:
    found: list[_Piece] = []
    for i, line in _lines(data):
        if len(found) >= MOST_PIECES:
            _refuse(f"It holds more than {MOST_PIECES:,} pieces.")
        if line.startswith(b"{"):
            found.append(_read(_Piece, line, f"line {i}"))
            continue
        stamp, _, rest = line.partition(b" ")
        if not re.fullmatch(rb"\d{1,9}(\.\d{1,12})?", stamp):
            _refuse(f"Line {i} does not begin with a time in seconds.")
        found.append(_Piece(t_s=float(stamp), data=rest.decode() + "\n"))
    return found


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines by number, from 1; empty ones only where a time stands before them."""
    for i, line in enumerate(data.split(b"\n"), 1):
        if i > 10 * MOST_EVENTS:
            _refuse("It has more than a million lines.")
        if line.strip():
            yield i, line.rstrip(b"\r")


def _body(response: _Response) -> bytes:
    if response.packets is None:
        return (response.text or "").encode("utf-8", "replace")
    lines = [f"{'' if p.name == 'comment' else p.name}: {p.value}" for p in response.packets]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


def _framed(piece: bytes, mode: Mode) -> bytes:
    """A bare event's data gets its frame; a piece of a stream is left as it is."""
    bare = mode == "streaming" and (piece.lstrip().startswith(b"{") or piece.strip() == b"[DONE]")
    return b"data: " + piece.strip() + b"\n\n" if bare and b"\n" not in piece.strip() else piece


def _api(body: bytes) -> Api:
    head = body[:65_536]
    if re.search(rb'"type"\s*:\s*"response\.|"object"\s*:\s*"response"', head):
        return "responses"
    return "completions" if re.search(rb'"object"\s*:\s*"text_completion', head) else "chat.completions"


def _left_out(requests: int) -> str:
    return f"The first {MOST_REQUESTS} of {requests:,} requests." if requests > MOST_REQUESTS else ""


def _read(model: type[Model], data: bytes, place: str) -> Model:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(
            str(part) for part in first["loc"][:5] if isinstance(part, int) or part.isidentifier()
        )
        problem = (
            "is not valid JSON" if first["type"] == "json_invalid" else f"cannot be read at {where[:80]}"
        )
        _refuse(f"{place.capitalize()} {problem}.")


def _refuse(sentence: str) -> NoReturn:
    raise InvalidDocument(f"This file cannot be imported. {sentence}")
