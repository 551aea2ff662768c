"""Trials: the instrument against streams of which everything is known. What can be tried, and who was right.

Decides and words, and makes no call: starting a trial is the service's business, drawing charts'.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Literal, NamedTuple

from lib.calibration import Calibration, compared, first_text_error_ns, quantile, sent
from lib.dialects import Usage
from lib.experiment import CallResult, Experiment
from lib.lab import steady, traps
from lib.lab.asks import Ask
from lib.lab.trap import streamed
from lib.lab.truth import Truth
from lib.peers import Heard
from lib.recording import Recording
from lib.spec import LAB, Api, Arm, CallSpec, Endpoint, ExperimentSpec, Limits, is_lab

RATES = (50, 200, 1_000, 5_000)
LASTS_S = 2.0
PROMPT = "Speak."
LIMITS = Limits(connect_s=2.0, silence_s=6.0, total_s=12.0)
"""Far above what any trial takes."""
CLOSE_S = 0.001
"""Two clocks that differ by less than this agree, even where the calibration was better."""
LOOSE_S = 0.005
"""The same where only the schedule is known: it leaves out the way of the request and the lab's lateness."""
_LABELS = {
    "reasoning-field": "Reasoning, the other field",
    "four-tokens": "Four tokens an event",
    "burst-16k": "Bursts of 16 kB",
    "proxy": "Held back by a proxy",
    "proxy-told": "A proxy that lets through",
    "gzip": "Compressed",
    "gzip-held": "Held back when compressed",
    "fake": "Faked at the end",
    "replayed": "Told again",
    "split": "Split characters",
    "no-done": "No [DONE]",
    "after-done": "Garbage after [DONE]",
    "cut-fin": "Cut: closed in the middle",
    "cut-torn": "Cut: in the middle of an event",
    "cut-unframed": "Cut: without a trace",
    "cut-rst": "Cut: reset",
    "malformed": "An event that is not JSON",
    "error-event": "An error in the middle",
    "html": "HTML instead of an answer",
    "401": "Refused with 401",
    "429": "Refused with 429",
    "500": "Failed with 500",
    "redirect": "Sent elsewhere",
}
SAME_RATE = 0.1


class Trial(NamedTuple):
    """`line`: what the stream does; `naive`: what a careless tool makes of it; `truth`: what is so."""

    name: str
    label: str
    line: str
    naive: str
    model: str
    api: Api
    truth: Truth


class Finding(NamedTuple):
    """One fact of a stream: true, as measured here, and as others would have said; all in words.

    `right` None: nothing to be right about.
    """

    what: str
    true: str
    ours: str
    right: bool | None
    others: tuple[str, ...]


class Deviations(NamedTuple):
    """(seconds since the request, error in seconds) of each event. `against`: the lab's own account of its
    sends, or, where it could give none, its schedule, in whose errors the lab's own lateness is too."""

    rows: tuple[tuple[float, float], ...]
    against: Literal["account", "schedule"]


def _steady(rate: int) -> Trial:
    model = f"{steady.NAME}:first=0.1,rate={rate},tokens={round(rate * LASTS_S)}"
    ask = Ask("chat.completions", model, PROMPT, True, include_usage=True)
    return Trial(
        f"steady-{rate}",
        f"Steady, {rate:,} events a second",
        f"Sends {rate:,} events a second for {LASTS_S:g} s, one word each.",
        "It reads late when events come fast, and calls its own lateness the model's.",
        model,
        "chat.completions",
        streamed(steady.answer)(ask).truth,
    )


def _trap(trap: traps.Trap) -> Trial:
    label = _LABELS.get(trap.name, trap.name.replace("-", " ").capitalize())
    return Trial(trap.name, label, trap.line, trap.naive, trap.model, trap.apis[0], trap.truth())


def _ends(truth: Truth) -> bool:
    """Whether the stream ends by itself; the others would hold a page for minutes, and are tests only."""
    return not truth.open_ended and not {"deadline", "limit", "timeout"} & set(truth.errors)


TRIALS: dict[str, Trial] = {
    trial.name: trial
    for trial in (*map(_steady, RATES), *map(_trap, traps.TRAPS.values()))
    if _ends(trial.truth)
}
"""All that can be picked: steady rates, then the lab's traps in their order."""


def spec(trial: Trial) -> ExperimentSpec:
    """The trial as an ordinary experiment on the lab."""
    call = CallSpec(trial.api, trial.model, PROMPT)
    return ExperimentSpec((Arm(Endpoint(LAB), call),), together=True, cache="as_is", limits=LIMITS)


def trial_of(experiment: Experiment) -> Trial | None:
    """The trial that an experiment is, None when it is none."""
    arm = experiment.spec.arms[0]
    if not is_lab(arm.endpoint):
        return None
    return next((t for t in TRIALS.values() if (t.model, t.api) == (arm.call.model, arm.call.api)), None)


def deviations(trial: Trial, recording: Recording, call: CallResult) -> Deviations:
    """Measured minus true, event by event; no rows when nothing can be compared."""
    base = None if call.timeline is None else call.timeline.t_send_monotonic_ns
    if base is None or call.timeline is None:
        return Deviations((), "account")
    if sent(recording) is not None:
        rows = compared(recording)
        return Deviations(tuple(((at - base) / 1e9, (at - was) / 1e9) for was, at in rows), "account")
    measured = [e.t_ns / 1e9 for e in call.timeline.events if e.kind == "content"]
    due = (e.t_s for e in trial.truth.content)
    return Deviations(tuple((at, at - was) for at, was in zip(measured, due, strict=False)), "schedule")


def findings(
    trial: Trial,
    call: CallResult,
    recording: Recording,
    calibration: Calibration | None,
    peers: Sequence[Heard] = (),
) -> list[Finding]:
    """Fact by fact, who was right about a trial's streaming call."""
    truth = trial.truth
    rows = [
        _first_text(truth, call, recording, calibration, peers),
        _stamped(deviations(trial, recording, call), peers),
        _events(truth, call, peers),
        _ended(truth, call, peers),
        _delivered(truth, call, peers),
        _rate(truth, call, peers),
        _usage(truth, call, peers),
    ]
    return [row for row in rows if row is not None]


def closeness_s(calibration: Calibration | None) -> float:
    """How near two times must be to agree: the largest error of the calibration, or 1 ms."""
    return max(CLOSE_S, (calibration and calibration.max_s) or 0.0)


def _first_text(
    truth: Truth,
    call: CallResult,
    recording: Recording,
    calibration: Calibration | None,
    peers: Sequence[Heard],
) -> Finding:
    ours = _number(call, "ttfo_s")
    said = tuple("nothing" if p.first_s is None else _s(p.first_s) for p in peers)
    if truth.first_text_s is None or ours is None:
        true = "never" if truth.first_text_s is None else _s(truth.first_text_s)
        agree = truth.first_text_s is None and ours is None
        return Finding("First visible text after", true, "never" if ours is None else _s(ours), agree, said)
    off_ns = first_text_error_ns(recording)
    true_s = truth.first_text_s if off_ns is None else ours - off_ns / 1e9
    near = closeness_s(calibration) if off_ns is not None else max(LOOSE_S, closeness_s(calibration))
    right = abs(ours - true_s) <= near
    return Finding("First visible text after", _s(true_s), _s(ours), right, said)


def _stamped(found: Deviations, peers: Sequence[Heard]) -> Finding | None:
    """How far off 95 % of the stamps are at most; there is no right and wrong, only less and more."""
    if not found.rows or found.against != "account":
        return None
    ours = quantile([abs(error) for _, error in found.rows], 0.95)
    others = tuple(
        _ms(quantile([abs(x) for x in p.late_ns], 0.95) / 1e9) if p.late_ns else "–" for p in peers
    )
    return Finding("Event times are off by (95 %)", "0 ms", _ms(ours), None, others)


def _events(truth: Truth, call: CallResult, peers: Sequence[Heard]) -> Finding:
    ours = int(_number(call, "content_events") or 0)
    said = tuple(f"{len(p.stamps_ns):,}" for p in peers)
    return Finding(
        "Events with visible text",
        f"{truth.content_events:,}",
        f"{ours:,}",
        ours == truth.content_events,
        said,
    )


def _ended(truth: Truth, call: CallResult, peers: Sequence[Heard]) -> Finding:
    timeline = call.timeline
    error = call.error or (timeline.error if timeline else None)
    whole = timeline is not None and timeline.complete
    ours = "whole" if whole else (_FAILURES.get(error.kind, error.kind) if error else "broken off")
    right = whole if truth.complete else not whole and error is not None and error.kind in truth.errors
    true = "whole" if truth.complete else " or ".join(_FAILURES.get(e, e) for e in truth.errors)
    return Finding("How it ended", true, ours, right, tuple(p.error or "whole" for p in peers))


def _delivered(truth: Truth, call: CallResult, peers: Sequence[Heard]) -> Finding:
    kind = call.delivery.kind if call.delivery else None
    silent = tuple("does not say" for _ in peers)
    if truth.delivery is None:
        return Finding("How it was delivered", "no stream", kind or "no stream", kind is None, silent)
    too_few = (truth.content_events or 0) < _LEAST and kind is None
    right = kind == truth.delivery or (too_few and not truth.complete)
    ours = "too little to tell" if too_few else kind or "not known"
    return Finding("How it was delivered", truth.delivery, ours, right, silent)


def _rate(truth: Truth, call: CallResult, peers: Sequence[Heard]) -> Finding | None:
    true, ours = true_rate(truth), _number(call, "answer_tps")
    said = tuple("none" if p.rate is None else f"{p.rate:,.0f} a second" for p in peers)
    if truth.withheld:
        shown = "withheld" if ours is None else f"{ours:,.0f} a second"
        return Finding("Tokens a second", "meaningless", shown, ours is None, said)
    if true is None:
        return None
    if ours is None:
        return Finding("Tokens a second", f"{true:,.0f}", "no count", None, said)
    # Without a tokenizer the first event counts as one token, and the page says so: no claim to be right.
    claimed = truth.usage is not None and (call.recount is not None or len(truth.content[0].text.split()) < 2)
    right = abs(ours / true - 1) <= SAME_RATE if claimed else None
    shown = f"{ours:,.0f} a second" + ("" if claimed else ", by a guess")
    return Finding("Tokens a second", f"{true:,.0f}", shown, right, said)


def true_rate(truth: Truth) -> float | None:
    """Visible tokens after the first event's, over the time they took; a word of the lab is a token."""
    texts = [e for e in truth.content if e.text.strip()]
    counts = list(accumulate(len(re.findall(r"\S+", e.text)) for e in texts))
    if len(texts) < 2 or texts[-1].t_s == texts[0].t_s:
        return None
    return (counts[-1] - counts[0]) / (texts[-1].t_s - texts[0].t_s)


def _usage(truth: Truth, call: CallResult, peers: Sequence[Heard]) -> Finding:
    found = call.timeline.usage if call.timeline else None
    said = tuple("not asked for" for _ in peers)
    return Finding("Tokens reported", _reported(truth.usage), _reported(found), found == truth.usage, said)


def _reported(usage: Usage | None) -> str:
    if usage is None or usage.completion is None:
        return "none"
    thought = f", {usage.reasoning:,} of them reasoning" if usage.reasoning else ""
    return f"{usage.completion:,}{thought}"


def _number(call: CallResult, name: str) -> float | None:
    value = (call.metrics or {}).get(name)
    return value if isinstance(value, int | float) else None


def _s(x: float) -> str:
    return f"{x:.4f} s"


def _ms(x: float) -> str:
    return f"{x * 1000:.2f} ms"


_LEAST = 6
_FAILURES = {
    "cut": "cut",
    "reset": "reset",
    "status": "refused",
    "protocol": "not readable",
    "error_event": "gave up",
}
