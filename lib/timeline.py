"""Recording → Timeline: what came when, in the words of METRICS.md. Pure; safe on any bytes.

All times are nanoseconds after `t_send`, the moment just before the request's first byte was written,
and may be negative before it. The Timeline is the second storable form: a timing-only share or an
import has one and no recording.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from lib.arrivals import arrivals
from lib.body import Body
from lib.dialects import Answer, Kind, Usage, read_body, read_event
from lib.messages import Part
from lib.recording import CallError, Connection, Read, Recording, Request
from lib.spec import Api, Mode
from lib.sse import Frame

__all__ = ["VERSION", "Arrival", "Decoder", "Event", "Kind", "Recount", "Timeline", "Usage", "decode"]

VERSION = 3


class Arrival(NamedTuple):
    """One read. `earliest_ns` < `t_ns`: queued; the truth lies in [earliest_ns, t_ns]."""

    t_ns: int
    earliest_ns: int
    size: int


class Event(NamedTuple):
    """One kind carried by one frame. `text` None: withheld, with `chars` kept; kinds without text have "".

    `start:end`: the frame's bytes in the body, after inflating it where it was compressed; n:n when only
    its number from 1 is known, 0:0 when not even that.
    `sub`: "refusal", "tool", "summary", the finish reason, an error code, an event type, or "".
    """

    t_ns: int
    kind: Kind
    sub: str
    text: str | None
    chars: int
    read: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """One call, decoded. `complete` is our own verdict, `why` its evidence in one sentence.

    `marks`: dns.start ... tls.end where they happened, send.end, headers, first_byte, eof.
    `source`: "measured", "recorded:WHERE", "imported:TOOL". `t_send_monotonic_ns` None: not ours.
    `service_tier`: as the server last named it; "auto" is what was asked for, not yet what served.
    """

    version: int
    source: str
    api: Api
    mode: Mode
    connection: Connection | None
    t_send_monotonic_ns: int | None
    marks: tuple[tuple[str, int], ...]
    reads: tuple[Arrival, ...]
    events: tuple[Event, ...]
    usage: Usage | None
    model: str | None
    fingerprint: str | None
    finish: str | None
    complete: bool
    why: str
    error: CallError | None
    pauses: tuple[tuple[int, int], ...]
    service_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Recount:
    """Tokens of each event as a tokenizer counts them; `tokens` has one number per event.

    Kept beside the timeline, since it depends on which vocabulary a machine has.
    """

    encoding: str
    basis: Literal["exact", "assumed", "approximate"]
    tokens: tuple[int, ...]


class Decoder:
    """One call's answer, event by event: `take` each part (or `feed` each read), then `close` once.

    The live page uses it with user-space stamps, `decode` with the kernel's; the events are the same.
    Before the first write nothing is timed, so nothing is reported. `failure`: the first thing in the
    answer itself that makes it a failed one, with its time after t_send.
    """

    def __init__(self, request: Request, t_send_ns: int | None = None) -> None:
        self.t_send_ns = t_send_ns
        self.events: list[Event] = []
        self.usage: Usage | None = None
        self.model: str | None = None
        self.fingerprint: str | None = None
        self.service_tier: str | None = None
        self.finish: str | None = None
        self.done = False
        self.torn = False
        self.parsed = False
        self.failure: CallError | None = None
        self.body = Body(request.mode, request.limits.body_bytes)
        self._api = request.api
        self._times: list[int] = []
        self._late = b""
        self._consumed = 0
        self._last = 0
        self._frames = 0

    def take(self, part: Part) -> list[Event]:
        """The events that a part of a call under way completed, in order."""
        if self.t_send_ns is None and part.writes:
            self.t_send_ns = part.writes[0].before_ns
        self._late += part.body.encode("latin-1")
        events: list[Event] = []
        for read in part.reads:
            piece = self._late[: max(0, read.body_end - self._consumed)]
            self._late = self._late[len(piece) :]
            self._consumed += len(piece)
            events += self.feed(read, piece)
        return events

    def feed(self, read: Read, data: bytes) -> list[Event]:
        """The events completed by one read. `data`: what it added to the body, often nothing."""
        if self.t_send_ns is None:
            return []
        return self.at(read.after_ns - self.t_send_ns, data)

    def at(self, t_ns: int, data: bytes) -> list[Event]:
        """As `feed`, for a read whose time after t_send is known already."""
        self._times.append(t_ns)
        return self._more(data)

    def close(self, body_read: int | None = None) -> list[Event]:
        """What only the end tells: a whole JSON body, or an event without its blank line.

        `body_read`: index of the read that completed the body, None when it never ended.
        """
        before = len(self.events)
        if not self._times:
            return []
        if self._late:
            self._more(self._late)
        if (frame := self.body.close()) is not None:
            self._unended(frame)
        elif self.body.form in ("json", "html", "text"):
            self._last = body_read if body_read is not None and body_read < len(self._times) else self._last
            self._whole(ended=body_read is not None)
        if self.body.fault:
            self._fail(*self.body.fault)
        return self.events[before:]

    def _more(self, data: bytes) -> list[Event]:
        before = len(self.events)
        if data:
            self._last = len(self._times) - 1
            for frame in self.body.feed(data):
                self._frame(frame)
        return self.events[before:]

    def _frame(self, frame: Frame) -> None:
        if frame.comment is not None:
            self._event("comment", "", "", frame)
            return
        self._frames += 1
        if not (frame.data or "").strip():
            if frame.event or frame.data is not None:
                self._event("other", frame.event, "", frame)
        elif frame.data is not None and frame.data.strip() == "[DONE]":
            self.done = True
            self._event("done", "", "", frame)
        else:
            self._json(frame)

    def _json(self, frame: Frame) -> None:
        try:
            value = json.loads(frame.data or "")
        except (ValueError, RecursionError):
            self._malformed(frame)
        else:
            self._answer(read_event(self._api, value, frame.event), frame)

    def _malformed(self, frame: Frame) -> None:
        """Garbage after the end harms nothing; before it, nobody knows what was lost."""
        over = self.done or (self._api == "responses" and self.finish is not None)
        self._event("other" if over else "error", "malformed", "", frame)
        if not over:
            self._fail("protocol", f"Event {self._frames} of the stream is not valid JSON.")

    def _unended(self, frame: Frame) -> None:
        """The last event lacks its blank line: taken when it is whole all the same, else torn off."""
        try:
            json.loads(frame.data or "")
        except (ValueError, RecursionError):
            if (frame.data or "").strip() != "[DONE]":
                self.torn = frame.data is not None or bool(self.events)
                return
        self._frame(frame)

    def _answer(self, answer: Answer, frame: Frame) -> None:
        self.usage = answer.usage or self.usage
        self.model = answer.model or self.model
        self.fingerprint = answer.fingerprint or self.fingerprint
        self.service_tier = answer.service_tier or self.service_tier
        for piece in answer.pieces:
            self._event(piece.kind, piece.sub, piece.text, frame)
            if piece.kind == "finish" and self.finish is None:
                self.finish = piece.sub
        if answer.trouble:
            stop = "" if answer.trouble.endswith((".", "!", "?")) else "."
            self._fail("error_event", f"The endpoint reported an error: {answer.trouble}{stop}")

    def _whole(self, *, ended: bool) -> None:
        """A body that is no event stream, once no more of it can come."""
        if self.body.form == "html":
            self._fail("protocol", _WEB_PAGE)
            return
        try:
            value = json.loads(self.body.whole.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            if ended:
                self._fail("protocol", "The endpoint's answer is not valid JSON: check the base URL.")
            return
        answer = read_body(self._api, value)
        self._answer(answer, Frame(0, self.body.size))
        self.parsed = not answer.trouble and any(p.kind not in ("other", "usage") for p in answer.pieces)
        if not self.parsed:
            self._fail("protocol", _OTHER_JSON)

    def _event(self, kind: Kind, sub: str, text: str, frame: Frame) -> None:
        t_ns = self._times[self._last]
        self.events.append(Event(t_ns, kind, sub, text, len(text), self._last, frame.start, frame.end))

    def _fail(self, kind: Literal["protocol", "error_event", "limit"], message: str) -> None:
        if self.failure is None:
            self.failure = CallError(kind, message, self._times[self._last])


def decode(recording: Recording) -> Timeline:
    """What a recording means. Never raises on what arrived; the same recording always gives the same.

    A call of which nothing was written has no t_send, so no times: no marks, reads or events.
    """
    sent = recording.writes[0].before_ns if recording.writes else None
    reads = [] if sent is None else _arrivals(recording, sent)
    decoder = Decoder(recording.request, sent)
    _replay(decoder, recording, reads)
    complete, why, error = _verdict(decoder, recording)
    if sent is not None:
        reads = _exact(reads, recording, decoder.events, sent)
    return Timeline(
        version=VERSION,
        source="measured",
        api=recording.request.api,
        mode=recording.request.mode,
        connection=recording.connection,
        t_send_monotonic_ns=sent,
        marks=() if sent is None else _marks(recording, reads, sent),
        reads=tuple(reads),
        events=tuple(decoder.events),
        usage=decoder.usage,
        model=decoder.model,
        fingerprint=decoder.fingerprint,
        finish=decoder.finish,
        complete=complete,
        why=why,
        error=error,
        pauses=tuple((a - (sent or 0), b - (sent or 0)) for a, b in recording.pauses),
        service_tier=decoder.service_tier,
    )


def _arrivals(recording: Recording, sent: int) -> list[Arrival]:
    times = arrivals(recording.reads, recording.clocks, sent, recording.pauses)
    rows = zip(times, recording.reads, strict=True)
    return [Arrival(at - sent, earliest - sent, read.size) for (at, earliest), read in rows]


def _exact(reads: list[Arrival], recording: Recording, events: list[Event], sent: int) -> list[Arrival]:
    """A read that completed no more than one event joined none, so the kernel's stamp of it is exact."""
    frames = Counter(read for read, _ in {(e.read, e.start) for e in events})
    return [
        r if frames[i] > 1 or r.t_ns == recording.reads[i].after_ns - sent else r._replace(earliest_ns=r.t_ns)
        for i, r in enumerate(reads)
    ]


def _replay(decoder: Decoder, recording: Recording, reads: list[Arrival]) -> None:
    done = 0
    for i, arrival in enumerate(reads):
        end = recording.reads[i].body_end if i < len(reads) - 1 else len(recording.body)
        end = max(done, end)
        decoder.at(arrival.t_ns, recording.body[done:end])
        done = min(end, len(recording.body))
    decoder.close(recording.body_read)


def _marks(recording: Recording, reads: list[Arrival], sent: int) -> tuple[tuple[str, int], ...]:
    """The recording's own marks, then send.end, headers, first_byte and eof where they happened."""
    marks = [(name, at - sent) for name, at in recording.marks]
    marks.append(("send.end", recording.writes[-1].after_ns - sent))
    first = next((i for i, r in enumerate(recording.reads) if r.body_end > 0), None)
    end = recording.body_read
    if end is None and recording.error is None:
        end = next((i for i, r in enumerate(recording.reads) if r.size == 0), None)
    for name, index in (("headers", recording.headers_read), ("first_byte", first), ("eof", end)):
        if index is not None and 0 <= index < len(reads):
            marks.append((name, reads[index].t_ns))
    return tuple(marks)


def _verdict(decoder: Decoder, recording: Recording) -> tuple[bool, str, CallError | None]:
    """(complete, evidence, error). A stream is complete when its finish reason came, whatever the
    connection did afterwards; a whole body when it ended and is an answer. `[DONE]` alone proves nothing:
    gateways send it after failures too."""
    error = recording.error
    if error is not None and error.at_ns is not None:
        sent = decoder.t_send_ns
        error = replace(error, at_ns=None if sent is None else error.at_ns - sent)
    if error is None and (recording.status or 0) >= 400:
        error = CallError("status", f"The endpoint answered with status {recording.status}.", None,
                          recording.status)  # fmt: skip
    if error is not None and error.kind == "status":
        return False, error.message, error
    if decoder.failure is not None:
        kept = replace(decoder.failure, message=f"{decoder.failure.message} {_kept(decoder)}")
        return False, kept.message, kept
    if (evidence := _complete(decoder, recording)) is not None:
        return True, evidence, None
    error = error or CallError("cut", _cut(decoder, recording.request.mode))
    return False, error.message, error


def _complete(decoder: Decoder, recording: Recording) -> str | None:
    streaming = recording.request.mode == "streaming"
    if decoder.parsed and recording.body_read is not None:
        body = f"one whole body of {decoder.body.size:,} bytes"
        return f"The endpoint did not stream: it answered with {body}." if streaming else f"It is {body}."
    if decoder.body.form == "stream" and decoder.finish is not None:
        after = "" if recording.error is None else " The connection was lost after it."
        return f"The finish reason “{decoder.finish[:40]}” arrived.{after}"
    return None


def _cut(decoder: Decoder, mode: Mode) -> str:
    """Why an answer that just ended is not a whole one, and what was kept of it."""
    if decoder.body.size == 0:
        return "The endpoint sent an empty answer. Run it again, or check the base URL."
    if mode == "blocking" or decoder.body.form == "json":
        return f"The answer was cut after {decoder.body.size:,} bytes. Run it again."
    if not decoder.events and not decoder.torn:
        return "The endpoint's answer is not an event stream: check the base URL, it usually ends in /v1."
    if decoder.done:
        return f"The stream ended with [DONE], but no finish reason came before it. {_kept(decoder)}"
    where = " in the middle of an event," if decoder.torn else ""
    return f"The stream ended{where} before a finish reason came. {_kept(decoder)}"


def _kept(decoder: Decoder) -> str:
    """How much there is in spite of a failure, in one sentence; never empty."""
    texts = sum(e.kind in ("reasoning", "content") for e in decoder.events)
    if texts < 2:
        return "The text event that arrived is kept." if texts else "No text had arrived."
    return f"The {texts:,} text events that arrived are kept."


_WEB_PAGE = (
    "The endpoint answered with a web page, not with an API response: check the base URL, "
    "it usually ends in /v1."
)
_OTHER_JSON = (
    "The endpoint answered with JSON that is not an answer of this API: check the base URL and the "
    "kind of API."
)
