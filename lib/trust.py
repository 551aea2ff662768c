"""What makes an experiment's calls less comparable than they look: sentences with their evidence. Pure.

Each doubt is found in what the calls brought back. Some hold untrusted text (a model's name): escape them.
Whether a difference is there at all is comparison's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from lib.calibration import Calibration
from lib.comparison import LEAST, Comparison
from lib.experiment import CallResult, Experiment
from lib.intervals import drift
from lib.metrics import METRICS
from lib.phrases import capital
from lib.sample import measured
from lib.spec import Mode

LENGTHS_DIFFER = 0.10
"""Answers whose lengths differ by more than this part of the longer one."""
DRIFT_P = 0.01
"""A drift rarer than this by chance is told; at 0.05 one run in twenty would be suspected for nothing."""
DRIFT_SHARE = 0.05
"""A smaller one does not matter, however sure."""
MODES: tuple[Mode, Mode] = ("blocking", "streaming")
Both = tuple[CallResult, CallResult]


@dataclass(frozen=True, slots=True)
class Doubt:
    """`name`: constant, for tests and links; `calls`: the planned numbers of the calls it rests on."""

    name: str
    sentence: str
    calls: tuple[int, ...] = ()


def doubts(
    experiment: Experiment, arm: int = 0, metric: str | None = None, found: Comparison | None = None
) -> list[Doubt]:
    """Everything to hold against one arm's comparison of `metric` (None: the one declared), gravest first.

    `found`: that comparison, when there is one.
    """
    name = metric or experiment.spec.primary
    both = _together(experiment, arm)
    calls = [c for pair in both for c in pair]
    unlike = [of(both) for of in (_cache, _tiers, _finish, _lengths, _connection)]
    changed = [of(calls) for of in (_model, _fingerprint, _reasoning, _pauses)]
    rest = [_few(found), _coarse(found, experiment.calibration, name), *_drifts(experiment, arm, name)]
    return [d for d in (*unlike, *changed, *rest) if d is not None]


def _together(experiment: Experiment, arm: int) -> list[Both]:
    """Pairs of which both calls came with a timeline."""
    blocking, streaming = (
        {c.planned.pair: c for c in measured(experiment, arm, mode) if c.timeline is not None}
        for mode in MODES
    )
    return [(blocking[n], streaming[n]) for n in blocking if n is not None and n in streaming]


def _unlike(both: Sequence[Both], of: Callable[[CallResult], object]) -> list[Both]:
    """Pairs whose calls differ in something known of both."""
    return [p for p in both if None not in (of(p[0]), of(p[1])) and of(p[0]) != of(p[1])]


def _cache(both: Sequence[Both]) -> Doubt | None:
    mixed = _unlike(both, lambda c: None if (n := _usage(c, "cached")) is None else n > 0)
    if not mixed:
        return None
    tokens = [n for p in mixed for c in p if (n := _usage(c, "cached"))]
    return _doubt(
        "cache",
        f"In {_of(mixed, both)} the prompt cache answered one call and not the other "
        f"({median(tokens):,.0f} cached tokens at the median): their difference may be the cache's.",
        mixed,
    )


def _finish(both: Sequence[Both]) -> Doubt | None:
    found = _unlike(both, lambda c: c.timeline.finish if c.timeline else None)
    return _doubt("finish", f"In {_of(found, both)} the answers ended for different reasons.", found)


def _lengths(both: Sequence[Both]) -> Doubt | None:
    found = []
    for pair in both:
        short, long = sorted(c.length for c in pair)
        if long and (long - short) / long > LENGTHS_DIFFER:
            found.append(pair)
    sentence = (
        f"In {_of(found, both)} one answer is more than {LENGTHS_DIFFER * 100:.0f} % longer than the other: "
        "longer answers take longer."
    )
    return _doubt("lengths", sentence, found)


def _connection(both: Sequence[Both]) -> Doubt | None:
    found = _unlike(both, lambda c: c.timeline.connection if c.timeline else None)
    sentence = f"In {_of(found, both)} one call used a new connection and the other an open one."
    return _doubt("connection", sentence, found)


def _model(calls: Sequence[CallResult]) -> Doubt | None:
    what = "The server named more than one model"
    return _changed("model", what, calls, lambda c: c.timeline.model if c.timeline else None)


def _fingerprint(calls: Sequence[CallResult]) -> Doubt | None:
    what = "The server's configuration changed during the run"
    return _changed("fingerprint", what, calls, lambda c: c.timeline.fingerprint if c.timeline else None)


def _tiers(both: Sequence[Both]) -> Doubt | None:
    """Between the calls of a pair it makes their difference; otherwise it is a change during the run."""
    mixed = _unlike(both, _tier)
    if not mixed:
        what = "The server changed the service tier during the run"
        return _changed("service_tier", what, [c for pair in both for c in pair], _tier)
    counts, _ = _counted([c for pair in both for c in pair], _tier)
    sentence = f"In {_of(mixed, both)} the calls were served in different tiers ({counts})"
    return _doubt("service_tier", f"{sentence}: their difference may be the tier's.", mixed)


def _tier(call: CallResult) -> str | None:
    """The tier that served a call; "auto" is only what was asked for, as a stream begins with it."""
    tier = None if call.timeline is None else call.timeline.service_tier
    return None if tier == "auto" else tier


def _changed(
    name: str, what: str, calls: Sequence[CallResult], of: Callable[[CallResult], str | None]
) -> Doubt | None:
    counts, seen = _counted(calls, of)
    rare = min(seen, key=len, default=[])
    return Doubt(name, f"{what}: {counts}.", _ids(rare)) if len(seen) > 1 else None


def _counted(
    calls: Sequence[CallResult], of: Callable[[CallResult], str | None]
) -> tuple[str, list[list[CallResult]]]:
    """How often a server said what, and the calls of each of its words."""
    seen: dict[str, list[CallResult]] = {}
    for call in calls:
        if value := of(call):
            seen.setdefault(value, []).append(call)
    said = ", ".join(f"{' '.join(value.split())[:80]} {len(found)}×" for value, found in seen.items())
    return said, list(seen.values())


def _reasoning(calls: Sequence[CallResult]) -> Doubt | None:
    spent = [c for c in calls if _usage(c, "reasoning")]
    if not spent:
        return None
    tokens = median(_usage(c, "reasoning") or 0 for c in spent)
    sentence = (
        f"{len(spent)} of {len(calls)} calls spent tokens on reasoning ({tokens:,.0f} at the median): "
        "how long they thought is part of their times."
    )
    return Doubt("reasoning", sentence, _ids(spent))


def _pauses(calls: Sequence[CallResult]) -> Doubt | None:
    paused = [c for c in calls if c.timeline and c.timeline.pauses]
    if not paused:
        return None
    longest = max(end - start for c in paused if c.timeline for start, end in c.timeline.pauses) / 1e6
    sentence = (
        f"The measuring process stood still during {len(paused)} of {len(calls)} calls, "
        f"for up to {longest:,.0f} ms: their times may be late."
    )
    return Doubt("pauses", sentence, _ids(paused))


def _few(found: Comparison | None) -> Doubt | None:
    if found is None or found.n >= LEAST:
        return None
    return Doubt("few", f"There are {found.n} usable pairs; a verdict takes {LEAST}.")


def _coarse(found: Comparison | None, calibration: Calibration | None, metric: str) -> Doubt | None:
    if found is None or found.kind != "shown" or found.difference is None or METRICS[metric].unit != "s":
        return None
    if calibration is None or calibration.p95_s is None:
        return Doubt("calibration", "The instrument's own error is not known.")
    if calibration.tells(found.difference):
        return None
    least = (calibration.min_detectable_gap_s or 0) * 1000
    return Doubt(
        "calibration", f"The difference is smaller than what this instrument tells apart, {least:.2g} ms."
    )


def _drifts(experiment: Experiment, arm: int, metric: str) -> Iterable[Doubt | None]:
    for mode in MODES:
        calls = measured(experiment, arm, mode)
        known = [
            (c, v) for c in calls if isinstance(v := (c.metrics or {}).get(metric), int | float) and v > 0
        ]
        moved = drift([float(v) for _, v in known])
        if moved is not None and moved.p < DRIFT_P and abs(moved.change) >= DRIFT_SHARE:
            way = "rose" if moved.change > 0 else "fell"
            yield Doubt(
                "drift",
                f"{capital(METRICS[metric].label)}, {mode}, {way} by {abs(moved.change) * 100:.0f} % during "
                "the run. "
                "Pairs were made close together, so their ratios suffer less.",
                _ids(c for c, _ in known),
            )


def _doubt(name: str, sentence: str, found: Sequence[Both]) -> Doubt | None:
    return Doubt(name, sentence, _ids(c for pair in found for c in pair)) if found else None


def _ids(calls: Iterable[CallResult]) -> tuple[int, ...]:
    return tuple(sorted(c.planned.n for c in calls))


def _of(found: Sequence[Both], both: Sequence[Both]) -> str:
    return f"{len(found)} of {len(both)} pairs"


def _usage(call: CallResult, name: str) -> int | None:
    usage = None if call.timeline is None else call.timeline.usage
    value: int | None = None if usage is None else getattr(usage, name)
    return value
