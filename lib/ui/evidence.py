"""Rows for the closed parts of a result: phases, every number, and how it was measured.

Plain columns for a dataframe, whose cells show any text as it is.
"""

from __future__ import annotations

from lib import charts, lanes, prices
from lib.calibration import suspect_gaps
from lib.charts import duration
from lib.experiment import CallResult, Experiment
from lib.lab.recordings import ALIASES, PLAYED
from lib.metrics import METRICS, flags
from lib.phases import phases
from lib.spec import at_once, is_lab
from lib.timeline import Timeline

Columns = dict[str, list[str]]
_PROGRAMS = {"python": "Python", "openai": "openai client", "httpx2": "httpx2", "platform": "System"}


def number_rows(blocking: CallResult, streaming: CallResult) -> Columns:
    """One row per metric; a missing number is a dash, with its reason as the note. So is a flag, beside the
    numbers that it is about."""
    raised = _raised(blocking) | _raised(streaming)
    rows: Columns = {"Number": [], "Blocking": [], "Streaming": [], "Note": []}
    for metric in METRICS.values():
        rows["Number"].append(f"{metric.label} ({metric.unit})" if metric.unit else metric.label)
        rows["Blocking"].append(_value(blocking, metric.name))
        rows["Streaming"].append(_value(streaming, metric.name))
        rows["Note"].append(_note(blocking, streaming, metric.name, raised))
    return rows


def trust_rows(experiment: Experiment, blocking: CallResult, streaming: CallResult) -> Columns:
    """One row per fact of how each call was made and stamped."""
    left, right = _facts(experiment, blocking), _facts(experiment, streaming)
    names = list(dict.fromkeys([*left, *right]))
    return {
        "What": names,
        "Blocking": [left.get(name, "not known") for name in names],
        "Streaming": [right.get(name, "not known") for name in names],
    }


def phase_rows(blocking: CallResult, streaming: CallResult) -> Columns:
    """One row per phase, with the wait before the first token as a sum of its parts. Our own words."""
    left, right = _phases(blocking), _phases(streaming)
    names = list(dict.fromkeys([*right, *left]))
    names.sort(key=lambda name: (name not in _BEFORE, 0))
    return {
        "Phase": names,
        "Blocking": [left.get(name, "–") for name in names],
        "Streaming": [right.get(name, "–") for name in names],
    }


def calibration_rows(experiment: Experiment) -> Columns:
    """What the instrument knows about its own error. Our own words."""
    found = experiment.calibration
    if found is None:
        rows = {"Error of the stamps": "not known: it was not found out before this experiment"}
    elif found.median_s is None or found.p95_s is None or found.max_s is None:
        rows = {"Error of the stamps": f"not known. {found.reason or ''}".rstrip()}
    else:
        rows = {
            "Half of the stamps are right to": duration(found.median_s),
            "95 % are right to": duration(found.p95_s),
            "The worst was off by": duration(found.max_s),
            "Events compared": f"{found.n:,}",
            "Smallest gap that can be told": duration(found.min_detectable_gap_s or 0.0),
            "Stamps taken": _stamps(found.stamps),
            "Scheduler": _scheduler(found.scheduler),
            "This program stood still": _pauses(found.pauses),
            "Found out": _age(experiment.calibration_age_s),
        }
    return {"What": list(rows), "Value": list(rows.values())}


def suspects(call: CallResult) -> int:
    """How many gaps say nothing, since this program stood still during them."""
    return 0 if call.timeline is None else sum(suspect_gaps(call.timeline))


def source_notes(experiment: Experiment, arm: int) -> list[str]:
    """What is known of a recording's own error, when the arm is one that the lab plays. Our own text."""
    asked = experiment.spec.arms[arm]
    recording = PLAYED.get(ALIASES.get(asked.call.model, asked.call.model))
    if recording is None or not is_lab(asked.endpoint):
        return []
    played = "words of ours at the times of a recording" if recording.rhythm else "a recording"
    return [
        f"The lab played {played}: {recording.source['work']}, {recording.source['date']}, "
        f"{recording.source['licence']}. Its times are known to 10 ms, and how late its own client was is "
        "not known. That is the source's error; the stamps above are this program's."
    ]


def _facts(experiment: Experiment, call: CallResult) -> dict[str, str]:
    timeline, instrument = call.timeline, call.instrument
    arm = experiment.spec.arms[call.planned.arm]
    return {
        "Model named in the answer": (timeline and timeline.model) or "not named",
        "Service tier named in the answer": (timeline and timeline.service_tier) or "not named",
        "Ended": timeline.why if timeline else "nothing arrived",
        "Place in the drawn order": _order(experiment, call),
        "Connection": (timeline and timeline.connection) or "not known",
        "Characters against the prompt cache": call.planned.nonce or "none",
        "Arrival stamps": _stamps(instrument.stamps) if instrument else "not known",
        "Reads that found data waiting": _queued(timeline) if timeline else "not known",
        "This program stood still": _pauses(timeline.pauses) if timeline else "not known",
        "Suspect gaps": str(suspects(call)) if timeline else "not known",
        "Clock resolution": f"{instrument.resolution_ns} ns" if instrument else "not known",
        "Scheduler": _scheduler(instrument.scheduler) if instrument else "not known",
        "Measured in": instrument.region if instrument else "not known",
        "Tokens counted by": _counted(call),
        "Token counts asked for": "yes" if arm.endpoint.include_usage else "no",
        "Cost, by the price table": prices.told(prices.of(experiment, call)),
        **(
            {_PROGRAMS.get(name, name): version for name, version in instrument.versions}
            if instrument
            else {}
        ),
    }


def _phases(call: CallResult) -> dict[str, str]:
    """Phase in words → how long, the sum of the wait just before its parts."""
    found = () if call.timeline is None else phases(call.timeline)
    waits = [p for p in found if charts.waits(p.label)]
    rows: dict[str, str] = {}
    for phase in found:
        if charts.waits(phase.label) and _WAIT not in rows:
            rows[_WAIT] = duration(sum(p.end_s - p.start_s for p in waits))
        indent = "· " if charts.waits(phase.label) else ""
        rows[indent + charts.spoken(phase.label)] = duration(phase.end_s - phase.start_s)
    return rows


def _queued(timeline: Timeline) -> str:
    late = sum(read.earliest_ns < read.t_ns for read in timeline.reads)
    return f"{late:,} of {len(timeline.reads):,}"


def _pauses(pauses: tuple[tuple[int, int], ...]) -> str:
    """Pauses of the capture process, of 5 ms or more."""
    if not pauses:
        return "never for 5 ms or more"
    longest = max(end - start for start, end in pauses) / 1e9
    times = "once" if len(pauses) == 1 else f"{len(pauses)} times"
    return f"{times}, {duration(longest)} at most"


def _age(age_s: float | None) -> str:
    if age_s is None:
        return "not known when"
    return "just before the first call" if age_s < 2 else f"{age_s:,.0f} s before the first call"


def _order(experiment: Experiment, call: CallResult) -> str:
    if call.planned.pair is not None and at_once(experiment.spec, call.planned.arm):
        return "both at once"
    return f"call {call.planned.n + 1} of {len(experiment.calls)}"


def _stamps(kind: str) -> str:
    return "by the kernel, on receipt" if kind == "kernel" else "by this program, after reading"


def _scheduler(policy: str) -> str:
    return "ordinary priority" if policy == "other" else f"real-time priority ({policy})"


def _counted(call: CallResult) -> str:
    if call.recount is None:
        return call.recount_reason or "nothing to count"
    return f"{call.recount.encoding} ({call.recount.basis})"


def _value(call: CallResult, name: str) -> str:
    value = lanes.numbers(call).get(name)
    if value is None:
        return "withheld" if _withheld(call, name) else "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _reason(call: CallResult, name: str) -> str:
    if call.delivery is not None and _withheld(call, name):
        return call.delivery.why_withheld or ""
    return (call.reasons or {}).get(name, "")


def _note(blocking: CallResult, streaming: CallResult, name: str, raised: dict[str, str]) -> str:
    """Why a number is missing, the streaming call's first, else what to know before believing it."""
    flag = next((raised[f] for f, names in _FLAGGED.items() if f in raised and name in names), "")
    if said := _reason(streaming, name) or flag:
        return said
    missing = _reason(blocking, name)
    return f"Blocking: {missing}" if missing else ""


def _raised(call: CallResult) -> dict[str, str]:
    return {} if call.timeline is None else flags(call.timeline, call.recount)


def _withheld(call: CallResult, name: str) -> bool:
    return call.delivery is not None and name in call.delivery.withheld


_FLAGGED = {
    "length": ("e2e_s", "last_content_s"),
    "bunched": ("coalesced_share", "gap_median_s", "gap_p95_s", "gap_max_s", "gap_cv"),
    "first_arrival_assumed": ("answer_tps", "tpot_s"),
}
"""Flag → the numbers that it is about."""
_WAIT = "wait before the first token"
_BEFORE = frozenset(charts.spoken(name) for name in ("dns", "connect", "tls"))
