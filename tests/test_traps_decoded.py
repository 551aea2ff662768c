"""Every trap through the real wire: captured by the Door, decoded, judged, and compared with its truth.

The lab runs in a process of its own, and calls are made side by side. Times are compared with what the
lab says it really sent, so a late lab fails nothing; each tolerance is stated where it is used.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import pytest

from lib import children
from lib.calibration import errors, first_text_error_ns
from lib.capture import Door
from lib.delivery import RATES, Delivery, compare_encodings, delivery
from lib.dialects import request
from lib.experiment import Number
from lib.lab.traps import TRAPS, trap
from lib.lab.truth import Truth
from lib.messages import Hello, Start, fold
from lib.metrics import measure
from lib.plan import plan
from lib.recording import Recording, Request
from lib.spec import EXPERIMENT_APIS, Api, Arm, CallSpec, Endpoint, ExperimentSpec, Limits
from lib.timeline import Recount, Timeline, decode
from tests.recorded import INSTRUMENT

pytestmark = pytest.mark.real_time

PATIENT = Limits(connect_s=10, silence_s=20, total_s=20)
HASTY = Limits(connect_s=10, silence_s=1, total_s=2, body_bytes=1 << 20, line_bytes=1 << 16)
"""For what never ends: stopped by the first limit it meets."""
HOSTILE = {"silent", "endless", "endless-line", "keep-alive", "drip", "gzip-bomb", "header-bomb"}


@dataclass
class Played:
    """One trap through one API kind, as captured and decoded."""

    name: str
    api: Api
    gzip: bool = False

    recording: Recording | None = None

    @property
    def truth(self) -> Truth:
        return trap(self.name).truth(self.api, gzip=self.gzip)

    @property
    def captured(self) -> Recording:
        assert self.recording is not None
        return self.recording

    @property
    def timeline(self) -> Timeline:
        return decode(self.captured)

    @property
    def delivered(self) -> Delivery:
        return delivery(self.timeline, self.captured.headers)

    @property
    def metrics(self) -> tuple[dict[str, Number], dict[str, str]]:
        """Counted as the lab counts: a word is a token."""
        words = tuple(len((e.text or "").split()) for e in self.timeline.events)
        return measure(self.timeline, Recount("words", "exact", words))

    @property
    def punctual(self) -> bool:
        """Whether the text came when it was due, to 10 ms: half of the usual step."""
        came = [e.t_ns / 1e9 for e in self.timeline.events if e.kind == "content"]
        due = [e.t_s for e in self.truth.content]
        return all(abs(a - b) <= 0.01 for a, b in zip(came, due, strict=False))

    def text(self, kind: str) -> str:
        return "".join(e.text or "" for e in self.timeline.events if e.kind == kind)

    def asked(self, base_url: str) -> Request:
        encoding = "gzip" if self.gzip else "identity"
        arm = Arm(
            Endpoint(base_url, accept_encoding=encoding),
            CallSpec(self.api, trap(self.name).model, "Speak."),
        )
        spec = ExperimentSpec((arm,), cache="as_is", limits=HASTY if self.name in HOSTILE else PATIENT)
        return request(spec, next(c for c in plan(spec) if c.mode == "streaming"))

    def play(self, door: Door, base_url: str) -> None:
        start = Start(f"x/{self.name}", self.asked(base_url))
        call = door.call(start.call, start.request)
        call.run()
        parts = list(iter(call.part, None))
        hello = Hello(1, INSTRUMENT, 0)
        self.recording = fold(start, hello, parts, call.close())


ALL = [Played(t.name, api) for t in TRAPS.values() for api in EXPERIMENT_APIS if api in t.apis]
ALL += [Played(name, api, gzip=True) for name in ("gzip", "gzip-held") for api in EXPERIMENT_APIS]
STREAMS = [p for p in ALL if p.truth.delivery]
WHOLE = [p for p in STREAMS if p.truth.complete]
FAILED = [p for p in ALL if p.truth.errors]


def named(played: Played) -> str:
    return f"{played.name}-{played.api}" + ("-gzip" if played.gzip else "")


def each(played: list[Played]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("played", played, ids=named)


@pytest.fixture(scope="module", autouse=True)
def _in_few_waves() -> Iterator[None]:
    """The long ones first, then 25 at a time: more threads than that would measure this process. What a
    busy machine told late is played again, up to eight times: a late lab's stream is another stream."""
    slow = [p for p in ALL if p.name in HOSTILE | {"stall"}]
    rest = [p for p in ALL if p not in slow]
    lab, door = children.Lab(), Door()
    for wave in (slow, *(rest[i : i + 25] for i in range(0, len(rest), 25))):
        play(wave, door, lab.base_url())
    for _ in range(8):
        late = [p for p in STREAMS if not p.punctual]
        for i in range(0, len(late), 8):
            play(late[i : i + 8], door, lab.base_url())
    yield
    door.close()
    lab.close()


def play(wave: list[Played], door: Door, base_url: str) -> None:
    threads = [threading.Thread(target=p.play, args=(door, base_url)) for p in wave]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@each(WHOLE)
def test_a_whole_stream_is_complete(played: Played) -> None:
    assert played.timeline.complete, played.timeline.why
    assert played.timeline.error is None


@each(FAILED)
def test_a_failure_is_named_and_stopped(played: Played) -> None:
    error = played.timeline.error
    assert error is not None
    assert error.kind in played.truth.errors
    assert error.kind != "deadline" or (error.at_ns or 0) < 3e9  # total_s of HASTY + 1 s


@each(STREAMS)
def test_what_was_said_is_read_to_the_letter(played: Played) -> None:
    timeline, truth = played.timeline, played.truth
    assert played.text("content") == truth.text
    assert played.text("reasoning") == truth.reasoning
    assert timeline.usage == truth.usage
    assert (timeline.finish is None) == (truth.finish_s is None)
    assert played.metrics[0]["content_events"] == truth.content_events


@each(STREAMS)
def test_delivery_is_classified_right(played: Played) -> None:
    found = played.delivered
    assert found.kind == played.truth.delivery, (found.sentence, found.evidence)
    assert bool(found.withheld) == played.truth.withheld


@each([p for p in ALL if not p.truth.delivery and not p.truth.open_ended and p.name != "drip"])
def test_without_a_stream_there_is_no_verdict(played: Played) -> None:
    assert played.delivered.kind is None
    assert played.delivered.sentence


@each(WHOLE)
def test_every_event_has_the_time_of_its_send(played: Played) -> None:
    """Median within 10 ms of the lab's own stamp, never before it: kernel stamps, a machine under load."""
    found = errors(played.captured)
    assert found
    assert min(found) > -1e6
    assert median(found) < 10e6


@each(WHOLE)
def test_first_visible_text_is_what_stops_the_clock(played: Played) -> None:
    """Within 0.1 s of the lab's own stamps, of which the lab's taking the request is a part."""
    error = first_text_error_ns(played.captured)
    assert error is not None
    assert abs(error) < 100e6


@each([p for p in WHOLE if not p.truth.withheld])
def test_rates_are_the_schedules_own(played: Played) -> None:
    """Words after the first arrival over their time on schedule; within 25 %: the lab may be late."""
    content = played.truth.content
    first, last = played.truth.first_text_s, content[-1].t_s
    assert first is not None
    later = sum(len(e.text.split()) for e in content if e.t_s > first)
    assert played.metrics[0]["answer_tps"] == pytest.approx(later / (last - first), rel=0.25)


@each([p for p in WHOLE if p.truth.withheld])
def test_rates_of_a_buffer_are_withheld_with_a_reason(played: Played) -> None:
    values, reasons = played.metrics
    assert all(values[name] is None and reasons[name] for name in RATES)
    assert values["e2e_tps"] is not None


def of(name: str, *, gzip: bool = False) -> Played:
    return next(p for p in ALL if (p.name, p.api, p.gzip) == (name, "chat.completions", gzip))


def test_hidden_reasoning_does_not_enter_the_rate() -> None:
    # 20 visible of 84 reported tokens; 19 of them in 0.38 s
    values, _ = of("hidden-reasoning").metrics
    assert values["visible_tokens"] == 20
    assert values["answer_tps"] == pytest.approx(19 / 0.38, rel=0.25)


def test_the_delivery_check_finds_what_only_a_browser_would_get() -> None:
    plain, packed = of("gzip-held"), of("gzip-held", gzip=True)
    found = compare_encodings(
        plain.timeline, packed.timeline, plain.captured.headers, packed.captured.headers
    )
    assert found.kind == "buffered"
    assert found.sentence.startswith("Held back only when compressed")
    assert "uncompressed" in (found.fix or "")


def test_the_delivery_check_finds_nothing_where_compression_is_flushed() -> None:
    plain, packed = of("gzip"), of("gzip", gzip=True)
    found = compare_encodings(
        plain.timeline, packed.timeline, plain.captured.headers, packed.captured.headers
    )
    assert found.kind == "incremental"
    assert found.sentence.startswith("Compression makes no difference")


def test_a_proxy_that_lets_everything_through_is_not_blamed() -> None:
    assert "via" in dict(of("proxy-told").captured.headers)
    assert of("proxy-told").delivered.fix is None


def test_a_proxy_that_holds_back_is_named_with_its_fix() -> None:
    found = of("proxy").delivered
    assert any("proxy.example" in line for line in found.evidence)
    assert found.fix is not None
    assert "X-Accel-Buffering: no" in found.fix
