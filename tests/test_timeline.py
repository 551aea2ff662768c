"""What a recording means: events with the time of the read that completed them, and the verdict."""

import dataclasses
import gzip
import json
import zlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.messages import Part
from lib.recording import CallError, Recording
from lib.spec import Limits
from lib.timeline import Decoder, Event, Timeline, Usage, decode
from tests.recorded import (
    BASE,
    MS,
    STREAMS,
    USED,
    USED_RESPONSES,
    delta,
    recording,
    request,
    said,
    spaced,
    spoke,
    sse,
    steady_clocks,
)

CHAT, TEXT, RESPONSES = "chat.completions", "completions", "responses"
APIS = [CHAT, TEXT, RESPONSES]


def kinds(line: Timeline) -> list[str]:
    return [e.kind for e in line.events]


def text(line: Timeline, kind: str = "content") -> str:
    return "".join(e.text or "" for e in line.events if e.kind == kind)


def ms(line: Timeline) -> list[float]:
    return [e.t_ns / MS for e in line.events]


def cut(raw: bytes, cuts: list[int]) -> list[tuple[float, bytes]]:
    edges = [0, *sorted(cuts), len(raw)]
    return [(100 + i, raw[a:b]) for i, (a, b) in enumerate(pairwise(edges))]


def whole(**message: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return json.dumps({"model": "m-1", "choices": [choice], "usage": USED}).encode()


# --- events and their times


def test_a_whole_chat_stream_is_read_event_by_event() -> None:
    line = decode(recording(spaced(STREAMS[CHAT])))
    assert kinds(line) == ["role", "reasoning", "content", "content", "finish", "usage", "done"]
    assert ms(line) == [100, 200, 300, 400, 500, 600, 700]
    assert (text(line), text(line, "reasoning")) == ("Grüße aus\nUlm 🙂", "Hm. ")
    assert (line.usage, line.model, line.fingerprint, line.finish) == (Usage(5, 7, 2, 1), "m-1", "fp", "stop")
    assert (line.complete, line.error) == (True, None)


def test_the_tier_that_an_answer_named_last_is_its_tier() -> None:
    ends = {"service_tier": "default", "usage": USED_RESPONSES}
    frames = sse(
        spoke("created", response={"service_tier": "auto"}),
        spoke("output_text.delta", "Hi."),
        spoke("completed", response=ends),
        done=False,
    )
    assert decode(recording(spaced(frames), RESPONSES)).service_tier == "default"
    assert decode(recording(spaced(frames[:2]), RESPONSES)).service_tier == "auto"
    assert decode(recording(spaced(STREAMS[CHAT]))).service_tier is None


def test_a_completions_stream_ends_on_its_last_text() -> None:
    line = decode(recording(spaced(STREAMS[TEXT]), TEXT))
    assert kinds(line) == ["content", "content", "content", "finish", "done"]
    assert ms(line) == [100, 200, 300, 300, 400]
    assert (line.finish, line.usage, line.complete) == ("length", None, True)


def test_a_responses_stream_needs_no_done() -> None:
    line = decode(recording(spaced(STREAMS[RESPONSES]), RESPONSES))
    assert kinds(line) == ["other", "reasoning", "content", "content", "finish", "usage"]
    assert (line.finish, line.complete, line.model) == ("completed", True, "m-1")


def test_an_event_has_the_time_of_the_read_that_completed_it() -> None:
    first, second, *rest = sse(delta(content="a"), delta("stop"))
    line = decode(
        recording([(100, first[:5]), (200, first[5:-1]), (300, first[-1:] + second), (400, b"".join(rest))])
    )
    assert [(e.kind, e.t_ns / MS, e.read) for e in line.events] == [
        ("content", 300, 3),
        ("finish", 300, 3),
        ("done", 400, 4),
    ]


def test_reads_that_add_nothing_to_the_body_complete_nothing() -> None:
    # As under TLS, where a record may need several reads.
    frames = sse(delta(content="a"), delta("stop"))
    line = decode(
        recording([(100, b""), (110, b""), (120, frames[0]), (130, b""), (140, b"".join(frames[1:]))])
    )
    assert ms(line) == [120, 140, 140]
    assert len(line.reads) == 6


def test_events_of_one_frame_share_its_bytes_and_time() -> None:
    value = delta("stop", role="assistant", reasoning_content="a", content="b") | {"usage": USED}
    line = decode(recording(spaced(sse(value, done=False))))
    assert kinds(line) == ["role", "reasoning", "content", "finish", "usage"]
    assert len({(e.t_ns, e.read, e.start, e.end) for e in line.events}) == 1


def test_offsets_name_the_raw_event_in_the_body() -> None:
    rec = recording(spaced(STREAMS[CHAT]))
    assert [rec.body[e.start : e.end] for e in decode(rec).events] == STREAMS[CHAT]


def test_comments_are_kept_but_are_no_answer() -> None:
    line = decode(recording(spaced([b": OPENROUTER PROCESSING\n\n", *STREAMS[CHAT]])))
    assert kinds(line)[:2] == ["comment", "role"]
    assert line.events[0].text == ""


def test_fields_without_data_are_no_event_unless_they_name_one() -> None:
    line = decode(recording(spaced([b"retry: 3000\n\n", b"id: 1\n\n", b"event: ping\n\n", *STREAMS[CHAT]])))
    assert [(e.kind, e.sub) for e in line.events[:2]] == [("other", "ping"), ("role", "")]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_endings_change_no_event(end: str) -> None:
    values = [delta(role="assistant"), delta(content="a"), delta("stop")]
    line = decode(recording(spaced(sse(*values, end=end))))
    assert [(e.kind, e.t_ns / MS) for e in line.events] == [
        ("role", 100), ("content", 200), ("finish", 300), ("done", 400)]  # fmt: skip


def test_data_over_several_lines_is_one_value() -> None:
    pretty = "".join(f"data: {row}\n" for row in json.dumps(delta(content="a"), indent=1).split("\n"))
    line = decode(recording([(100, pretty.encode() + b"\n"), *spaced(sse(delta("stop")), 200)]))
    assert text(line) == "a"


def test_a_character_split_over_reads_is_whole_text() -> None:
    raw = 'data: {"choices":[{"index":0,"delta":{"content":"🙂"}}]}\n\n'.encode()
    at = raw.index("🙂".encode()) + 2
    assert text(decode(recording([(100, raw[:at]), (200, raw[at:])]))) == "🙂"


def test_of_several_usages_the_last_wins() -> None:
    first, last = {"completion_tokens": 1}, {"completion_tokens": 2, "prompt_tokens": 5}
    frames = sse(delta(content="a") | {"usage": first}, delta("stop") | {"usage": last})
    assert decode(recording(spaced(frames))).usage == Usage(prompt=5, completion=2)


@pytest.mark.parametrize("api", APIS)
@given(data=st.data())
def test_cutting_and_joining_the_bytes_changes_only_times(api: Any, data: st.DataObject) -> None:
    raw = b"".join(STREAMS[api])
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=12))
    line, reference = decode(recording(cut(raw, cuts), api)), decode(recording([(100, raw)], api))
    assert [e[1:5] + e[6:] for e in line.events] == [e[1:5] + e[6:] for e in reference.events]
    # A frame's time is that of the first read by which its last byte had come; read 0 is the headers.
    ends = [r.body_end for r in recording(cut(raw, cuts), api).reads]
    assert [e.read for e in line.events] == [
        next(i for i, n in enumerate(ends) if n >= e.end) for e in line.events
    ]
    assert (line.complete, line.usage, line.finish) == (True, reference.usage, reference.finish)


@pytest.mark.parametrize("api", APIS)
@given(data=st.data())
def test_the_live_page_and_the_saved_one_see_the_same(api: Any, data: st.DataObject) -> None:
    raw = b"".join(STREAMS[api])
    mode = data.draw(st.sampled_from(["streaming", "blocking"]))
    if mode == "blocking":
        raw = whole(content="Yes.", reasoning="Hm")
    rec = recording(cut(raw, data.draw(st.lists(st.integers(0, len(raw)), max_size=9))), api, mode)
    decoder, live = Decoder(rec.request), []
    for part in parts(rec, data.draw(st.integers(1, 4))):
        live += decoder.take(part)
    live += decoder.close(rec.body_read)
    assert live == list(decode(rec).events) == decoder.events


def parts(rec: Recording, size: int) -> list[Part]:
    """The recording as the probe reports it, `size` reads at a time, the writes first."""
    found, done = [Part("e/0", 0, writes=rec.writes)], 0
    for i in range(0, len(rec.reads), size):
        reads = rec.reads[i : i + size]
        body = rec.body[done : reads[-1].body_end].decode("latin-1")
        done = reads[-1].body_end
        found.append(Part("e/0", len(found), reads=reads, body=body))
    return found


def test_bytes_that_are_reported_after_their_read_are_not_lost() -> None:
    rec = recording([(100, b"".join(STREAMS[CHAT]))])
    late = [
        Part("e/0", 0, writes=rec.writes, reads=rec.reads),
        Part("e/0", 1, body=rec.body.decode("latin-1")),
    ]
    decoder = Decoder(rec.request)
    live = [e for part in late for e in decoder.take(part)] + decoder.close(1)
    assert live == list(decode(rec).events)


# --- marks and stamps


def test_marks_are_relative_to_the_first_write() -> None:
    marks = dict(decode(recording(spaced(STREAMS[CHAT]))).marks)
    assert {name: at / MS for name, at in marks.items()} == {
        "connect.start": -3, "connect.end": -1, "send.end": 0.05,
        "headers": 90, "first_byte": 100, "eof": 700,
    }  # fmt: skip


def test_pauses_are_relative_too() -> None:
    assert decode(recording(spaced(STREAMS[CHAT]))).pauses == ((10 * MS, 20 * MS),)


def test_kernel_stamps_are_used_where_the_clocks_agree() -> None:
    rec = recording(spaced(STREAMS[CHAT]), kernel_early_ns=70_000, clocks=steady_clocks())
    assert [t * MS for t in ms(decode(rec))] == [(100 + 100 * i) * MS - 70_000 for i in range(7)]


def test_a_read_with_one_event_is_exact_by_the_kernels_stamp_however_late_it_was() -> None:
    frames = spaced(sse(delta(content="a"), delta(content="b"), delta("stop")))
    pieces = [frames[0], (frames[1][0], frames[1][1] + frames[2][1]), *frames[3:]]
    rows = decode(recording(pieces, kernel_early_ns=5 * MS, clocks=steady_clocks())).reads[1:]
    # the reads return 5 ms late; only the second holds two events, which came since the first read
    assert [(r.earliest_ns - r.t_ns) / MS for r in rows] == [0, -100, 0]


def test_a_clock_step_leaves_the_user_stamps() -> None:
    rec = recording(spaced(STREAMS[CHAT]), kernel_early_ns=70_000, clocks=steady_clocks(60_000))
    assert ms(decode(rec))[0] == 100


def test_the_end_of_file_ends_a_body_that_no_length_did() -> None:
    rec = recording([*spaced(STREAMS[CHAT]), (900, b"")], ended=False)
    eof = rec.reads[-1]._replace(size=0)
    line = decode(dataclasses.replace(rec, reads=(*rec.reads[:-1], eof)))
    assert dict(line.marks)["eof"] == 900 * MS
    assert line.complete


def test_a_call_that_was_never_sent_has_no_times() -> None:
    error = CallError("connect", "Nobody listens there.")
    late = dataclasses.replace(error, at_ns=2 * 10**15)
    line = decode(dataclasses.replace(recording([]), writes=(), reads=(), error=late))
    assert (line.t_send_monotonic_ns, line.marks, line.reads, line.events) == (None, (), (), ())
    assert (line.complete, line.error) == (False, error)


# --- blocking calls and whole bodies


def test_a_blocking_answer_arrives_at_its_bodys_end() -> None:
    raw = whole(content="Yes.", reasoning_content="Hm")
    line = decode(recording([(500, raw[:9]), (700, raw[9:]), (710, b"")], mode="blocking"))
    assert [(e.kind, e.t_ns / MS, e.read) for e in line.events] == [
        ("reasoning", 710, 3), ("content", 710, 3), ("finish", 710, 3), ("usage", 710, 3)]  # fmt: skip
    assert (line.complete, line.finish, line.usage, line.model) == (True, "stop", Usage(5, 7, 2, 1), "m-1")
    assert (line.events[0].start, line.events[0].end) == (0, len(raw))


def test_a_blocking_answer_cut_short_shows_nothing() -> None:
    raw = whole(content="Yes.")
    line = decode(recording([(500, raw[:40])], mode="blocking", ended=False))
    assert (line.events, line.complete) == ((), False)
    assert line.error is not None
    assert (line.error.kind, line.why) == ("cut", "The answer was cut after 40 bytes. Run it again.")


def test_an_endpoint_that_does_not_stream_is_read_as_blocking_and_said_so() -> None:
    line = decode(recording([(500, whole(content="Yes."))]))
    assert kinds(line) == ["content", "finish", "usage"]
    assert line.complete
    assert line.why.startswith("The endpoint did not stream: it answered with one whole body of ")


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_a_web_page_names_the_likely_cause(mode: str) -> None:
    line = decode(recording([(100, b"\n<!DOCTYPE html><html>...")], mode=mode))
    assert (line.events, line.complete) == ((), False)
    assert line.error is not None
    assert line.error.kind == "protocol"
    assert line.why.startswith(
        "The endpoint answered with a web page, not with an API response: check the base URL, "
        "it usually ends in /v1."
    )


def test_json_of_another_kind_is_not_an_answer() -> None:
    line = decode(recording([(100, b'{"detail":"Not Found"}')], mode="blocking"))
    assert (line.complete, line.error and line.error.kind) == (False, "protocol")


def test_a_report_of_tokens_alone_is_not_an_answer() -> None:
    found = decode(recording([(500, b'{"choices":[],"usage":{"prompt_tokens":1}}')], mode="blocking"))
    assert (found.complete, found.error and found.error.kind) == (False, "protocol")


def test_an_error_told_in_a_field_of_its_own_is_one() -> None:
    frames = [*sse(delta(content="Hi"), done=False), b'error: {"code":500,"message":"Slot lost"}\n\n']
    found = decode(recording(spaced(frames)))
    assert found.error is not None
    assert (found.error.kind, [e.kind for e in found.events]) == ("error_event", ["content", "error"])
    assert "Slot lost" in found.error.message


def test_a_blocking_answer_that_is_no_json_is_a_protocol_error() -> None:
    for body in (b"Service ready", b"{oops}"):
        line = decode(recording([(100, body)], mode="blocking"))
        assert (line.complete, line.error and line.error.kind) == (False, "protocol")


def test_an_error_status_keeps_the_transports_own_words() -> None:
    error = CallError("status", "The key was refused.", BASE + 100 * MS, 401)
    line = decode(recording([(100, b'{"error":{"message":"no","code":"bad_key"}}')], error=error, status=401))
    assert [(e.kind, e.sub) for e in line.events] == [("error", "bad_key")]
    assert (line.complete, line.error) == (False, dataclasses.replace(error, at_ns=100 * MS))
    assert line.why == "The key was refused."


def test_an_error_status_without_words_still_is_one() -> None:
    line = decode(recording([(100, b"Bad gateway\n")], status=502))
    assert line.error == CallError("status", "The endpoint answered with status 502.", None, 502)


# --- complete or cut


def test_a_finish_reason_proves_a_whole_answer_whatever_comes_after() -> None:
    frames = sse(delta(content="a"), delta("stop"), done=False)
    error = CallError("reset", "The connection was reset.", BASE + 400 * MS)
    for line in (
        decode(recording(spaced(frames))),
        decode(recording(spaced(frames), ended=False)),
        decode(recording(spaced(frames), ended=False, error=error)),
    ):
        assert (line.complete, line.error) == (True, None)
        assert line.why.startswith("The finish reason “stop” arrived.")
    assert line.why.endswith("The connection was lost after it.")


def test_a_stream_that_just_ends_is_cut_and_keeps_what_came() -> None:
    frames = sse(*[delta(content=f"{i} ") for i in range(40)], done=False)
    line = decode(recording(spaced(frames, 10)))
    assert (len(line.events), line.complete) == (40, False)
    assert line.error is not None
    assert line.error.kind == "cut"
    assert (
        line.why == "The stream ended before a finish reason came. The 40 text events that arrived are kept."
    )


def test_done_alone_does_not_prove_a_whole_answer() -> None:
    line = decode(recording(spaced(sse(delta(content="a")))))
    assert (line.complete, line.error and line.error.kind) == (False, "cut")
    assert line.why.startswith("The stream ended with [DONE], but no finish reason came before it.")


def test_a_stream_torn_inside_an_event_says_so() -> None:
    frames = sse(delta(content="a"), delta(content="b"), done=False)
    line = decode(recording([(100, frames[0]), (200, frames[1][:30])], ended=False))
    assert text(line) == "a"
    assert line.why.startswith("The stream ended in the middle of an event, before a finish reason came.")


def test_a_last_event_without_its_blank_line_counts_when_it_is_whole() -> None:
    frames = sse(delta(content="a"), delta("stop"), done=False)
    line = decode(recording([(100, frames[0]), (200, frames[1].rstrip()), (300, b"")]))
    assert [(e.kind, e.t_ns / MS) for e in line.events] == [("content", 100), ("finish", 200)]
    assert line.complete


def test_transport_errors_explain_a_cut() -> None:
    error = CallError("reset", "The connection was reset.", BASE + 150 * MS)
    line = decode(recording(spaced(sse(delta(content="a"), done=False)), ended=False, error=error))
    assert line.error == dataclasses.replace(error, at_ns=150 * MS)
    assert "eof" not in dict(line.marks)


def test_an_error_object_fails_the_call_and_keeps_what_came() -> None:
    frames = sse(delta(content="a"), {"error": {"message": "Overloaded", "code": 503}}, delta("stop"))
    line = decode(recording(spaced(frames)))
    assert kinds(line) == ["content", "error", "finish", "done"]
    assert line.error == CallError(
        "error_event",
        "The endpoint reported an error: Overloaded. The text event that arrived is kept.",
        200 * MS,
    )
    assert not line.complete


def test_a_failed_response_is_an_error() -> None:
    value = spoke("failed", response={"error": {"code": "server_error", "message": "Broken."}})
    line = decode(recording(spaced(sse(value, done=False)), RESPONSES))
    assert line.why == "The endpoint reported an error: Broken. No text had arrived."


def test_malformed_json_fails_the_call_and_keeps_what_came() -> None:
    frames = sse(delta(content="a"), "{oops", delta("stop"))
    line = decode(recording(spaced(frames)))
    assert [(e.kind, e.sub) for e in line.events][1] == ("error", "malformed")
    assert line.error is not None
    assert (line.error.kind, line.error.at_ns) == ("protocol", 200 * MS)
    assert line.why.startswith("Event 2 of the stream is not valid JSON.")


def test_garbage_after_the_end_harms_nothing() -> None:
    for api, frames in STREAMS.items():
        line = decode(recording(spaced([*frames, b"data: {oops\n\n", b"\xff\xfe garbage"]), api))
        assert (line.complete, line.error) == (True, None)
        assert (line.events[-1].kind, line.events[-1].sub) == ("other", "malformed")


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
def test_an_empty_answer_is_not_a_whole_one(mode: str) -> None:
    line = decode(recording([], mode=mode, ended=False))
    assert (line.complete, line.why) == (
        False,
        "The endpoint sent an empty answer. Run it again, or check the base URL.",
    )


def test_text_that_is_no_event_stream_is_told_from_a_cut() -> None:
    line = decode(recording([(100, b"It works!\n")]))
    assert (
        line.why
        == "The endpoint's answer is not an event stream: check the base URL, it usually ends in /v1."
    )


# --- compressed, oversized, hostile


def test_a_compressed_stream_has_the_times_of_the_reads_that_completed_its_events() -> None:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    packed = [packer.compress(f) + packer.flush(zlib.Z_SYNC_FLUSH) for f in STREAMS[CHAT]]
    line, plain = decode(recording(spaced(packed))), decode(recording(spaced(STREAMS[CHAT])))
    assert line.events == plain.events
    assert line.complete


def test_a_compressed_blocking_answer_is_inflated() -> None:
    line = decode(recording([(100, gzip.compress(whole(content="Yes.")))], mode="blocking"))
    assert (text(line), line.complete) == ("Yes.", True)


def test_a_gzip_bomb_stops_at_the_byte_budget() -> None:
    bomb = gzip.compress(b"data: " + b"a" * 40_000_000)
    line = decode(recording([(100, bomb)], limits=Limits(body_bytes=100_000)))
    assert line.error is not None
    assert line.error.kind == "limit"
    assert "100,000 bytes" in line.why


@pytest.mark.parametrize("data", ["[" * 100_000, "1" * 100_000, "NaN", '"\\ud800"', "null", "7"])
def test_hostile_json_is_a_plain_event_or_a_failure(data: str) -> None:
    line = decode(recording(spaced(sse(data, delta(content="a"), delta("stop")))))
    assert text(line) == "a"
    assert line.events[0].kind in ("other", "error")


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
@given(pieces=st.lists(st.binary(max_size=60), max_size=12), api=st.sampled_from(APIS), ended=st.booleans())
def test_any_bytes_decode_to_a_verdict(mode: str, pieces: list[bytes], api: str, ended: bool) -> None:
    line = decode(
        recording([(100 + i, p) for i, p in enumerate(pieces)], api, mode, ended=ended and bool(pieces))
    )
    assert line.why
    assert line.complete == (line.error is None)
    assert all(a.t_ns <= b.t_ns for a, b in pairwise(line.events))


@given(
    st.lists(st.sampled_from([*STREAMS[CHAT], *STREAMS[RESPONSES], b"data: {\n\n", b": c\n", b"\r", b"data"]))
)
def test_any_order_of_frames_decodes_to_a_verdict(frames: list[bytes]) -> None:
    for api in APIS:
        line = decode(recording(spaced(frames), api))
        assert line.complete == (line.error is None)
        assert not any(e.kind in ("content", "reasoning") and not e.text for e in line.events)


def test_nonsense_in_a_recordings_indices_breaks_nothing() -> None:
    rec = recording(spaced(STREAMS[CHAT]))
    reads = (
        rec.reads[0],
        *(r._replace(body_end=10**9 if i % 2 else -5) for i, r in enumerate(rec.reads[1:])),
    )
    line = decode(dataclasses.replace(rec, reads=reads, headers_read=99, body_read=77))
    assert text(line) == "Grüße aus\nUlm 🙂"
    assert "headers" not in dict(line.marks)


def test_a_decoder_that_saw_no_write_reports_nothing() -> None:
    rec = recording(spaced(STREAMS[CHAT]))
    decoder = Decoder(request())
    assert decoder.take(Part("e/0", 0, reads=rec.reads, body=rec.body.decode("latin-1"))) == []
    assert decoder.close(1) == []


def test_events_are_light() -> None:
    # 10,000 of them are made per long answer; a frozen dataclass would cost three times as much.
    assert issubclass(Event, tuple)
    assert len(decode(recording([(100, b"".join(sse(*[said("a ")] * 10_000)))], TEXT)).events) == 10_001
