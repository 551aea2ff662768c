"""One pair in words: the sentence, at most four numbers, the comparison, and what to hold against it.

Pure. Numbers are rounded to what their error allows. A provider's words appear in `sentence` only, on
one short line; everything else returned here is our own text.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from lib import example
from lib.delivery import compare_encodings
from lib.experiment import CallResult, Experiment
from lib.experiment import pair as pair_of
from lib.metrics import between, measure
from lib.spec import Mode, is_lab

Runs = tuple[tuple[str, bool], ...]
SAME_SHARE = 0.05
SAME_S = 0.05
UNKNOWN = "not known"
MAX_REASON = 240


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
    runs = [*_streamed(streaming), (" ", False), *_blocked(blocking)]
    if _ended(blocking) and _ended(streaming):
        runs += [(" ", False), (_finish(experiment, blocking, streaming), False)]
    return tuple(_joined(runs))


def headline(experiment: Experiment, arm: int = 0, pair: int = 0) -> list[Figure]:
    """At most four numbers; those that cannot be known are left out."""
    calls = pair_of(experiment, arm, pair)
    if calls is None:
        return []
    blocking, streaming = calls
    first, whole = _number(streaming, "ttfo_s"), _number(blocking, "ttfo_s")
    figures = []
    if first is not None:
        figures.append(Figure("First text, streaming", _seconds(streaming, first)))
    if whole is not None:
        figures.append(Figure("First text, blocking", _seconds(blocking, whole), "all at once"))
    if (total := _total(streaming)) != UNKNOWN:
        figures.append(Figure("Total time, streaming", total, f"blocking {_total(blocking)}"))
    return [*figures, *_pace(experiment, streaming)]


def table(experiment: Experiment, arm: int = 0, pair: int = 0) -> list[Row]:
    """Blocking and streaming side by side; [] when there is no such pair."""
    calls = pair_of(experiment, arm, pair)
    if calls is None:
        return []
    blocking, streaming = calls
    later = _later(experiment, blocking, streaming)
    return [
        Row("Time to first event", _time(blocking, "ttfe_s"), _time(streaming, "ttfe_s")),
        Row("Time to first visible text", _time(blocking, "ttfo_s"), _time(streaming, "ttfo_s")),
        Row("Time to the full response", _total(blocking), _total(streaming), later),
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


def seconds(x: float | None, digits: int = 2) -> str:
    """ "0.16 s"; "not known" for None."""
    return UNKNOWN if x is None else f"{x:,.{digits}f} s"


def _evidence(
    experiment: Experiment, arm: int, pair: int, blocking: CallResult, streaming: CallResult
) -> str:
    """How far one pair goes, in one or two sentences."""
    pairs = experiment.spec.pairs
    look = "One pair" if pairs == 1 else f"Pair {pair + 1} of {pairs}"
    look = f"{look}: a look, not a measurement."
    if _recorded(streaming):
        day = datetime.fromtimestamp(experiment.created_ms / 1000, UTC)
        return f"{look} Recorded {day:%B %Y}, rounded to 10 ms, client's own lateness unknown."
    if blocking.planned.group == streaming.planned.group:
        if is_lab(experiment.spec.arms[arm].endpoint):
            return _TOGETHER
        return f"{look} Both calls ran at the same time, so each may have slowed the other."
    second = "Streaming" if streaming.planned.n > blocking.planned.n else "Blocking"
    return f"{look} {second} ran second."


def _streamed(call: CallResult) -> list[tuple[str, bool]]:
    """What the streaming call did, as far as it came."""
    first = _number(call, "ttfo_s")
    if call.state in ("planned", "sent"):
        if first is None:
            return [(_waiting(call), False)]
        return [("Streaming showed its first text after ", False), (_seconds(call, first), True),
                (" and is still running.", False)]  # fmt: skip
    if not _ended(call):
        return [(_failure(call), False)]
    if first is None:
        return [("Streaming ended without any visible text.", False)]
    return [("Streaming showed its first text after ", False), (_seconds(call, first), True), (".", False)]


def _blocked(call: CallResult) -> list[tuple[str, bool]]:
    if call.state in ("planned", "sent"):
        return [(_waiting(call), False)]
    if not _ended(call):
        return [(_failure(call), False)]
    total = _number(call, "e2e_s")
    if _number(call, "ttfo_s") is None:
        return [("The blocking call came back without any visible text after ", False),
                (_seconds(call, total), True), (".", False)]  # fmt: skip
    return [("The blocking call showed nothing for ", False), (_seconds(call, total), True), (".", False)]


def _waiting(call: CallResult) -> str:
    begun = "is still under way" if call.state == "sent" else "has not begun"
    return f"The {call.planned.mode} call {begun}."


def _failure(call: CallResult) -> str:
    """Why there is no whole answer, with how much there is of it."""
    name = f"The {call.planned.mode} call"
    if call.state == "dropped":
        return f"{name} was cancelled before it was sent."
    reason = _reason(call)
    last, events = _last(call), call.timeline.events if call.timeline else ()
    texts = sum(e.kind in ("content", "reasoning") for e in events)
    if texts and last is not None:
        plural = "event" if texts == 1 else "events"
        return f"{name} was cut after {texts:,} {plural} at {_seconds(call, last)}: {reason}"
    return f"{name} failed: {reason}"


def _reason(call: CallResult) -> str:
    error = call.error or (call.timeline.error if call.timeline else None)
    words = error.message if error else (call.timeline.why if call.timeline else "")
    line = " ".join(words.split()) or "Nothing was kept of it."
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"


def _finish(experiment: Experiment, blocking: CallResult, streaming: CallResult) -> str:
    later = _later(experiment, blocking, streaming)
    if not later:
        return ""
    if later == _SAME:
        return "Both finished at about the same time."
    return f"In this pair {later}."


def _later(experiment: Experiment, blocking: CallResult, streaming: CallResult) -> str:
    """Who finished later and by how much; never why. "" when one total is not known."""
    one, other = _number(blocking, "e2e_s"), _number(streaming, "e2e_s")
    if one is None or other is None:
        return ""
    gap = abs(one - other)
    if gap < max(SAME_S, SAME_SHARE * max(one, other), _least(experiment)):
        return _SAME
    slower: Mode = "streaming" if other > one else "blocking"
    return f"{slower} finished {seconds(gap, _digits(streaming, max(one, other)))} later"


def _least(experiment: Experiment) -> float:
    """Smaller differences, in seconds, are the instrument's own."""
    return (experiment.calibration and experiment.calibration.min_detectable_gap_s) or 0.0


def _pace(experiment: Experiment, call: CallResult) -> list[Figure]:
    """The answer rate, in characters for want of tokens; else why none is shown; else the longest gap."""
    tokens, chars = _number(call, "answer_tps"), _number(call, "answer_cps")
    if tokens is not None:
        reported = _values(call).get("visible_tokens_source") == "reported"
        return [Figure("Answer rate", f"{_rate(tokens)} tokens/s", _by(call, reported=reported))]
    if chars is not None:
        return [Figure("Answer rate", f"{_rate(chars)} characters/s", "no count of tokens")]
    if call.delivery is not None and "answer_tps" in call.delivery.withheld:
        return [Figure("Answer rate", "withheld", "it would mislead")]
    gap = _number(call, "gap_max_s")
    if gap is None:
        return []
    small = gap < _least(experiment)
    return [Figure("Longest gap", f"below {_ms(_least(experiment))}" if small else _seconds(call, gap))]


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
    return _seconds(call, _number(call, name))


def _total(call: CallResult) -> str:
    """Total time; of a cut call the time it is known to exceed."""
    total = _number(call, "e2e_s")
    if total is not None or call.state in ("planned", "sent"):
        return _seconds(call, total)
    last = _last(call)
    return UNKNOWN if last is None else f"> {_seconds(call, last)}"


def _last(call: CallResult) -> float | None:
    events = call.timeline.events if call.timeline else ()
    return max((e.t_ns / 1e9 for e in events if e.kind != "comment"), default=None)


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
    count = _number(call, "reported_completion")
    return "not reported" if count is None else f"{count:,.0f}"


def _recounted(call: CallResult) -> str:
    count = _number(call, "tokens_recount_content")
    if count is None:
        return "not available"
    thought = _number(call, "tokens_recount_reasoning")
    return f"{count:,.0f} + {thought:,.0f} reasoning" if thought else f"{count:,.0f}"


def _tokenizer(blocking: CallResult, streaming: CallResult) -> str:
    call = streaming if streaming.recount else blocking
    return f"Counted with {_named(call)}." if call.recount else (streaming.recount_reason or "")


def _events(call: CallResult) -> str:
    count = _number(call, "text_events")
    return UNKNOWN if count is None else f"{count:,.0f}"


def _ended(call: CallResult) -> bool:
    return call.state == "done" and call.timeline is not None and call.timeline.complete


def _values(call: CallResult) -> dict[str, object]:
    if call.metrics is not None or call.timeline is None:
        return dict(call.metrics or {})
    return dict(measure(call.timeline, call.recount)[0])


def _number(call: CallResult, name: str) -> float | None:
    value = _values(call).get(name)
    return value if isinstance(value, (int, float)) else None


def _recorded(call: CallResult) -> bool:
    return call.timeline is not None and call.timeline.source.startswith("recorded:")


def _digits(call: CallResult, x: float) -> int:
    """Recordings are known to 10 ms; of what was measured here, two or three figures are enough."""
    if _recorded(call) or 0.1 <= x < 10:
        return 2
    return 1 if x >= 10 else 3 if x >= 0.01 else 4


def _seconds(call: CallResult, x: float | None) -> str:
    return seconds(x, 2 if x is None else _digits(call, x))


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


_SAME = "about the same time"
_TOGETHER = "Both calls ran at the same time against the built-in endpoint, which is not disturbed by that."
