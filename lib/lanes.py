"""What the hero draws: one lane per call on one clock, as plain data ready for JSON.

Pure. The scripts in lib/ui/player play these lanes in the page and in the HTML file alike; how they look
is their business, what the words of a result are is summary's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, compress, groupby, pairwise
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from lib import metrics
from lib.calibration import suspect_gaps
from lib.experiment import CallResult, Experiment, Number
from lib.facts import SENTENCE, Facts
from lib.spec import Arm, contended, is_lab
from lib.timeline import Event, Timeline

MAX_LANES = 8
"""Lanes that one picture shows at once."""
MAX_ENTRIES = 16
"""Lanes that the hero can be told of, for its reader to choose from."""
MAX_NOTE = 300
SHORT = 36
"""Letters below which an arm under contention is told in two words."""
SERIES = 8
BAR = "▄"
"""Stands for each character of a text that its sender withheld."""
"""Colours there are for streaming lanes; grey, colour 0, is every blocking lane's."""

Align = Literal["send", "text"]
"""Where lanes of one picture meet: when each request was sent, or when each showed its first text."""

CONTENDED = "under contention"
_TAILS = (f", {CONTENDED}", ", at once")
_ENCODINGS = {"identity": "no gzip", "gzip": "gzip"}
_UNSENT = {
    "unknown": "unknown: it may have been sent, and is not sent again by itself",
    "dropped": "cancelled before it was sent",
}


class Entry(NamedTuple):
    """One lane of a picture: a call and what stands beside it. `label` and `sub` are untrusted text.

    `shift_s`: how much later than at its own send this lane begins on the picture's clock. `shown`: False
    for a lane that is there to be chosen, but not drawn at first.
    """

    call: CallResult
    label: str
    sub: str
    tone: int
    shift_s: float = 0.0
    shown: bool = True


def entries(experiment: Experiment, arms: Sequence[int] | None = None, pair: int = 0) -> list[Entry]:
    """Every call of one pair of the chosen arms (None: all), at most sixteen; `shown` as `chosen` picks."""
    calls = _of_pair(experiment, arms, pair)
    first = {call.planned.n for call in _drawn(calls)}
    return [
        Entry(
            call,
            label(call),
            model_name(experiment, call.planned.arm),
            tone(experiment, call),
            shown=call.planned.n in first,
        )
        for call in calls[:MAX_ENTRIES]
    ]


def aligned(rows: Sequence[Entry], align: Align) -> tuple[list[Entry], float]:
    """(lanes shifted so that they meet, where 0 of their axis lies on the common clock, s).

    By first text: the one that took longest stays where it is. A lane without text is not shifted.
    """
    if align == "send":
        return [row._replace(shift_s=0.0) for row in rows], 0.0
    firsts = [numbers(row.call).get("ttfo_s") for row in rows]
    zero = max((first for first in firsts if isinstance(first, float)), default=0.0)
    return [
        row._replace(shift_s=zero - first if isinstance(first, float) else 0.0)
        for row, first in zip(rows, firsts, strict=True)
    ], zero


def hero_data(
    experiment: Experiment,
    *,
    arms: Sequence[int] | None = None,
    pair: int = 0,
    speed: float = 1.0,
    autoplay: bool = True,
    live_url: str | None = None,
) -> dict[str, Any]:
    """Lanes of one pair of the chosen arms (None: all), for lib/ui/player.

    Above eight lanes only the streaming ones are shown at first. With `live_url` the lanes come as planned,
    without events: the feed at that address tells everything from its start.
    """
    rows = entries(experiment, arms, pair)
    if live_url is None:
        return race(rows, speed=speed, autoplay=autoplay)
    planned = [_lane(row, empty=True) for row in rows if row.shown]
    return race([], speed=speed, autoplay=autoplay) | {"lanes": planned, "live": {"url": live_url}}


def race(
    rows: Sequence[Entry], *, align: Align = "send", speed: float = 1.0, autoplay: bool = True
) -> dict[str, Any]:
    """Lanes of any calls on one clock, for lib/ui/player. `zero_s`: where the clock's axis reads 0."""
    placed, zero = aligned(rows, align)
    lanes = [_lane(row) for row in placed]
    return {
        "duration_s": past(max((lane["last_s"] or 0.0 for lane in lanes), default=0.0)),
        "zero_s": round(zero, 4),
        "speed": speed,
        "autoplay": autoplay,
        "start_s": 0,
        "lanes": lanes,
        "live": None,
    }


def chosen(experiment: Experiment, arms: Sequence[int] | None, pair: int) -> list[CallResult]:
    """The calls of one pair, arm by arm, blocking first; above eight the streaming ones, never more."""
    return _drawn(_of_pair(experiment, arms, pair))


def _drawn(calls: list[CallResult]) -> list[CallResult]:
    if len(calls) > MAX_LANES:
        calls = [call for call in calls if call.planned.mode == "streaming"]
    return calls[:MAX_LANES]


def _of_pair(experiment: Experiment, arms: Sequence[int] | None, pair: int) -> list[CallResult]:
    wanted = range(len(experiment.spec.arms)) if arms is None else arms
    return [
        call
        for arm in wanted
        for mode in ("blocking", "streaming")
        for call in experiment.calls
        if (call.planned.arm, call.planned.mode, call.planned.pair) == (arm, mode, pair)
    ]


def past(last_s: float) -> float:
    """The end of a clock that shows `last_s` with some room after it: 7.32 → 7.5, 0.16 → 0.2."""
    if last_s <= 0:
        return 1.0
    last_s = max(last_s, 1e-5)  # less would be rounded away, and a clock without length has no places
    step = 10.0 ** math.floor(math.log10(last_s)) / 2
    return round((math.floor(last_s / step) + 1) * step, 6)


def model_name(experiment: Experiment, arm: int) -> str:
    """The arm's model; where two arms ask a model of the same name, with what tells them apart. An arm under
    contention is named so last."""
    asked = experiment.spec.arms[arm]
    name = asked.call.model + _apart(asked, experiment.spec.arms)
    return f"{name}{_TAILS[0]}" if contended(experiment.spec, arm) else name


def in_words(name: str) -> str:
    """An arm's name for the middle of a sentence, where a comma would part it."""
    model, tail = parted(name)
    return f"{model} {CONTENDED}" if tail else name


def parted(name: str) -> tuple[str, str]:
    """(the model, ", under contention" or "") of an arm's name."""
    model = name.removesuffix(_TAILS[0])
    return model, name[len(model) :]


def _apart(asked: Arm, arms: Sequence[Arm]) -> str:
    alike = [a for a in arms if a.call.model == asked.call.model]
    in_turn = [a for a in alike if a.contention == asked.contention]
    if len(alike) == 1 or (len(in_turn) == 1 and len({(a.endpoint, a.call) for a in alike}) == 1):
        return ""
    if len({a.endpoint.accept_encoding for a in alike}) == len(alike):
        return f" · {_ENCODINGS[asked.endpoint.accept_encoding]}"
    return f" · {_host(asked)}"


def label(call: CallResult) -> str:
    """ "Blocking" or "Streaming"."""
    return call.planned.mode.capitalize()


def tone(experiment: Experiment, call: CallResult) -> int:
    """Index of the lane's colour: 0, grey, for blocking; 1, blue, for the first arm's streaming call."""
    return 0 if call.planned.mode == "blocking" else 1 + call.planned.arm % SERIES


def numbers(call: CallResult) -> dict[str, Number]:
    """The call's metrics, made on the spot while none are stored; {} when nothing arrived."""
    if call.metrics is not None or call.timeline is None:
        return call.metrics or {}
    return metrics.measure(call.timeline, call.recount)[0]


def note(call: CallResult) -> str:
    """Why a lane ends as it does, "" when it ended well or goes on. Untrusted text: never markup."""
    if call.absent:
        return absent(call)
    if call.state in _UNSENT:
        return _UNSENT[call.state]
    if call.state in ("planned", "sent"):
        return ""
    sentence = one_line(_reason(call))
    last = last_s(call.timeline)
    if call.timeline is not None and _text_events(call.timeline) and last is not None:
        return f"cut at {last:.2f} s: {sentence}" if sentence else ""
    if sentence:
        return f"failed: {sentence}"
    return "the answer is empty" if call.timeline is not None else "nothing was kept of this call"


def absent(call: CallResult) -> str:
    """Of a call that another tool's file has nothing about."""
    return f"The file holds no {call.planned.mode} call."


def last_s(timeline: Timeline | None) -> float | None:
    """Seconds after send at which the last event but keep-alives came; None without one."""
    if timeline is None:
        return None
    return max((e.t_ns / 1e9 for e in timeline.events if e.kind != "comment"), default=None)


def one_line(text: str, limit: int = MAX_NOTE) -> str:
    """White space folded, length limited; for untrusted text that stands in one line.

    Of an arm's name the model is cut, not that it is under contention.
    """
    folded = " ".join(text.split())
    if len(folded) <= limit:
        return folded
    name, tail = parted(folded)
    tail = _TAILS[limit < SHORT] if tail else ""
    room = limit - 1 - len(tail)
    if room <= 0:
        return folded[: limit - 1] + "…"
    return name + tail if tail and len(name) <= room + 1 else name[:room] + "…" + tail


def _reason(call: CallResult) -> str:
    error = call.error or (call.timeline.error if call.timeline else None)
    if error is not None:
        return error.message
    if call.timeline is not None and not call.timeline.complete:
        return call.timeline.why
    return "the call did not end well" if call.state == "failed" else ""


def _text_events(timeline: Timeline) -> int:
    return sum(event.kind in ("reasoning", "content") and event.chars > 0 for event in timeline.events)


def _lane(row: Entry, *, empty: bool = False) -> dict[str, Any]:
    call, shift = row.call, row.shift_s
    timeline = None if empty else call.timeline
    known = {} if empty else numbers(call)
    return {
        "n": call.planned.n,
        "mode": call.planned.mode,
        "label": row.label,
        "sub": row.sub,
        "tone": row.tone,
        "shown": row.shown,
        "state": "planned" if empty else call.state,
        "sent_s": round(shift, 4),
        "first_s": _moved(known.get("ttfo_s"), shift),
        "sentence_s": _moved(_sentence_s(timeline, known), shift),
        "end_s": _moved(known.get("e2e_s"), shift),
        "last_s": _moved(last_s(timeline), shift),
        "note": "" if empty else note(call),
        **_spans(timeline, shift),
        **_columns(_marks(timeline), shift),
    }


def _sentence_s(timeline: Timeline | None, known: dict[str, Number]) -> Number:
    """`ttfs_s` where the text really holds a whole sentence; None elsewhere, where it names the end."""
    text = "".join(e.text or "" for e in _marks(timeline) if e.kind == "content")
    return known.get("ttfs_s") if SENTENCE.search(text) else None


def _spans(timeline: Timeline | None, shift_s: float) -> dict[str, list[list[float]]]:
    """Freezes, and gaps that say nothing because the instrument itself stood still: [start, end], s."""
    if timeline is None:
        return {"freezes": [], "suspects": []}
    facts = Facts(timeline, None)
    doubtful = compress(pairwise(facts.arrivals), suspect_gaps(timeline))
    return {
        "freezes": [[round(t / 1e9 + shift_s, 4) for t in span] for span in facts.freeze_spans],
        "suspects": [[round(t / 1e9 + shift_s, 4) for t in span] for span in doubtful],
    }


def _marks(timeline: Timeline | None) -> list[Event]:
    return [] if timeline is None else [e for e in timeline.events if e.kind != "comment"]


def _columns(events: list[Event], shift_s: float) -> dict[str, str]:
    """Events column by column, small enough for a hundred thousand of them.

    `dt`: steps of the clock in 0.1 ms, parted by spaces, none negative, so that a player may search.
    `kinds`: runs such as "role 1 content 90". `text`: all of it, of both tones, in order. `sizes`: the
    UTF-16 units of each text event, a digit or, from ten on, a number in brackets.
    """
    times = [round((t / 1e9 + shift_s) * 10_000) for t in accumulate((e.t_ns for e in events), max)]
    texts = [_shown(e) for e in events if e.kind in ("reasoning", "content")]
    sizes = (len(text) if text.isascii() else _units(text) for text in texts)
    return {
        "dt": " ".join(str(b - a) for a, b in pairwise([0, *times])),
        "kinds": " ".join(f"{kind} {len(list(run))}" for kind, run in groupby(e.kind for e in events)),
        "text": "".join(texts),
        "sizes": "".join(str(n) if n < 10 else f"({n})" for n in sizes),
    }


def _shown(event: Event) -> str:
    return BAR * event.chars if event.text is None else event.text


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _moved(value: Number, shift_s: float) -> float | None:
    """On the picture's clock, to 0.1 ms, as the lanes' times are."""
    return round(value + shift_s, 4) if isinstance(value, int | float) else None


def _host(arm: Arm) -> str:
    return "built-in" if is_lab(arm.endpoint) else urlsplit(arm.endpoint.base_url).netloc
