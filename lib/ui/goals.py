"""Limits that single calls are held to: typed here, kept in the address, and who missed them."""

from __future__ import annotations

import streamlit as st

from lib import goals
from lib.experiment import Experiment
from lib.metrics import METRICS
from lib.ui import parts
from lib.verdict import succeeded

LIST_PX = 300


@st.fragment
def draw(experiment: Experiment, arm: int) -> None:
    """The form, the share of good calls with its interval, and every call that was not."""
    section = st.expander(
        "Limits: which calls were good enough", on_change="rerun", key="limits", bind="query-params"
    )
    if not section.open:
        return
    with section:
        limits = _form()
        if not limits:
            st.caption("Type a limit: a streaming call is good when it came whole and holds every one.")
            return
        found = goals.good(experiment, limits, arm)
        said = succeeded(found.share).replace("came whole", "were good")
        st.markdown(f"**{said}.**")
        if found.per_s is not None:
            st.caption(f"Goodput: {found.per_s:.3g} good calls a second of the experiment.")
        _missed(experiment, arm, limits)


def _form() -> dict[str, float]:
    typed, slots = {}, {}
    with st.container(horizontal=True, vertical_alignment="top"):
        for name in goals.NAMES:
            with st.container(width=210):
                label = f"{METRICS[name].label.capitalize()}, {goals.sign(name)} ({METRICS[name].unit})"
                typed[name] = st.text_input(label, key=name, bind="query-params") or ""
                slots[name] = st.empty()
    limits, wrong = goals.read(typed)
    for name, text in typed.items():
        complaint = next((e.message for e in wrong if e.field == METRICS[name].label), None)
        if complaint and text:
            parts.problem(slots[name], complaint)
    return limits


def _missed(experiment: Experiment, arm: int, limits: dict[str, float]) -> None:
    rows = goals.missed(experiment, limits, arm)
    if not rows:
        st.caption("No call missed a limit.")
        return
    st.dataframe(
        {
            "Call": [row.n for row in rows],
            "Pair": [row.pair for row in rows],
            "Model": [row.model for row in rows],
            "Missed": [row.why for row in rows],
        },
        hide_index=True,
        height=LIST_PX if len(rows) > 8 else "content",
        alt="Calls that missed a limit",
    )
