"""The shape of an experiment's JSON, as models that refuse anything else. docs/json.md has the meanings.

`document` writes it; readers of it, tests among them, check with `ExperimentDocument`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lib.delivery import Kind as DeliveryKind
from lib.experiment import ExperimentState, Number, Rule
from lib.plan import Role
from lib.recording import Connection, ErrorKind
from lib.spec import Api, Mode, State
from lib.timeline import Kind

_CONFIG = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Strict(BaseModel):
    model_config = _CONFIG


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
    contention: bool = False


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


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """`calls[].reads[]`. A dataclass, since there are many: a quarter of a model's memory."""

    __pydantic_config__ = _CONFIG

    t_ns: int
    earliest_ns: int
    size: int


@dataclass(frozen=True, slots=True)
class EventDocument:
    """`calls[].events[]`. As ReadDocument."""

    __pydantic_config__ = _CONFIG

    i: int
    t_ns: int
    kind: Kind
    sub: str
    text: str | None
    chars: int
    read: int
    tokens: int | None
    frame: int | None = None


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


class ResponseDocument(_Strict):
    """`calls[].response`."""

    status: int | None
    http_version: str | None
    headers: tuple[tuple[str, str], ...]


class DeliveryDocument(_Strict):
    """`calls[].delivery`."""

    kind: DeliveryKind | None
    sentence: str
    evidence: tuple[str, ...]
    fix: str | None


class DeadlinesDocument(_Strict):
    """`calls[].reader.deadlines`."""

    first_s: float
    token_s: float


class ReaderDocument(_Strict):
    """`calls[].reader`: what a silent reader goes through."""

    words_per_minute: float
    expected_wait_s: float
    deadlines: DeadlinesDocument
    values: dict[str, Number]
    reasons: dict[str, str]


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
    service_tier: str | None = None
    usage: UsageDocument | None
    recount: RecountDocument | None
    recount_reason: str | None
    pauses: tuple[tuple[int, int], ...]
    instrument: InstrumentDocument | None
    response: ResponseDocument | None
    delivery: DeliveryDocument | None
    client_bound: bool | None
    queued_share: float | None
    metrics: dict[str, Number] | None
    reasons: dict[str, str] | None
    reader: ReaderDocument | None = None


class WaitDocument(_Strict):
    """`waits[]`."""

    n: int
    began_ms: int
    until_ms: int
    ended_ms: int | None
    reason: str


class StopDocument(_Strict):
    """`stopped`."""

    rule: Rule
    sentence: str


class CalibrationDocument(_Strict):
    """`calibration`."""

    probe: str
    wall_ms: int
    age_s: float
    n: int
    median_s: float | None
    p95_s: float | None
    max_s: float | None
    min_detectable_gap_s: float | None
    stamps: Literal["kernel", "user"]
    scheduler: str
    pauses: tuple[tuple[int, int], ...]
    reason: str | None


class ExperimentDocument(_Strict):
    """The top level."""

    id: str
    schema_version: Literal[1]
    title: str
    note: str
    created_ms: int
    state: ExperimentState
    parent: str | None
    definition: str | None = None
    waits: tuple[WaitDocument, ...] = ()
    stopped: StopDocument | None = None
    spec: SpecDocument
    calibration: CalibrationDocument | None
    calls: tuple[CallDocument, ...]
