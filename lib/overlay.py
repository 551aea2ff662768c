"""Saved experiments over each other: the lanes, what was asked differently, and what came of it.

Pure. One call each is a look and is said to be one; a verdict over many pairs is another module's business.
Everything taken from specs and titles is untrusted text.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from lib import lanes
from lib.experiment import CallResult, Experiment, Number
from lib.pairs import common_prefix
from lib.spec import Arm, at_once, is_lab
from lib.summary import Runs, seconds

Show = Literal["streaming", "blocking", "both"]
MOST = lanes.MAX_LANES
LONGEST_VALUE = 60
LEAD = 12
ABOUT_S = 0.05
"""Two first texts nearer than this are called about the same: one call each can't part them."""


class Part(NamedTuple):
    """One lane of a comparison. `letter`: A, B, … for one experiment's arm, whatever the mode."""

    letter: str
    experiment: Experiment
    call: CallResult

    @property
    def arm(self) -> Arm:
        """What was asked."""
        return self.experiment.spec.arms[self.call.planned.arm]


class Difference(NamedTuple):
    """A parameter that differs, with its value for each letter, in order. Untrusted text."""

    name: str
    values: tuple[str, ...]


class Line(NamedTuple):
    """One lane's numbers, ready to show. `beside`: its first text against the baseline's."""

    lane: str
    first: str
    total: str
    rate: str
    longest_gap: str
    beside: str


def parts(experiments: Sequence[Experiment], show: Show = "streaming") -> list[Part]:
    """The first pair of every arm of every experiment, eight lanes at most, blocking first in each."""
    found: list[Part] = []
    letters = iter(string.ascii_uppercase)
    for experiment in experiments:
        for arm, letter in zip(range(len(experiment.spec.arms)), letters, strict=False):
            found += [Part(letter, experiment, call) for call in _shown(experiment, arm, show)]
    return found[:MOST]


def entries(found: Sequence[Part]) -> list[lanes.Entry]:
    """The lanes of pictures: a letter with the model, below it what is special about this one."""
    special = _special(found)
    return [lanes.Entry(part.call, _label(part), special[part.letter], _tone(part, found)) for part in found]


def differences(found: Sequence[Part]) -> list[Difference]:
    """Only what was asked differently, a row per parameter; [] where everything was asked alike."""
    one_each = list({part.letter: part for part in found}.values())
    rows = {name: [of(part) for part in one_each] for name, of in _ASKED.items()}
    return [Difference(name, _told(values)) for name, values in rows.items() if len(set(values)) > 1]


def letters(found: Sequence[Part]) -> list[str]:
    """The letters that `differences` has values for."""
    return list(dict.fromkeys(part.letter for part in found))


def name(part: Part) -> str:
    """A lane in one line: its letter and its experiment's title or model. Untrusted text."""
    return f"{part.letter} {lanes.one_line(part.experiment.title or _model(part), LONGEST_VALUE)}"


def sentence(found: Sequence[Part], baseline: int = 0) -> Runs:
    """Which lane showed text first, and how far the baseline lies from it. Holds untrusted text."""
    firsts = [(first, i) for i, part in enumerate(found) if (first := _number(part, "ttfo_s")) is not None]
    if not firsts:
        return (("No visible text arrived in any of these calls.", False),)
    first, place = min(firsts)
    runs = [(_spoken(found, place), True), (" showed its first text after ", False), (seconds(first), True)]
    own = _number(found[baseline], "ttfo_s")
    if own is None:
        return (*runs, (f"; the baseline, {found[baseline].letter}, showed none.", False))
    if place == baseline:
        later = [(f, i) for f, i in firsts if i != baseline]
        return (*runs, (_after(found, later, first), False))
    gap = own - first
    words = "at about the same time" if gap < ABOUT_S else f"{seconds(gap)} later"
    return (*runs, (f", the baseline, {found[baseline].letter}, {words}.", False))


def caveat(found: Sequence[Part]) -> str:
    """How far this goes as evidence."""
    pairs = max((part.experiment.spec.pairs for part in found), default=1)
    many = " Only the first pair of each experiment is drawn here." if pairs > 1 else ""
    return f"One call each: a look, not a measurement.{many}"


def lines(found: Sequence[Part], baseline: int = 0) -> list[Line]:
    """A row per lane; what is not known is a dash."""
    base = _number(found[baseline], "ttfo_s") if found else None
    return [
        Line(
            f"{name(part)}, {part.call.planned.mode}",
            _seconds(_number(part, "ttfo_s")),
            _total(part),
            _rate(part),
            _seconds(_number(part, "gap_max_s")),
            "baseline" if i == baseline else _beside(_number(part, "ttfo_s"), base),
        )
        for i, part in enumerate(found)
    ]


def _told(values: Sequence[str]) -> tuple[str, ...]:
    """Each value in one short line; long ones that begin alike from shortly before they part."""
    short = [lanes.one_line(value, LONGEST_VALUE) for value in values]
    if len(set(short)) == len(set(values)):
        return tuple(short)
    shared = min(common_prefix(values[0], value) for value in values if value != values[0])
    return tuple(lanes.one_line("…" + value[max(0, shared - LEAD) :], LONGEST_VALUE) for value in values)


def _shown(experiment: Experiment, arm: int, show: Show) -> list[CallResult]:
    modes = ("blocking", "streaming") if show == "both" else (show,)
    return [
        call
        for mode in modes
        for call in experiment.calls
        if (call.planned.arm, call.planned.mode, call.planned.pair) == (arm, mode, 0)
    ]


def _model(part: Part) -> str:
    return lanes.model_name(part.experiment, part.call.planned.arm)


def _label(part: Part) -> str:
    mode = " blocking" if part.call.planned.mode == "blocking" else ""
    return f"{part.letter}{mode}"


def _tone(part: Part, found: Sequence[Part]) -> int:
    """Grey for blocking lanes beside streaming ones; else a colour for each letter."""
    mixed = len({p.call.planned.mode for p in found}) > 1
    if mixed and part.call.planned.mode == "blocking":
        return 0
    return 1 + letters(found).index(part.letter) % lanes.SERIES


def _special(found: Sequence[Part]) -> dict[str, str]:
    """letter → the experiment's title, else its model; where two read alike, what was asked differently."""
    rows = [row for row in differences(found) if row.name not in ("model", "prompt", "system message")]
    order = letters(found)
    plain = {part.letter: part.experiment.title or _model(part) for part in found}
    alike = Counter(plain.values())
    words: dict[str, str] = {}
    for letter, text in plain.items():
        values = [f"{row.name} {row.values[order.index(letter)]}" for row in rows[:2] if alike[text] > 1]
        words[letter] = lanes.one_line(" · ".join([text, *values]), 80)
    return words


def _spoken(found: Sequence[Part], place: int) -> str:
    part = found[place]
    return lanes.one_line(f"{_label(part)} ({part.experiment.title or _model(part)})", 80)


def _after(found: Sequence[Part], later: Sequence[tuple[float, int]], first: float) -> str:
    if not later:
        return "."
    gap, place = min(later)
    if gap - first < ABOUT_S:
        return f", {_label(found[place])} at about the same time."
    return f", {_label(found[place])} {seconds(gap - first)} later."


def _number(part: Part, metric: str) -> float | None:
    value: Number = lanes.numbers(part.call).get(metric)
    return value if isinstance(value, (int, float)) else None


def _seconds(x: float | None) -> str:
    return "–" if x is None else seconds(x)


def _total(part: Part) -> str:
    total, last = _number(part, "e2e_s"), lanes.last_s(part.call.timeline)
    return f"> {seconds(last)}" if total is None and last is not None else _seconds(total)


def _rate(part: Part) -> str:
    tokens, chars = _number(part, "answer_tps"), _number(part, "answer_cps")
    if tokens is not None:
        return f"{tokens:,.1f} tokens/s"
    return "–" if chars is None else f"{chars:,.0f} characters/s"


def _beside(first: float | None, base: float | None) -> str:
    if first is None or base is None:
        return "–"
    gap = first - base
    if abs(gap) < ABOUT_S:
        return "about the same"
    return f"{seconds(abs(gap))} {'later' if gap > 0 else 'sooner'}"


def _host(part: Part) -> str:
    endpoint = part.arm.endpoint
    return "the built-in lab" if is_lab(endpoint) else urlsplit(endpoint.base_url).netloc


def _text(of: Callable[[Part], object], unset: str = "not set") -> Callable[[Part], str]:
    """A parameter as text."""

    def shown(part: Part) -> str:
        value = of(part)
        return unset if value is None else str(value)

    return shown


_ASKED: dict[str, Callable[[Part], str]] = {
    "model": _text(lambda p: p.arm.call.model),
    "endpoint": _text(_host),
    "API": _text(lambda p: p.arm.call.api),
    "prompt": _text(lambda p: p.arm.call.prompt),
    "system message": _text(lambda p: p.arm.call.system, "none"),
    "max_tokens": _text(lambda p: p.arm.call.max_tokens, "not limited"),
    "temperature": _text(lambda p: p.arm.call.temperature, "the endpoint's own"),
    "extra body": _text(lambda p: p.arm.call.extra_body),
    "compression": _text(lambda p: p.arm.endpoint.accept_encoding),
    "measured in": _text(lambda p: p.arm.region),
    "connection": _text(lambda p: p.experiment.spec.connection),
    "prompt cache": _text(
        lambda p: {"bust": "kept out", "keep": "warm", "as_is": "as it is"}[p.experiment.spec.cache]
    ),
    "calls of a pair": _text(
        lambda p: "at once" if at_once(p.experiment.spec, p.call.planned.arm) else "one after the other"
    ),
}
"""What may differ between two lanes, in the order in which it is told."""
