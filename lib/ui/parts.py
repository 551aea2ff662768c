"""Small pieces that several pages draw, and the plain words for what they all name.

Text that we did not write goes through `st.text`, `st.code` or a component, never through a label.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.errors import StreamgaugeError
from lib.plan import plan
from lib.spec import Arm, ExperimentSpec, is_lab
from lib.summary import Figure
from lib.ui import session, shell

MOST_FIGURES = 4
_TYPES = {
    "html": "text/html",
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "svg": "image/svg+xml",
    "gif": "image/gif",
    "png": "image/png",
}
NAMED = 3
"""So many models are named in a title."""
REFUSED = "refused"
FORK = "fork_of"
"""Session state: the experiment that the form was filled from, until something is started."""


def problem(slot: DeltaGenerator, message: str) -> None:
    """What is wrong with the field above, in words that may repeat what was typed."""
    with slot.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.badge("Please correct", icon=":material/error:", color="red")
        st.text(message)


def failed(error: StreamgaugeError) -> None:
    """An action that did not happen, and why."""
    with st.container(border=True):
        st.badge("Not done", icon=":material/error:", color="red")
        st.text(str(error))


def attempt(action: Callable[[], None]) -> None:
    """Act in a callback, before anything is drawn; `refused` shows on the next run what was not done."""
    try:
        action()
    except StreamgaugeError as error:
        st.session_state[REFUSED] = error


def refused() -> None:
    """What the last `attempt` could not do, once."""
    error = st.session_state.pop(REFUSED, None)
    if error is not None:
        failed(error)


def start(spec: ExperimentSpec, parent: str | None = None, title: str = "") -> None:
    """Start an experiment and go to its page; when it is refused, say why and stay."""
    try:
        # The plan draws its order from the seed; 0 asks the service for a new one.
        new = session.service().start(dataclasses.replace(spec, seed=0), title=title, parent=parent)
    except StreamgaugeError as error:
        failed(error)
        return
    st.session_state.pop(FORK, None)
    st.switch_page(shell.EXPERIMENT, query_params={"id": new})


def default_name(models: tuple[str, ...]) -> str:
    """A title for experiments that nobody has named; of many models it names two."""
    distinct = list(dict.fromkeys(models))
    if len(distinct) > NAMED:
        distinct = [", ".join(distinct[:2]) + f" and {len(distinct) - 2} more"]
    return "Blocking and streaming: " + ", ".join(distinct) if distinct else "Experiment"


def place(arm: Arm) -> str:
    """The host that an arm calls, or the built-in endpoint's name."""
    if is_lab(arm.endpoint):
        return "the built-in lab"
    try:
        return (
            urlsplit(arm.endpoint.base_url).netloc or arm.endpoint.base_url or "an address still to be given"
        )
    except ValueError:  # an address being typed, whose complaint stands under its field
        return arm.endpoint.base_url


def cost(spec: ExperimentSpec) -> str:
    """What starting this sends, and where to. Untrusted text: it names hosts."""
    calls = Counter(place(spec.arms[call.arm]) for call in plan(spec))
    if len(calls) == 1:
        where, count = next(iter(calls.items()))
        return f"This sends {count} calls to {where}."
    each = ", ".join(f"{count} to {where}" for where, count in calls.items())
    return f"This sends {sum(calls.values())} calls: {each}."


def date(created_ms: int) -> str:
    """A day and minute, in UTC and labelled so."""
    return datetime.fromtimestamp(created_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def file(label: str, make: Callable[[], str | bytes], name: str) -> None:
    """A button that makes a file when it is pressed, and hands it over under its name."""
    st.download_button(
        label,
        make,
        file_name=name,
        mime=_TYPES[name.rpartition(".")[2]],
        key=f"file_{name}",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
    )


def figures(shown: Sequence[Figure]) -> None:
    """At most four numbers, in one row."""
    with st.grid(MOST_FIGURES, min_column_width=150):
        for figure in shown:
            st.metric(
                figure.label,
                figure.value,
                delta=figure.note or None,
                delta_color="off",
                delta_arrow="off",
                border=True,
                height="stretch",
            )
