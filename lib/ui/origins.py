"""Where an answer came from when no model made it, and chips that start such runs."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from lib import example
from lib.lab import steady
from lib.lab.recordings import ALIASES, RECORDINGS
from lib.lab.traps import PREFIX
from lib.spec import Arm, ExperimentSpec, is_lab
from lib.trials import TRIALS, spec
from lib.ui import parts, session

SIMULATED, RECORDED, OURS = "simulated", "recorded rhythm", example.KIND
HELP = {
    SIMULATED: "The built-in lab made this stream on a schedule. No model was asked.",
    RECORDED: "The built-in lab played a recording at its recorded times. No model was asked.",
    OURS: f"{example.ORIGIN} The built-in lab played them. No model was asked.",
}


class Chip(NamedTuple):
    """One lab run that the start page offers. `trial` "" for the recording."""

    label: str
    trial: str
    help: str


SLOW_DAY = "gpt-3.5-turbo-0301-2023-03-slow"
CHIPS = (
    Chip("A slow day", "", "A recording of March 2023: the answer takes 21 s instead of 3 s."),
    Chip("Thinking first", "reasoning", "Reasoning is streamed before the answer."),
    Chip("Held back by a proxy", "proxy", "Something on the way keeps the stream until it is over."),
    Chip("Faked at the end", "fake", "A stream in name only: all of it is sent at the end."),
    Chip("A stall", "stall", "The text stops for 3 s in the middle."),
)


def kind(arm: Arm) -> str:
    """One of HELP's names, or "" when a model answered."""
    if not is_lab(arm.endpoint):
        return ""
    if example.plays(arm):
        return OURS
    model = arm.call.model
    if ALIASES.get(model, model) in RECORDINGS:
        return RECORDED
    return SIMULATED if model.startswith(PREFIX) or model.partition(":")[0] == steady.NAME else ""


def badges(asked: ExperimentSpec) -> None:
    """A badge for each kind of answer that no model made."""
    for name in dict.fromkeys(filter(None, map(kind, asked.arms))):
        st.badge(name.capitalize(), icon=":material/science:", color="violet", help=HELP[name])


def chips() -> None:
    """What streams do, each a run of the lab away, with what kind of run it is on it."""
    with st.container(horizontal=True, gap="small"):
        for chip in CHIPS:
            mark = "simulated" if chip.trial else "recorded"
            label = f"{chip.label} :gray[· {mark}]"
            if st.button(label, key=f"chip_{chip.trial or SLOW_DAY}", help=chip.help):
                _start(chip)


def _start(chip: Chip) -> None:
    asked = spec(TRIALS[chip.trial]) if chip.trial else session.recorded(SLOW_DAY).spec
    parts.start(asked, title=f"{chip.label} ({'simulated' if chip.trial else 'recorded'})")
