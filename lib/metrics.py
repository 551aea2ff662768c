"""The table of every number of one call, and what makes them: METRICS.md sections 1 to 4, 7 and 11.

Pure: no clock, no I/O. A number that cannot be computed is None with a reason, never 0; counts are 0.
The functions are in moments (times) and pace (gaps, tokens, rates); a pair's numbers are in pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from lib import moments, pace
from lib import timeline as timelines
from lib.delivery import BUNCHED, withheld
from lib.experiment import Number
from lib.facts import Facts, Unknown
from lib.pairs import between
from lib.rates import cost_usd, goodput, meets, window_rate
from lib.spec import Pairs
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

VERSION = 3
"""Raised whenever any number of any timeline changes; stored numbers of another version are made anew."""

Subject = TypeVar("Subject")
Source = Literal["measured", "counted", "reported", "recounted", "reported or recounted"]
EITHER: Source = "reported or recounted"
_NO_RATE = "all at one moment, or held back or told at the end"


@dataclass(frozen=True, slots=True)
class Metric(Generic[Subject]):
    """One number. `label`: plain words; `unit`: s, tokens/s, ... or ""; `null`: when it is null."""

    of: Callable[[Subject], Number]
    label: str
    unit: str
    null: str
    source: Source = "measured"

    @property
    def name(self) -> str:
        """Its name in code and JSON."""
        return self.of.__name__

    @property
    def formula(self) -> str:
        """The first line of its function's docstring."""
        return (self.of.__doc__ or "").split("\n")[0]


_TABLE = (
    Metric(moments.headers_s, "response headers", "s", "no response"),
    Metric(moments.ttfb_s, "first byte of the body", "s", "no body"),
    Metric(moments.ttfe_s, "first event", "s", "no event"),
    Metric(moments.ttft_s, "first text, reasoning included", "s", "no text"),
    Metric(moments.ttfo_s, "first visible text", "s", "no visible text"),
    Metric(moments.ttfs_s, "first whole sentence", "s", "no visible text"),
    Metric(moments.last_content_s, "last visible text", "s", "no visible text"),
    Metric(moments.e2e_s, "total time", "s", "cut short, or an error event"),
    Metric(moments.eof_s, "end of the stream", "s", "cut short"),
    Metric(moments.request_to_headers, "request to headers", "s", "headers unknown"),
    Metric(moments.headers_to_first_event, "headers to first event", "s", "headers or first event unknown"),
    Metric(moments.first_event_to_first_token, "first event to first text", "s", "no visible text"),
    Metric(moments.reasoning, "reasoning", "s", "no visible text"),
    Metric(moments.answer, "answer", "s", "no visible text"),
    Metric(moments.tail, "tail", "s", "no visible text, or end unknown"),
    Metric(moments.reasoning_s, "time spent reasoning", "s", "no visible text"),
    Metric(moments.answer_s, "time spent answering", "s", "no visible text"),
    Metric(pace.content_events, "events with visible text", "", "never", "counted"),
    Metric(pace.text_events, "events with text", "", "never", "counted"),
    Metric(pace.content_arrivals, "arrivals of visible text", "", "never", "counted"),
    Metric(pace.coalesced_share, "share of events that arrived together", "", "no visible text", "counted"),
    Metric(pace.gap_median_s, "median gap", "s", "fewer than two arrivals"),
    Metric(pace.gap_p95_s, "95 % of gaps are below", "s", "fewer than two arrivals"),
    Metric(pace.gap_max_s, "longest gap", "s", "fewer than two arrivals"),
    Metric(pace.gap_cv, "variation of the gaps", "", "fewer than two arrivals"),
    Metric(pace.freeze_count, "freezes", "", "never", "counted"),
    Metric(pace.freeze_s, "time frozen", "s", "never"),
    Metric(pace.reported_completion, "tokens reported", "tokens", "not reported", "reported"),
    Metric(pace.reported_reasoning, "reasoning tokens reported", "tokens", "not reported", "reported"),
    Metric(pace.tokens_recount_content, "tokens recounted", "tokens", "no tokenizer", "recounted"),
    Metric(
        pace.tokens_recount_reasoning, "reasoning tokens recounted", "tokens", "no tokenizer", "recounted"
    ),
    Metric(pace.unexplained, "tokens not explained by the text", "tokens", "no report or no recount", EITHER),
    Metric(pace.visible_tokens, "visible tokens", "tokens", "neither report nor recount", EITHER),
    Metric(pace.visible_tokens_source, "who counted them", "", "neither report nor recount", EITHER),
    Metric(
        pace.first_arrival_tokens,
        "tokens of the first visible arrival",
        "tokens",
        "no tokenizer or no visible text",
        "recounted",
    ),
    Metric(
        pace.tokens_per_content_event, "tokens per event", "", "no tokenizer or no visible text", "recounted"
    ),
    Metric(
        pace.tokens_per_text_event,
        "tokens per event with reasoning",
        "",
        "no tokenizer or no text",
        "recounted",
    ),
    Metric(pace.answer_tps, "answer rate", "tokens/s", f"{_NO_RATE}, or no count", EITHER),
    Metric(pace.tpot_s, "time per visible token", "s", "no answer rate", EITHER),
    Metric(
        pace.e2e_tps,
        "rate over the whole call with reasoning",
        "tokens/s",
        "not reported, or cut",
        "reported",
    ),
    Metric(
        pace.peak,
        "highest rate within one second",
        "tokens/s",
        f"{_NO_RATE}, or no tokenizer",
        "recounted",
    ),
    Metric(pace.answer_cps, "answer rate in characters", "characters/s", _NO_RATE, "counted"),
    Metric(pace.events_as_tokens_rate, "rate if events were tokens", "events/s", _NO_RATE, "counted"),
    Metric(pace.rate_error, "error of counting events as tokens", "", "no answer rate", "counted"),
    Metric(moments.t50_s, "half the answer visible", "s", "no visible text, or cut short"),
    Metric(moments.t90_s, "nine tenths of the answer visible", "s", "no visible text, or cut short"),
    Metric(moments.t100_s, "whole answer visible", "s", "no visible text, or cut short"),
    Metric(moments.speed_index_s, "mean time a character took", "s", "no visible text, or cut short"),
)
METRICS: dict[str, Metric[Facts]] = {m.name: m for m in _TABLE}
"""Every number of one call, in the order it is read."""


def measure(
    timeline: Timeline, recount: Recount | None, headers: Pairs = ()
) -> tuple[dict[str, Number], dict[str, str]]:
    """(values, reasons): every name of METRICS, null ones with their sentence.

    Rates that would only measure a buffer, or a second telling, are null too (`delivery.withheld`);
    the response's `headers` tell those two apart.
    """
    facts = Facts(timeline, recount)
    values: dict[str, Number] = {}
    reasons: dict[str, str] = {}
    for name, metric in METRICS.items():
        try:
            values[name] = metric.of(facts)
        except Unknown as reason:
            values[name] = None
            reasons[name] = str(reason)
    meaningless, why = withheld(facts, headers)
    for name in meaningless - reasons.keys():
        values[name] = None
        reasons[name] = why
    return values, reasons


def definition() -> str:
    """Which definitions numbers were made with: decoding's version, then this module's."""
    return f"{timelines.VERSION}.{VERSION}"


def gaps_s(timeline: Timeline) -> list[float]:
    """Seconds between arrivals of visible text, in order; empty below two arrivals."""
    facts = Facts(timeline, None)
    return [g / 1e9 for g in facts.gaps] if len(facts.arrivals) > 1 else []


def curve(timeline: Timeline) -> list[tuple[float, int, float]]:
    """(seconds, characters, share) at each arrival of visible text: a staircase, right-continuous."""
    facts = Facts(timeline, None)
    shown = {e.t_ns: n for e, n in zip(facts.visible, facts.shown, strict=True)}
    return [(t / 1e9, n, n / facts.length) for t, n in shown.items()]


def flags(timeline: Timeline, recount: Recount | None) -> dict[str, str]:
    """What to know before believing the numbers: a name and a sentence each."""
    facts = Facts(timeline, recount)
    found: dict[str, str] = {}
    if timeline.finish in ("length", "max_output_tokens"):
        found["length"] = "The answer ended at the token limit."
    if not timeline.complete:
        found["censored"] = "The answer is not whole: its total time is only known to be longer."
    if facts.visible and round(1 - len(facts.arrivals) / facts.visible_frames, 9) >= BUNCHED:
        found["bunched"] = "Delivery was bunched: gaps describe the network or a proxy, not the model."
    if recount is None and len(facts.arrivals) > 1:
        found["first_arrival_assumed"] = "Without a tokenizer, the first visible arrival counts as one token."
    return found
