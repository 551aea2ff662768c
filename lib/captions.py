"""Captions for showing a pair, or models beside each other, to a room: four lines, each at its moment.

Pure. What was asked, the first text, the answer that lands, what it means; a line that would have nothing
true to say is left out. How they are shown is the page's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lib import example, lanes
from lib.experiment import CallResult, Experiment
from lib.phrases import SAME, Runs, blocked, ended, later, number, streamed, timed

MAX_PROMPT = 80
MAX_NAME = 60
NAMED = 3
_OVER = ("done", "failed", "unknown", "dropped")


class Caption(NamedTuple):
    """One line, shown from `at_s` on: seconds after send. `text` is untrusted."""

    at_s: float
    text: str


class _Group(NamedTuple):
    """Streams whose first text came at times that read alike."""

    at_s: float
    said: str
    names: str
    size: int

    @property
    def verb(self) -> str:
        return "shows" if self.size == 1 else "show"


def captions(experiment: Experiment, arm: int | None = 0, pair: int = 0) -> list[Caption]:
    """At most four captions of one pair, by time; with `arm` None of all arms' streams together.

    They hold untrusted text (prompt, models' names, a provider's reason), each one line of limited
    length: never markup. The last one stands at the end of the hero's clock, and only once all calls are
    over. [] when there is no such call.
    """
    together = arm is None and len(experiment.spec.arms) > 1
    found = _streams(experiment, pair) if together else _pair(experiment, arm or 0, pair)
    return [Caption(at_s, lanes.one_line(text)) for at_s, text in found]


def _pair(experiment: Experiment, arm: int, pair: int) -> Iterator[Caption]:
    calls = [c for c in experiment.calls if (c.planned.arm, c.planned.pair) == (arm, pair)]
    if not calls:
        return
    blocking = next((c for c in calls if c.planned.mode == "blocking"), None)
    streaming = next((c for c in calls if c.planned.mode == "streaming"), None)
    yield _asked(experiment, [arm])
    yield from sorted([*_landing(blocking), *_first(streaming)])
    if _over(calls):
        yield Caption(_end(calls), _meaning(experiment, blocking, streaming))


def _asked(experiment: Experiment, arms: Sequence[int]) -> Caption:
    asked = [experiment.spec.arms[arm] for arm in arms]
    who = f"{_named(experiment, arms[0])} was" if len(arms) == 1 else f"{len(arms)} models were"
    prompts, limits = {a.call.prompt for a in asked}, {a.call.max_tokens for a in asked}
    what = f": “{lanes.one_line(prompts.pop(), MAX_PROMPT)}”" if len(prompts) == 1 else " different things."
    most = _most(limits.pop()) if len(limits) == 1 else ""
    origin = f" {example.ORIGIN}" if any(map(example.plays, asked)) else ""
    return Caption(0.0, f"{who} asked{what}{most}{origin}")


def _most(limit: int | None) -> str:
    return "" if limit is None else f" At most {limit:,} token{'' if limit == 1 else 's'}."


def _first(streaming: CallResult | None) -> Iterator[Caption]:
    if streaming is not None and (first := number(streaming, "ttfo_s")) is not None:
        yield Caption(first, f"After {timed(streaming, first)} the first words can be read.")


def _landing(blocking: CallResult | None) -> Iterator[Caption]:
    if blocking is None or not ended(blocking) or (total := number(blocking, "e2e_s")) is None:
        return
    how = "all at once" if number(blocking, "ttfo_s") is not None else "without any visible text"
    yield Caption(total, f"{timed(blocking, total)}: the blocking answer lands, {how}.")


def _meaning(experiment: Experiment, blocking: CallResult | None, streaming: CallResult | None) -> str:
    """How long a reader would have waited, or why that can't be compared."""
    if blocking is None or streaming is None or not (_readable(blocking) and _readable(streaming)):
        one = _told(streamed(streaming)) if streaming else "This pair has no streaming call."
        other = _told(blocked(blocking)) if blocking else "This pair has no blocking call."
        return f"There are no two whole answers to compare. {one} {other}"
    whole, first = (timed(call, number(call, "ttfo_s")) for call in (blocking, streaming))
    gap = later(experiment, blocking, streaming)
    finish = f"both finished at {SAME}, and " if gap == SAME else f"in this pair {gap}, and " if gap else ""
    look = _look(experiment.spec.pairs, streaming.planned.pair or 0)
    return f"A reader would have waited {whole} without streaming and {first} with it; {finish}{look}."


def _told(runs: Runs) -> str:
    text = "".join(text for text, _ in runs)
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _look(pairs: int, pair: int) -> str:
    alone = "one pair" if pairs == 1 else f"pair {pair + 1} of {pairs}"
    return f"{alone} is a look, not a measurement"


def _readable(call: CallResult) -> bool:
    return ended(call) and number(call, "ttfo_s") is not None


def _streams(experiment: Experiment, pair: int) -> Iterator[Caption]:
    calls = [c for c in experiment.calls if c.planned.pair == pair]
    streams = [c for c in calls if c.planned.mode == "streaming"]
    if not streams:
        return
    yield _asked(experiment, list(dict.fromkeys(c.planned.arm for c in streams)))
    groups = _groups(experiment, streams)
    if groups:
        first, *others = groups
        yield Caption(first.at_s, f"After {first.said} {first.names} {first.verb} words first.")
        for last in others[-1:]:
            yield Caption(last.at_s, f"After {last.said} {last.names} {last.verb} words too, last of all.")
    if _over(calls):
        yield Caption(_end(calls), _ranked(experiment, streams, groups))


def _groups(experiment: Experiment, streams: Sequence[CallResult]) -> list[_Group]:
    """Streams by their first text; those whose times read alike are one group."""
    firsts = [(first, call) for call in streams if (first := number(call, "ttfo_s")) is not None]
    alike: dict[str, list[tuple[float, CallResult]]] = {}
    for first, call in sorted(firsts, key=lambda pair: pair[0]):
        alike.setdefault(timed(call, first), []).append((first, call))
    return [
        _Group(rows[0][0], said, _names(experiment, [c for _, c in rows]), len(rows))
        for said, rows in alike.items()
    ]


def _ranked(experiment: Experiment, streams: Sequence[CallResult], groups: Sequence[_Group]) -> str:
    """Who could be read first and last, and who not or not to the end."""
    said = "No model showed any text."
    if len(groups) == 1:
        said = f"{groups[0].names} could be read after {groups[0].said}."
    if len(groups) > 1:
        first, last = groups[0], groups[-1]
        said = f"{first.names} could be read after {first.said}, {last.names} only after {last.said}."
    silent = [c for c in streams if number(c, "ttfo_s") is None]
    cut = [c for c in streams if c not in silent and not ended(c)]
    if silent and groups:
        said += f" No text came from {_names(experiment, silent)}."
    if cut:
        said += f" Not whole: {_names(experiment, cut)}."
    return f"{said} One call each is a look, not a measurement." if groups else said


def _names(experiment: Experiment, calls: Sequence[CallResult]) -> str:
    """ "A", "A and B", "A, B and 3 more"."""
    names = [_named(experiment, call.planned.arm) for call in calls]
    if len(names) > NAMED:
        names = [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _named(experiment: Experiment, arm: int) -> str:
    return lanes.in_words(lanes.one_line(lanes.model_name(experiment, arm), MAX_NAME))


def _over(calls: Iterable[CallResult]) -> bool:
    return all(call.state in _OVER for call in calls)


def _end(calls: Iterable[CallResult]) -> float:
    """Where the hero's clock ends for these calls."""
    return lanes.past(max(lanes.last_s(call.timeline) or 0.0 for call in calls))
