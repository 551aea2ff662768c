"""What is kept of a call beside its numbers comes back as it was, and holds nothing that it need not."""

import dataclasses
import json

import pytest

from lib.delivery import delivery
from lib.experiment import CallResult
from lib.outline import from_json, outlined, to_json
from lib.recording import CallError, Instrument
from lib.timeline import Usage
from tests import experiments

INSTRUMENT = Instrument("p", "here", "kernel", "fifo 20", 1, (("python", "3"), ("openai", "3")))
CUT = CallError("cut", "It ended ümlaut.", 7, 200)


def full() -> CallResult:
    call = experiments.simple().calls[1]
    assert call.timeline is not None
    timeline = dataclasses.replace(
        call.timeline,
        usage=Usage(9, 5, None, 3),
        fingerprint="fp",
        service_tier="flex",
        pauses=((1, 2),),
        error=CUT,
    )
    return dataclasses.replace(
        call,
        timeline=timeline,
        instrument=INSTRUMENT,
        error=CUT,
        wall_ms=5,
        delivery=delivery(timeline, (("via", "x"),)),
        status=200,
        http_version="HTTP/1.1",
        headers=(("via", "x"), ("server", "y")),
    )


@pytest.mark.parametrize("call", [full(), *experiments.simple().calls])
def test_an_outline_comes_back_as_it_was(call: CallResult) -> None:
    assert from_json(call.planned, call.state, to_json(call)) == outlined(call)


def test_an_outline_of_before_tiers_were_told_names_none() -> None:
    data = json.loads(to_json(full()))
    del data["timeline"]["service_tier"]
    found = from_json(full().planned, "done", json.dumps(data)).timeline
    assert found is not None
    assert found.service_tier is None


def test_an_outline_has_the_numbers_and_no_text() -> None:
    call = full()
    text = to_json(call)
    assert json.loads(text)["metrics"] == call.metrics
    assert "three" not in text
    assert outlined(call).metrics == call.metrics
    assert outlined(call).timeline == dataclasses.replace(call.timeline, reads=(), events=())  # type: ignore[type-var]
