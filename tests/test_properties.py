"""However the bytes of an answer are cut and joined, it means the same; whatever the bytes, nothing breaks.

The bytes are those of every recording and every trap that the lab plays.
"""

import dataclasses
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.calibration import calibration, errors, first_text_error_ns
from lib.capture import Door
from lib.delivery import compare_encodings, delivery
from lib.lab.asks import Ask
from lib.lab.models import answer
from lib.lab.recordings import PLAYED
from lib.lab.scripts import Script
from lib.lab.traps import TRAPS
from lib.metrics import between, flags, measure
from lib.phases import first_moments, phases
from lib.recording import Recording, from_bytes, to_bytes
from lib.spec import Api, Limits
from lib.timeline import Timeline, decode
from tests.recorded import recording
from tests.scripted import FIN, Scripted, asking, chunk, head, record

DOOR = Door()
SOON = Limits(connect_s=5.0, silence_s=1.0, total_s=5.0)
SMALL = Limits(body_bytes=1 << 20)
ENDLESS_WRITES = 12


@dataclass(frozen=True)
class Body:
    """One answer's bytes as the lab sends them, and whether its end is one."""

    name: str
    api: Api
    streaming: bool
    data: bytes
    ended: bool

    def recorded(self, cuts: list[int]) -> Recording:
        """As it would be recorded if reads ended at these places, 1 ms apart."""
        places = [0, *sorted(min(c, len(self.data)) for c in cuts), len(self.data)]
        pieces = [(100.0 + i, self.data[a:b]) for i, (a, b) in enumerate(pairwise(places))]
        mode = "streaming" if self.streaming else "blocking"
        return recording(pieces, self.api, mode, ended=self.ended, limits=SMALL)

    @property
    def whole(self) -> Timeline:
        return decode(self.recorded([]))


def _bytes(script: Script) -> bytes:
    pieces = [data for _, data in islice(script.writes, ENDLESS_WRITES if script.stop_s else None)]
    if not script.gzip:
        return b"".join(pieces)
    packer = zlib.compressobj(wbits=31)
    return b"".join(packer.compress(p) + packer.flush(zlib.Z_SYNC_FLUSH) for p in pieces) + packer.flush()


def _bodies() -> Iterator[Body]:
    asks = [(r.id, r.api, False) for r in PLAYED.values()]
    asks += [(t.model, api, False) for t in TRAPS.values() for api in t.apis]
    asks += [(f"trap-{name}", "chat.completions", True) for name in ("gzip", "gzip-held")]
    for model, api, gzip in asks:
        for streaming in (True, False):
            script = answer(Ask(api, model, "hello", streaming, include_usage=True, gzip=gzip))
            how = ("streaming" if streaming else "blocking") + ("-gzip" if gzip else "")
            yield Body(f"{model}-{api}-{how}", api, streaming, _bytes(script), script.end == "keep")


BODIES = list(_bodies())
STREAMS = [b for b in BODIES if b.streaming and len(b.data) < 50_000]
each = pytest.mark.parametrize("body", BODIES, ids=lambda b: b.name)
cuts = st.lists(st.integers(0, 1 << 20), max_size=40) | st.integers(1, 2000).map(
    lambda step: list(range(step, 100_000, step))[:400]
)


def said(timeline: Timeline) -> tuple[Any, ...]:
    """All that a timeline says but when."""
    events = [(e.kind, e.sub, e.text, e.start, e.end) for e in timeline.events]
    verdict = (timeline.complete, timeline.why, timeline.error and timeline.error.kind)
    return events, verdict, timeline.usage, timeline.model, timeline.finish


@each
@settings(max_examples=12)
@given(places=cuts)
def test_however_an_answer_is_cut_it_says_the_same(body: Body, places: list[int]) -> None:
    found = decode(body.recorded(places))
    assert said(found) == said(body.whole)
    assert [e.t_ns for e in found.events] == sorted(e.t_ns for e in found.events)
    assert all(found.reads[e.read].t_ns == e.t_ns for e in found.events)


@each
@settings(max_examples=3)
@given(places=cuts)
def test_a_recording_keeps_its_meaning_as_bytes(body: Body, places: list[int]) -> None:
    recorded = body.recorded(places)
    assert decode(from_bytes(to_bytes(recorded))) == decode(recorded)


@settings(max_examples=60)
@given(
    st.sampled_from(STREAMS),
    st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 40), st.binary(max_size=8)), max_size=5),
    cuts,
)
def test_a_damaged_answer_is_a_verdict_and_numbers(
    body: Body, damages: list[tuple[int, int, bytes]], places: list[int]
) -> None:
    data = bytearray(body.data)
    for start, size, instead in damages:
        at = start % (len(data) + 1)
        data[at : at + size] = instead
    judged(dataclasses.replace(body, data=bytes(data)).recorded(places))


@settings(max_examples=60)
@given(st.sampled_from(STREAMS), st.integers(0, 50_000))
def test_an_answer_that_ends_early_keeps_what_came(body: Body, size: int) -> None:
    cut = dataclasses.replace(body, data=body.data[: size % (len(body.data) + 1)], ended=False)
    whole, found = body.whole, decode(cut.recorded([]))
    assert len(found.events) <= len(whole.events) + 1  # a torn event may be told as an error
    texts = [e.text for e in found.events if e.kind == "content"]
    assert texts == [e.text for e in whole.events if e.kind == "content"][: len(texts)]
    judged(cut.recorded([]))


def judged(recorded: Recording) -> None:
    """Everything that is ever made from a recording can be made from this one."""
    timeline = decode(recorded)
    assert timeline.complete == (timeline.error is None)
    assert timeline.why
    values, reasons = measure(timeline, None)
    assert all((values[name] is None) == (name in reasons) for name in values)
    found = delivery(timeline, recorded.headers)
    assert found.sentence
    assert compare_encodings(timeline, timeline).sentence
    assert all(p.start_s <= p.end_s for p in phases(timeline))
    assert len(first_moments(timeline)) == 7
    assert calibration(recorded).n == len(errors(recorded))
    first_text_error_ns(recorded)
    flags(timeline, None)
    between(timeline, timeline)


@settings(max_examples=25)
@given(st.binary(max_size=400), st.booleans(), st.booleans())
def test_random_bytes_on_the_wire_are_a_clean_failure(data: bytes, as_body: bool, streaming: bool) -> None:
    """In place of an answer, or as the body of one."""
    sent = head(transfer_encoding="chunked") + chunk(data) + b"0\r\n\r\n" if as_body and data else data
    with Scripted([[sent, FIN]]) as server:
        mode = "streaming" if streaming else "blocking"
        recorded = record(asking(server.url, mode=mode, limits=SOON), door=DOOR)
    timeline = decode(recorded)
    assert not timeline.complete
    assert timeline.error is not None
    assert timeline.error.kind in ("cut", "protocol", "error_event", "reset")
    judged(recorded)


@settings(max_examples=25)
@given(
    st.sampled_from([b for b in STREAMS if b.ended and b.data]), st.lists(st.integers(0, 50_000), max_size=6)
)
def test_an_answer_cut_on_the_wire_says_the_same(body: Body, places: list[int]) -> None:
    """Chunk framing and all: the cuts lie anywhere, the sends are real."""
    half = len(body.data) // 2
    raw = head(transfer_encoding="chunked") + chunk(body.data[:half]) + chunk(body.data[half:]) + b"0\r\n\r\n"
    borders = [0, *sorted(p % len(raw) for p in places), len(raw)]
    with Scripted([[*(raw[a:b] for a, b in pairwise(borders) if a < b), FIN]]) as server:
        recorded = record(asking(server.url, body.api, limits=SOON), door=DOOR)
    assert recorded.body == body.data[: len(recorded.body)]
    assert said(decode(recorded))[0] == said(body.whole)[0][: len(said(decode(recorded))[0])]
    assert decode(recorded).complete == body.whole.complete
