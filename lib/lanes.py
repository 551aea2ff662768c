"""What the hero draws: one lane per call on one clock, as plain data ready for JSON.

Pure. The component in lib/ui/hero.js plays these lanes in the page and in the HTML file alike; how they
look is its business, what the words of a result are is summary's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any
from urllib.parse import urlsplit

from lib import metrics
from lib.experiment import CallResult, Experiment, Number
from lib.spec import Arm, is_lab
from lib.timeline import Event, Timeline

MAX_LANES = 8
MAX_NOTE = 300
SERIES = 5
"""Colours there are for streaming lanes; grey, colour 0, is every blocking lane's."""

_ENCODINGS = {"identity": "no gzip", "gzip": "gzip"}
_UNSENT = {
    "unknown": "unknown: it may have been sent, and is not sent again by itself",
    "dropped": "cancelled before it was sent",
}


def hero_data(
    experiment: Experiment,
    *,
    arms: Sequence[int] | None = None,
    pair: int = 0,
    speed: float = 1.0,
    autoplay: bool = True,
    live_url: str | None = None,
) -> dict[str, Any]:
    """Lanes of one pair of the chosen arms (None: all), for lib/ui/hero.js.

    Above eight lanes only the streaming ones are kept. With `live_url` the lanes come as planned, without
    events: the feed at that address tells everything from its start.
    """
    calls = chosen(experiment, arms, pair)
    lanes = [_lane(experiment, call, empty=live_url is not None) for call in calls]
    return {
        "duration_s": past(max((lane["last_s"] or 0.0 for lane in lanes), default=0.0)),
        "speed": speed,
        "autoplay": autoplay,
        "start_s": 0,
        "lanes": lanes,
        "live": None if live_url is None else {"url": live_url},
    }


def chosen(experiment: Experiment, arms: Sequence[int] | None, pair: int) -> list[CallResult]:
    """The calls of one pair, arm by arm, blocking first; never more than eight."""
    wanted = range(len(experiment.spec.arms)) if arms is None else arms
    calls = [
        call
        for arm in wanted
        for mode in ("blocking", "streaming")
        for call in experiment.calls
        if (call.planned.arm, call.planned.mode, call.planned.pair) == (arm, mode, pair)
    ]
    if len(calls) > MAX_LANES:
        calls = [call for call in calls if call.planned.mode == "streaming"]
    return calls[:MAX_LANES]


def past(last_s: float) -> float:
    """The end of a clock that shows `last_s` with some room after it: 7.32 → 7.5, 0.16 → 0.2."""
    if last_s <= 0:
        return 1.0
    step = 10.0 ** math.floor(math.log10(last_s)) / 2
    return round((math.floor(last_s / step) + 1) * step, 6)


def model_name(experiment: Experiment, arm: int) -> str:
    """The arm's model; where two arms ask a model of the same name, with what tells them apart."""
    arms = experiment.spec.arms
    asked = arms[arm]
    alike = [a for a in arms if a.call.model == asked.call.model]
    if len(alike) == 1:
        return asked.call.model
    if len({a.endpoint.accept_encoding for a in alike}) == len(alike):
        return f"{asked.call.model} · {_ENCODINGS[asked.endpoint.accept_encoding]}"
    return f"{asked.call.model} · {_host(asked)}"


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


def last_s(timeline: Timeline | None) -> float | None:
    """Seconds after send at which the last event but keep-alives came; None without one."""
    if timeline is None:
        return None
    return max((e.t_ns / 1e9 for e in timeline.events if e.kind != "comment"), default=None)


def one_line(text: str, limit: int = MAX_NOTE) -> str:
    """White space folded, length limited; for untrusted text that stands in one line."""
    folded = " ".join(text.split())
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"


def _reason(call: CallResult) -> str:
    error = call.error or (call.timeline.error if call.timeline else None)
    if error is not None:
        return error.message
    if call.timeline is not None and not call.timeline.complete:
        return call.timeline.why
    return "the call did not end well" if call.state == "failed" else ""


def _text_events(timeline: Timeline) -> int:
    return sum(event.kind in ("reasoning", "content") for event in timeline.events)


def _lane(experiment: Experiment, call: CallResult, *, empty: bool) -> dict[str, Any]:
    known = {} if empty else numbers(call)
    last = None if empty else last_s(call.timeline)
    return {
        "n": call.planned.n,
        "mode": call.planned.mode,
        "label": label(call),
        "sub": model_name(experiment, call.planned.arm),
        "tone": tone(experiment, call),
        "state": "planned" if empty else call.state,
        "first_s": _rounded(known.get("ttfo_s")),
        "end_s": _rounded(known.get("e2e_s")),
        "last_s": _rounded(last),
        "note": "" if empty else note(call),
        **_columns([] if empty else _marks(call.timeline)),
    }


def _marks(timeline: Timeline | None) -> list[Event]:
    return [] if timeline is None else [e for e in timeline.events if e.kind != "comment"]


def _columns(events: list[Event]) -> dict[str, list[Any]]:
    """One list per field. Times never run backwards, so that a player may search them."""
    return {
        "t_s": [round(t / 1e9, 4) for t in accumulate((e.t_ns for e in events), max)],
        "kind": [e.kind for e in events],
        "text": [(e.text or "") if e.kind in ("reasoning", "content") else "" for e in events],
        "read": [e.read for e in events],
    }


def _rounded(value: Number) -> float | None:
    """To 0.1 ms, as the lanes' times are."""
    return round(value, 4) if isinstance(value, int | float) else None


def _host(arm: Arm) -> str:
    return "built-in" if is_lab(arm.endpoint) else urlsplit(arm.endpoint.base_url).netloc
