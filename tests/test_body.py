"""What kind of answer a body is, told from its first bytes, and inflating it within its budget."""

import gzip
import zlib

import pytest

from lib.body import Body


def fed(data: bytes, mode: str = "streaming", limit: int = 1 << 20, step: int = 1) -> tuple[Body, list[str]]:
    body, found = Body(mode, limit), []  # type: ignore[arg-type]
    for i in range(0, len(data), step):
        found += [f.data or "" for f in body.feed(data[i : i + step])]
    return body, found


@pytest.mark.parametrize(
    ("data", "mode", "form"),
    [
        (b"data: a\n\n", "streaming", "stream"),
        (b"\n\n: hi\n", "streaming", "stream"),
        (b"\xef\xbb\xbfdata: a\n\n", "streaming", "stream"),
        (b"  \r\n{}", "streaming", "json"),
        (b"\xef\xbb\xbf{}", "blocking", "json"),
        (b"[]", "blocking", "json"),
        (b"<!doctype html>", "streaming", "html"),
        (b"\n <html>", "blocking", "html"),
        (b"Bad gateway", "blocking", "text"),
        (b"", "streaming", ""),
        (b"\n \n", "blocking", ""),
        (b"\xef\xbb", "streaming", ""),
    ],
)
def test_the_first_bytes_tell_what_a_body_is(data: bytes, mode: str, form: str) -> None:
    assert {fed(data, mode, step=step)[0].form for step in (1, 2, 100)} == {form}


def test_frames_come_with_the_bytes_that_complete_them() -> None:
    assert fed(b"\n\ndata: a\n\ndata: b\n\n")[1] == ["a", "b"]


def test_a_compressed_stream_gives_each_event_with_its_own_flush() -> None:
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    pieces = [packer.compress(b) + packer.flush(zlib.Z_SYNC_FLUSH) for b in (b"data: a\n\n", b"data: b\n\n")]
    body = Body("streaming", 1 << 20)
    assert [[f.data for f in body.feed(p)] for p in pieces] == [["a"], ["b"]]


def test_a_compressed_body_may_come_byte_by_byte_and_in_members() -> None:
    body, _ = fed(gzip.compress(b'{"a":') + gzip.compress(b"1}"), "blocking")
    assert (body.form, bytes(body.whole), body.fault) == ("json", b'{"a":1}', None)


def test_inflating_stops_at_the_byte_budget() -> None:
    body, _ = fed(gzip.compress(b" " * 50_000_000), "blocking", limit=100_000, step=1000)
    assert body.fault is not None
    assert body.fault[0] == "limit"
    assert body.size <= 100_001


def test_damaged_compression_is_a_fault_not_an_error() -> None:
    packed = bytearray(gzip.compress(b"data: a\n\n" * 50))
    packed[12] ^= 0xFF
    body, _ = fed(bytes(packed) + b"\x1f", step=7)
    assert body.fault is not None
    assert body.fault[0] == "protocol"


def test_blank_lines_before_a_blocking_answer_are_only_a_keep_alive() -> None:
    body, _ = fed(b"\n" * 500_000 + b'{"a":1}', "blocking", step=1000)
    assert body.form == "json"
