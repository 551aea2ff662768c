import dataclasses
import json
import re
import time
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from pydantic import BaseModel, ValidationError

from lib import document, reader, share
from lib.calibration import Calibration
from lib.delivery import Delivery
from lib.experiment import CallResult, Experiment, Stop, Wait, preset
from lib.lab import recordings
from lib.plan import PlannedCall, plan
from lib.recording import CallError, Instrument
from lib.timeline import Arrival, Event, Timeline, Usage
from tests import experiments as by_hand

DOCS = Path(__file__).parent.parent / "docs" / "json.md"
INSTRUMENT = Instrument("p", "here", "kernel", "other", 1, (("python", "3"),))

TIMELINE = Timeline(
    version=1,
    source="measured",
    api="chat.completions",
    mode="streaming",
    connection="new",
    t_send_monotonic_ns=1_000,
    marks=(("connect.start", -5), ("headers", 90), ("first_byte", 100), ("eof", 300)),
    reads=(Arrival(100, 80, 7), Arrival(300, 300, 0)),
    events=(
        Event(100, "role", "", "", 0, 0, 0, 3),
        Event(100, "content", "", "\ud83d", 1, 0, 3, 7),
        Event(300, "finish", "stop", "", 0, 1, 7, 9),
    ),
    usage=Usage(12, 31, 6, 0),
    model="m-1",
    fingerprint=None,
    finish="stop",
    complete=True,
    why="It ended.",
    error=None,
    pauses=((1, 2),),
)


def experiment(*results: CallResult) -> Experiment:
    return Experiment("id", preset(), "done", 5, results, title="T", note="N", parent="p")


def done(timeline: Timeline = TIMELINE) -> CallResult:
    return CallResult(
        PlannedCall(0, 0, "streaming", pair=0),
        "done",
        timeline,
        instrument=INSTRUMENT,
        metrics={"e2e_s": 3e-7},
        reasons={},
        wall_ms=1,
    )


def models(root: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The fields of every model of the document by its place, "" the top."""
    found: dict[str, dict[str, Any]] = {}
    waiting: list[tuple[str, type]] = [("", root)]
    while waiting:
        path, model = waiting.pop()
        found[path] = get_type_hints(model) if dataclasses.is_dataclass(model) else annotations(model)
        for name, annotation in found[path].items():
            for inner in inside(annotation):
                dots = "[]" if "tuple" in str(annotation) else ""
                waiting.append((f"{path}.{name}{dots}".lstrip("."), inner))
    return found


def annotations(model: type[BaseModel]) -> dict[str, Any]:
    return {name: field.annotation for name, field in model.model_fields.items()}


def inside(annotation: Any) -> list[type]:
    if isinstance(annotation, type) and (
        issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation)
    ):
        return [annotation]
    return [m for a in getattr(annotation, "__args__", ()) for m in inside(a)]


@pytest.mark.parametrize("id", recordings.PLAYED)
def test_every_recording_is_a_valid_document(id: str) -> None:
    data = json.loads(document.to_json(recordings.experiment(id)))
    document.ExperimentDocument.model_validate(data)
    assert [c["mode"] for c in data["calls"]] == ["blocking", "streaming"]


def test_a_call_of_which_nothing_arrived_is_valid() -> None:
    calls = tuple(CallResult(c, "planned") for c in plan(preset()))
    data = document.to_document(Experiment("id", preset(), "running", 5, calls))
    read = document.ExperimentDocument.model_validate(data)
    assert {c.state for c in read.calls} == {"planned"}
    assert read.calls[0].metrics is None
    assert read.calls[0].t_send_ns is None


def test_a_streaming_call_has_the_names_and_values_of_the_vectors() -> None:
    (call,) = document.to_document(experiment(done()))["calls"]
    assert (call["t_send_ns"], call["t_headers_ns"], call["t_first_byte_ns"], call["t_eof_ns"]) == (
        0,
        90,
        100,
        300,
    )
    assert call["usage"] == {
        "prompt_tokens": 12,
        "cached_tokens": 0,
        "completion_tokens": 31,
        "reasoning_tokens": 6,
    }
    assert (call["finish_reason"], call["connection"]) == ("stop", "new")
    assert call["t_body_end_ns"] is None
    assert call["events"][2] == {
        "i": 2, "t_ns": 300, "kind": "finish", "sub": "stop", "text": "", "chars": 0, "read": 1,
        "tokens": None, "frame": 3,
    }  # fmt: skip
    assert call["reads"][0] == {"t_ns": 100, "earliest_ns": 80, "size": 7}


def test_a_blocking_call_has_one_content_event_at_its_bodys_end() -> None:
    call = document.to_document(recordings.experiment("text-davinci-002-2022-10"))["calls"][0]
    (content,) = [e for e in call["events"] if e["kind"] == "content"]
    assert content["t_ns"] == 7_320_000_000
    assert call["text"] == content["text"]


def test_an_error_is_told() -> None:
    error = CallError("status", "Wrong key.", 7, 401)
    failed = dataclasses.replace(done(), state="failed", error=error)
    (call,) = document.to_document(experiment(failed))["calls"]
    assert call["error"] == {"kind": "status", "message": "Wrong key.", "status": 401, "at_ns": 7}


def test_the_calibration_is_told_with_its_age() -> None:
    found = Calibration("p", 5, 210, 4e-5, 3e-4, 1e-3, "kernel", "other", ((1, 2),))
    made = dataclasses.replace(experiment(done()), calibration=found, calibration_age_s=2.5)
    data = document.to_document(made)
    document.ExperimentDocument.model_validate(data)
    told = data["calibration"]
    assert (told["age_s"], told["n"], told["pauses"]) == (2.5, 210, [[1, 2]])
    assert told["min_detectable_gap_s"] == pytest.approx(6e-4)  # 2 x 0.3 ms
    assert document.to_document(experiment(done()))["calibration"] is None


def test_the_response_and_its_delivery_are_told() -> None:
    verdict = Delivery("buffered", "Held back.", ("A proxy.",), "Flush.", client_bound=True)
    call = dataclasses.replace(
        done(), delivery=verdict, status=200, http_version="HTTP/1.1", headers=(("via", "1.1 x"),)
    )
    data = document.to_document(experiment(call))
    document.ExperimentDocument.model_validate(data)
    (told,) = data["calls"]
    assert told["response"] == {"status": 200, "http_version": "HTTP/1.1", "headers": [["via", "1.1 x"]]}
    assert told["delivery"] == {
        "kind": "buffered", "sentence": "Held back.", "evidence": ["A proxy."], "fix": "Flush.",
    }  # fmt: skip
    assert told["client_bound"] is True
    assert told["queued_share"] == 1.0  # of one read that brought something, one


def test_without_a_response_there_is_none() -> None:
    (told,) = document.to_document(experiment(CallResult(plan(preset())[0], "planned")))["calls"]
    assert [told[k] for k in ("response", "delivery", "client_bound", "queued_share")] == [None] * 4


def test_the_same_experiment_is_the_same_text() -> None:
    assert document.to_json(experiment(done())) == document.to_json(experiment(done()))


def test_half_a_surrogate_pair_survives() -> None:
    text = document.to_json(experiment(done()))
    assert json.loads(text.encode())["calls"][0]["events"][1]["text"] == "\ud83d"


def test_waits_and_the_reason_of_a_stop_are_told() -> None:
    wait, stop = Wait(1, 5, 9, None, "Asked to."), Stop("failures", "It was stopped.")
    data = document.to_document(dataclasses.replace(experiment(done()), waits=(wait,), stopped=stop))
    document.ExperimentDocument.model_validate(data)
    assert data["waits"] == [{"n": 1, "began_ms": 5, "until_ms": 9, "ended_ms": None, "reason": "Asked to."}]
    assert data["stopped"] == {"rule": "failures", "sentence": "It was stopped."}
    assert document.to_document(experiment(done()))["stopped"] is None


def test_the_readers_numbers_are_those_of_why_with_what_they_were_made_with() -> None:
    made = by_hand.simple()
    blocking, streaming = made.calls
    assert streaming.timeline is not None
    (one, two) = document.to_document(made)["calls"]
    values, reasons = reader.read(
        streaming.timeline, streaming.recount, blocking=blocking.timeline, deadlines=reader.DEADLINES
    )
    assert (two["reader"]["values"], two["reader"]["reasons"]) == (values, reasons)
    assert two["reader"]["words_per_minute"] == 238
    assert two["reader"]["deadlines"] == {"first_s": 1.0, "token_s": 0.05}
    assert set(values) == set(reader.READER)
    assert one["reader"]["values"]["reader_time_saved_s"] is None
    assert two["reader"]["values"]["fluidity_index"] is not None


def test_a_call_that_is_not_over_has_no_reader() -> None:
    calls = tuple(CallResult(c, "planned") for c in plan(preset()))
    data = document.to_document(Experiment("id", preset(), "running", 5, calls))
    assert [c["reader"] for c in data["calls"]] == [None, None]


def test_of_withheld_text_only_deadlines_are_told_since_its_script_is_not_known() -> None:
    calls = document.to_document(share.public(by_hand.simple(), "timing"))["calls"]
    told = calls[1]["reader"]
    known = {name for name, value in told["values"].items() if value is not None}
    assert known == {"deadlines_missed", "deadlines_total", "fluidity_index"}
    assert "script" in told["reasons"]["qoe"]


def test_an_unknown_field_is_refused() -> None:
    data = document.to_document(experiment(done()))
    with pytest.raises(ValidationError):
        document.ExperimentDocument.model_validate(data | {"extra": 1})


def test_every_field_is_in_the_documentation_and_nothing_else() -> None:
    known = {
        f"{path}.{name}".lstrip(".")
        for path, fields in models(document.ExperimentDocument).items()
        for name in fields
    }
    written = set(re.findall(r"^\| `([^`]+)` \|", DOCS.read_text("utf-8"), re.MULTILINE))
    assert known - written == set()
    assert written - known == set()


def test_two_thousand_events_are_written_within_50_ms() -> None:
    rows = [(i / 1000, "content", "text ") for i in range(2_000)]
    made = by_hand.experiment(by_hand.call(0, "streaming", rows, tokens=[1] * 2_000))  # type: ignore[arg-type]
    best = min(_seconds(made) for _ in range(3))
    assert best <= 0.05


def _seconds(made: Experiment) -> float:
    began = time.thread_time()
    document.to_json(made)
    return time.thread_time() - began
