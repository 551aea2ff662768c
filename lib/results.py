"""From rows to an Experiment: decoded, recounted, measured; and the numbers kept beside the evidence.

What was computed under today's definition is read from the store, anything else is computed again and
kept. Finished experiments stay decoded for a while, so that a page opens at once.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lib.calibration import Calibration
from lib.delivery import delivery
from lib.errors import StoreError
from lib.experiment import CallResult, Experiment, Number
from lib.lab import recordings
from lib.messages import Hello, Part, Start, fold, from_line
from lib.metrics import definition, measure
from lib.recording import Recording, from_bytes, times
from lib.spec import ExperimentSpec, Pairs, is_lab
from lib.store import CallRow, Row, Store
from lib.timeline import Recount, Timeline, decode
from lib.tokens import Vocabulary
from lib.underway import Underway

log = logging.getLogger("streamgauge.results")

KEPT_EVENTS = 50_000
ENDED = ("done", "failed")
ARRIVED = ("sent", "done", "failed", "unknown")


class Numbers(NamedTuple):
    """What is computed of one call. `recount` None has a reason, or there was nothing to count."""

    recount: Recount | None
    recount_reason: str | None
    metrics: dict[str, Number]
    reasons: dict[str, str]


class Results:
    """Experiments as pages and documents want them. Safe from any thread."""

    def __init__(self, store: Store, vocabulary: Vocabulary) -> None:
        self._store, self._vocabulary = store, vocabulary
        self._kept: OrderedDict[str, dict[int, CallResult]] = OrderedDict()
        self._lock = threading.Lock()

    def experiment(self, id: str, live: Mapping[int, Underway]) -> Experiment:
        """All that is known, calls under way included. Raises NotFound, DecodeError."""
        row, rows = self._store.row(id), self._store.calls(id)
        spec = row.asked()
        known = self._remembered(id)
        if any(r.planned.n not in known and r.state in ARRIVED for r in rows):
            known = self._arrived(id, spec, rows, known, live)
        return self._framed(
            row, spec, [known.get(r.planned.n) or CallResult(r.planned, r.state) for r in rows]
        )

    def standing(self, id: str) -> Experiment:
        """The same without anything that arrived: only what is asked and how far it is. Raises NotFound."""
        row = self._store.row(id)
        return self._framed(row, row.asked(), [CallResult(r.planned, r.state) for r in self._store.calls(id)])

    def compute(
        self, id: str, n: int, spec: ExperimentSpec, arm: int, timeline: Timeline, headers: Pairs
    ) -> Numbers:
        """The numbers of one ended call, kept in the store where it can be written."""
        numbers = self._numbers(spec, arm, timeline, headers)
        try:
            self._store.put_derived(id, n, definition(), *_to_json(numbers))
        except StoreError as error:
            log.warning("Numbers were not kept; they will be computed again. %s", error)
        return numbers

    def calibrated(self, id: str, found: Calibration, age_s: float) -> None:
        """Keep the calibration that an experiment was made with."""
        data = {"age_s": age_s, "calibration": dataclasses.asdict(found)}
        self._store.put_calibration(id, json.dumps(data))

    def forget(self, id: str) -> None:
        """Drop what is remembered of an experiment."""
        with self._lock:
            self._kept.pop(id, None)

    def _framed(self, row: Row, spec: ExperimentSpec, calls: Sequence[CallResult]) -> Experiment:
        words = (row.title, row.note, row.parent)
        beside = (*_calibration(row.calibration), self._store.waits(row.id), row.why())
        found = Experiment(row.id, spec, row.state, row.created_ms, tuple(calls), *words, *beside)
        return dataclasses.replace(found, definition=definition())

    def _arrived(
        self,
        id: str,
        spec: ExperimentSpec,
        rows: Sequence[CallRow],
        known: dict[int, CallResult],
        live: Mapping[int, Underway],
    ) -> dict[int, CallResult]:
        """n → every call of which something arrived; those that ended are remembered."""
        evidence = self._store.evidence(id, known)
        derived = self._store.derived(id, definition())
        lines = self._store.lines(id)
        ended = dict(known)
        open_: dict[int, CallResult] = {}
        for row in rows:
            n = row.planned.n
            numbers = _from_json(*derived[n]) if n in derived else None
            if n in evidence:
                # Its row may be older than its evidence by one commit: then it is read again next time.
                place = ended if row.state in ENDED else open_
                place[n] = self._ended(id, spec, row, from_bytes(evidence[n]), numbers)
            elif n not in known and row.state in ARRIVED:
                recording = live[n].recording() if n in live else _unfinished(lines.get(n, []), row.state)
                open_[n] = self._open(spec, row, recording)
        self._remember(id, ended)
        return ended | open_

    def _ended(
        self, id: str, spec: ExperimentSpec, row: CallRow, recording: Recording, numbers: Numbers | None
    ) -> CallResult:
        timeline = decode(recording)
        if numbers is None or _torn(numbers, timeline):
            numbers = self.compute(id, row.planned.n, spec, row.planned.arm, timeline, recording.headers)
        return _result(row, recording, timeline, numbers)

    def _open(self, spec: ExperimentSpec, row: CallRow, recording: Recording | None) -> CallResult:
        """A call under way has no numbers and no error yet; one whose end is unknown has both."""
        if recording is None:
            return CallResult(row.planned, row.state)
        timeline = decode(recording)
        if row.state == "unknown":
            numbers = self._numbers(spec, row.planned.arm, timeline, recording.headers)
            return _result(row, recording, timeline, numbers)
        return _result(row, recording, dataclasses.replace(timeline, error=None), None)

    def _numbers(self, spec: ExperimentSpec, arm: int, timeline: Timeline, headers: Pairs) -> Numbers:
        recount, reason = self._recount(spec, arm, timeline)
        metrics, reasons = measure(timeline, recount, headers)
        return Numbers(recount, reason, metrics, reasons)

    def _recount(
        self, spec: ExperimentSpec, arm: int, timeline: Timeline
    ) -> tuple[Recount | None, str | None]:
        asked = spec.arms[arm]
        if is_lab(asked.endpoint):
            texts = [e.text for e in timeline.events]
            if (known := recordings.recount(asked.call.model, texts)) is not None:
                return known, None
        return self._vocabulary.recount(timeline, asked.call.model)

    def _remembered(self, id: str) -> dict[int, CallResult]:
        with self._lock:
            if id in self._kept:
                self._kept.move_to_end(id)
            return self._kept.get(id, {})

    def _remember(self, id: str, calls: dict[int, CallResult]) -> None:
        with self._lock:
            self._kept[id] = calls
            while len(self._kept) > 1 and sum(map(_size, self._kept.values())) > KEPT_EVENTS:
                self._kept.popitem(last=False)


def _result(row: CallRow, recording: Recording, timeline: Timeline, numbers: Numbers | None) -> CallResult:
    judged = numbers is not None and timeline.mode == "streaming"
    return CallResult(
        row.planned,
        row.state,
        timeline,
        instrument=recording.instrument,
        error=timeline.error,
        wall_ms=recording.wall_ms or row.sent_ms,
        delivery=delivery(timeline, recording.headers) if judged else None,
        status=recording.status,
        http_version=recording.http_version,
        headers=recording.headers,
        **({} if numbers is None else numbers._asdict()),
    )


def _size(calls: dict[int, CallResult]) -> int:
    return sum(len(c.timeline.events) + len(c.timeline.reads) + 100 for c in calls.values() if c.timeline)


def _torn(numbers: Numbers, timeline: Timeline) -> bool:
    """Whether kept numbers are of another decoding than this one."""
    return numbers.recount is not None and len(numbers.recount.tokens) != len(timeline.events)


def _unfinished(lines: list[str], state: str) -> Recording | None:
    """What arrived of a call whose end is not known; without an error while it is still under way."""
    messages = [from_line(line) for line in lines]
    hello = next((m for m in messages if isinstance(m, Hello)), None)
    start = next((m for m in messages if isinstance(m, Start)), None)
    if hello is None or start is None:
        return None
    found = fold(start, hello, [m for m in messages if isinstance(m, Part)], None)
    return found if state == "unknown" else dataclasses.replace(found, error=None)


def _calibration(text: str | None) -> tuple[Calibration, float] | tuple[None, None]:
    """(calibration, its age in seconds) from the store."""
    if text is None:
        return None, None
    data = json.loads(text)
    found = data["calibration"]
    return Calibration(**found | {"pauses": times(found["pauses"])}), data["age_s"]


def _to_json(numbers: Numbers) -> tuple[str, str]:
    recount = None if numbers.recount is None else dataclasses.asdict(numbers.recount)
    first = {"recount": recount, "reason": numbers.recount_reason}
    return json.dumps(first), json.dumps({"metrics": numbers.metrics, "reasons": numbers.reasons})


def _from_json(recount: str, metrics: str) -> Numbers:
    first: dict[str, Any] = json.loads(recount)
    second: dict[str, Any] = json.loads(metrics)
    counted = first["recount"]
    if counted is not None:
        counted = Recount(counted["encoding"], counted["basis"], tuple(counted["tokens"]))
    return Numbers(counted, first["reason"], second["metrics"], second["reasons"])
