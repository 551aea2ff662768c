"""The part of the form that says how much is measured, for whom, and by which rules.

What is typed here is text until `apply` makes a specification of it, with a sentence for what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import streamlit as st

from lib.errors import InvalidSpec
from lib.intervals import LEAST_PAIRS
from lib.metrics import METRICS
from lib.spec import BOUNDS, PRIMARIES, SIZES, ExperimentSpec, is_lab, number
from lib.ui.arms import KEEP, Slots
from lib.verdict import HEADLINE, Consumer

OWN = "own"
LABELS = {"look": "Look · 1 pair", "check": "Check · 6", "measure": "Measure · 30", OWN: "Own number"}
MEANT = {
    "look": "One pair shows what can happen. It has no verdict.",
    "check": "Six pairs are the fewest that can have a verdict; only large differences show.",
    "measure": "Thirty pairs show differences of some percent on a steady endpoint.",
    OWN: f"{BOUNDS['pairs'].low:g} to {BOUNDS['pairs'].high:g} pairs; a verdict takes six.",
}
WHO: dict[Consumer, str] = {
    "reader": "A reader begins with the first visible text, so that decides.",
    "voice": "A voice begins with the first whole sentence, so that decides.",
    "program": "A program needs the whole answer, so the total time decides.",
}
CACHES: dict[str, str] = {
    "bust": "Defeat it: random characters before each prompt",
    "keep": "Keep it warm: the same prompt after warm-ups",
    "as_is": "Leave it as it is",
}
Cache = Literal["bust", "keep", "as_is"]
BY_CONSUMER = ""


class Design(NamedTuple):
    """What was chosen and typed. `primary` "": the consumer's."""

    size: str = "look"
    pairs: str = "12"
    consumer: Consumer = "reader"
    primary: str = BY_CONSUMER
    warmups: int | None = None
    cache: Cache = "bust"
    seed: str = ""
    margin: str = ""
    half_width: str = ""
    stop_after: str = "3"


def apply(spec: ExperimentSpec, chosen: Design) -> tuple[ExperimentSpec, list[InvalidSpec]]:
    """The specification with this design, and a sentence for each field that cannot be read.

    The calls of every pair start at once where nothing but the lab is asked, which is not disturbed by that.
    """
    found: list[InvalidSpec] = []
    size = SIZES.get(chosen.size)
    pairs = size.pairs if size else _own(chosen.pairs, found)
    look = pairs == 1
    warmups = 0 if look else 1 if chosen.warmups is None else chosen.warmups
    margin = None if look else _percent("margin", chosen.margin, found)
    half_width = None if look else _percent("half_width", chosen.half_width, found)
    return replace(
        spec,
        pairs=pairs or LEAST_PAIRS,
        design="look" if look else "measure",
        warmups=warmups,
        primary=chosen.primary or HEADLINE[chosen.consumer],
        margin=margin,
        half_width=half_width,
        stop_after=_whole("stop_after", chosen.stop_after, found),
        seed=_whole("seed", chosen.seed, found) or 0,
        cache=chosen.cache,
        together=all(is_lab(arm.endpoint) for arm in spec.arms),
    ), found


def draw(slots: Slots) -> Design:
    """How many pairs, and who consumes the answer."""
    left, right = st.columns([1.4, 1], vertical_alignment="top")
    with left:
        size = st.segmented_control(
            "How much", list(LABELS), default="look", format_func=LABELS.__getitem__, key="size",
            required=True, **KEEP,
        )  # fmt: skip
        size = size or "look"
        st.caption(MEANT[size])
        pairs = _text("Pairs", "pairs", slots, "12") if size == OWN else ""
    with right:
        who = st.segmented_control(
            "Who consumes the answer", list(WHO), default="reader", key="consumer", required=True,
            format_func=lambda name: f"a {name}", **KEEP,
        )  # fmt: skip
        consumer: Consumer = who if who in WHO else "reader"
        st.caption(WHO[consumer])
    return Design(size=size, pairs=pairs, consumer=consumer)


def more(slots: Slots, chosen: Design, *, arms: int) -> Design:
    """The rules that most never touch."""
    choices = [BY_CONSUMER, *(name for name in PRIMARIES if arms > 1 or name != "answer_tps")]
    with st.container(horizontal=True, vertical_alignment="top"):
        primary = st.selectbox(
            "Number that decides", choices, format_func=_primary, key="primary", width=250, **KEEP
        )
        cache = st.selectbox(
            "Prompt cache", list(CACHES), format_func=CACHES.__getitem__, key="cache", width=360,
            help="A server's prompt cache makes the second call faster, whichever mode it is.", **KEEP,
        )  # fmt: skip
        warmups = st.number_input(
            "Warm-ups", 0, int(BOUNDS["warmups"].high), 1, key="warmups", width=130,
            help=BOUNDS["warmups"].help + " They count for nothing. A look has none.", **KEEP,
        )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="top"):
        margin = _text("Does not matter within, %", "margin", slots, "", BOUNDS["margin"].help)
        precise = _text("Stop once sure within, %", "half_width", slots, "", BOUNDS["half_width"].help)
        stop_after = _text("Stop after failures", "stop_after", slots, "3", BOUNDS["stop_after"].help)
        seed = _text("Seed", "seed", slots, "", "What draws the order. Empty: a new one.")
    return chosen._replace(
        primary=primary or "", cache=_cache(cache), warmups=int(warmups), margin=margin, half_width=precise,
        stop_after=stop_after, seed=seed,
    )  # fmt: skip


def kept(chosen: Design) -> Design:
    """The same with what was chosen under More options before they were folded away."""
    state = st.session_state
    return chosen._replace(
        primary=str(state.get("primary") or ""),
        cache=_cache(state.get("cache")),
        warmups=int(state.get("warmups", 1)),
        margin=str(state.get("margin") or ""),
        half_width=str(state.get("half_width") or ""),
        stop_after=str(state.get("stop_after", "3")),
        seed=str(state.get("seed") or ""),
    )


def _text(label: str, name: str, slots: Slots, default: str, help_: str | None = None) -> str:
    """A field for a number, with a place for its complaint."""
    with st.container(width=190):
        typed = st.text_input(label, default, key=name, help=help_, **KEEP)
        slots[name] = st.empty()
    return typed or ""


def _cache(name: Any) -> Cache:
    return name if name in CACHES else "bust"


def _primary(name: str) -> str:
    return METRICS[name].label if name else "as the consumer has it"


def _percent(name: str, text: str, found: list[InvalidSpec]) -> float | None:
    """A share typed in percent; its bounds are said in percent, too."""
    value = _read(name, text, found, number)
    if value is None:
        return None
    low, high, _ = BOUNDS[name]
    if not low <= value / 100 <= high:
        sentence = f"This must be from {low * 100:g} to {high * 100:g} percent; {value:g} is not."
        found.append(InvalidSpec(name, sentence))
        return None
    return value / 100


def _own(text: str, found: list[InvalidSpec]) -> int | None:
    """How many pairs were typed; None, with a complaint added, for no or a wrong number."""
    if text.strip():
        return _whole("pairs", text, found)
    found.append(InvalidSpec("pairs", "Say how many pairs."))
    return None


def _whole(name: str, text: str, found: list[InvalidSpec]) -> int | None:
    value = _read(name, text, found, number)
    if value is None or value.is_integer():
        return None if value is None else int(value)
    found.append(InvalidSpec(name, f"{name} must be a whole number; {text.strip()[:40]} is not."))
    return None


def _read(name: str, text: str, found: list[InvalidSpec], read: Callable[[str, str], float]) -> float | None:
    """None for an empty field or, with a complaint added, for a wrong one."""
    if not text.strip():
        return None
    try:
        return read(name, text.strip().rstrip("%").strip())
    except InvalidSpec as error:
        found.append(error)
        return None
