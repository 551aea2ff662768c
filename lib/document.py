"""An experiment as versioned JSON: what the download, the route and `--json` give. docs/json.md says
what each field means; a test holds the two together.

Pure. Fields may be added, never renamed or reused; a reader refuses a newer `schema_version`.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from lib.experiment import CallResult, Experiment, ExperimentState, Number
from lib.plan import Role
from lib.recording import Connection, ErrorKind
from lib.spec import Api, Mode, State, to_dict
from lib.timeline import Kind, Timeline

SCHEMA_VERSION = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EndpointDocument(_Strict):
    """`spec.arms[].endpoint`."""

    base_url: str
    key_ref: str
    limit_name: Literal["auto", "max_tokens"]
    include_usage: bool
    accept_encoding: Literal["identity", "gzip"]


class CallSpecDocument(_Strict):
    """`spec.arms[].call`."""

    api: Api
    model: str
    prompt: str
    system: str | None
    max_tokens: int | None
    temperature: float | None
    extra_body: str


class ArmDocument(_Strict):
    """`spec.arms[]`."""

    endpoint: EndpointDocument
    call: CallSpecDocument
    region: str


class LimitsDocument(_Strict):
    """`spec.limits`."""

    connect_s: float
    silence_s: float
    total_s: float
    body_bytes: int
    line_bytes: int


class SpecDocument(_Strict):
    """`spec`: what was asked."""

    arms: tuple[ArmDocument, ...]
    pairs: int
    warmups: int
    design: Literal["look", "measure"]
    together: bool
    cache: Literal["bust", "keep", "as_is"]
    connection: Connection
    primary: str
    margin: float | None
    half_width: float | None
    stop_after: int | None
    seed: int
    limits: LimitsDocument


class ErrorDocument(_Strict):
    """`calls[].error`."""

    kind: ErrorKind
    message: str
    status: int | None
    at_ns: int | None


class ReadDocument(_Strict):
    """`calls[].reads[]`."""

    t_ns: int
    earliest_ns: int
    size: int


class EventDocument(_Strict):
    """`calls[].events[]`."""

    i: int
    t_ns: int
    kind: Kind
    sub: str
    text: str | None
    chars: int
    read: int
    tokens: int | None


class UsageDocument(_Strict):
    """`calls[].usage`."""

    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None


class RecountDocument(_Strict):
    """`calls[].recount`."""

    encoding: str
    basis: Literal["exact", "assumed", "approximate"]


class InstrumentDocument(_Strict):
    """`calls[].instrument`."""

    probe: str
    region: str
    stamps: Literal["kernel", "user"]
    scheduler: str
    resolution_ns: int
    versions: dict[str, str]


class CallDocument(_Strict):
    """`calls[]`: one call, planned or made."""

    order: int
    arm: int
    pair: int | None
    role: Role
    group: int
    nonce: str
    mode: Mode
    api: Api
    model: str
    state: State
    error: ErrorDocument | None
    complete: bool
    why: str | None
    source: str | None
    connection: Connection | None
    wall_ms: int | None
    t_send_monotonic_ns: int | None
    t_send_ns: int | None
    t_headers_ns: int | None
    t_first_byte_ns: int | None
    t_eof_ns: int | None
    t_body_end_ns: int | None
    marks: dict[str, int]
    reads: tuple[ReadDocument, ...]
    events: tuple[EventDocument, ...]
    text: str | None
    finish_reason: str | None
    model_echoed: str | None
    fingerprint: str | None
    usage: UsageDocument | None
    recount: RecountDocument | None
    recount_reason: str | None
    pauses: tuple[tuple[int, int], ...]
    instrument: InstrumentDocument | None
    metrics: dict[str, Number] | None
    reasons: dict[str, str] | None


class ExperimentDocument(_Strict):
    """The top level."""

    id: str
    schema_version: Literal[1]
    title: str
    note: str
    created_ms: int
    state: ExperimentState
    parent: str | None
    spec: SpecDocument
    calls: tuple[CallDocument, ...]


def to_document(experiment: Experiment) -> dict[str, Any]:
    """Plain data, ready for JSON, every field of `ExperimentDocument` in its order."""
    return {
        "id": experiment.id,
        "schema_version": SCHEMA_VERSION,
        "title": experiment.title,
        "note": experiment.note,
        "created_ms": experiment.created_ms,
        "state": experiment.state,
        "parent": experiment.parent,
        "spec": to_dict(experiment.spec),
        "calls": [_call(experiment, c) for c in experiment.calls],
    }


def to_json(experiment: Experiment) -> str:
    """The document as text; the same experiment always gives the same text."""
    data = to_document(experiment)
    text = json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:  # an endpoint sent half a surrogate pair
        return json.dumps(data, indent=1, allow_nan=False) + "\n"
    return text


def _call(experiment: Experiment, call: CallResult) -> dict[str, Any]:
    planned, timeline = call.planned, call.timeline
    asked = experiment.spec.arms[planned.arm].call
    return {
        "order": planned.n,
        "arm": planned.arm,
        "pair": planned.pair,
        "role": planned.role,
        "group": planned.group,
        "nonce": planned.nonce,
        "mode": planned.mode,
        "api": asked.api,
        "model": asked.model,
        "state": call.state,
        "error": _error(call),
        "wall_ms": call.wall_ms,
        **(_NOTHING if timeline is None else _arrived(timeline, call)),
        "recount": call.recount and {"encoding": call.recount.encoding, "basis": call.recount.basis},
        "recount_reason": call.recount_reason,
        "instrument": _instrument(call),
        "metrics": call.metrics,
        "reasons": call.reasons,
    }


def _arrived(timeline: Timeline, call: CallResult) -> dict[str, Any]:
    marks, sent = dict(timeline.marks), timeline.t_send_monotonic_ns is not None or bool(timeline.events)
    blocking = timeline.mode == "blocking"
    return {
        "complete": timeline.complete,
        "why": timeline.why,
        "source": timeline.source,
        "connection": timeline.connection,
        "t_send_monotonic_ns": timeline.t_send_monotonic_ns,
        "t_send_ns": 0 if sent else None,
        "t_headers_ns": marks.get("headers"),
        "t_first_byte_ns": marks.get("first_byte"),
        "t_eof_ns": marks.get("eof"),
        "t_body_end_ns": marks.get("eof") if blocking else None,
        "marks": marks,
        "reads": [r._asdict() for r in timeline.reads],
        "events": _events(timeline, call),
        "text": _text(timeline) if blocking else None,
        "finish_reason": timeline.finish,
        "model_echoed": timeline.model,
        "fingerprint": timeline.fingerprint,
        "usage": _usage(timeline),
        "pauses": [list(p) for p in timeline.pauses],
    }


def _events(timeline: Timeline, call: CallResult) -> list[dict[str, Any]]:
    tokens = call.recount.tokens if call.recount is not None else None
    return [
        {
            "i": i,
            "t_ns": e.t_ns,
            "kind": e.kind,
            "sub": e.sub,
            "text": e.text,
            "chars": e.chars,
            "read": e.read,
            "tokens": None if tokens is None else tokens[i],
        }
        for i, e in enumerate(timeline.events)
    ]


def _text(timeline: Timeline) -> str | None:
    pieces = [e.text for e in timeline.events if e.kind == "content"]
    return None if None in pieces else "".join(p or "" for p in pieces)


def _usage(timeline: Timeline) -> dict[str, Any] | None:
    if (usage := timeline.usage) is None:
        return None
    return {
        "prompt_tokens": usage.prompt,
        "cached_tokens": usage.cached,
        "completion_tokens": usage.completion,
        "reasoning_tokens": usage.reasoning,
    }


def _error(call: CallResult) -> dict[str, Any] | None:
    if (error := call.error) is None:
        return None
    return {
        "kind": error.kind,
        "message": error.message,
        "status": error.status,
        "at_ns": error.at_ns,
    }


def _instrument(call: CallResult) -> dict[str, Any] | None:
    if (found := call.instrument) is None:
        return None
    return {
        "probe": found.probe,
        "region": found.region,
        "stamps": found.stamps,
        "scheduler": found.scheduler,
        "resolution_ns": found.resolution_ns,
        "versions": dict(found.versions),
    }


_NOTHING: dict[str, Any] = {
    "complete": False,
    "why": None,
    "source": None,
    "connection": None,
    "t_send_monotonic_ns": None,
    "t_send_ns": None,
    "t_headers_ns": None,
    "t_first_byte_ns": None,
    "t_eof_ns": None,
    "t_body_end_ns": None,
    "marks": {},
    "reads": [],
    "events": [],
    "text": None,
    "finish_reason": None,
    "model_echoed": None,
    "fingerprint": None,
    "usage": None,
    "pauses": [],
}
"""What there is of a call of which nothing arrived."""
