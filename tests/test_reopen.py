"""A document read again: the sender's numbers, and a clear sentence for whatever is none."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from lib import definitions, document, imports, reopen, share
from lib.errors import InvalidDocument
from lib.experiment import Experiment, Stop, Wait
from lib.lab import recordings
from lib.lanes import hero_data, note
from lib.metrics import measure
from lib.phrases import failure
from lib.spec import contended
from lib.summary import table
from lib.timeline import decode
from lib.ui import faults
from tests.experiments import simple
from tests.recorded import USED, delta, recording, spaced, sse

RECORDED = "text-davinci-002-2022-10"


def again(made: Experiment, imported: str | None = None) -> Experiment:
    text = document.to_json(made)
    return reopen.experiment(reopen.read(text.encode()), id=made.id, imported=imported)


@pytest.mark.parametrize("id", recordings.RECORDINGS)
def test_reading_again_and_writing_gives_the_same_text(id: str) -> None:
    made = recordings.experiment(id)
    assert document.to_json(again(made)) == document.to_json(made)


def test_a_viewer_sees_the_numbers_that_the_sender_saw() -> None:
    data = document.to_document(simple())
    data["calls"][1]["metrics"]["ttfo_s"] = 42.0
    data["definition"] = "0.1"
    found = reopen.experiment(reopen.read(json.dumps(data).encode()), id="x")
    assert found.definition == "0.1"
    assert table(found)[1].streaming == "42.0 s"
    assert hero_data(found)["lanes"][1]["first_s"] == 42.0


def test_other_tools_numbers_are_those_that_the_sender_saw() -> None:
    """They count frames, of which one may carry several events."""
    frames = sse(
        delta(role="assistant", reasoning_content="Hm"),
        delta(content="a") | {"usage": USED},
        delta("stop", content="b"),
    )
    line = decode(recording(spaced(frames)))
    numbers, reasons = measure(line, None)
    made = simple()
    call = dataclasses.replace(made.calls[1], timeline=line, recount=None, metrics=numbers, reasons=reasons)
    found = again(dataclasses.replace(made, calls=(made.calls[0], call))).calls[1].timeline
    assert found is not None
    assert definitions.table(found, None) == definitions.table(line, None)
    assert measure(found, None)[0] == numbers


def test_an_imported_one_is_not_called_measured_here() -> None:
    found = again(simple(), "streamgauge")
    assert found.imported == "streamgauge"
    assert {c.timeline.source for c in found.calls if c.timeline} == {"imported:streamgauge"}
    assert again(found).imported == "streamgauge"  # and so it stays when it is shared


def test_a_recording_stays_a_recording() -> None:
    found = again(recordings.experiment(RECORDED), "streamgauge")
    assert {c.timeline.source for c in found.calls if c.timeline} == {recordings.SOURCE}


def test_one_that_still_ran_is_an_interrupted_one() -> None:
    data = document.to_document(simple()) | {"state": "running"}
    data["calls"][0]["state"] = "sent"
    data["calls"][1]["state"] = "planned"
    found = reopen.experiment(reopen.read(json.dumps(data).encode()), id="x")
    assert (found.state, [c.state for c in found.calls]) == ("interrupted", ["unknown", "dropped"])


def test_half_a_surrogate_pair_can_be_read() -> None:
    data = document.to_document(simple())
    data["calls"][1]["events"][2]["text"] = "One\ud83d"
    found = reopen.experiment(reopen.read(json.dumps(data).encode()), id="x")
    assert found.calls[1].timeline is not None
    assert found.calls[1].timeline.events[2].text == "One?"


def test_a_document_of_before_definitions_were_told_is_read() -> None:
    data = document.to_document(simple())
    del data["definition"]
    assert reopen.read(json.dumps(data).encode()).definition is None


def test_a_document_of_before_waits_stops_and_readers_were_told_is_read() -> None:
    data = document.to_document(simple())
    del data["waits"], data["stopped"]
    for call in data["calls"]:
        del call["reader"]
    found = reopen.experiment(reopen.read(json.dumps(data).encode()), id="x")
    assert (found.waits, found.stopped) == ((), None)


def test_a_document_of_before_tiers_were_told_is_read() -> None:
    data = document.to_document(simple())
    for call in data["calls"]:
        del call["service_tier"]
    found = reopen.experiment(reopen.read(json.dumps(data).encode()), id="x")
    assert [c.timeline and c.timeline.service_tier for c in found.calls] == [None, None]


def test_an_arm_under_contention_comes_back_and_older_documents_have_none() -> None:
    made = simple()
    arms = (dataclasses.replace(made.spec.arms[0], contention=True),)
    made = dataclasses.replace(made, spec=dataclasses.replace(made.spec, arms=arms))
    assert again(made).spec.arms[0].contention
    assert document.to_json(again(made)) == document.to_json(made)
    data = document.to_document(made)
    del data["spec"]["arms"][0]["contention"]
    older = reopen.experiment(reopen.read(json.dumps(data).encode()), id="x")
    assert not older.spec.arms[0].contention
    assert not contended(older.spec, 0)


def test_a_service_tier_comes_back() -> None:
    made = simple()
    served = dataclasses.replace(made.calls[1].timeline, service_tier="flex")  # type: ignore[type-var]
    made = dataclasses.replace(
        made, calls=(made.calls[0], dataclasses.replace(made.calls[1], timeline=served))
    )
    assert [c.timeline and c.timeline.service_tier for c in again(made).calls] == [None, "flex"]


def test_waits_and_the_reason_of_a_stop_come_back() -> None:
    wait, stop = Wait(1, 5, 9, 8, "Asked to."), Stop("precision", "It was stopped.")
    made = dataclasses.replace(simple(), waits=(wait,), stopped=stop)
    assert (again(made).waits, again(made).stopped) == ((wait,), stop)
    assert document.to_json(again(made)) == document.to_json(made)


def test_a_call_that_another_tools_file_does_not_hold_was_not_cancelled() -> None:
    lines = b'{"t_s": 0.1, "data": "{\\"choices\\":[{\\"delta\\":{\\"content\\":\\"Hi.\\"}}]}"}\n'
    came = imports.read(lines + b'{"t_s": 0.2, "data": "[DONE]"}\n', 5)
    found = reopen.experiment(reopen.read(came.document), id="x", imported=came.tool)
    absent = next(c for c in found.calls if c.absent)
    assert absent.state == "dropped"
    assert [failure(absent), note(absent)] == ["The file holds no blocking call."] * 2
    assert faults.fault(absent) is None
    shared = again(share.public(found, "full"))
    assert [c.absent for c in shared.calls] == [c.absent for c in found.calls]


def test_a_call_that_was_cancelled_before_it_was_sent_still_was_after_an_import() -> None:
    data = document.to_document(simple())
    data["calls"][0] |= {"state": "dropped", "source": None}
    found = reopen.experiment(reopen.read(json.dumps(data).encode()), id="x", imported="streamgauge")
    assert failure(found.calls[0]) == "The blocking call was cancelled before it was sent."


def _at(*path: Any, value: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = value

    return change


_WAIT = {"n": 0, "began_ms": 1, "until_ms": 2, "ended_ms": None, "reason": ""}
WRONG: dict[str, tuple[Callable[[Any], None], str]] = {
    "newer": (_at("schema_version", value=2), "schema_version 2, and this version reads 1"),
    "not a number": (_at("calls", 1, "metrics", "ttfo_s", value=float("nan")), "finite|not valid JSON"),
    "infinite": (_at("calls", 1, "metrics", "ttfo_s", value=float("inf")), "finite|not valid JSON"),
    "enormous": (_at("calls", 1, "metrics", "ttfo_s", value=1e300), "greater than any can be"),
    "events backwards": (_at("calls", 1, "events", 1, "t_ns", value=1), "times of its events run backwards"),
    "reads backwards": (_at("calls", 1, "reads", 1, "t_ns", value=1), "times of its reads run backwards"),
    "late": (_at("calls", 1, "events", -1, "t_ns", value=10**18), "within eleven days"),
    "unknown field": (_at("calls", 0, "x", value=1), "not known here"),
    "no such read": (_at("calls", 1, "events", 1, "read", value=99), "names a read that is not there"),
    "wrong length": (_at("calls", 1, "events", 2, "chars", value=0), "number of characters"),
    "negative count": (_at("calls", 1, "events", 2, "tokens", value=-1), "below 0"),
    "no such arm": (_at("calls", 0, "arm", value=7), "belongs to no arm"),
    "too many pairs": (_at("spec", "pairs", value=10**9), "pairs must be from 1 to 200"),
    "no arms": (_at("spec", "arms", value=[]), "arms must be"),
    "a kind of its own": (_at("calls", 1, "events", 1, "kind", value="<b>"), "kind is not what it should be"),
    "enormous for a reader": (
        _at("calls", 1, "reader", "values", "qoe", value=1e300),
        "greater than any can be",
    ),
    "a wait of no call": (_at("waits", value=[_WAIT | {"n": -1}]), "A wait belongs to no call"),
    "a wait of no time": (_at("waits", value=[_WAIT | {"until_ms": 1 << 60}]), "date of a wait"),
    "a rule of its own": (
        _at("stopped", value={"rule": "x", "sentence": ""}),
        "rule is not what it should be",
    ),
    "a date after all calendars": (_at("created_ms", value=1 << 52), "Its date is none"),
    "a call after all calendars": (_at("calls", 0, "wall_ms", value=1 << 52), "its date is none"),
    "two calls in one place": (_at("calls", 0, "order", value=1), "not those of a plan"),
    "a place before all": (_at("calls", 0, "order", value=-5), "not those of a plan"),
    "a place too far": (_at("calls", 0, "order", value=10**18), "not those of a plan"),
    "more text than a file holds": (_at("calls", 1, "events", 2, "chars", value=10**12), "characters; at"),
    "a frame before all": (_at("calls", 1, "events", 1, "frame", value=-1), "below 0"),
    "a word for a number": (_at("calls", 1, "metrics", "ttfo_s", value="x"), "a number is a text"),
    "text for a number": (_at("created_ms", value="x"), "created_ms is not what it should be"),
    "a list for a metric": (
        _at("calls", 1, "metrics", "ttfo_s", value=[]),
        "metrics.ttfo_s is not what it should be",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_a_sentence(name: str) -> None:
    change, sentence = WRONG[name]
    data = document.to_document(simple())
    change(data)
    with pytest.raises(InvalidDocument, match=sentence) as refused:
        reopen.experiment(reopen.read(json.dumps(data).encode()), id="x")
    assert "<" not in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'"x"', b"[" * 100_000, b"\x00", b"{}", b"NaN"])
def test_what_is_no_document_is_said_in_a_sentence(data: bytes) -> None:
    with pytest.raises(InvalidDocument, match="cannot be read as an experiment"):
        reopen.read(data)


def test_too_many_events_are_refused() -> None:
    data = document.to_document(simple())
    event = data["calls"][1]["events"][-1]
    data["calls"][1]["events"] += [event] * reopen.MOST_EVENTS
    with pytest.raises(InvalidDocument, match="100,011 events"):
        reopen.experiment(reopen.read(json.dumps(data).encode()), id="x")
