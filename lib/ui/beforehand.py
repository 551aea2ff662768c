"""What an experiment takes, said beside its button before it starts: tokens, money, time, pairs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib import pilot
from lib.errors import InvalidSpec, StreamgaugeError
from lib.estimate import Estimate
from lib.experiment import Experiment
from lib.findings import between_of
from lib.prices import SOURCE
from lib.progress import spoken
from lib.spec import BOUNDS, ExperimentSpec, is_lab
from lib.ui import session

LOOKED_THROUGH = 12
"""Of the newest experiments of a model so many are looked at for a pilot."""


def draw(spec: ExperimentSpec, wrong: Sequence[InvalidSpec]) -> None:
    """Nothing for what cannot be started anyway."""
    if wrong:
        return
    try:
        st.text(takes(session.service().estimate(spec), lab=all(is_lab(a.endpoint) for a in spec.arms)))
        if spec.design == "measure":
            st.text(_pairs(spec))
    except StreamgaugeError as error:
        st.text(str(error))


def takes(found: Estimate, *, lab: bool) -> str:
    """Tokens, cost and time in one line; what is not known is said to be unknown."""
    time = "Time: not known" if found.seconds is None else f"About {spoken(found.seconds)}"
    if found.seconds is None and found.seconds_reason:
        time += f" ({found.seconds_reason.rstrip('.').lower()})"
    if lab:
        return f"{time}. Costs nothing: no model is asked."
    about = "" if found.counted else "about "
    most = "no limit was set" if found.completion_most is None else f"at most {found.completion_most:,}"
    return f"{time}. {about}{found.prompt_tokens:,} prompt tokens, answers: {most}. {_money(found)}".replace(
        ". about", ". About"
    )


def _money(found: Estimate) -> str:
    if found.usd_most is None:
        return f"Cost: not known. {found.usd_reason or ''}".rstrip()
    return f"At most {found.usd_most:.2g} US dollars ({SOURCE})."


def _pairs(spec: ExperimentSpec) -> str:
    """How many pairs it takes, at the spread of an earlier run of the same."""
    earlier = _earlier(spec)
    found = None if earlier is None else pilot.needed(earlier, between_of(spec))
    if found is None:
        return "How many pairs it takes to see a difference is not known before a first run of the same."
    return pilot.told(*found, most=int(BOUNDS["pairs"].high))


def _earlier(spec: ExperimentSpec) -> Experiment | None:
    """The newest finished experiment here that asked the same and has pairs enough."""
    service = session.service()
    for entry in service.listing(spec.arms[0].call.model, LOOKED_THROUGH):
        if entry.state == "running" or entry.imported:
            continue
        asked = service.standing(entry.id).spec
        if asked.pairs >= pilot.LEAST and pilot.same(asked, spec):
            return service.numbers(entry.id)
    return None
