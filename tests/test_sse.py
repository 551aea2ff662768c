"""Frames from bytes: every line ending, every cut, nothing lost and nothing late."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.sse import Frame, Parser

ANY_STREAM = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"data: ", b"data", b": c", b"event: x", b"id: 1", b"retry: 5", b":",
         b"x", "é🙂".encode(), b"\xff", b"\0", b" ", b"\xef\xbb\xbf", b'{"a":1}']
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


def frames(data: bytes, cuts: Iterable[int] = ()) -> list[Frame]:
    parser, found, last = Parser(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        found += parser.feed(data[last:cut])
        last = cut
    tail = parser.close()
    return [*found, tail] if tail else found


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_ending_ends_a_line(end: str) -> None:
    found = frames(f"event: x{end}data: a{end}data: b{end}{end}data: c{end}{end}".encode())
    assert [(f.event, f.data, f.whole) for f in found] == [("x", "a\nb", True), ("", "c", True)]


def test_a_bare_carriage_return_completes_its_event_when_it_arrives() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\r") == []
    assert [f.data for f in parser.feed(b"\r")] == ["a"]


def test_a_line_feed_after_a_carriage_return_ends_no_second_line() -> None:
    parser = Parser()
    assert [f.data for f in parser.feed(b"data: a\r\n\r")] == ["a"]
    # The LF belongs to the CR before it; were it a line of its own, "data: b" would come alone.
    assert [f.data for f in parser.feed(b"\ndata: b\ndata: c\n\n")] == ["b\nc"]


def test_offsets_name_the_raw_bytes_of_each_event() -> None:
    raw = b": hi\n\ndata: a\n\n\nid: 7\r\ndata: b\r\n\r\n"
    assert [raw[f.start : f.end] for f in frames(raw)] == [
        b": hi\n",
        b"data: a\n\n",
        b"id: 7\r\ndata: b\r\n\r",
    ]


def test_comments_are_kept_and_interrupt_nothing() -> None:
    found = frames(b"data: a\n: still here\ndata: b\n\n")
    assert [(f.comment, f.data) for f in found] == [(" still here".strip(), None), (None, "a\nb")]


def test_only_one_leading_space_is_taken_off() -> None:
    assert [f.data for f in frames(b"data:  a\n\ndata:b\n\ndata\n\n")] == [" a", "b", ""]


def test_id_and_retry_are_read_and_garbage_in_them_is_not() -> None:
    (found,) = frames(b"id: 4\nretry: 1500\nretry: soon\ndata: a\n\n")
    assert (found.id, found.retry) == ("4", 1500)
    (found,) = frames(b"id: 4\0\nretry: 99999999999999999999\ndata: a\n\n")
    assert (found.id, found.retry) == (None, None)


def test_unknown_fields_are_ignored() -> None:
    assert [f.data for f in frames(b"foo: 1\nfoo\ndata: a\nerror: x\n\n")] == ["a"]


def test_a_byte_order_mark_is_dropped_at_the_start_only() -> None:
    assert [f.data for f in frames(b"\xef\xbb\xbfdata: a\n\ndata: \xef\xbb\xbfb\n\n", cuts=[1, 2])] == [
        "a",
        "\ufeffb",
    ]


def test_a_character_split_over_reads_stays_whole() -> None:
    raw = "data: aé🙂\n\n".encode()
    assert all([f.data for f in frames(raw, [i])] == ["aé🙂"] for i in range(len(raw)))


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    assert [f.data for f in frames(b"data: a\xff\xe2\x82b\n\n")] == ["a\ufffd\ufffdb"]


@pytest.mark.parametrize("raw", [b"data: a", b"data: a\n", b"data: a\r\n"])
def test_an_event_without_its_blank_line_is_reported_at_the_end(raw: bytes) -> None:
    (found,) = frames(raw)
    assert (found.data, found.whole, found.start, found.end) == ("a", False, 0, len(raw))


@pytest.mark.parametrize("raw", [b"", b"\n\n\r\n", b"data: a\n\n", b": ping\n\n", b": ping\n"])
def test_nothing_under_way_reports_nothing_at_the_end(raw: bytes) -> None:
    parser = Parser()
    parser.feed(raw)
    assert parser.close() is None


def test_an_endless_line_in_small_reads_is_taken_in_linear_time() -> None:
    # 1 MB in pieces of 8 bytes; copying the line at each would move 65 GB and run into the timeout.
    parser = Parser()
    parser.feed(b"data: ")
    for _ in range(131_072):
        parser.feed(b"abcdefgh")
    (found,) = parser.feed(b"\n\n")
    assert len(found.data or "") == 8 * 131_072


@given(ANY_STREAM, st.data())
def test_frames_are_the_same_however_the_bytes_are_cut(raw: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=8))
    assert frames(raw, cuts) == frames(raw) == frames(raw, range(len(raw)))


@given(st.binary(max_size=400))
def test_any_bytes_give_frames_in_order_inside_the_body(raw: bytes) -> None:
    found = frames(raw)
    assert all(0 <= f.start < f.end <= len(raw) for f in found)
    events = [f for f in found if f.comment is None]
    assert all(a.end <= b.start for a, b in pairwise(events))
