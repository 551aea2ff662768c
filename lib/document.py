"""An experiment as versioned JSON: what the download, the route and `--json` give. docs/json.md says
what each field means; a test holds the two together.

Pure. Fields may be added, never renamed or reused; a reader refuses a newer `schema_version`.
"""

from __future__ import annotations

import json
from typing import Any

from lib.experiment import CallResult, Experiment, Number
from lib.reader import DEADLINES, EXPECTED_WAIT_S, SILENT_WPM, read
from lib.schema import ExperimentDocument
from lib.spec import to_dict
from lib.timeline import Timeline

__all__ = ["SCHEMA_VERSION", "ExperimentDocument", "to_document", "to_json"]

SCHEMA_VERSION = 1
Blocking = dict[tuple[int, int | None], Timeline | None]
"""The blocking call of each arm's pair."""

_WITHHELD = "The text is withheld: in which script it is, and so how fast it is read, is not known here."
_BY_DEADLINE = ("deadlines_missed", "deadlines_total", "fluidity_index")
"""What needs no reading speed."""


def to_document(experiment: Experiment) -> dict[str, Any]:
    """Plain data, ready for JSON, every field of `ExperimentDocument` in its order."""
    blocking: Blocking = {
        (c.planned.arm, c.planned.pair): c.timeline
        for c in experiment.calls
        if c.planned.mode == "blocking" and c.planned.pair is not None
    }
    return {
        "id": experiment.id,
        "schema_version": SCHEMA_VERSION,
        "title": experiment.title,
        "note": experiment.note,
        "created_ms": experiment.created_ms,
        "state": experiment.state,
        "parent": experiment.parent,
        "definition": experiment.definition,
        "waits": [wait._asdict() for wait in experiment.waits],
        "stopped": experiment.stopped and experiment.stopped._asdict(),
        "spec": to_dict(experiment.spec),
        "calibration": _calibration(experiment),
        "calls": [_call(experiment, c, blocking) for c in experiment.calls],
    }


def to_json(experiment: Experiment) -> str:
    """The document as text; the same experiment always gives the same text."""
    data = to_document(experiment)
    text = _lines(data, ascii_only=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # an endpoint sent half a surrogate pair
        return _lines(data, ascii_only=True)
    return text


def _lines(data: dict[str, Any], *, ascii_only: bool) -> str:
    """A line for each field and each call: readable, and five times as fast as an indented text."""

    def text(value: object) -> str:
        return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"), allow_nan=False)

    fields = [f'"{name}": {text(value)}' for name, value in data.items() if name != "calls"]
    calls = ",\n".join(map(text, data["calls"]))
    return "{\n" + ",\n".join([*fields, f'"calls": [\n{calls}\n]']) + "\n}\n"


def _call(experiment: Experiment, call: CallResult, blocking: Blocking) -> dict[str, Any]:
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
        "response": _response(call),
        **_delivery(call),
        "metrics": call.metrics,
        "reasons": call.reasons,
        "reader": _reader(call, blocking.get((call.planned.arm, call.planned.pair))),
    }


def _reader(call: CallResult, blocking: Timeline | None) -> dict[str, Any] | None:
    """METRICS.md 6 at silent reading; null while the call is not over, or when nothing arrived."""
    timeline = call.timeline
    if timeline is None or call.metrics is None:
        return None
    held = None if timeline.mode == "blocking" else blocking
    values, reasons = read(timeline, call.recount, blocking=held, deadlines=DEADLINES)
    for name, reason in _unknown(call, timeline, values).items():
        values[name], reasons[name] = None, reason
    return {
        "words_per_minute": SILENT_WPM,
        "expected_wait_s": EXPECTED_WAIT_S,
        "deadlines": DEADLINES._asdict(),
        "values": values,
        "reasons": reasons,
    }


def _unknown(call: CallResult, timeline: Timeline, values: dict[str, Number]) -> dict[str, str]:
    """Names of reader's numbers that the evidence does not carry, each with why."""
    spread = (call.reasons or {}).get("speed_index_s")
    if timeline.source.startswith("imported:") and timeline.complete and spread is not None:
        return dict.fromkeys(values, spread)  # which event carried which text was never told
    if any(e.text is None for e in timeline.events if e.kind == "content"):
        return {name: _WITHHELD for name in values if name not in _BY_DEADLINE}
    return {}


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
        "service_tier": timeline.service_tier,
        "usage": _usage(timeline),
        "pauses": [list(p) for p in timeline.pauses],
    }


def _events(timeline: Timeline, call: CallResult) -> list[dict[str, Any]]:
    tokens = call.recount.tokens if call.recount is not None else None
    frames = {end: n for n, end in enumerate(dict.fromkeys(e.end for e in timeline.events if e.end), 1)}
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
            "frame": frames.get(e.end),
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


def _response(call: CallResult) -> dict[str, Any] | None:
    if call.status is None:
        return None
    headers = [list(pair) for pair in call.headers]
    return {"status": call.status, "http_version": call.http_version, "headers": headers}


def _delivery(call: CallResult) -> dict[str, Any]:
    """The verdict, and how far this client may have made it."""
    verdict = call.delivery
    found = verdict and {
        "kind": verdict.kind,
        "sentence": verdict.sentence,
        "evidence": list(verdict.evidence),
        "fix": verdict.fix,
    }
    reads = [r for r in call.timeline.reads if r.size] if call.timeline else []
    queued = sum(r.earliest_ns < r.t_ns for r in reads)
    return {
        "delivery": found,
        "client_bound": verdict.client_bound if verdict else None,
        "queued_share": queued / len(reads) if reads else None,
    }


def _calibration(experiment: Experiment) -> dict[str, Any] | None:
    if (found := experiment.calibration) is None:
        return None
    return {
        "probe": found.probe,
        "wall_ms": found.wall_ms,
        "age_s": experiment.calibration_age_s or 0.0,
        "n": found.n,
        "median_s": found.median_s,
        "p95_s": found.p95_s,
        "max_s": found.max_s,
        "min_detectable_gap_s": found.min_detectable_gap_s,
        "stamps": found.stamps,
        "scheduler": found.scheduler,
        "pauses": [list(p) for p in found.pauses],
        "reason": found.reason,
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
    "service_tier": None,
    "usage": None,
    "pauses": [],
}
"""What there is of a call of which nothing arrived."""
