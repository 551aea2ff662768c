"""What an experiment says before it is opened: one sentence, one line, at most three numbers, a few lanes.

For links, cards, embedded pages and files. Pure. Names of models are untrusted text.
"""

from __future__ import annotations

from lib import findings, lanes, summary
from lib.experiment import CallResult, Experiment
from lib.lanes import Entry
from lib.metrics import METRICS
from lib.phrases import Runs, capital, number, timed
from lib.summary import Figure

MOST_FIGURES, MOST_LANES = 3, 4
_MODES = ("blocking", "streaming")


def lead(experiment: Experiment) -> Runs:
    """The verdict of a measurement; of a look, what happened in its pair."""
    if not findings.measures(experiment):
        return summary.sentence(experiment)
    metric = findings.between(experiment)
    return findings.sentence(experiment, findings.effects(experiment, metric), metric, 0)


def figures(experiment: Experiment) -> list[Figure]:
    """The headline numbers: of one model both modes, of several each one's first text; [] without any."""
    if len(experiment.spec.arms) > 1:
        return _models(experiment)
    if findings.measures(experiment):
        return _medians(experiment)
    return [f for f in summary.headline(experiment) if not f.value.startswith(">")][:MOST_FIGURES]


def line(experiment: Experiment) -> str:
    """The verdict, or the headline numbers, in one line."""
    if findings.measures(experiment) and len(experiment.spec.arms) == 1:
        return "".join(text for text, _ in lead(experiment))
    told = "; ".join(f"{f.label[:1].lower()}{f.label[1:]} {f.value}" for f in figures(experiment))
    return f"{capital(told)}." if told else nothing(experiment)


def nothing(experiment: Experiment) -> str:
    """Why there is no number."""
    return "No call came to its end." if any(map(has_text, experiment.calls)) else "No answer arrived."


def tracks(experiment: Experiment) -> tuple[list[Entry], int]:
    """(the lanes to draw, how many are left out): both modes of one model, streaming only of several."""
    rows = lanes.entries(experiment)
    if len(experiment.spec.arms) > 1:
        rows = [row for row in rows if row.call.planned.mode == "streaming"]
    return rows[:MOST_LANES], max(0, len(rows) - MOST_LANES)


def _medians(experiment: Experiment) -> list[Figure]:
    metric = findings.between(experiment)
    label = capital(METRICS[metric].label)
    shown = {f.label: f.value for f in findings.figures(experiment, 0, metric)}
    told = [Figure(f"{label}, {mode}", shown[mode.title()]) for mode in _MODES if mode.title() in shown]
    return [*told, Figure("Calls that came whole", next(iter(shown.values())))]


def _models(experiment: Experiment) -> list[Figure]:
    found = []
    for row in tracks(experiment)[0]:
        first = number(row.call, "ttfo_s")
        if first is not None:
            found.append(Figure(f"First text, {lanes.one_line(row.sub, 60)}", timed(row.call, first)))
    return found[:MOST_FIGURES]


def has_text(call: CallResult) -> bool:
    """Whether anything arrived that can be shown."""
    events = () if call.timeline is None else call.timeline.events
    return any(event.kind in ("content", "reasoning") for event in events)
