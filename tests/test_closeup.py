import dataclasses

from lib import closeup
from lib.lab import recordings
from tests.experiments import simple

STREAMING = simple().calls[1]


def told(call, index):
    return dict(closeup.facts(call, index))


def test_an_event_is_told_with_its_gap_text_tokens_and_read():
    found = told(STREAMING, 3)
    assert found["Event"] == "4 of 9"
    assert found["Came at"] == "1.4000 s after the request"
    assert found["After the event before"] == "200.00 ms"
    assert found["Text"] == "'two ', 4 characters"
    assert found["Tokens, recounted"] == "1 (cl100k_base)"
    assert found["Network read"] == "number 4, alone in it"


def test_events_of_one_moment_have_no_gap_between_them():
    assert told(STREAMING, 4)["After the event before"] == "0 ms, the same moment"


def test_the_first_event_has_none_before_it():
    assert told(STREAMING, 0)["After the event before"] == "it is the first"


def test_events_that_shared_a_read_say_so():
    call = recordings.experiment("gpt-3.5-turbo-0613-2023-12").calls[1]
    shared = [i for i, e in enumerate(call.timeline.events) if e.read == call.timeline.events[40].read]
    assert len(shared) > 1
    assert told(call, shared[1])["Network read"].endswith(f"2 of {len(shared)} in it")


def test_a_queued_event_says_since_when_it_may_have_waited():
    line = STREAMING.timeline
    reads = list(line.reads)
    reads[2] = reads[2]._replace(earliest_ns=reads[2].t_ns - 5_000_000)
    call = dataclasses.replace(STREAMING, timeline=dataclasses.replace(line, reads=tuple(reads)))
    assert told(call, 2)["Came at"].endswith("waiting since 1.1950 s at the earliest")


def test_withheld_text_is_a_length():
    line = STREAMING.timeline
    events = list(line.events)
    events[2] = events[2]._replace(text=None)
    call = dataclasses.replace(STREAMING, timeline=dataclasses.replace(line, events=tuple(events)))
    assert told(call, 2)["Text"] == "withheld, 4 characters"


def test_no_event_no_facts():
    assert closeup.facts(STREAMING, 99) == []
    assert closeup.facts(STREAMING, -1) == []
    assert closeup.facts(dataclasses.replace(STREAMING, timeline=None), 0) == []


def test_raw_bytes_are_the_events_own_and_cut_when_long():
    event = STREAMING.timeline.events[0]._replace(start=3, end=13)
    assert closeup.raw(b"xx\ndata: {}\n\nyy", event) == "data: {}"
    assert closeup.raw(b"short", event) is None
    long = event._replace(start=0, end=9_000)
    assert closeup.raw(b"a" * 9_000, long) == "a" * closeup.MAX_RAW + "…"
    assert closeup.raw(b"xx\n\xff\xfe{}\n\nyy", event._replace(end=8)) == "\ufffd\ufffd{}"
