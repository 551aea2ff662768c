"""Naming and deleting an experiment: two small actions that two pages offer."""

from __future__ import annotations

import streamlit as st

from lib.ui import parts, session

LONGEST = 200


def rename(experiment_id: str, title: str, default: str) -> None:
    """A quiet button that asks for a name; `default` is what stands where there is none."""
    if st.button("Rename", key=f"rename_{experiment_id}", type="tertiary", icon=":material/edit:"):
        _ask_name(experiment_id, title, default)


def delete(experiment_id: str, name: str) -> None:
    """A quiet button that asks first."""
    if st.button("Delete", key=f"delete_{experiment_id}", type="tertiary", icon=":material/delete:"):
        _confirm(experiment_id, name)


@st.dialog("Name this experiment")
def _ask_name(experiment_id: str, title: str, default: str) -> None:
    st.text_input("Name", title, max_chars=LONGEST, key=f"name_{experiment_id}", placeholder=default)
    if st.button("Save name", key="save_name", type="primary", on_click=_save, args=(experiment_id,)):
        st.rerun()


@st.dialog("Delete this experiment?")
def _confirm(experiment_id: str, name: str) -> None:
    st.text(name)
    st.caption("Its recordings and numbers are removed for good, and its address stops working.")
    if links := len(session.service().library.shares(experiment_id)):
        st.checkbox(
            f"Withdraw its {links} shared link{'' if links == 1 else 's'}, too",
            key="delete_links",
            value=True,
        )
    with st.container(horizontal=True):
        yes = st.button(
            "Delete for good", key="confirm_delete", type="primary", on_click=_delete, args=(experiment_id,)
        )
        if yes or st.button("Keep it", key="keep"):
            st.rerun()


def _save(experiment_id: str) -> None:
    name = st.session_state.get(f"name_{experiment_id}") or ""
    parts.attempt(lambda: session.service().rename(experiment_id, name))


def _delete(experiment_id: str) -> None:
    withdraw = bool(st.session_state.get("delete_links"))
    parts.attempt(lambda: session.service().delete(experiment_id, withdraw=withdraw))
