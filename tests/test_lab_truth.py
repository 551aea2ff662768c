"""Each trap's truth against what it sends: its schedule, and the real wire, decoded event by event."""

import json
import threading
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from statistics import median
from typing import Any

import pytest

from lib.dialects import DIALECTS
from lib.lab.asks import Ask
from lib.lab.server import Lab
from lib.lab.traps import TRAPS, Trap, trap
from lib.lab.truth import Truth
from lib.recording import Read, Request
from lib.spec import Api, Limits
from lib.timeline import Decoder
from tests.plain_http import Plain, Response

KINDS = ("role", "reasoning", "content", "finish", "usage", "done", "error")
INPUTS = {"chat.completions": "messages", "completions": "prompt", "responses": "input"}


@dataclass
class Case:
    """One stream of a trap; filled when it is played. `reset`: it ended by RST."""

    trap: Trap
    api: Api
    gzip: bool = False
    chunks: list[bytes] = field(default_factory=list)
    response: Response | None = None
    reset: bool = False

    @property
    def truth(self) -> Truth:
        return self.trap.truth(self.api, gzip=self.gzip)

    @property
    def body(self) -> bytes:
        body = b"".join(self.chunks)
        return zlib.decompress(body, 31) if body.startswith(b"\x1f\x8b") else body

    @property
    def account(self) -> dict[str, Any]:
        """The lab's own word at the end of the stream."""
        _, _, rest = self.body.partition(b": streamgauge-lab ")
        found: dict[str, Any] = json.loads(rest.partition(b"\n")[0])
        return found

    def play(self, port: int) -> None:
        asked = {"model": self.trap.model, "stream": True, "stream_options": {"include_usage": True}}
        said = [{"role": "user", "content": "hi"}] if self.api == "chat.completions" else "hi"
        body = json.dumps(asked | {INPUTS[self.api]: said}).encode()
        with Plain(port) as plain:
            plain.post("/v1" + DIALECTS[self.api].path, body, accept_encoding="gzip" if self.gzip else "")
            try:
                self.response = plain.response(self.chunks)
            except ConnectionResetError:
                self.reset = True


FINITE = [t for t in TRAPS.values() if t.truth().delivery]
CASES = [
    *(Case(t, api) for t in FINITE for api in t.apis),
    *(Case(trap(name), api, True) for name in ("gzip", "gzip-held") for api in INPUTS),
]


def named(case: Case) -> str:
    return f"{case.trap.name}-{case.api}" + ("-gzip" if case.gzip else "")


each = pytest.mark.parametrize("case", CASES, ids=named)
each_told = pytest.mark.parametrize("case", [c for c in CASES if c.truth.finish_s is not None], ids=named)


@pytest.fixture(scope="module")
def played() -> None:
    """Every stream of this module side by side, once."""
    with Lab() as lab:
        threads = [threading.Thread(target=case.play, args=(lab.port,)) for case in CASES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)


def decoded(api: Api, body: bytes) -> Decoder:
    decoder = Decoder(Request(api, "streaming", "lab", "", "{}", "new", "identity", Limits()), 0)
    decoder.feed(Read(0, 1, None, len(body), len(body)), body)
    decoder.close(None)
    return decoder


def timed(decoder: Decoder, times: Sequence[float], sizes: Sequence[int]) -> list[tuple[float, str, str]]:
    """(time of the write that completed it, kind, text) of each event that a truth may tell."""
    ends = list(accumulate(sizes))
    return [
        (times[bisect_left(ends, e.end)], e.kind, e.text or "")
        for e in decoder.events
        if e.kind in KINDS and e.sub != "malformed"
    ]


def expected(truth: Truth) -> list[tuple[float, str, str]]:
    return [(e.t_s, e.kind, e.text if e.kind in ("content", "reasoning") else "") for e in truth.events]


@each
def test_the_schedule_decodes_to_the_truth_to_the_last_digit(case: Case) -> None:
    ask = Ask(case.api, case.trap.model, "hi", True, include_usage=True, gzip=case.gzip)
    writes = list(case.trap.script(ask).writes)
    times = [t_s for t_s, _ in writes]
    decoder = decoded(case.api, b"".join(data for _, data in writes))
    assert timed(decoder, times, [len(data) for _, data in writes]) == expected(case.truth)
    assert times == sorted(set(times))
    assert (decoder.finish is not None) == (case.truth.finish_s is not None)


@each
def test_the_failure_is_the_one_that_the_truth_names(case: Case) -> None:
    ask = Ask(case.api, case.trap.model, "hi", True, include_usage=True)
    decoder = decoded(case.api, b"".join(data for _, data in case.trap.script(ask).writes))
    found = (decoder.failure.kind,) if decoder.failure else ()
    in_the_body = tuple(e for e in case.truth.errors if e in ("protocol", "error_event"))
    assert found == in_the_body
    assert decoder.usage == case.truth.usage


@each
@pytest.mark.usefixtures("played")
def test_the_wire_carries_the_same_events(case: Case) -> None:
    found = timed(decoded(case.api, case.body), [0.0], [len(case.body)])
    assert [row[1:] for row in found] == [row[1:] for row in expected(case.truth)]
    assert case.reset == (case.truth.errors == ("reset",))


@each_told
@pytest.mark.usefixtures("played")
@pytest.mark.real_time  # never early; less than 250 ms late at the median, with 80 streams at once
def test_events_leave_when_the_truth_says(case: Case) -> None:
    account = case.account
    times = [(sent - account["received_ns"]) / 1e9 for sent in account["sent_ns"]]
    found = timed(decoded(case.api, case.body), times, account["bytes"])
    late_s = [at[0] - due[0] for at, due in zip(found, expected(case.truth), strict=True)]
    assert min(late_s) >= 0
    assert median(late_s) < 0.25


@pytest.mark.usefixtures("played")
def test_each_flushed_chunk_of_gzip_inflates_to_its_events() -> None:
    case = next(c for c in CASES if c.trap.name == "gzip" and c.gzip)
    assert case.response is not None
    assert case.response.headers["content-encoding"] == "gzip"
    inflater = zlib.decompressobj(31)
    sizes = [len(inflater.decompress(chunk)) for chunk in case.chunks]
    assert sizes[:-1] == case.account["bytes"]
    assert inflater.eof


@pytest.mark.usefixtures("played")
def test_only_the_compressed_stream_is_held_back() -> None:
    plain, packed = (c for c in CASES if c.trap.name == "gzip-held" and c.api == "completions")
    assert (plain.truth.delivery, packed.truth.delivery) == ("incremental", "buffered")
    assert len(plain.account["sent_ns"]) == 21  # 20 words, then the usage and [DONE]
    assert len(packed.account["sent_ns"]) == 1


@pytest.mark.usefixtures("played")
def test_a_proxy_shows_in_its_headers_whether_it_buffers_or_not() -> None:
    held, honoured = (next(c for c in CASES if c.trap.name == n) for n in ("proxy", "proxy-told"))
    assert held.response is not None
    assert honoured.response is not None
    assert held.response.headers["via"] == honoured.response.headers["via"]
    assert honoured.response.headers["x-accel-buffering"] == "no"
    assert "x-accel-buffering" not in held.response.headers


@pytest.mark.usefixtures("played")
@pytest.mark.real_time  # the head is due 1.12 s before the first text; half of that is asked for
def test_early_headers_leave_alone_and_long_before_the_text() -> None:
    early, late = (next(c for c in CASES if c.trap.name == n) for n in ("early-headers", "slow-headers"))
    account = early.account
    assert account["sent_ns"][0] - account["head_ns"] > 500_000_000
    assert late.account["head_ns"] == late.account["sent_ns"][0]


@pytest.mark.usefixtures("played")
def test_a_body_without_framing_ends_with_its_connection() -> None:
    case = next(c for c in CASES if c.trap.name == "cut-unframed")
    assert case.response is not None
    assert case.response.headers["connection"] == "close"
    assert not {"content-length", "transfer-encoding"} & case.response.headers.keys()
