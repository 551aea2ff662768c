"""First moments and phases of the worked example, and of calls of which less is known."""

import dataclasses
from itertools import pairwise

import pytest

from lib.experiment import pair
from lib.lab import recordings
from lib.metrics import measure
from lib.phases import first_moments, phases
from lib.timeline import Event, Timeline
from tests.figures import EDGES, WORKED, blocking


def of(timeline: Timeline) -> dict[str, float | None]:
    return dict(first_moments(timeline))


def test_the_first_moments_of_the_worked_example() -> None:
    assert of(WORKED.timeline) == {
        "response headers": 0.09,
        "first byte": 0.1,
        "first event": 0.1,
        "role or empty event": 0.1,
        "first reasoning": 0.3,
        "first visible text": 1.2,
        "first tool call": None,
    }


def test_a_tool_call_has_a_moment_of_its_own() -> None:
    events = (*WORKED.timeline.events, Event(10**9, "content", "tool", "{}", 2, 0, 900, 910))
    assert of(dataclasses.replace(WORKED.timeline, events=events))["first tool call"] == 1.0


def test_what_did_not_happen_has_no_moment() -> None:
    empty = of(EDGES["empty_answer"].timeline)
    assert empty["first visible text"] is None
    assert empty["first reasoning"] is None


def test_the_phases_sum_to_the_end_of_the_stream() -> None:
    found = phases(WORKED.timeline)
    assert [p.label for p in found] == [
        "request to headers",
        "headers to first event",
        "first event to first text",
        "reasoning",
        "answer",
        "tail",
    ]
    # 0.09 + 0.01 + 0.20 + 0.90 + 1.00 + 0.06
    assert [p.end_s - p.start_s for p in found] == pytest.approx([0.09, 0.01, 0.2, 0.9, 1.0, 0.06])
    assert found[0].start_s == 0
    assert found[-1].end_s == 2.26


@pytest.mark.parametrize("case", ["worked", *EDGES])
def test_each_phase_begins_where_the_one_before_ends(case: str) -> None:
    found = phases(({"worked": WORKED} | EDGES)[case].timeline)
    assert all(a.end_s == b.start_s for a, b in pairwise(found))
    assert all(p.start_s <= p.end_s for p in found)


def test_phases_and_metrics_tell_the_same_lengths() -> None:
    values, _ = measure(WORKED.timeline, None)
    lengths = [p.end_s - p.start_s for p in phases(WORKED.timeline)]
    names = ("request_to_headers", "headers_to_first_event", "first_event_to_first_token", "reasoning")
    assert lengths == pytest.approx([values[n] for n in (*names, "answer", "tail")])


def test_the_connection_lies_left_of_zero() -> None:
    marks = (
        ("dns.start", -30_000_000), ("dns.end", -20_000_000), ("connect.start", -20_000_000),
        ("connect.end", -12_000_000), ("tls.start", -12_000_000), ("tls.end", -1_000_000),
    )  # fmt: skip
    found = phases(dataclasses.replace(WORKED.timeline, marks=(*marks, *WORKED.timeline.marks)))
    assert [(p.label, p.start_s, p.end_s) for p in found[:3]] == [
        ("dns", -0.03, -0.02),
        ("connect", -0.02, -0.012),
        ("tls", -0.012, -0.001),
    ]


def test_unknown_borders_join_their_phases() -> None:
    """A recording of the Cookbook's begins with its first event: headers are not known."""
    both = pair(recordings.experiment("gpt-3.5-turbo-0613-2023-12"))
    assert both is not None
    assert both[1].timeline is not None
    labels = [p.label for p in phases(both[1].timeline)]
    assert labels == ["request to first event", "first event to first text", "answer"]


def test_a_cut_stream_has_no_tail() -> None:
    assert phases(EDGES["cut_short"].timeline)[-1].label == "answer"


def test_a_blocking_call_waits_once() -> None:
    found = [p for p in phases(blocking()[0]) if p.end_s > p.start_s]
    assert [p.label for p in found] == ["request to headers", "headers to first event"]


def test_no_phase_is_called_prefill() -> None:
    assert not any("prefill" in p.label for p in phases(WORKED.timeline))
