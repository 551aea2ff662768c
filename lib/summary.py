"""One pair in words: the sentence, at most four numbers, the comparison, and what to hold against it.

Pure. Numbers are rounded to what their error allows. A provider's words appear in `sentence` only, on
one short line; everything else returned here is our own text.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from lib import example, lanes
from lib.delivery import compare_encodings
from lib.experiment import CallResult, Experiment
from lib.experiment import pair as pair_of
from lib.metrics import between
from lib.phrases import (
    SAME,
    UNKNOWN,
    Runs,
    blocked,
    ended,
    later,
    least,
    number,
    recorded,
    seconds,
    streamed,
    timed,
)
from lib.spec import is_lab

__all__ = [
    "Figure",
    "Row",
    "Runs",
    "caveat",
    "encodings",
    "headline",
    "instrument",
    "seconds",
    "sentence",
    "table",
]


class Figure(NamedTuple):
    """One number above the fold. `note`: how it was made, "" when nothing need be said."""

    label: str
    value: str
    note: str = ""


class Row(NamedTuple):
    """One line of the comparison."""

    label: str
    blocking: str
    streaming: str
    note: str = ""


def sentence(experiment: Experiment, arm: int = 0, pair: int = 0) -> Runs:
    """What happened, as runs of text with a flag for those that matter. Holds untrusted text: escape it."""
    calls = pair_of(experiment, arm, pair)
    if calls is None:
        return (("This experiment has no such pair of calls.", False),)
    blocking, streaming = calls
    runs = [*streamed(streaming), (" ", False), *blocked(blocking)]
    if ended(blocking) and ended(streaming):
        runs += [(" ", False), (_finish(experiment, blocking, streaming), False)]
    return tuple(_joined(runs))


def headline(experiment: Experiment, arm: int = 0, pair: int = 0) -> list[Figure]:
    """At most four numbers; those that cannot be known are left out."""
    calls = pair_of(experiment, arm, pair)
    if calls is None:
        return []
    blocking, streaming = calls
    first, whole = number(streaming, "ttfo_s"), number(blocking, "ttfo_s")
    figures = []
    if first is not None:
        figures.append(Figure("First text, streaming", timed(streaming, first)))
    if whole is not None:
        figures.append(Figure("First text, blocking", timed(blocking, whole), "all at once"))
    if (total := _total(streaming)) != UNKNOWN:
        figures.append(Figure("Total time, streaming", total, f"blocking {_total(blocking)}"))
    return [*figures, *_pace(experiment, streaming)]


def table(experiment: Experiment, arm: int = 0, pair: int = 0) -> list[Row]:
    """Blocking and streaming side by side; [] when there is no such pair."""
    calls = pair_of(experiment, arm, pair)
    if calls is None:
        return []
    blocking, streaming = calls
    gap = later(experiment, blocking, streaming)
    return [
        Row("Time to first event", _time(blocking, "ttfe_s"), _time(streaming, "ttfe_s")),
        Row("Time to first visible text", _time(blocking, "ttfo_s"), _time(streaming, "ttfo_s")),
        Row("Time to the full response", _total(blocking), _total(streaming), gap),
        Row("Text", _length(blocking), _length(streaming), _agreement(blocking, streaming)),
        Row("Tokens reported by the server", _reported(blocking), _reported(streaming)),
        Row("Tokens recounted", _recounted(blocking), _recounted(streaming), _tokenizer(blocking, streaming)),
        Row("Events with text", _events(blocking), _events(streaming), "An event is not a token."),
    ]


def caveat(experiment: Experiment, arm: int = 0, pair: int = 0) -> str:
    """How far this pair goes as evidence, and where its words come from when no model made them."""
    calls = pair_of(experiment, arm, pair)
    if calls is None:
        return ""
    said = _evidence(experiment, arm, pair, *calls)
    return f"{example.ORIGIN} {said}" if example.plays(experiment.spec.arms[arm]) else said


def instrument(experiment: Experiment) -> str:
    """The instrument's own error in one line, "" when none belongs to it: a recording, or not made yet."""
    found = experiment.calibration
    if found is None:
        return ""
    least = found.min_detectable_gap_s
    if found.median_s is None or found.p95_s is None or least is None:
        return f"The instrument's own error is not known. {found.reason or ''}".rstrip()
    made = f"{found.stamps} stamps, {found.n:,} events"
    return (
        f"The instrument's own error: {_ms(found.median_s)} median, {_ms(found.p95_s)} p95 ({made}). "
        f"Gaps below {_ms(least)} are not told apart."
    )


def encodings(experiment: Experiment) -> str | None:
    """What compression does to the stream, where two arms differ in nothing else; None elsewhere, or
    while a call is under way. With what would help, if that is known. Our own words only."""
    arms = experiment.spec.arms
    plain = [replace(a, endpoint=replace(a.endpoint, accept_encoding="identity")) for a in arms]
    if len(arms) != 2 or arms[0] == arms[1] or plain[0] != plain[1]:
        return None
    streams = {
        arms[c.planned.arm].endpoint.accept_encoding: c
        for c in experiment.calls
        if (c.planned.mode, c.planned.pair) == ("streaming", 0) and c.delivery is not None
    }
    one, other = streams.get("identity"), streams.get("gzip")
    if one is None or other is None or one.timeline is None or other.timeline is None:
        return None
    found = compare_encodings(one.timeline, other.timeline, one.headers, other.headers)
    return f"{found.sentence} {found.fix or ''}".rstrip()


def _evidence(
    experiment: Experiment, arm: int, pair: int, blocking: CallResult, streaming: CallResult
) -> str:
    """How far one pair goes, in one or two sentences."""
    pairs = experiment.spec.pairs
    look = "One pair" if pairs == 1 else f"Pair {pair + 1} of {pairs}"
    look = f"{look}: a look, not a measurement."
    if recorded(streaming):
        day = datetime.fromtimestamp(experiment.created_ms / 1000, UTC)
        return f"{look} Recorded {day:%B %Y}, rounded to 10 ms, client's own lateness unknown."
    if blocking.planned.group == streaming.planned.group:
        if is_lab(experiment.spec.arms[arm].endpoint):
            return _TOGETHER
        return f"{look} Both calls ran at the same time, so each may have slowed the other."
    second = "Streaming" if streaming.planned.n > blocking.planned.n else "Blocking"
    return f"{look} {second} ran second."


def _finish(experiment: Experiment, blocking: CallResult, streaming: CallResult) -> str:
    gap = later(experiment, blocking, streaming)
    if not gap:
        return ""
    if gap == SAME:
        return "Both finished at about the same time."
    return f"In this pair {gap}."


def _pace(experiment: Experiment, call: CallResult) -> list[Figure]:
    """The answer rate, in characters for want of tokens; else why none is shown; else the longest gap."""
    tokens, chars = number(call, "answer_tps"), number(call, "answer_cps")
    if tokens is not None:
        reported = lanes.numbers(call).get("visible_tokens_source") == "reported"
        return [Figure("Answer rate, tokens/s", _rate(tokens), _by(call, reported=reported))]
    if chars is not None:
        return [Figure("Answer rate, characters/s", _rate(chars), "no count of tokens")]
    if call.delivery is not None and "answer_tps" in call.delivery.withheld:
        return [Figure("Answer rate", "withheld", "it would mislead")]
    gap = number(call, "gap_max_s")
    if gap is None:
        return []
    small = gap < least(experiment)
    return [Figure("Longest gap", f"below {_ms(least(experiment))}" if small else timed(call, gap))]


def _by(call: CallResult, *, reported: bool) -> str:
    if reported:
        return "reported by the server"
    return f"recounted, {_named(call)}" if call.recount else ""


def _named(call: CallResult) -> str:
    if call.recount is None:
        return ""
    return call.recount.encoding if call.recount.basis == "exact" else (
        f"{call.recount.encoding}, {call.recount.basis}")  # fmt: skip


def _time(call: CallResult, name: str) -> str:
    return timed(call, number(call, name))


def _total(call: CallResult) -> str:
    """Total time; of a cut call the time it is known to exceed."""
    total = number(call, "e2e_s")
    if total is not None or call.state in ("planned", "sent"):
        return timed(call, total)
    last = lanes.last_s(call.timeline)
    return UNKNOWN if last is None else f"> {timed(call, last)}"


def _length(call: CallResult) -> str:
    if call.timeline is None:
        return UNKNOWN
    chars = sum(e.chars for e in call.timeline.events if e.kind == "content")
    return f"{chars:,} character{'' if chars == 1 else 's'}"


def _agreement(blocking: CallResult, streaming: CallResult) -> str:
    """ "equal, 292 characters" or "parts after 41 characters: 292 and 300"."""
    if blocking.timeline is None or streaming.timeline is None:
        return ""
    values, reasons = between(blocking.timeline, streaming.timeline)
    if values["text_equal"] is None:
        return reasons["text_equal"]
    if values["text_equal"]:
        return f"equal, {_length(blocking)}"
    lengths = f"{values['blocking_chars']:,} and {values['streaming_chars']:,}"
    shared = values["common_prefix_chars"]
    return f"parts after {shared:,} character{'' if shared == 1 else 's'}: {lengths}"


def _reported(call: CallResult) -> str:
    count = number(call, "reported_completion")
    return "not reported" if count is None else f"{count:,.0f}"


def _recounted(call: CallResult) -> str:
    count = number(call, "tokens_recount_content")
    if count is None:
        return "not available"
    thought = number(call, "tokens_recount_reasoning")
    return f"{count:,.0f} + {thought:,.0f} reasoning" if thought else f"{count:,.0f}"


def _tokenizer(blocking: CallResult, streaming: CallResult) -> str:
    call = streaming if streaming.recount else blocking
    return f"Counted with {_named(call)}." if call.recount else (streaming.recount_reason or "")


def _events(call: CallResult) -> str:
    count = number(call, "text_events")
    return UNKNOWN if count is None else f"{count:,.0f}"


def _ms(x: float) -> str:
    ms = x * 1000
    return f"{ms:,.{0 if ms >= 10 else 1 if ms >= 0.1 else 2 if ms >= 0.01 else 3}f} ms"


def _rate(x: float) -> str:
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def _joined(runs: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Neighbours of equal weight become one run; empty ones vanish."""
    out: list[tuple[str, bool]] = []
    for text, strong in runs:
        if out and out[-1][1] == strong:
            out[-1] = (out[-1][0] + text, strong)
        elif text:
            out.append((text, strong))
    if out and not out[-1][1]:
        out[-1] = (out[-1][0].rstrip(), False)
    return out


_TOGETHER = "Both calls ran at the same time against the built-in endpoint, which is not disturbed by that."
