"""How a stream was delivered: as it was made, in bunches, held back on the way, told at the end, stalled.

A verdict with its evidence, from arrivals, read sizes and headers; pure. It describes what reached this
client and never blames a model: a model that pauses and a network that does look alike from here. The
moments and phases of a call are in phases; its gaps and rates in pace.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from operator import attrgetter
from statistics import median
from typing import Literal, NamedTuple

import numpy as np

from lib.facts import Columns, Facts, Integers
from lib.spec import Pairs
from lib.timeline import Event, Timeline

Kind = Literal["incremental", "bunched", "buffered", "replayed", "stalled"]

RATES = frozenset({"answer_tps", "tpot_s", "peak", "answer_cps", "events_as_tokens_rate", "rate_error"})
"""Metrics that would measure a buffer, or the second telling of a finished answer."""

LEAST = 5
"""Fewer events with text show no pattern: four gaps are the least that have an odd one out."""
TOGETHER_NS = 5_000_000
TOGETHER_SHARE = 0.1
"""Events closer than this part of their mean spacing, and than 5 ms, came together. Events at random
moments do so in 1 - e**-0.1 = 9.5 % of cases, well below BUNCHED."""
BUNCHED = 0.2
"""From this share of events that came with another one on; metrics raises its flag at the same share."""
QUIET_NS = 10_000_000
"""Shorter pauses between bunches can't be seen: a screen shows a new picture every 17 ms."""
WAIT_NS = 250_000_000
AT_ONCE_SHARE = 0.1
AT_ONCE_NS = 3_000_000
"""Told at the end: a wait of 0.25 s or more, then all text within a tenth of the whole time, at more than
333 events a second. Whoever sends text while it is made can't have spent nine tenths of the time before."""
STALL_NS = 500_000_000
STALL_TIMES = 10
LONG_STALL_NS = 1_000_000_000
STALL_SHARE = 0.1
"""A stall: 0.5 s or more, ten times the median pause, and 1 s or a tenth of the answer's time."""
CATCH_UP = 0.25
"""What comes within this part of a stall after it was held back by the stall, and is no bunch of its own."""
BLOCK = 4096
BLOCK_SLACK = 0.02
"""Buffers are powers of two from 4 kB on; chunk and TLS framing add less than 2 %."""
CLIENT_BOUND = 0.05
CHANCE = 2
"""So many queued reads may be chance, however few reads there are."""
DOUBT = 0.5
"""What share of a pause, and of the events, must be open for the client to have joined what came together."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """`kind` None: not known, and `sentence` says why. `evidence`: sentences; `fix`: what would help.

    `withheld`: names of metrics that mean nothing here, for the reason `why_withheld`. `client_bound`:
    more than 5 % of the reads found data waiting, so this client may have been the slow one. A sentence
    may quote a header, which is untrusted text.
    """

    kind: Kind | None
    sentence: str
    evidence: tuple[str, ...] = ()
    fix: str | None = None
    withheld: frozenset[str] = frozenset()
    why_withheld: str | None = None
    client_bound: bool = False


class Bunches(NamedTuple):
    """Events with text that came together, one bunch a place. `last`: the index of the last of them."""

    first_ns: Integers
    last_ns: Integers
    events: Integers
    last: Integers


@dataclass(frozen=True)
class Stream:
    """What a verdict looks at. `wait_ns`: from the request, or the last reasoning, to the first text."""

    timeline: Timeline
    headers: dict[str, str]
    events: Sequence[Event]
    wait_ns: int
    bunches: Bunches

    @property
    def first_ns(self) -> int:
        """The first text."""
        return self.events[0].t_ns

    @property
    def span_ns(self) -> int:
        """From the first text to the last."""
        return self.events[-1].t_ns - self.events[0].t_ns

    @cached_property
    def moments(self) -> int:
        """How many bunches there are."""
        return len(self.bunches.last)

    @cached_property
    def gaps(self) -> Integers:
        """Pauses between the bunches."""
        return self.bunches.first_ns[1:] - self.bunches.last_ns[:-1]

    @cached_property
    def pause(self) -> float:
        """The median of the pauses."""
        return float(np.median(self.gaps))

    def reads(self, bunches: Integers) -> list[int]:
        """The reads that brought the last event of each of these bunches."""
        return [self.events[i].read for i in self.bunches.last[bunches].tolist()]

    @cached_property
    def queued(self) -> int:
        """How many reads were queued, up to the last text."""
        return sum(r.earliest_ns < r.t_ns for r in self.timeline.reads[: self.events[-1].read + 1])

    @property
    def client_bound(self) -> bool:
        """Whether this client may have been slower than the stream."""
        return self.queued > max(CHANCE, CLIENT_BOUND * (self.events[-1].read + 1))


def delivery(timeline: Timeline, headers: Pairs = ()) -> Delivery:
    """The verdict on one call. `headers`: as recorded; without them no fix can be named.

    Visible text is judged; reasoning where there is too little of it. Never raises.
    """
    if timeline.mode == "blocking":
        return Delivery(None, "A blocking call arrives whole: there is no delivery to judge.")
    stream = _stream(Facts(timeline, None), headers)
    if isinstance(stream, str):
        return Delivery(None, stream, (timeline.why,) if timeline.why else ())
    found = _judged(stream)
    return replace(found, evidence=_evidence(stream, found.kind), client_bound=stream.client_bound)


def withheld(facts: Facts, headers: Pairs = ()) -> tuple[frozenset[str], str]:
    """(metrics that mean nothing here, why): what `delivery` says of them, without the rest. Often none."""
    stream = "" if facts.blocking else _stream(facts, headers)
    found = None if isinstance(stream, str) else _judged(stream)
    return (frozenset(), "") if found is None else (found.withheld, found.why_withheld or "")


def compare_encodings(
    identity: Timeline, gzip: Timeline, headers: Pairs = (), gzip_headers: Pairs = ()
) -> Delivery:
    """The delivery check: the verdict on the call that asked for gzip, as a browser does, against the
    same call without. `headers` belong to the first, `gzip_headers` to the second."""
    plain, packed = delivery(identity, headers), delivery(gzip, gzip_headers)
    if plain.kind is None or packed.kind is None:
        unknown = plain if plain.kind is None else packed
        return replace(packed, kind=None, sentence=f"The two calls can't be compared. {unknown.sentence}")
    if gzip_headers and _encoding(dict(gzip_headers)) is None:
        return replace(packed, sentence=f"The endpoint does not compress its stream. {packed.sentence}")
    if plain.kind not in _HELD and packed.kind in _HELD:
        return replace(packed, sentence=f"{_ONLY_PACKED} {packed.sentence}", fix=packed.fix or _UNPACK)
    if plain.kind == packed.kind:
        return replace(packed, sentence=f"Compression makes no difference. {packed.sentence}")
    return replace(packed, sentence=f"Compressed: {packed.sentence} Uncompressed: {plain.sentence}")


def _stream(facts: Facts, headers: Pairs) -> Stream | str:
    """What can be judged, or why nothing can."""
    events, waited_from = _first_of_frames(facts.shows), 0
    if len(events.events) < LEAST:
        events = _first_of_frames(Columns(facts.texts))
    else:
        backwards = zip(reversed(facts.all.kind), reversed(facts.all.t_ns), strict=True)
        thought = (t for kind, t in backwards if kind == "reasoning" and t <= events.t_ns[0])
        waited_from = next(thought, 0)
    count = len(events.events)
    if not count:
        return "No text arrived, so there is no delivery to judge."
    if count < LEAST:
        few = "Only one event with text" if count == 1 else f"Only {count} events with text"
        return f"{few} arrived: too few to tell how they were delivered."
    named = {name.lower(): value for name, value in headers}
    wait = events.t_ns[0] - waited_from
    return Stream(facts.timeline, named, events.events, wait, _bunches(events.times))


def _first_of_frames(events: Columns) -> Columns:
    """One event of each frame, in order of time; of unknown frames every event is one."""
    if events.apart:
        return events
    frames = {(e.end or -i): e for i, e in enumerate(events.events, 1)}
    return Columns(sorted(frames.values(), key=attrgetter("t_ns")))


def _bunches(times: Integers) -> Bunches:
    mean = (int(times[-1]) - int(times[0])) / (len(times) - 1)
    apart = min(TOGETHER_NS, mean * TOGETHER_SHARE)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(times) > apart) + 1])
    ends = np.append(starts[1:], len(times)) - 1
    return Bunches(times[starts], times[ends], ends - starts + 1, ends)


def _judged(stream: Stream) -> Delivery:
    if _at_once(stream):
        return _told_at_once(stream)
    stalls = _stalls(stream)
    if _bunched(stream, stalls):
        if (block := _block(stream)) is not None:
            return _block_verdict(stream, block)
        return Delivery(None, _TOO_FAST) if _in_doubt(stream) else _bunch_verdict(stream)
    if stalls:
        longest = max(stalls, key=lambda i: stream.gaps[i])
        since = (stream.bunches.last_ns[longest] - stream.first_ns) / 1e9
        told = f"The text stopped for {_s(stream.gaps[longest])}, {since:.2f} s after it began"
        more = "." if len(stalls) == 1 else f", and {len(stalls) - 1} more times."
        return Delivery("stalled", told + more)
    return Delivery(
        "incremental", "The text arrived piece by piece, with no sign that anything held it back."
    )


def _at_once(stream: Stream) -> bool:
    span = stream.span_ns
    quick = span <= AT_ONCE_NS * (len(stream.events) - 1)
    return quick and span <= AT_ONCE_SHARE * (stream.wait_ns + span)


def _told_at_once(stream: Stream) -> Delivery:
    usage, texts = stream.timeline.usage, stream.timeline.events
    hidden = usage is not None and usage.reasoning and not any(e.kind == "reasoning" for e in texts)
    after = f"after {_s(stream.wait_ns)} in which no text came"
    if stream.wait_ns < WAIT_NS:
        return Delivery(None, f"All text came at once, {after}: too soon to tell how it was made.")
    if hidden and stream.moments > 1:
        return Delivery(None, f"All text came within {_s(stream.span_ns)}, {after}. {_LOOK_ALIKE}")
    came = "in one piece" if stream.moments == 1 else f"within {_s(stream.span_ns)}"
    if _on_the_way(stream.headers):
        said = f"Something on the way held the text back: all of it came {came}, {after}."
        return _withholding(Delivery("buffered", said, fix=_fix(stream.headers)))
    said = f"The answer was told at the end: all of it came {came}, {after}."
    return _withholding(Delivery("replayed", said))


def _stalls(stream: Stream) -> list[int]:
    """Indices of the gaps that are stalls."""
    gaps, span = stream.gaps, stream.span_ns
    if len(gaps) < LEAST - 1:
        return []
    long = (gaps >= LONG_STALL_NS) | (gaps >= STALL_SHARE * span)
    stalls: list[int] = np.flatnonzero(long & (gaps >= max(STALL_NS, STALL_TIMES * stream.pause))).tolist()
    return stalls


def _bunched(stream: Stream, stalls: list[int]) -> bool:
    """Whether a fifth of the events came with others, leaving out those that a stall had held back."""
    first, left = stream.bunches.first_ns, np.full(stream.moments, fill_value=True)
    for i in stalls:
        left[i + 1 :] &= first[i + 1 :] > first[i + 1] + CATCH_UP * stream.gaps[i]
    events = int(stream.bunches.events[left].sum())
    if (stalls and events < 2 * LEAST) or round(1 - int(left.sum()) / events, 9) < BUNCHED:
        return False
    return stream.pause >= QUIET_NS


def _in_doubt(stream: Stream) -> bool:
    """Whether this client, reading late, may itself have joined what it found together: half of those
    events came in reads that leave half of the pause before them open."""
    if not stream.client_bound:
        return False
    reads = stream.timeline.reads
    joined = np.flatnonzero(stream.bunches.events[1:] > 1) + 1
    events = stream.bunches.events[joined]
    open_ns = np.asarray([reads[i].t_ns - reads[i].earliest_ns for i in stream.reads(joined)], dtype=np.int64)
    doubted = events[open_ns >= DOUBT * stream.gaps[joined - 1]]
    return bool(doubted.sum() >= DOUBT * events.sum())


def _block(stream: Stream) -> int | None:
    """The size of a buffer that was passed on whenever it was full, if the reads show one.

    The first bunch may hold the headers, the last is what was left.
    """
    reads = stream.timeline.reads
    ends = [read + 1 for read in stream.reads(np.arange(stream.moments - 1))]
    sizes = [sum(r.size for r in reads[a:b]) for a, b in pairwise(ends)]
    if len(sizes) < 2 or min(sizes) < BLOCK:
        return None
    block = 1 << round(math.log2(sizes[0]))
    return block if all(0 <= size - block <= BLOCK_SLACK * block for size in sizes) else None


def _block_verdict(stream: Stream, block: int) -> Delivery:
    said = f"A buffer of {block // 1024} kB on the way held the text back: it was passed on when full."
    return _withholding(Delivery("buffered", said, fix=_fix(stream.headers)))


def _bunch_verdict(stream: Stream) -> Delivery:
    events, pause = len(stream.events) / stream.moments, stream.pause
    said = f"The text came in bunches: {events:.1f} events at a time on average, {_s(pause)} apart."
    return Delivery("bunched", said, fix=_fix(stream.headers) if _on_the_way(stream.headers) else None)


def _withholding(found: Delivery) -> Delivery:
    telling = "a buffer was emptied" if found.kind == "buffered" else "a finished answer was told"
    return replace(found, withheld=RATES, why_withheld=f"This would only measure how fast {telling}.")


def _evidence(stream: Stream, kind: Kind | None) -> tuple[str, ...]:
    events, moments = len(stream.events), stream.moments
    lines = [f"{events:,} events with text came at {moments:,} {'moments' if moments > 1 else 'moment'}."]
    took = f"They took {_s(stream.span_ns)}" if stream.moments > 1 else "They came"
    lines.append(f"{took}, after a wait of {_s(stream.wait_ns)}.")
    if stream.moments > 1:
        longest, middle = int(stream.gaps.max()), stream.pause
        lines.append(f"The longest pause between them is {_s(longest)}, the median {_s(middle)}.")
    sizes = [r.size for r in stream.timeline.reads if r.size]
    if sizes:
        lines.append(f"One read brought {median(sizes):,.0f} bytes at the median, {max(sizes):,} at most.")
    if stream.client_bound:
        share = stream.queued / (stream.events[-1].read + 1)
        lines.append(f"{share:.0%} of the reads found data waiting: this client may be the slow one.")
    return (*lines, *(_on_the_way(stream.headers) if kind != "incremental" else ()))


def _on_the_way(headers: dict[str, str]) -> tuple[str, ...]:
    """What the headers say of something between the model and here that may hold a stream back."""
    found: list[str] = []
    if (encoding := _encoding(headers)) is not None:
        found.append(f"The stream was compressed (Content-Encoding: {encoding}).")
    if via := headers.get("via"):
        found.append(f"A proxy passed it on (Via: {via[:80]}).")
    if headers.get("x-accel-buffering", "").lower() == "yes":
        found.append("The server asked its proxy to buffer (X-Accel-Buffering: yes).")
    return tuple(found)


def _encoding(headers: dict[str, str]) -> str | None:
    encoding = headers.get("content-encoding", "").strip().lower()
    return encoding[:20] if encoding not in ("", "identity") else None


def _fix(headers: dict[str, str]) -> str | None:
    """What would help, where the headers tell. Compression first: it holds back without a proxy, too."""
    if _encoding(headers) is not None:
        return _UNPACK
    accel = headers.get("x-accel-buffering", "").lower()
    if accel == "yes":
        return "Send X-Accel-Buffering: no with the stream."
    if "via" in headers and accel == "no":
        return "Switch response buffering off in the proxy: it does not heed X-Accel-Buffering: no."
    if "via" in headers:
        return "Send X-Accel-Buffering: no with the stream, or switch response buffering off in the proxy."
    return None


def _s(ns: float) -> str:
    return f"{ns / 1e9:.2f} s" if ns >= 10_000_000 else f"{ns / 1e6:.1f} ms"


_HELD = ("bunched", "buffered", "replayed")
_ONLY_PACKED = "Held back only when compressed, which is what a browser would get."
_UNPACK = "Leave text/event-stream uncompressed, or flush the compressor after each event."
_TOO_FAST = (
    "The text came faster than this client read it, so what arrived together can't be told from what was "
    "read together."
)
_LOOK_ALIKE = "After thinking that is not streamed, a very fast model and a second telling look alike."
