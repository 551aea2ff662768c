"""An experiment's JSON back to an Experiment, with the numbers that its sender saw. Pure.

Strict: unknown fields, newer versions, times that run backwards and numbers out of all bounds are refused
with a sentence. What a document cannot hold (bytes of the body, headers left out) stays unknown.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NoReturn

from pydantic import ValidationError

from lib.calibration import Calibration
from lib.delivery import Delivery
from lib.errors import InvalidDocument
from lib.experiment import CallResult, Experiment, Stop, Wait
from lib.plan import PlannedCall
from lib.recording import CallError, Instrument
from lib.schema import CallDocument, ExperimentDocument
from lib.spec import ExperimentSpec, State, from_dict, problems
from lib.timeline import VERSION, Arrival, Event, Recount, Timeline, Usage

SCHEMA_VERSION = 1
MOST_CALLS = 4_000
MOST_EVENTS = 100_000
MOST_READS = 3 * MOST_EVENTS
MOST_CHARS = 8_000_000
LATEST_NS = 10**15
"""Eleven days: no call lasts longer, and no sum of such times overflows."""
LATEST_MS = 253_402_300_800_000
"""The year 10,000, which no calendar here knows."""

_BOUNDED = frozenset(
    {"arms", "pairs", "warmups", "connect_s", "silence_s", "total_s", "body_bytes", "line_bytes", "primary",
     "margin", "half_width", "stop_after", "seed"}
)  # fmt: skip
_OVER: dict[State, State] = {"planned": "dropped", "sent": "unknown"}


def read(data: bytes) -> ExperimentDocument:
    """The document in these bytes. Raises InvalidDocument."""
    try:
        return ExperimentDocument.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if (
            first["type"] == "json_invalid"
            and b"\\ud" in data.lower()
            and (whole := _without_halves(data)) is not None
        ):
            return read(whole)
        _refuse(_problem(first, _version(data)))


def experiment(document: ExperimentDocument, *, id: str, imported: str | None = None) -> Experiment:
    """What the document says, under an id of this server. Raises InvalidDocument.

    `imported`: the tool whose file it was; its times are then not called measured here. None: a share of
    this server. An experiment that still ran when it was written is an interrupted one.
    """
    spec = _spec(document)
    _check_size(document)
    calls = tuple(_call(call, len(spec.arms), imported) for call in document.calls)
    tool = imported or _elsewhere(calls)
    if tool not in (None, "streamgauge"):
        calls = tuple(dataclasses.replace(c, absent=c.state == "dropped") for c in calls)
    return Experiment(
        id=id,
        spec=spec,
        state="interrupted" if document.state == "running" else document.state,
        created_ms=document.created_ms,
        calls=calls,
        title=document.title,
        note=document.note,
        calibration=_calibration(document),
        calibration_age_s=document.calibration.age_s if document.calibration else None,
        waits=_waits(document),
        stopped=None if (stop := document.stopped) is None else Stop(stop.rule, stop.sentence),
        definition=document.definition,
        imported=tool,
    )


def _waits(document: ExperimentDocument) -> tuple[Wait, ...]:
    for wait in document.waits:
        if not 0 <= wait.n < MOST_CALLS:
            _refuse("A wait belongs to no call.")
        if any(t is not None and not 0 <= t < 1 << 53 for t in (wait.began_ms, wait.until_ms, wait.ended_ms)):
            _refuse("The date of a wait is none.")
    return tuple(Wait(w.n, w.began_ms, w.until_ms, w.ended_ms, w.reason) for w in document.waits)


def _elsewhere(calls: Iterable[CallResult]) -> str | None:
    """The tool that an experiment came from before it was shared here."""
    sources = (c.timeline.source.partition(":") for c in calls if c.timeline is not None)
    return next((tool for how, _, tool in sources if how == "imported"), None)


def _spec(document: ExperimentDocument) -> ExperimentSpec:
    asked = document.spec.model_dump(mode="python")
    spec = from_dict(asked | {"arms": list(asked["arms"])})
    for problem in problems(spec):
        if problem.field in _BOUNDED:
            _refuse(problem.message)
    if not 0 <= document.created_ms < LATEST_MS:
        _refuse("Its date is none.")
    return spec


def _check_size(document: ExperimentDocument) -> None:
    """Withheld text is drawn as bars, so that its length counts as much as text does."""
    calls = document.calls
    for what, most, found in (
        ("calls", MOST_CALLS, len(calls)),
        ("events", MOST_EVENTS, sum(len(c.events) for c in calls)),
        ("reads", MOST_READS, sum(len(c.reads) for c in calls)),
        ("characters", MOST_CHARS, sum(max(0, e.chars) for c in calls for e in c.events)),
    ):
        if found > most:
            _refuse(f"It holds {found:,} {what}; at most {most:,} can be read.")
    places = {c.order for c in calls}
    if len(places) < len(calls) or not all(0 <= n < 1 << 16 for n in places):
        _refuse("The places of its calls are not those of a plan.")


def _call(call: CallDocument, arms: int, imported: str | None) -> CallResult:
    if not 0 <= call.arm < arms:
        _refuse(f"Call {call.order} belongs to no arm.")
    _check(call)
    recount = None
    if call.recount is not None:
        tokens = tuple(e.tokens or 0 for e in call.events)
        recount = Recount(call.recount.encoding, call.recount.basis, tokens)
    error = None
    if (told := call.error) is not None:
        error = CallError(told.kind, told.message, told.at_ns, told.status)
    response = call.response
    return CallResult(
        PlannedCall(call.order, call.arm, call.mode, call.role, call.pair, call.group, call.nonce),
        _OVER.get(call.state, call.state),
        None if call.source is None else _timeline(call, error, imported),
        recount=recount,
        recount_reason=call.recount_reason,
        metrics=call.metrics,
        reasons=call.reasons,
        instrument=_instrument(call),
        error=error,
        wall_ms=call.wall_ms,
        delivery=_delivery(call),
        status=response.status if response else None,
        http_version=response.http_version if response else None,
        headers=response.headers if response else (),
    )


def _timeline(call: CallDocument, error: CallError | None, imported: str | None) -> Timeline:
    source = call.source or ""
    return Timeline(
        version=VERSION,
        source=f"imported:{imported}" if imported and source == "measured" else source,
        api=call.api,
        mode=call.mode,
        connection=call.connection,
        t_send_monotonic_ns=call.t_send_monotonic_ns,
        marks=tuple(call.marks.items()),
        reads=tuple(Arrival(r.t_ns, r.earliest_ns, r.size) for r in call.reads),
        events=tuple(
            Event(e.t_ns, e.kind, e.sub, e.text, e.chars, e.read, e.frame or 0, e.frame or 0)
            for e in call.events
        ),
        usage=_usage(call),
        model=call.model_echoed,
        fingerprint=call.fingerprint,
        finish=call.finish_reason,
        complete=call.complete,
        why=call.why or "",
        error=error,
        pauses=call.pauses,
        service_tier=call.service_tier,
    )


def _check(call: CallDocument) -> None:
    """What a schema cannot say: order, bounds, and indices that point somewhere."""
    where = f"Call {call.order}"
    for name, times in (("events", [e.t_ns for e in call.events]), ("reads", [r.t_ns for r in call.reads])):
        if any(b < a for a, b in pairwise(times)):
            _refuse(f"{where}: the times of its {name} run backwards.")
    if any(r.earliest_ns > r.t_ns for r in call.reads):
        _refuse(f"{where}: a read came before the earliest time it can have come.")
    if not _within(_times(call)):
        _refuse(f"{where}: a time is not within eleven days of the call.")
    if any(not 0 <= e.read < max(1, len(call.reads)) for e in call.events):
        _refuse(f"{where}: an event names a read that is not there.")
    if any(e.chars < 0 or (e.text is not None and len(e.text) > e.chars) for e in call.events):
        _refuse(f"{where}: an event's number of characters is not that of its text.")
    counts = [e.tokens for e in call.events if e.tokens is not None]
    counts += [e.frame for e in call.events if e.frame is not None]
    if any(not 0 <= n < 1 << 31 for n in (*counts, *(r.size for r in call.reads))):
        _refuse(f"{where}: a count is below 0, or greater than any can be.")
    if call.usage and any(n is not None and not 0 <= n < 1 << 53 for n in call.usage.__dict__.values()):
        _refuse(f"{where}: a reported count is below 0, or greater than any can be.")
    if call.wall_ms is not None and not 0 <= call.wall_ms < LATEST_MS:
        _refuse(f"{where}: its date is none.")
    if any(isinstance(v, str) for n, v in (call.metrics or {}).items() if n != "visible_tokens_source"):
        _refuse(f"{where}: a number is a text.")
    numbers = (*(call.metrics or {}).values(), *(call.reader.values.values() if call.reader else ()))
    if any(isinstance(v, int | float) and abs(v) > 1e15 for v in numbers):
        _refuse(f"{where}: a number is greater than any can be.")


def _times(call: CallDocument) -> Iterable[int]:
    yield from call.marks.values()
    yield from (t for pause in call.pauses for t in pause)
    for times in (call.events[:1], call.events[-1:]):
        yield from (e.t_ns for e in times)
    yield from (r.t_ns for r in (*call.reads[:1], *call.reads[-1:]))
    yield from (r.earliest_ns for r in call.reads)
    if call.error is not None and call.error.at_ns is not None:
        yield call.error.at_ns


def _within(times: Iterable[int]) -> bool:
    return all(abs(t) <= LATEST_NS for t in times)


def _usage(call: CallDocument) -> Usage | None:
    if (told := call.usage) is None:
        return None
    return Usage(told.prompt_tokens, told.completion_tokens, told.reasoning_tokens, told.cached_tokens)


def _instrument(call: CallDocument) -> Instrument | None:
    if (told := call.instrument) is None:
        return None
    stamped = (told.stamps, told.scheduler, told.resolution_ns)
    return Instrument(told.probe, told.region, *stamped, tuple(told.versions.items()))


def _delivery(call: CallDocument) -> Delivery | None:
    if (told := call.delivery) is None:
        return None
    bound = bool(call.client_bound)
    return Delivery(told.kind, told.sentence, told.evidence, told.fix, client_bound=bound)


def _calibration(document: ExperimentDocument) -> Calibration | None:
    if (told := document.calibration) is None:
        return None
    return Calibration(
        probe=told.probe,
        wall_ms=told.wall_ms,
        n=told.n,
        median_s=told.median_s,
        p95_s=told.p95_s,
        max_s=told.max_s,
        stamps=told.stamps,
        scheduler=told.scheduler,
        pauses=told.pauses,
        reason=told.reason,
    )


def _without_halves(data: bytes) -> bytes | None:
    """The same JSON with half surrogate pairs, which only some readers take, replaced."""
    try:
        value = json.loads(data, parse_constant=_refuse_constant)
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _version(data: bytes) -> Any:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value.get("schema_version") if isinstance(value, dict) else None


def _problem(first: Any, version: Any) -> str:
    """The first thing that is wrong, in a sentence that quotes field names of ours only."""
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return (
            f"It has schema_version {version:,}, and this version reads {SCHEMA_VERSION}. Update Streamgauge."
        )
    if first["type"] == "json_invalid":
        return "It is not valid JSON: it may be cut, or holds something that is no number, such as NaN."
    place = _place(first["loc"])
    if first["type"] == "extra_forbidden":
        return f"It holds a field that is not known here, in {place}."
    if first["type"] == "missing":
        return f"The field {place} is missing."
    if first["type"] == "finite_number":
        return f"{place} is not a finite number."
    return f"{place} is not what it should be."


_KINDS = frozenset(("float", "int", "str", "bool"))
"""Where several kinds would do, each is tried and named."""


def _place(location: Sequence[int | str]) -> str:
    """`calls[3].events[0].t_ns`; of names, only those that the schema could have."""
    named = [part for part in location[:6] if part not in _KINDS]
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in named]
    text = "".join(parts).lstrip(".")[:120]
    return text if text.isprintable() and text else "the document"


def _refuse(sentence: str) -> NoReturn:
    raise InvalidDocument(f"This file cannot be read as an experiment. {sentence}")
