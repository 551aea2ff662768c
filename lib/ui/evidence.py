"""Rows for the two closed parts of a result: every number, and how it was measured.

Plain columns for a dataframe, whose cells show any text as it is.
"""

from __future__ import annotations

from lib import lanes
from lib.experiment import CallResult, Experiment
from lib.lab.recordings import ALIASES, RECORDINGS
from lib.metrics import METRICS
from lib.spec import is_lab

Columns = dict[str, list[str]]


def number_rows(blocking: CallResult, streaming: CallResult) -> Columns:
    """One row per metric; a missing number is a dash, with its reason as the note."""
    rows: Columns = {"Number": [], "Blocking": [], "Streaming": [], "Note": []}
    for metric in METRICS.values():
        rows["Number"].append(f"{metric.label} ({metric.unit})" if metric.unit else metric.label)
        rows["Blocking"].append(_value(blocking, metric.name))
        rows["Streaming"].append(_value(streaming, metric.name))
        rows["Note"].append(_reason(streaming, metric.name))
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


def source_notes(experiment: Experiment, arm: int) -> list[str]:
    """What is known of a recording's own error, when the arm is one that the lab plays. Our own text."""
    asked = experiment.spec.arms[arm]
    recording = RECORDINGS.get(ALIASES.get(asked.call.model, asked.call.model))
    if recording is None or not is_lab(asked.endpoint):
        return []
    return [
        f"The lab played a recording: {recording.source['work']}, {recording.source['date']}, "
        f"{recording.source['licence']}. Its times are known to 10 ms, and how late its own client was is "
        "not known. That is the source's error; the stamps above are this program's."
    ]


def _facts(experiment: Experiment, call: CallResult) -> dict[str, str]:
    timeline, instrument = call.timeline, call.instrument
    arm = experiment.spec.arms[call.planned.arm]
    return {
        "Model named in the answer": (timeline and timeline.model) or "not named",
        "Ended": timeline.why if timeline else "nothing arrived",
        "Place in the drawn order": _order(experiment, call),
        "Connection": (timeline and timeline.connection) or "not known",
        "Characters against the prompt cache": call.planned.nonce or "none",
        "Arrival stamps": _stamps(instrument.stamps) if instrument else "not known",
        "Clock resolution": f"{instrument.resolution_ns} ns" if instrument else "not known",
        "Scheduler": instrument.scheduler if instrument else "not known",
        "Measured in": instrument.region if instrument else "not known",
        "Tokens counted by": _counted(call),
        "Token counts asked for": "yes" if arm.endpoint.include_usage else "no",
        **({name.capitalize(): version for name, version in instrument.versions} if instrument else {}),
    }


def _order(experiment: Experiment, call: CallResult) -> str:
    if experiment.spec.together:
        return "both at once"
    return f"call {call.planned.n + 1} of {len(experiment.calls)}"


def _stamps(kind: str) -> str:
    return "by the kernel, on receipt" if kind == "kernel" else "by this program, after reading"


def _counted(call: CallResult) -> str:
    if call.recount is None:
        return call.recount_reason or "nothing to count"
    return f"{call.recount.encoding} ({call.recount.basis})"


def _value(call: CallResult, name: str) -> str:
    value = lanes.numbers(call).get(name)
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _reason(call: CallResult, name: str) -> str:
    return (call.reasons or {}).get(name, "")
