"""The probe's lines: exact both ways, and together the recording."""

import contextlib
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import DecodeError
from lib.messages import Cancel, Close, Hello, Key, Part, Start, fold, from_line, to_line
from lib.recording import CallError, Read, Recording
from tests.recorded import INSTRUMENT, STREAMS, recording, request, spaced, steady_clocks
from tests.test_recording import ERRORS, NS, PAIRS, WORDS

READS = st.lists(st.builds(Read, NS, NS, st.none() | NS, NS, NS), max_size=3).map(tuple)
MESSAGES = st.one_of(
    st.builds(Key, WORDS, WORDS, WORDS),
    st.builds(Start, WORDS, st.just(request()), st.none() | NS),
    st.builds(Cancel, WORDS),
    st.builds(Hello, st.integers(), st.just(INSTRUMENT), NS),
    st.builds(
        Part, WORDS, NS, st.just((("dns.start", 5),)), st.just(()), READS,
        st.binary().map(lambda b: b.decode("latin-1")),
    ),
    st.builds(
        Close, WORDS, NS, NS, st.none(), st.none() | NS, st.none(), st.none(), st.none(), PAIRS,
        st.just(steady_clocks()), st.just(((1, 2),)), st.none() | NS, st.none() | ERRORS,
    ),
)  # fmt: skip


def messages(found: Recording, size: int = 2) -> tuple[Start, Hello, list[Part], Close]:
    """A recording taken apart as the probe sends it, `size` reads at a time."""
    parts, done = [Part("e/0", 0, found.marks, found.writes)], 0
    for i in range(0, len(found.reads), size):
        reads = found.reads[i : i + size]
        body = found.body[done : reads[-1].body_end].decode("latin-1")
        done = reads[-1].body_end
        parts.append(Part("e/0", len(parts), reads=reads, body=body))
    names = [f.name for f in dataclasses.fields(Close) if f.name not in ("call", "seq", "type")]
    close = Close("e/0", len(parts), **{n: getattr(found, n) for n in names})
    return Start("e/0", found.request), Hello(1, found.instrument, 0), parts, close


@given(MESSAGES)
def test_a_message_survives_its_line(message: Any) -> None:
    line = to_line(message)
    assert from_line(line) == message
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert line.startswith('{"type":')


def test_all_bytes_of_a_body_survive_as_text() -> None:
    body = bytes(range(256))
    part = from_line(to_line(Part("e/0", 0, body=body.decode("latin-1"))))
    assert isinstance(part, Part)
    assert part.body.encode("latin-1") == body


def test_a_keys_secret_is_not_in_its_repr() -> None:
    assert "hush" not in repr(Key("typed:x", "hush", "https://h:443"))


@pytest.mark.parametrize(
    "line",
    ["", "x", "[]", "null", "{}", '{"type":"part"}', '{"type":"nonsense"}', '{"type":["part"]}',
     '{"type":"cancel","x":1}', "[" * 100_000],
)  # fmt: skip
def test_a_line_that_is_no_message_is_refused(line: str) -> None:
    with pytest.raises(DecodeError, match="Not a line of the probe's protocol"):
        from_line(line)


NAMES = ["call", "seq", "marks", "reads", "writes", "body", "request", "error", "clocks", "headers", "pauses"]
VALUES = st.none() | st.integers() | WORDS | st.lists(st.lists(st.integers()))


@given(
    st.sampled_from(["key", "start", "cancel", "hello", "part", "close"]),
    st.dictionaries(st.sampled_from(NAMES), VALUES),
)
def test_no_line_raises_anything_but_a_decode_error(kind: str, fields: dict[str, Any]) -> None:
    with contextlib.suppress(DecodeError):
        from_line(json.dumps({"type": kind, **fields}))


@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_messages_are_the_recording(size: int) -> None:
    found = recording(spaced(STREAMS["chat.completions"]), clocks=steady_clocks())
    assert fold(*messages(found, size)) == found


def test_order_and_repeats_of_parts_do_not_matter() -> None:
    found = recording(spaced(STREAMS["responses"]), "responses")
    start, hello, parts, close = messages(found)
    assert fold(start, hello, [*reversed(parts), *parts], close) == found


def test_a_probe_that_died_leaves_what_came() -> None:
    start, hello, parts, _ = messages(recording(spaced(STREAMS["chat.completions"])))
    found = fold(start, hello, parts[:3], None)
    assert len(found.reads) == 4
    assert found.body.decode().startswith("data: ")
    assert (found.body_read, found.error and found.error.kind) == (None, "lost")


@pytest.mark.parametrize("missing", [0, 1, 2, 4])
def test_a_hole_ends_the_fold_there(missing: int) -> None:
    full = recording(spaced(STREAMS["chat.completions"]))
    start, hello, parts, close = messages(full)
    assert len(parts) == 5
    found = fold(start, hello, parts[:missing] + parts[missing + 1 :], close)
    assert found.reads == tuple(r for p in parts[:missing] for r in p.reads)
    assert full.body.startswith(found.body)
    assert (found.body_read, found.error and found.error.kind) == (None, "lost")
    assert found.status == 200


def test_a_call_of_which_nothing_came_is_lost() -> None:
    start, hello, *_ = messages(recording([]))
    found = fold(start, hello, [], None)
    assert (found.reads, found.body, found.writes) == ((), b"", ())
    assert isinstance(found.error, CallError)
    assert found.error.message.endswith("What had arrived is kept.")
