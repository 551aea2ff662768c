"""An experiment as Chrome trace events, which Perfetto, Speedscope and chrome://tracing open. Pure.

A process for each arm, a thread for each call. Times are microseconds; calls stand where they were made,
to the millisecond of their wall clock, or all at 0 where that is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lib import lanes
from lib.experiment import CallResult, Experiment
from lib.timeline import Timeline

Span = dict[str, Any]
_PHASES = (
    ("name lookup", "dns.start", "dns.end"),
    ("connect", "connect.start", "connect.end"),
    ("TLS", "tls.start", "tls.end"),
)


def trace_file(experiment: Experiment) -> bytes:
    """The JSON object format: {"traceEvents": [...]}. Holds the events' text where there is any."""
    events = list(_named(experiment))
    timed = [span for call in experiment.calls for span in _call(call)]
    offsets = _offsets(experiment)
    for span in timed:
        span["ts"] += offsets[span["tid"] - 1]
    first = min((span["ts"] for span in timed), default=0.0)
    for span in timed:
        span["ts"] = round(span["ts"] - first, 3)
    timed.sort(key=lambda span: (span["tid"], span["ts"], -span.get("dur", 0.0)))
    told = {"tool": "Streamgauge", "definition": experiment.definition, "id": experiment.id}
    data = {"traceEvents": events + timed, "displayTimeUnit": "ms", "otherData": told}
    return json.dumps(data, separators=(",", ":")).encode()


def _named(experiment: Experiment) -> Iterator[Span]:
    for i in range(len(experiment.spec.arms)):
        yield _meta("process_name", i + 1, 0, lanes.model_name(experiment, i))
    for call in experiment.calls:
        planned = call.planned
        name = f"{planned.n + 1}. {planned.mode}" + (
            "" if planned.pair is None else f", pair {planned.pair + 1}"
        )
        yield _meta("thread_name", planned.arm + 1, planned.n + 1, name)


def _meta(what: str, pid: int, tid: int, name: str) -> Span:
    return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": {"name": name}}


def _call(call: CallResult) -> Iterator[Span]:
    timeline = call.timeline
    if timeline is None:
        return
    where = {"pid": call.planned.arm + 1, "tid": call.planned.n + 1}
    for name, start_ns, end_ns in _spans(timeline):
        span = {
            "name": name,
            "cat": "phase",
            "ph": "X",
            "ts": start_ns / 1e3,
            "dur": (end_ns - start_ns) / 1e3,
        }
        yield span | where
    counts = call.recount.tokens if call.recount is not None else ()
    for i, event in enumerate(timeline.events):
        args = {
            "i": i,
            "text": event.text,
            "chars": event.chars,
            "tokens": counts[i] if i < len(counts) else None,
        }
        span = {"name": event.kind, "cat": "event", "ph": "i", "s": "t", "ts": event.t_ns / 1e3, "args": args}
        yield span | where


def _spans(timeline: Timeline) -> Iterator[tuple[str, int, int]]:
    """(name, start, end): the whole call, and what it consists of, nested and in order."""
    marks = dict(timeline.marks)
    times = [0, *marks.values(), *(e.t_ns for e in timeline.events)]
    start, end = min(times), max(times)
    yield timeline.mode, start, end
    for name, began, ended in _PHASES:
        if began in marks and ended in marks and marks[began] <= marks[ended]:
            yield name, marks[began], marks[ended]
    texts = [e.t_ns for e in timeline.events if e.kind in ("content", "reasoning")]
    if texts and texts[0] >= 0:
        yield "waiting", 0, texts[0]
        if texts[-1] > texts[0]:
            yield "text", texts[0], texts[-1]


def _offsets(experiment: Experiment) -> list[float]:
    """Microseconds of each call's start after the first one's; all 0 unless every one is known."""
    walls = [call.wall_ms for call in experiment.calls if call.timeline is not None]
    last = max((call.planned.n for call in experiment.calls), default=0)
    found = [0.0] * (last + 1)
    known = [wall for wall in walls if wall is not None]
    if len(known) == len(walls) and known:
        for call in experiment.calls:
            if call.wall_ms is not None and call.timeline is not None:
                found[call.planned.n] = (call.wall_ms - min(known)) * 1e3
    return found
