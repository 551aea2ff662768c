"""From rows to an Experiment: decoded, recounted, measured; and the numbers kept beside the evidence.

What was computed under today's definition is read from the store, anything else is computed again and
kept. Finished experiments stay decoded for a while, so that a page opens at once; a page of very many
calls reads their outlines and decodes only what it shows whole.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from lib import outline
from lib.calibration import Calibration
from lib.delivery import delivery
from lib.derived import Derived
from lib.errors import DecodeError, NotFound, StoreError
from lib.experiment import CallResult, Experiment, Number
from lib.lab import recordings
from lib.messages import Hello, Part, Start, fold, from_line
from lib.metrics import definition, measure
from lib.plan import PlannedCall
from lib.recording import Recording, from_bytes, times
from lib.spec import ExperimentSpec, Pairs, State, is_lab
from lib.store import CallRow, Row, Store
from lib.timeline import Recount, Timeline, decode
from lib.tokens import Vocabulary
from lib.underway import Underway

log = logging.getLogger("streamgauge.results")

KEPT_EVENTS = 50_000
KEPT_OUTLINES = 2_000_000
ENDED = ("done", "failed")
ARRIVED = ("sent", "done", "failed", "unknown")
Live = Mapping[int, Underway]
"""n → the calls of an experiment that are under way in this process."""


class Numbers(NamedTuple):
    """What is computed of one call. `recount` None has a reason, or there was nothing to count."""

    recount: Recount | None
    recount_reason: str | None
    metrics: dict[str, Number]
    reasons: dict[str, str]


def version() -> str:
    """What stored numbers are kept under: the definitions, and the shape they are written in."""
    return f"{definition()}.{outline.VERSION}"


class Results:
    """Experiments as pages and documents want them. Safe from any thread."""

    def __init__(self, store: Store, vocabulary: Vocabulary) -> None:
        self._store, self._derived, self._vocabulary = store, Derived(store), vocabulary
        self._whole, self._outlines = _Recent(KEPT_EVENTS), _Recent(KEPT_OUTLINES)
        self._damaged: set[tuple[str, int]] = set()

    def experiment(self, id: str, live: Live) -> Experiment:
        """All that is known, calls under way included. Raises NotFound, DecodeError."""
        row, rows = self._store.row(id), self._store.calls(id)
        spec = row.asked()
        return self._framed(row, spec, rows, self._decoded(id, spec, rows, live))

    def numbers(self, id: str, live: Live) -> Experiment:
        """The same in outlines: every number, but no reads, no events. Raises NotFound, DecodeError."""
        row, rows = self._store.row(id), self._store.calls(id)
        spec, known = row.asked(), self._outlines.get(id)
        wanted = {r.planned.n: r for r in rows if r.state in ARRIVED and r.planned.n not in known}
        kept = self._derived.outlines(id, version(), wanted) if wanted else {}
        read = {n: wanted[n] for n in kept if wanted[n].state in ENDED}
        ended = known | {n: outline.from_json(r.planned, r.state, kept[n]) for n, r in read.items()}
        made, open_ = self._arrived(id, spec, [r for n, r in wanted.items() if n not in read], live)
        ended |= {n: outline.outlined(call) for n, call in made.items()}
        self._outlines.put(id, ended)
        found = ended | {n: outline.outlined(call) for n, call in open_.items()}
        return self._framed(row, spec, rows, found)

    def calls(self, id: str, numbers: Collection[int], live: Live) -> dict[int, CallResult]:
        """n → these calls, whole. Raises NotFound, DecodeError."""
        spec = self._store.row(id).asked()
        rows = [r for r in self._store.calls(id) if r.planned.n in numbers]
        found = self._decoded(id, spec, rows, live)
        return {n: found.get(n) or CallResult(r.planned, r.state) for r in rows for n in [r.planned.n]}

    def standing(self, id: str) -> Experiment:
        """The same without anything that arrived: only what is asked and how far it is. Raises NotFound."""
        row = self._store.row(id)
        return self._framed(row, row.asked(), self._store.calls(id), {})

    def compute(
        self, id: str, spec: ExperimentSpec, planned: PlannedCall, state: State, recording: Recording
    ) -> CallResult:
        """One ended call with its numbers, which are kept in the store where it can be written."""
        found = self._measured(spec, CallRow(planned, state, "", None, None), recording, None)
        self._keep(id, [found])
        return found

    def calibrated(self, id: str, found: Calibration, age_s: float) -> None:
        """Keep the calibration that an experiment was made with."""
        data = {"age_s": age_s, "calibration": dataclasses.asdict(found)}
        self._store.put_calibration(id, json.dumps(data))

    def refresh(self, most: int) -> int:
        """Make up to `most` numbers anew that no definition of today has made → how many there were.

        For idle moments after a new version: then no page has to wait for them. Raises StoreError.
        """
        stale = [
            x for x in self._derived.stale(version(), most + len(self._damaged)) if x not in self._damaged
        ]
        for id, n in stale[:most]:
            try:
                self.calls(id, [n], {})
            except NotFound:
                continue
            except DecodeError as error:
                self._damaged.add((id, n))
                log.warning("A recording cannot be read and is left out. %s", error)
        return len(stale[:most])

    def forget(self, id: str) -> None:
        """Drop what is remembered of an experiment."""
        self._whole.drop(id)
        self._outlines.drop(id)

    def _framed(
        self, row: Row, spec: ExperimentSpec, rows: Sequence[CallRow], known: Mapping[int, CallResult]
    ) -> Experiment:
        calls = tuple(known.get(r.planned.n) or CallResult(r.planned, r.state) for r in rows)
        words = (row.title, row.note, row.parent)
        beside = (*_calibration(row.calibration), self._store.waits(row.id), row.why())
        found = Experiment(row.id, spec, row.state, row.created_ms, calls, *words, *beside)
        return dataclasses.replace(found, definition=definition())

    def _decoded(
        self, id: str, spec: ExperimentSpec, rows: Sequence[CallRow], live: Live
    ) -> dict[int, CallResult]:
        """n → every call of these rows of which something arrived; those that ended are remembered."""
        known = self._whole.get(id)
        wanted = [r for r in rows if r.state in ARRIVED and r.planned.n not in known]
        if not wanted:
            return known
        ended, open_ = self._arrived(id, spec, wanted, live)
        self._whole.put(id, known | ended)
        return known | ended | open_

    def _arrived(
        self, id: str, spec: ExperimentSpec, rows: Sequence[CallRow], live: Live
    ) -> tuple[dict[int, CallResult], dict[int, CallResult]]:
        """(the calls of these rows that ended, those that did not), by n, decoded."""
        ended: dict[int, CallResult] = {}
        open_: dict[int, CallResult] = {}
        if not rows:
            return ended, open_
        asked = [r.planned.n for r in rows]
        evidence = self._store.evidence(id, asked)
        derived = self._derived.get(id, version(), asked)
        lines = self._store.lines(id)
        for row in rows:
            n = row.planned.n
            if n in evidence:
                # Its row may be older than its evidence by one commit: then it is read again next time.
                place = ended if row.state in ENDED else open_
                numbers = _from_json(*derived[n]) if n in derived else None
                place[n] = self._measured(spec, row, from_bytes(evidence[n]), numbers)
            else:
                recording = live[n].recording() if n in live else _unfinished(lines.get(n, []), row.state)
                open_[n] = self._open(spec, row, recording)
        self._keep(id, [call for n, call in ended.items() if n not in derived])
        return ended, open_

    def _measured(
        self, spec: ExperimentSpec, row: CallRow, recording: Recording, numbers: Numbers | None
    ) -> CallResult:
        timeline = decode(recording)
        if numbers is None or _torn(numbers, timeline):
            numbers = self._numbers(spec, row.planned.arm, timeline, recording.headers)
        return _result(row, recording, timeline, numbers)

    def _keep(self, id: str, calls: Sequence[CallResult]) -> None:
        """Keep the numbers of ended calls. They can be made again, so that a full disk hinders no reader."""
        if not calls:
            return
        try:
            self._derived.put(id, version(), [_row(call) for call in calls])
        except StoreError as error:
            log.warning("Numbers were not kept; they will be computed again. %s", error)

    def _open(self, spec: ExperimentSpec, row: CallRow, recording: Recording | None) -> CallResult:
        """A call under way has no numbers and no error yet; one whose end is unknown has both."""
        if recording is None:
            return CallResult(row.planned, row.state)
        if row.state == "unknown":
            return self._measured(spec, row, recording, None)
        timeline = decode(recording)
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


class _Recent:
    """The calls of experiments that were asked for last. `most`: their size in all, by `_size`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, dict[int, CallResult]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, id: str) -> dict[int, CallResult]:
        with self._lock:
            if id in self._kept:
                self._kept.move_to_end(id)
            return self._kept.get(id, {})

    def put(self, id: str, calls: dict[int, CallResult]) -> None:
        with self._lock:
            self._kept[id] = calls
            while len(self._kept) > 1 and sum(map(_size, self._kept.values())) > self._most:
                self._kept.popitem(last=False)

    def drop(self, id: str) -> None:
        with self._lock:
            self._kept.pop(id, None)


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


def _row(call: CallResult) -> tuple[int, str, str]:
    """(n, the recount of each event, everything else) as the store keeps them."""
    recount = call.recount and dataclasses.asdict(call.recount)
    first = {"recount": recount, "reason": call.recount_reason}
    return call.planned.n, json.dumps(first), outline.to_json(call)


def _from_json(recount: str, metrics: str) -> Numbers:
    first: dict[str, Any] = json.loads(recount)
    second: dict[str, Any] = json.loads(metrics)
    counted = first["recount"]
    if counted is not None:
        counted = Recount(counted["encoding"], counted["basis"], tuple(counted["tokens"]))
    return Numbers(counted, first["reason"], second["metrics"], second["reasons"])
