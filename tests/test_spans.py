"""Chrome trace events, checked against the format that its viewers read."""

import dataclasses
import json
from typing import Any

from lib.experiment import CallResult
from lib.lab import recordings
from lib.plan import PlannedCall
from lib.spans import trace_file
from tests.experiments import experiment, simple

MADE = recordings.experiment("text-davinci-002-2022-10")


def events(data: bytes) -> list[dict[str, Any]]:
    """Read as the format says: known phases, the fields that each needs, spans that nest on a thread."""
    told = json.loads(data)
    assert told["displayTimeUnit"] in ("ms", "ns")
    found: list[dict[str, Any]] = told["traceEvents"]
    for event in found:
        assert event["ph"] in ("M", "X", "i")
        assert isinstance(event["pid"], int)
        assert isinstance(event["tid"], int)
        assert isinstance(event["name"], str)
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name")
            continue
        assert event["ts"] >= 0
        assert event["ph"] != "X" or event["dur"] >= 0
        assert event["ph"] != "i" or event["s"] in ("t", "p", "g")
    for thread in {(e["pid"], e["tid"]) for e in found}:
        times = [e["ts"] for e in found if (e["pid"], e["tid"]) == thread and e["ph"] != "M"]
        assert times == sorted(times)
        _nests([e for e in found if (e["pid"], e["tid"]) == thread and e["ph"] == "X"])
    return found


def _nests(spans: list[dict[str, Any]]) -> None:
    stack: list[float] = []
    for span in sorted(spans, key=lambda s: (s["ts"], -s["dur"])):
        end = span["ts"] + span["dur"]
        while stack and stack[-1] <= span["ts"] + 1e-3:
            stack.pop()
        assert not stack or end <= stack[-1] + 1e-3
        stack.append(end)


def test_every_event_is_an_instant_at_its_time() -> None:
    found = events(trace_file(MADE))
    streaming = MADE.calls[1].timeline
    assert streaming is not None
    told = [e["ts"] for e in found if e["ph"] == "i" and e["tid"] == 2]
    assert told == [round(e.t_ns / 1e3, 3) for e in streaming.events]


def test_calls_stand_where_they_were_made() -> None:
    made = simple()
    calls = tuple(dataclasses.replace(c, wall_ms=1_000 + 5_000 * i) for i, c in enumerate(made.calls))
    found = events(trace_file(dataclasses.replace(made, calls=calls)))
    starts = {e["tid"]: e["ts"] for e in found if e["ph"] == "X" and e["name"] in ("blocking", "streaming")}
    assert starts == {1: 0.0, 2: 5_000_000.0}


def test_a_call_of_which_nothing_arrived_has_a_name_only() -> None:
    call = CallResult(PlannedCall(0, 0, "streaming", pair=0), "dropped")
    assert {e["ph"] for e in events(trace_file(experiment(call)))} == {"M"}
