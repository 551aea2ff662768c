"""The numbers of METRICS.md sections 1 to 4, 7 and 11: one function each, one table describing them.

Pure: no clock, no I/O. A number that cannot be computed is None with a reason, never 0; counts are 0.
Each function's first docstring line is its formula; times are seconds after the request was sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from lib import timeline as timelines
from lib.experiment import Number
from lib.facts import NO_RECOUNT, NO_TEXT, Facts, Unknown, frames
from lib.pairs import between
from lib.rates import cost_usd, goodput, meets, window_rate
from lib.timeline import Recount, Timeline

__all__ = [
    "METRICS",
    "VERSION",
    "Metric",
    "between",
    "cost_usd",
    "curve",
    "definition",
    "flags",
    "gaps_s",
    "goodput",
    "measure",
    "meets",
    "window_rate",
]

VERSION = 1
"""Raised whenever any number of any timeline changes; stored numbers of another version are made anew."""

BUNCHED = 0.2
Source = Literal["measured", "counted", "reported", "recounted", "reported or recounted"]
F = TypeVar("F", bound=Callable[[Facts], Number])


@dataclass(frozen=True, slots=True)
class Metric:
    """One number. `label`: plain words; `unit`: s, tokens/s, ... or ""; `null`: when it is null."""

    name: str
    label: str
    unit: str
    formula: str
    null: str
    source: Source
    of: Callable[[Facts], Number]


METRICS: dict[str, Metric] = {}
"""Every number of one call, in the order it is read."""


def measure(timeline: Timeline, recount: Recount | None) -> tuple[dict[str, Number], dict[str, str]]:
    """(values, reasons): every name of METRICS, null ones with their sentence."""
    facts = Facts(timeline, recount)
    values: dict[str, Number] = {}
    reasons: dict[str, str] = {}
    for name, metric in METRICS.items():
        try:
            values[name] = metric.of(facts)
        except Unknown as reason:
            values[name] = None
            reasons[name] = str(reason)
    return values, reasons


def definition() -> str:
    """Which definitions numbers were made with: decoding's version, then this module's."""
    return f"{timelines.VERSION}.{VERSION}"


def _metric(label: str, unit: str, null: str = "never", source: Source = "measured") -> Callable[[F], F]:
    def register(of: F) -> F:
        formula = (of.__doc__ or "").split("\n")[0]
        METRICS[of.__name__] = Metric(of.__name__, label, unit, formula, null, source, of)
        return of

    return register


def _s(ns: float) -> float:
    return ns / 1e9


def _mark(f: Facts, name: str, missing: str) -> int:
    if name not in f.marks:
        raise Unknown(missing)
    return f.marks[name]


def _first_event(f: Facts) -> int:
    times = [e.t_ns for e in f.timeline.events if e.kind != "comment"]
    if not times:
        raise Unknown("No event arrived.")
    return times[0]


@_metric("response headers", "s", "no response")
def headers_s(f: Facts) -> float:
    """The read that completed the response headers."""
    return _s(_mark(f, "headers", "When the response headers came is not known."))


@_metric("first byte of the body", "s", "no body")
def ttfb_s(f: Facts) -> float:
    """The read that brought the first byte of the body."""
    return _s(_mark(f, "first_byte", "When the first byte of the body came is not known."))


@_metric("first event", "s", "no event")
def ttfe_s(f: Facts) -> float:
    """The first event of any kind but a comment."""
    return _s(_first_event(f))


@_metric("first text, reasoning included", "s", "no text")
def ttft_s(f: Facts) -> float:
    """The first event with text, reasoning included."""
    if not f.texts:
        raise Unknown("No text arrived.")
    return _s(f.texts[0].t_ns)


@_metric("first visible text", "s", "no visible text")
def ttfo_s(f: Facts) -> float:
    """The first content event by which the text holds more than white space; blocking: e2e_s."""
    return _s(f.ttfo_ns)


@_metric("first whole sentence", "s", "no visible text")
def ttfs_s(f: Facts) -> float:
    """The first content event by which the text holds a whole sentence, else last_content_s."""
    return _s(f.sentence_ns())


@_metric("last visible text", "s", "no visible text")
def last_content_s(f: Facts) -> float:
    """The last content event; blocking: e2e_s."""
    return _s(f.last_ns)


@_metric("total time", "s", "cut short, or an error event")
def e2e_s(f: Facts) -> float:
    """The finish event; blocking: the body fully read."""
    return _s(f.e2e_ns)


@_metric("end of the stream", "s", "cut short")
def eof_s(f: Facts) -> float:
    """The read that completed the body, else the end of file."""
    error = f.timeline.error
    if not f.timeline.complete and (error is None or error.kind not in ("status", "protocol", "error_event")):
        raise Unknown("The stream was cut before its end.")
    return _s(_mark(f, "eof", "When the stream ended is not known."))


@_metric("request to headers", "s", "headers unknown")
def request_to_headers(f: Facts) -> float:
    """headers_s - 0."""
    return _s(_mark(f, "headers", "When the response headers came is not known."))


@_metric("headers to first event", "s", "headers or first event unknown")
def headers_to_first_event(f: Facts) -> float:
    """ttfe_s - headers_s."""
    return _s(_first_event(f) - _mark(f, "headers", "When the response headers came is not known."))


@_metric("first event to first text", "s", "no visible text")
def first_event_to_first_token(f: Facts) -> float:
    """ttft_s - ttfe_s; white space that leads an answer without reasoning belongs here."""
    return _s(f.ttfo_ns - _thinking(f) - _first_event(f))


@_metric("reasoning", "s", "no visible text")
def reasoning(f: Facts) -> float:
    """ttfo_s - ttft_s, 0 when no reasoning was streamed."""
    return _s(_thinking(f))


@_metric("answer", "s", "no visible text")
def answer(f: Facts) -> float:
    """last_content_s - ttfo_s."""
    return _s(f.last_ns - f.ttfo_ns)


@_metric("tail", "s", "no visible text, or end unknown")
def tail(f: Facts) -> float:
    """eof_s - last_content_s."""
    return _s(_mark(f, "eof", "When the stream ended is not known.") - f.last_ns)


@_metric("time spent reasoning", "s", "no visible text")
def reasoning_s(f: Facts) -> float:
    """ttfo_s - ttft_s, 0 when no reasoning was streamed."""
    return _s(_thinking(f))


@_metric("time spent answering", "s", "no visible text")
def answer_s(f: Facts) -> float:
    """last_content_s - ttfo_s."""
    return _s(f.last_ns - f.ttfo_ns)


def _thinking(f: Facts) -> int:
    streamed = any(e.kind == "reasoning" for e in f.texts)
    return max(0, f.ttfo_ns - f.texts[0].t_ns) if streamed else 0 * f.ttfo_ns


@_metric("events with visible text", "", source="counted")
def content_events(f: Facts) -> int:
    """Distinct frames that carried visible text."""
    return frames(f.visible)


@_metric("events with text", "", source="counted")
def text_events(f: Facts) -> int:
    """Distinct frames that carried text, reasoning included."""
    return frames(f.texts)


@_metric("arrivals of visible text", "", source="counted")
def content_arrivals(f: Facts) -> int:
    """Distinct moments at which visible text arrived."""
    return len(f.arrivals)


@_metric("share of events that arrived together", "", "no visible text", "counted")
def coalesced_share(f: Facts) -> float:
    """1 - content_arrivals / content_events."""
    if not f.visible:
        raise Unknown(NO_TEXT)
    return 1 - len(f.arrivals) / frames(f.visible)


@_metric("median gap", "s", "fewer than two arrivals")
def gap_median_s(f: Facts) -> float:
    """Median of the gaps between arrivals of visible text."""
    return _s(_quantile(f.gaps, 0.5))


@_metric("95 % of gaps are below", "s", "fewer than two arrivals")
def gap_p95_s(f: Facts) -> float:
    """95th percentile of the gaps, interpolated linearly."""
    return _s(_quantile(f.gaps, 0.95))


@_metric("longest gap", "s", "fewer than two arrivals")
def gap_max_s(f: Facts) -> float:
    """The longest gap between arrivals of visible text."""
    return _s(max(f.gaps))


@_metric("variation of the gaps", "", "fewer than two arrivals")
def gap_cv(f: Facts) -> float:
    """Population standard deviation of the gaps / their mean."""
    mean = sum(f.gaps) / len(f.gaps)
    return math.sqrt(sum((g - mean) ** 2 for g in f.gaps) / len(f.gaps)) / mean


@_metric("freezes", "", source="counted")
def freeze_count(f: Facts) -> int:
    """Gaps, from the second on, that are >= max(3 d, d + 0.150 s), d the mean of up to 30 before."""
    return len(_freezes(f))


@_metric("time frozen", "s")
def freeze_s(f: Facts) -> float:
    """Sum of the whole gaps that are freezes."""
    return _s(sum(_freezes(f)))


@_metric("tokens reported", "tokens", "not reported", "reported")
def reported_completion(f: Facts) -> int:
    """Completion tokens the server reported, reasoning included."""
    return f.reported("completion")


@_metric("reasoning tokens reported", "tokens", "not reported", "reported")
def reported_reasoning(f: Facts) -> int:
    """Reasoning tokens the server reported."""
    return f.reported("reasoning")


@_metric("tokens recounted", "tokens", "no tokenizer", "recounted")
def tokens_recount_content(f: Facts) -> int:
    """Tokens of the joined visible text, no special tokens."""
    return f.recounted("content")


@_metric("reasoning tokens recounted", "tokens", "no tokenizer", "recounted")
def tokens_recount_reasoning(f: Facts) -> int:
    """Tokens of the joined reasoning text."""
    return f.recounted("reasoning")


@_metric("tokens not explained by the text", "tokens", "no report or no recount", "reported or recounted")
def unexplained(f: Facts) -> int:
    """reported_completion - tokens_recount_content - tokens_recount_reasoning."""
    return f.reported("completion") - f.recounted("content", "reasoning")


@_metric("visible tokens", "tokens", "neither report nor recount", "reported or recounted")
def visible_tokens(f: Facts) -> int:
    """Reported completion - reported reasoning tokens, else the recount of the visible text."""
    return f.visible_tokens()[0]


@_metric("who counted the visible tokens", "", "neither report nor recount", "reported or recounted")
def visible_tokens_source(f: Facts) -> str:
    """Either "reported" or "recount"."""
    return f.visible_tokens()[1]


@_metric("tokens of the first visible arrival", "tokens", "no tokenizer or no visible text", "recounted")
def first_arrival_tokens(f: Facts) -> int:
    """Recounted tokens that had come with the first visible text."""
    return f.recounted("content", until_ns=f.ttfo_ns)


@_metric("tokens per event", "", "no tokenizer or no visible text", "recounted")
def tokens_per_content_event(f: Facts) -> float:
    """tokens_recount_content / content_events."""
    return _per(f.recounted("content"), frames(f.visible))


@_metric("tokens per event, reasoning included", "", "no tokenizer or no text", "recounted")
def tokens_per_text_event(f: Facts) -> float:
    """Recounted tokens, reasoning included / text_events."""
    return _per(f.recounted("content", "reasoning"), frames(f.texts))


@_metric("answer rate", "tokens/s", "all at one moment, or no count", "reported or recounted")
def answer_tps(f: Facts) -> float:
    """(visible_tokens - tokens of the first visible arrival) / (last_content_s - ttfo_s)."""
    window = f.answer_ns
    early = 1 if f.recount is None else f.recounted("content", until_ns=f.ttfo_ns)
    later = f.visible_tokens()[0] - early
    if later <= 0:
        raise Unknown("All counted tokens came with the first visible text, so there is no rate.")
    return later / _s(window)


@_metric("time per visible token", "s", "no answer rate", "reported or recounted")
def tpot_s(f: Facts) -> float:
    """1 / answer_tps."""
    return 1 / answer_tps(f)


@_metric("rate over the whole call, reasoning included", "tokens/s", "not reported, or cut", "reported")
def e2e_tps(f: Facts) -> float:
    """reported_completion / e2e_s."""
    if f.e2e_ns <= 0:
        raise Unknown("The whole answer has no duration.")
    return f.reported("completion") / _s(f.e2e_ns)


@_metric("highest rate within one second", "tokens/s", "no tokenizer, or all at one moment", "recounted")
def peak(f: Facts) -> float:
    """Largest number of recounted visible tokens in any window of 1 s."""
    f.answer_ns  # noqa: B018  all at one moment is no rate
    return _peak(f, 1.0)


@_metric("answer rate in characters", "characters/s", "all at one moment", "counted")
def answer_cps(f: Facts) -> float:
    """Characters after the first visible arrival / (last_content_s - ttfo_s): for want of tokens."""
    return (f.length - f.early_chars()) / _s(f.answer_ns)


@_metric("what counting events as tokens would give", "events/s", "all at one moment", "counted")
def events_as_tokens_rate(f: Facts) -> float:
    """(content_events - 1) / (last_content_s - ttfo_s): a mistake often made, here to be compared."""
    return (frames(f.visible) - 1) / _s(f.answer_ns)


@_metric("error of counting events as tokens", "", "no answer rate", "counted")
def rate_error(f: Facts) -> float:
    """events_as_tokens_rate / answer_tps - 1."""
    true = answer_tps(f)
    return events_as_tokens_rate(f) / true - 1


@_metric("half the answer visible", "s", "no visible text, or cut short")
def t50_s(f: Facts) -> float:
    """First time at which half of the characters were visible."""
    return _s(_reached(f, 50))


@_metric("nine tenths of the answer visible", "s", "no visible text, or cut short")
def t90_s(f: Facts) -> float:
    """First time at which 90 % of the characters were visible."""
    return _s(_reached(f, 90))


@_metric("whole answer visible", "s", "no visible text, or cut short")
def t100_s(f: Facts) -> float:
    """First time at which every character was visible."""
    return _s(_reached(f, 100))


@_metric("mean time a character took", "s", "no visible text, or cut short")
def speed_index_s(f: Facts) -> float:
    """Sum of characters x time / characters: the area over the curve of visible text; blocking: e2e_s."""
    return _s(f.speed_index_ns())


def gaps_s(timeline: Timeline) -> list[float]:
    """Seconds between arrivals of visible text, in order; empty below two arrivals."""
    facts = Facts(timeline, None)
    return [_s(g) for g in facts.gaps] if len(facts.arrivals) > 1 else []


def curve(timeline: Timeline) -> list[tuple[float, int, float]]:
    """(seconds, characters, share) at each arrival of visible text: a staircase, right-continuous."""
    facts = Facts(timeline, None)
    shown = {e.t_ns: n for e, n in zip(facts.visible, facts.shown, strict=True)}
    return [(_s(t), n, n / facts.length) for t, n in shown.items()]


def flags(timeline: Timeline, recount: Recount | None) -> dict[str, str]:
    """What to know before believing the numbers: a name and a sentence each."""
    facts = Facts(timeline, recount)
    found: dict[str, str] = {}
    if timeline.finish in ("length", "max_output_tokens"):
        found["length"] = "The answer ended at the token limit."
    if not timeline.complete:
        found["censored"] = "The answer is not whole: its total time is only known to be longer."
    if facts.visible and len(facts.arrivals) / frames(facts.visible) <= 1 - BUNCHED:
        found["bunched"] = "Delivery was bunched: gaps describe the network or a proxy, not the model."
    if recount is None and len(facts.arrivals) > 1:
        found["first_arrival_assumed"] = "Without a tokenizer, the first visible arrival counts as one token."
    return found


def _reached(f: Facts, percent: int) -> int:
    f.e2e_ns  # noqa: B018  of a cut answer nobody knows the whole
    return f.reached_ns(-(-f.length * percent // 100))


def _per(tokens: int, events: int) -> float:
    if not events:
        raise Unknown("No text arrived.")
    return tokens / events


def _quantile(values: list[int], q: float) -> float:
    """Linear interpolation between the two nearest of the sorted values."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * q
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _freezes(f: Facts) -> list[int]:
    """As webrtc-stats counts them, with a running mean of up to 30 gaps."""
    gaps = f.gaps if len(f.arrivals) > 1 else []
    found: list[int] = []
    recent = 0
    for i, gap in enumerate(gaps):
        mean = recent / min(i, 30) if i else 0
        if i and gap >= max(3 * mean, mean + 150e6):
            found.append(gap)
        recent += gap - (gaps[i - 30] if i >= 30 else 0)
    return found


def _peak(f: Facts, width_s: float) -> float:
    if f.recount is None:
        raise Unknown(NO_RECOUNT)
    rows = zip(f.timeline.events, f.recount.tokens, strict=True)
    points = [(_s(e.t_ns), n) for e, n in rows if e.kind == "content"]
    return float(window_rate([t for t, _ in points], [n for _, n in points], width_s)[1].max())
