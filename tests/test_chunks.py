"""Chunks taken by the short way: the same bytes as the HTTP library finds, however they are cut."""

import itertools

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chunks import Chunks
from tests.scripted import chunk

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


def library(*reads: bytes) -> tuple[bytes, bool]:
    """What h11 makes of these reads: the body so far, and whether it is whole."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    body, over = b"", False
    for read in reads:
        connection.receive_data(read)
        while not over and (event := connection.next_event()) is not h11.NEED_DATA:
            body += bytes(event.data) if isinstance(event, h11.Data) else b""
            over = isinstance(event, h11.EndOfMessage)
    return body, over


def short(first: bytes, *reads: bytes) -> tuple[bytes, bool, int]:
    """The same with the short way beside it: (body, whole, bytes taken by the short way)."""
    taken: list[bytes] = []
    chunks = Chunks(first, taken.append)
    theirs = [first]
    for read in reads:
        rest = read
        while rest:
            handed, rest = chunks.feed(rest)
            if handed:
                theirs.append(handed)
    body, over = library(*theirs)
    return body, over, sum(map(len, taken))


def ordered(first: bytes, *reads: bytes) -> bytes:
    """The body in the order in which its bytes came, by either way."""
    found: list[bytes] = []
    chunks = Chunks(first, found.append)
    theirs, seen = [first], len(library(first)[0])
    found.append(library(first)[0])
    for read in reads:
        rest = read
        while rest:
            handed, rest = chunks.feed(rest)
            theirs += [handed] if handed else []
            body = library(*theirs)[0]
            found.append(body[seen:])
            seen = len(body)
    return b"".join(found)


def test_whole_chunks_never_reach_the_library_and_the_last_one_does() -> None:
    body, over, taken = short(HEAD, chunk(b"one") + chunk(b"two"), chunk(b"three"), LAST)
    assert (body, over, taken) == (b"", True, 11)  # 3 + 3 + 5


def test_a_chunk_in_two_reads_is_the_librarys_and_the_next_one_is_not() -> None:
    split = chunk(b"split over two")
    body, over, taken = short(HEAD, split[:7], split[7:] + chunk(b"whole"), LAST)
    assert (body, over, taken) == (b"split over two", True, 5)


def test_what_came_with_the_head_is_the_librarys() -> None:
    assert short(HEAD + chunk(b"early"), chunk(b"late"), LAST) == (b"early", True, 4)
    cut = chunk(b"early")
    assert short(HEAD + cut[:5], cut[5:], chunk(b"late"), LAST) == (b"early", True, 4)


@pytest.mark.parametrize(
    "odd", [b"3;name=value\r\none\r\n", b"003\r\none\r\n", b"3 \r\none\r\n", b"3", b"3\r"], ids=repr
)
def test_anything_odd_is_left_to_the_library(odd: bytes) -> None:
    rest = (b"3\r\none\r\n"[len(odd) :] if len(odd) < 3 else b"") + LAST
    body, over, taken = short(HEAD, odd, rest)
    assert (len(body) + taken, over) == (3, True)


@pytest.mark.parametrize("broken", [b"x\r\none\r\n", b"3\r\none!!", b"-3\r\none\r\n", b"\r\n\r\n"], ids=repr)
def test_what_breaks_the_rules_is_broken_for_both(broken: bytes) -> None:
    with pytest.raises(h11.RemoteProtocolError):
        library(HEAD, broken, LAST)
    with pytest.raises(h11.RemoteProtocolError):
        short(HEAD, broken, LAST)


@pytest.mark.parametrize("head", [b"ransfer-encoding: chunked\r\n\r\n", b"HTTP/1.1 100 Go\r\n\r\n" + HEAD])
def test_a_head_that_came_in_pieces_or_after_another_leaves_all_to_the_library(head: bytes) -> None:
    taken: list[bytes] = []
    assert Chunks(head, taken.append).feed(chunk(b"one")) == (chunk(b"one"), b"")
    assert taken == []


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.data())
def test_however_a_body_is_cut_its_bytes_come_in_order(pieces: list[bytes], data: st.DataObject) -> None:
    stream = HEAD + b"".join(map(chunk, pieces)) + LAST
    cuts = sorted(data.draw(st.sets(st.integers(len(HEAD), len(stream) - 1), max_size=10)))
    edges = [0, *(c for c in cuts if c), len(stream)]
    reads = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert ordered(*reads) == b"".join(pieces)
    assert short(*reads)[1]


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=6))
def test_random_bytes_are_judged_by_the_library_alone(reads: list[bytes]) -> None:
    def outcome(way: object, *data: bytes) -> object:
        try:
            return way(*data)[1]  # type: ignore[operator]
        except h11.RemoteProtocolError:
            return "broken"

    assert outcome(short, HEAD, *reads) == outcome(library, HEAD, *reads)
