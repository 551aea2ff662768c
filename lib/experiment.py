"""An experiment with everything known of it: what pages, documents, charts and sentences are made from.

Plain data. The service fills it from the store; the lab's recordings come in the same shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from lib.calibration import Calibration
from lib.delivery import Delivery
from lib.errors import InvalidSpec
from lib.plan import PlannedCall
from lib.recording import CallError, Instrument
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec, Pairs, State
from lib.timeline import Recount, Timeline

ExperimentState = Literal["running", "done", "cancelled", "interrupted"]
Number = float | int | str | None
Rule = Literal["failures", "precision", "storage"]


class Wait(NamedTuple):
    """A wait before call `n` that its endpoint asked for; no part of any latency, and no call.

    Wall-clock milliseconds, for labels. `ended_ms` None: it goes on, or nobody saw its end.
    """

    n: int
    began_ms: int
    until_ms: int
    ended_ms: int | None
    reason: str


class Stop(NamedTuple):
    """Why calls of an experiment were left out though nobody cancelled it, in a sentence for people."""

    rule: Rule
    sentence: str


@dataclass(frozen=True, slots=True)
class CallResult:
    """One call. `timeline` None: nothing arrived (yet). `reasons` has a sentence for each null metric.

    `recount_reason`: why there is no recount, None when there is one or nothing to count. `delivery`: of
    a streaming call that has ended. `headers`: the response's, by an allow-list; they are untrusted text.
    `outline`: the timeline's reads and events and the recount's tokens were left out; all else is there,
    and `chars` stands for what `length` could count no more. `absent`: another tool's file has no such
    call; nobody cancelled it.
    """

    planned: PlannedCall
    state: State
    timeline: Timeline | None = None
    recount: Recount | None = None
    recount_reason: str | None = None
    metrics: dict[str, Number] | None = None
    reasons: dict[str, str] | None = None
    instrument: Instrument | None = None
    error: CallError | None = None
    wall_ms: int | None = None
    delivery: Delivery | None = None
    status: int | None = None
    http_version: str | None = None
    headers: Pairs = ()
    outline: bool = False
    chars: int = 0
    absent: bool = False

    @property
    def length(self) -> int:
        """Visible characters that arrived."""
        if self.outline or self.timeline is None:
            return self.chars
        return sum(e.chars for e in self.timeline.events if e.kind == "content")


@dataclass(frozen=True, slots=True)
class Experiment:
    """`id` "" marks one that is not stored (a recording on the start page). Calls in planned order.

    `calibration` None: not made (yet), or not ours to make; one that failed has its reason.
    `calibration_age_s`: how old it was when the first call was about to leave. `stopped` None: every
    call was made, or a person stopped it, or its process died. `definition`: which definitions made the
    numbers, None: not known. `imported`: the tool whose file it came from, None: it was measured here.
    """

    id: str
    spec: ExperimentSpec
    state: ExperimentState
    created_ms: int
    calls: tuple[CallResult, ...]
    title: str = ""
    note: str = ""
    parent: str | None = None
    calibration: Calibration | None = None
    calibration_age_s: float | None = None
    waits: tuple[Wait, ...] = ()
    stopped: Stop | None = None
    definition: str | None = None
    imported: str | None = None

    @property
    def resumable(self) -> bool:
        """Whether `service.resume` has calls to make: some were never sent, and none is under way."""
        enough = self.stopped is not None and self.stopped.rule == "precision"
        over = self.state != "running" and not enough and self.imported is None
        return over and any(c.state == "dropped" for c in self.calls)


def pair(experiment: Experiment, arm: int = 0, number: int = 0) -> tuple[CallResult, CallResult] | None:
    """(blocking, streaming) of one pair, None when the plan has no such pair."""
    found = {c.planned.mode: c for c in experiment.calls if (c.planned.arm, c.planned.pair) == (arm, number)}
    if "blocking" not in found or "streaming" not in found:
        return None
    return found["blocking"], found["streaming"]


def encoding_check(spec: ExperimentSpec, arm: int = 0) -> ExperimentSpec:
    """One pair without and one with compression of an arm's call, in an order still to be drawn.

    What `summary.encodings` compares. Raises InvalidSpec when there is no such arm.
    """
    if not 0 <= arm < len(spec.arms):
        raise InvalidSpec("arm", "This experiment has no such arm.")
    asked = spec.arms[arm]
    ways: tuple[Literal["identity", "gzip"], ...] = ("identity", "gzip")
    arms = tuple(replace(asked, endpoint=replace(asked.endpoint, accept_encoding=way)) for way in ways)
    return replace(spec, arms=arms, pairs=1, warmups=0, design="look", half_width=None, seed=0)


def preset(pairs: int = 1) -> ExperimentSpec:
    """The experiment that needs no key: the Cookbook's own, against the built-in endpoint."""
    call = CallSpec("completions", "text-davinci-002", "1,2,3,", max_tokens=193, temperature=0.0)
    return ExperimentSpec((Arm(Endpoint("lab"), call),), pairs=pairs, together=True, cache="as_is")
