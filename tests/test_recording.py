"""Recordings as bytes: exact there and back, refused when damaged."""

import contextlib
import dataclasses
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import recording as module
from lib.errors import DecodeError
from lib.recording import CallError, Clock, Instrument, Read, Recording, Request, Write, from_bytes, to_bytes
from lib.spec import Limits

NS = st.integers(0, 2**62)
WORDS = st.text(max_size=12)
PAIRS = st.lists(st.tuples(WORDS, WORDS), max_size=3).map(tuple)
ERRORS = st.builds(
    CallError, st.sampled_from(["cut", "reset", "status"]), WORDS, st.none() | NS, st.none() | st.just(401)
)
RECORDINGS = st.builds(
    Recording,
    request=st.builds(
        Request,
        st.sampled_from(["chat.completions", "responses"]),
        st.sampled_from(["blocking", "streaming"]),
        WORDS,
        WORDS,
        WORDS,
        st.just("new"),
        st.just("identity"),
        st.just(Limits()),
    ),
    instrument=st.builds(Instrument, WORDS, WORDS, st.just("kernel"), WORDS, st.integers(1, 100), PAIRS),
    wall_ms=NS,
    connection=st.sampled_from([None, "new", "reused"]),
    marks=st.lists(st.tuples(WORDS, NS), max_size=3).map(tuple),
    writes=st.lists(st.builds(Write, NS, NS, NS), max_size=3).map(tuple),
    reads=st.lists(st.builds(Read, NS, NS, st.none() | NS, NS, NS), max_size=6).map(tuple),
    headers_read=st.none() | st.integers(0, 9),
    body_read=st.none() | st.integers(0, 9),
    status=st.none() | st.just(200),
    http_version=st.none() | WORDS,
    headers=PAIRS,
    body=st.binary(max_size=200),
    clocks=st.lists(st.builds(Clock, NS, NS, NS), max_size=2).map(tuple),
    pauses=st.lists(st.tuples(NS, NS), max_size=2).map(tuple),
    due_ns=st.none() | NS,
    error=st.none() | ERRORS,
)


def plain() -> Recording:
    request = Request("completions", "blocking", "http://h", "", "{}", "new", "identity", Limits())
    instrument = Instrument("p", "here", "user", "other", 1, ())
    reads = (Read(1, 2, None, 3, 4), Read(5, 9, 1_700_000_000_000_000_000, 3, 8))
    return Recording(request, instrument, 0, "new", (), (Write(0, 1, 2),), reads, 0, 1, 200, "HTTP/1.1", (),
                     b"{}\n\n\xff\0", (), ())  # fmt: skip


def head(data: bytes) -> dict[str, Any]:
    return dict(json.loads(zlib.decompress(data[4:]).split(b"\n", 1)[0]))


def packed(fields: dict[str, Any], body: bytes = b"") -> bytes:
    return b"SG1\0" + zlib.compress(json.dumps(fields).encode() + b"\n" + body)


@given(RECORDINGS)
def test_a_recording_survives_its_bytes(found: Recording) -> None:
    assert from_bytes(to_bytes(found)) == found


def test_the_same_recording_always_gives_the_same_bytes() -> None:
    assert to_bytes(plain()) == to_bytes(from_bytes(to_bytes(plain())))


def test_stamps_are_kept_as_small_differences() -> None:
    assert head(to_bytes(plain()))["reads"] == [
        [1, 4],
        [2, 7],
        [None, 1_700_000_000_000_000_000],
        [3, 0],
        [4, 4],
    ]


def test_a_long_recording_costs_a_few_bytes_a_read() -> None:
    reads = tuple(Read(i * 10**7 + i * i % 977, i * 10**7 + 900, None, 300, 294 * i) for i in range(2000))
    data = to_bytes(dataclasses.replace(plain(), reads=reads))
    assert len(data) < 2000 * 16


@pytest.mark.parametrize("data", [b"", b"SG1", b"SG2\0", b"SG1\0", b"SG1\0garbage", b"\x1f\x8b\x08"])
def test_bytes_that_are_no_recording_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        from_bytes(data)


def test_a_recording_cut_short_is_refused() -> None:
    data = to_bytes(plain())
    for end in range(len(data)):
        with pytest.raises(DecodeError):
            from_bytes(data[:end])


def test_unknown_and_missing_fields_are_refused() -> None:
    fields = head(to_bytes(plain()))
    for spoiled in ({**fields, "extra": 1}, {k: v for k, v in fields.items() if k != "reads"}, {}, []):
        with pytest.raises(DecodeError):
            from_bytes(packed(spoiled))  # type: ignore[arg-type]


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_decode_error(data: bytes) -> None:
    for raw in (data, b"SG1\0" + data, b"SG1\0" + zlib.compress(data)):
        with pytest.raises(DecodeError):
            from_bytes(raw)


ANYTHING = st.recursive(
    st.none() | st.integers() | WORDS, lambda v: st.lists(v) | st.dictionaries(WORDS, v), max_leaves=8
)
NAMES = [f.name for f in dataclasses.fields(Recording) if f.name != "body"]


@given(ANYTHING, st.sampled_from(NAMES))
def test_no_field_of_another_shape_raises_anything_but_a_decode_error(value: object, name: str) -> None:
    with contextlib.suppress(DecodeError):
        from_bytes(packed({**head(to_bytes(plain())), name: value}))


def test_a_deeply_nested_head_is_refused() -> None:
    with pytest.raises(DecodeError):
        from_bytes(b"SG1\0" + zlib.compress(b"[" * 100_000))


def test_a_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_INFLATED", 10_000)
    with pytest.raises(DecodeError, match="too large to open"):
        from_bytes(b"SG1\0" + zlib.compress(b" " * 1_000_000))


def test_reads_and_writes_are_light() -> None:
    assert all(issubclass(kind, tuple) for kind in (Read, Write, Clock))
