"""The lab's recordings as experiments, in the shape that everything else has. Pure data access.

The figures are in `catalogue`; here they become timelines, with the times exactly as published.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from lib import metrics
from lib.experiment import CallResult, Experiment
from lib.lab.catalogue import ALIASES, MODELS, OURS, PLAYED, RECORDINGS, RESOLUTION_NS, LabEvent, LabRecording
from lib.plan import MODES, PlannedCall
from lib.spec import LAB, Arm, CallSpec, Endpoint, ExperimentSpec, Mode
from lib.timeline import VERSION, Arrival, Event, Recount, Timeline, Usage

__all__ = [
    "ALIASES",
    "MODELS",
    "OURS",
    "PLAYED",
    "RECORDINGS",
    "SOURCE",
    "LabEvent",
    "LabRecording",
    "experiment",
    "recount",
]

SOURCE = "recorded:openai-cookbook"
"""The `source` of every timeline made here."""


def experiment(recording_id: str) -> Experiment:
    """A recorded pair as a finished experiment, id "". Starting its spec plays the recording anew.

    Raises KeyError for an id that is not in PLAYED. `created_ms` is the day of the source's
    revision. Read sizes and everything before the first event are unknown; events with an equal
    recorded time share a read, since nothing finer was recorded.
    """
    recording = PLAYED[recording_id]
    calls = tuple(_result(recording, n, mode) for n, mode in enumerate(MODES))
    day = datetime.fromisoformat(recording.source["date"]).replace(tzinfo=UTC)
    made_ms = int(day.timestamp() * 1000)
    definition = metrics.definition()
    return Experiment("", _spec(recording), "done", made_ms, calls, recording.title, definition=definition)


def recount(model: str, text_of_events: Sequence[str | None]) -> Recount | None:
    """The stored token counts for events that replay a recording, one number per given event.

    `model`: a recording's id, alias or snapshot. The joined texts must be the beginning of a
    recording's text, cut where its events are (so a whole answer in one event is counted too);
    None otherwise. The counts were made with real tiktoken.
    """
    for recording in PLAYED.values():
        if model in (recording.id, recording.model, recording.snapshot):
            tokens = _counted(recording, text_of_events)
            if tokens is not None:
                return Recount(recording.encoding, "exact", tokens)
    return None


def _spec(recording: LabRecording) -> ExperimentSpec:
    # The alias where it means this recording: it is what was asked for, and shorter to read.
    model = recording.model if ALIASES.get(recording.model) == recording.id else recording.id
    call = CallSpec(
        recording.api,
        model,
        recording.prompt,
        max_tokens=recording.max_tokens,
        temperature=recording.temperature,
    )
    return ExperimentSpec((Arm(Endpoint(LAB), call),), together=True, cache="as_is")


def _result(recording: LabRecording, n: int, mode: Mode) -> CallResult:
    timeline = _blocking(recording) if mode == "blocking" else _streaming(recording)
    counts = recount(recording.id, [e.text for e in timeline.events])
    numbers, reasons = metrics.measure(timeline, counts)
    return CallResult(
        PlannedCall(n, 0, mode, pair=0), "done", timeline, counts, metrics=numbers, reasons=reasons
    )


def _blocking(recording: LabRecording) -> Timeline:
    t_ns = _ns(recording.blocking_s)
    text = recording.blocking_text
    events = [
        Event(t_ns, "content", "", text, len(text), 0, 0, 0),
        Event(t_ns, "finish", recording.finish, "", 0, 0, 0, 0),
    ]
    if recording.usage is None:
        return _timeline(recording, "blocking", events, None)
    events.append(Event(t_ns, "usage", "", "", 0, 0, 0, 0))
    usage = Usage(recording.usage["prompt_tokens"], recording.usage["completion_tokens"])
    return _timeline(recording, "blocking", events, usage)


def _streaming(recording: LabRecording) -> Timeline:
    reads = {t_s: i for i, t_s in enumerate(dict.fromkeys(e.t_s for e in recording.events))}
    subs = {"finish": recording.finish}
    events = [
        Event(_ns(e.t_s), e.kind, subs.get(e.kind, ""), e.text, len(e.text), reads[e.t_s], 0, 0)
        for e in recording.events
    ]
    return _timeline(recording, "streaming", events, None)


def _timeline(recording: LabRecording, mode: Mode, events: list[Event], usage: Usage | None) -> Timeline:
    times = dict.fromkeys(e.t_ns for e in events)
    return Timeline(
        version=VERSION,
        source=SOURCE,
        api=recording.api,
        mode=mode,
        connection=None,
        t_send_monotonic_ns=None,
        marks=(),
        reads=tuple(Arrival(t, t, 0) for t in times),
        events=tuple(events),
        usage=usage,
        model=recording.snapshot or recording.model,
        fingerprint=None,
        finish=recording.finish,
        complete=True,
        why=f"The recording ends with the finish reason “{recording.finish}”.",
        error=None,
        pauses=(),
    )


def _ns(seconds: float) -> int:
    return round(seconds * 100) * RESOLUTION_NS


def _counted(recording: LabRecording, given: Sequence[str | None]) -> tuple[int, ...] | None:
    """Tokens of each given text, None when the texts are not the recording's own beginning."""
    stored = iter([(e.text, n) for e, n in zip(recording.events, recording.tokens, strict=True) if e.text])
    counts: list[int] = []
    for text in given:
        rest, tokens = text or "", 0
        while rest:
            piece, count = next(stored, (None, 0))
            if piece is None or not rest.startswith(piece):
                return None
            rest, tokens = rest[len(piece) :], tokens + count
        counts.append(tokens)
    return tuple(counts)
