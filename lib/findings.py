"""A measured experiment in words and rows: the verdict, at most four numbers, ranks, every call. Pure.

Statistics are sample's and comparison's, the words of a comparison verdict's; here they are put together
for a page. Names of models and words of servers are untrusted text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from lib import lanes, points, sample
from lib.charts import Effect, amount
from lib.comparison import Comparison, Rank, ranks
from lib.experiment import CallResult, Experiment
from lib.intervals import share
from lib.metrics import METRICS
from lib.phrases import Runs, capital
from lib.rates import RATES
from lib.spec import ExperimentSpec, Mode
from lib.summary import Figure
from lib.verdict import HEADLINE, Consumer, advice, succeeded, verdict

BETWEEN_MODES = ("ttfo_s", "ttfs_s", "e2e_s", "speed_index_s")
"""Numbers by which streaming and blocking can be compared."""
CONSUMERS: dict[str, Consumer] = {metric: who for who, metric in HEADLINE.items()}
MODES: tuple[Mode, Mode] = ("blocking", "streaming")
SIDES = ("streaming sooner", "streaming later")
"""What the two sides of a forest of times mean."""


class Standing(NamedTuple):
    """One arm among the others by the primary metric. `middle`: the median of the streaming calls."""

    arm: int
    name: str
    rank: Rank
    middle: float | None
    success: str


def measures(experiment: Experiment) -> bool:
    """Whether there is more than a look: then a verdict comes first."""
    return experiment.spec.pairs > 1


def between(experiment: Experiment) -> str:
    """The metric by which the modes are compared: the declared one, or first text where that is a rate."""
    return between_of(experiment.spec)


def between_of(spec: ExperimentSpec) -> str:
    """The same before there is an experiment."""
    return spec.primary if spec.primary in BETWEEN_MODES else BETWEEN_MODES[0]


def effects(experiment: Experiment, metric: str) -> list[Effect]:
    """Streaming against blocking, a row per arm."""
    found = sample.modes(experiment, metric)
    return [Effect(points.name(experiment, arm), one) for arm, one in enumerate(found)]


def against(experiment: Experiment, base: int) -> list[Effect]:
    """The other arms' streaming calls against one arm's, by the declared metric."""
    found = sample.arms(experiment, base)
    return [Effect(points.name(experiment, arm), one) for arm, one in found.items()]


def sentence(experiment: Experiment, found: Sequence[Effect], metric: str, arm: int) -> Runs:
    """The verdict on one arm; of several arms, for how many a difference is shown. Untrusted text."""
    said = verdict(metric, found[arm].found).sentence
    if len(found) == 1:
        return ((f"{capital(said)}.", True),)
    name = lanes.one_line(found[arm].name, 60)
    shown = sum(e.found.kind == "shown" for e in found)
    rest = f" A difference is shown for {shown} of {len(found)} models."
    return ((f"{name}: ", False), (f"{said}.", True), (rest, False))


def for_whom(experiment: Experiment, found: Comparison) -> str:
    """What streaming buys the consumer for whom the experiment was declared; "" when that is not known."""
    consumer = CONSUMERS.get(experiment.spec.primary)
    return "" if consumer is None else advice(consumer, found)


def figures(experiment: Experiment, arm: int, metric: str) -> list[Figure]:
    """How many calls came whole, then both medians, at most three numbers. Our own words."""
    counts = [sample.success(experiment, arm, mode) for mode in MODES]
    whole = share(sum(s.good for s in counts), sum(s.total for s in counts))
    count = f"{whole.good} of {whole.total}" if whole.total else "none made"
    shown = [Figure("Calls that came whole", count, _interval(succeeded(whole)))]
    for mode, made in zip(MODES, counts, strict=True):
        values = known(experiment, metric, arm, mode)
        if values:
            some = f" of {len(values)} of {made.total} calls" if len(values) < made.total else ""
            what = f"{METRICS[metric].label}, median{some}"
            shown.append(Figure(mode.capitalize(), amount(median(values), metric), what))
    return shown


def known(experiment: Experiment, metric: str, arm: int, mode: Mode) -> list[float]:
    """The values of an arm and mode, in run order."""
    found = sample.numbers(experiment, metric, arm, mode).values()
    return [value for value, _ in found if value is not None]


def standings(experiment: Experiment) -> list[Standing]:
    """The arms by the declared metric of their streaming calls, the best first; equal ones in plan order."""
    metric = experiment.spec.primary
    arms = range(len(experiment.spec.arms))
    placed = ranks(
        [sample.numbers(experiment, metric, arm, "streaming") for arm in arms],
        more_is_better=metric in RATES,
    )
    rows = []
    for arm in arms:
        values = known(experiment, metric, arm, "streaming")
        whole = succeeded(sample.success(experiment, arm, "streaming"))
        rows.append(
            Standing(
                arm,
                lanes.model_name(experiment, arm),
                placed[arm],
                median(values) if values else None,
                whole,
            )
        )
    return sorted(rows, key=lambda row: (row.rank.best, row.rank.worst, row.arm))


def leader(experiment: Experiment, rows: Sequence[Standing]) -> str:
    """Whether one model is first, in a sentence. Untrusted text."""
    label = METRICS[experiment.spec.primary].label
    first = [row for row in rows if row.rank.best == 1]
    if len(first) == 1:
        return f"By {label}, {lanes.in_words(lanes.one_line(first[0].name, 60))} is first."
    if len(first) == len(rows):
        return f"By {label}, the intervals allow no order: each of the {len(rows)} models may be first."
    return f"By {label}, {len(first)} of {len(rows)} models share the first place."


def rank(found: Rank) -> str:
    """A place, or the places that the intervals allow."""
    return str(found.best) if found.best == found.worst else f"{found.best} to {found.worst}"


def calls(experiment: Experiment, metric: str) -> dict[str, list[str | float | int | None]]:
    """Columns with a row for every call in planned order, and one for every wait before its call.

    Times in seconds; None where there is none, and a note that says why. The model is named where there are
    several. Untrusted text.
    """
    far = {p.n for p in points.points(experiment, metric) if p.out}
    waits = {w.n: w for w in experiment.waits}
    rows: list[dict[str, str | float | int | None]] = []
    for call in experiment.calls:
        n = call.planned.n
        if n in waits:
            wait = waits[n]
            spent = ((wait.ended_ms or wait.until_ms) - wait.began_ms) / 1000
            rows.append(_row(experiment, call, "wait") | {"Waited, s": spent, "Note": wait.reason})
        note = "far from the others; counted" if n in far else why(call, metric)
        rows.append(
            _row(experiment, call, outcome(call))
            | {_title(metric): _number(call, metric), "Total time, s": _number(call, "e2e_s"), "Note": note}
        )
    rests = [] if waits else ["Waited, s"]
    if len(experiment.spec.arms) == 1:
        rests.append("Model")
    heads = ["Call", "Pair", "Model", "Mode", "Outcome", _title(metric), "Total time, s", "Waited, s", "Note"]
    return {head: [row.get(head) for row in rows] for head in dict.fromkeys(heads) if head not in rests}


def troubles(experiment: Experiment) -> dict[str, int]:
    """In which ways calls ended badly → how often, the commonest first. Untrusted text."""
    ended = [c for c in experiment.calls if sample.counts(c)]
    bad = [c for c in ended if sample.failed(c) or c.state == "unknown"]
    found = Counter(f"{c.planned.mode}, {outcome(c)}: {why(c, 'e2e_s') or 'no reason is known'}" for c in bad)
    return dict(found.most_common())


def outcome(call: CallResult) -> str:
    """How a call ended, in a word or two; warm-ups are named so."""
    word = {
        "planned": "still to come",
        "sent": "under way",
        "unknown": "end unknown",
        "dropped": "not sent",
    }.get(call.state)
    if word is None:
        word = "whole"
        if sample.cancelled(call):
            word = "cancelled"
        elif sample.failed(call):
            word = "cut" if (call.metrics or {}).get("text_events") else "failed"
    return f"warm-up, {word}" if call.planned.role == "warmup" else word


def why(call: CallResult, metric: str) -> str:
    """Why a call failed or a number is missing; "" for neither. Untrusted text."""
    error = call.error or (call.timeline.error if call.timeline else None)
    if error is not None:
        return lanes.one_line(error.message)
    return lanes.one_line((call.reasons or {}).get(metric, ""))


def _row(experiment: Experiment, call: CallResult, word: str) -> dict[str, str | float | int | None]:
    planned = call.planned
    return {
        "Call": planned.n + 1,
        "Model": lanes.model_name(experiment, planned.arm),
        "Pair": None if planned.pair is None else planned.pair + 1,
        "Mode": planned.mode,
        "Outcome": word,
    }


def _title(metric: str) -> str:
    return f"{capital(METRICS[metric].label)}, {METRICS[metric].unit}"


def _number(call: CallResult, metric: str) -> float | None:
    value = (call.metrics or {}).get(metric)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _interval(sentence_: str) -> str:
    """The part of `succeeded` in brackets."""
    _, bracket, rest = sentence_.partition("(")
    return rest.rstrip(")") if bracket else ""
