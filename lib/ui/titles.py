"""Naming and deleting an experiment: two small actions that two pages offer."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib.errors import StreamgaugeError
from lib.ui import parts, session

LONGEST = 200


def rename(experiment_id: str, name: str) -> None:
    """A quiet button that asks for a name."""
    if st.button("Rename", key=f"rename_{experiment_id}", type="tertiary", icon=":material/edit:"):
        _ask_name(experiment_id, name)


def delete(experiment_id: str, name: str) -> None:
    """A quiet button that asks first."""
    if st.button("Delete", key=f"delete_{experiment_id}", type="tertiary", icon=":material/delete:"):
        _confirm(experiment_id, name)


@st.dialog("Name this experiment")
def _ask_name(experiment_id: str, name: str) -> None:
    typed = st.text_input("Name", name, max_chars=LONGEST, key=f"name_{experiment_id}")
    st.caption("Leave it empty to go back to the models' names.")
    if st.button("Save name", key="save_name", type="primary"):
        _do(lambda: session.service().rename(experiment_id, (typed or "").strip()))


@st.dialog("Delete this experiment?")
def _confirm(experiment_id: str, name: str) -> None:
    st.text(name)
    st.caption("Its recordings and numbers are removed for good, and its link stops working.")
    with st.container(horizontal=True):
        if st.button("Delete for good", key="confirm_delete", type="primary"):
            _do(lambda: session.service().delete(experiment_id))
        if st.button("Keep it", key="keep"):
            st.rerun()


def _do(action: Callable[[], None]) -> None:
    """Act, then draw the page anew; a refusal is shown in place."""
    try:
        action()
    except StreamgaugeError as error:
        parts.failed(error)
        return
    st.rerun()
