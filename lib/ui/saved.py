"""The list of saved experiments: a row each, as many as were asked for."""

from __future__ import annotations

import streamlit as st

from lib.service import Entry
from lib.ui import parts, session, shell, titles

PAGE = 20
PAGES = "saved_pages"
STATES = {"running": "running", "cancelled": "cancelled", "interrupted": "interrupted"}


def entries(search: str) -> tuple[list[Entry], bool]:
    """The rows to show, newest first, and whether there are more; each page begins after the one before."""
    rows: list[Entry] = []
    for _ in range(st.session_state.setdefault(PAGES, 1)):
        page = session.service().listing(search, PAGE, rows[-1].cursor if rows else None)
        rows += page
        if len(page) < PAGE:
            return rows, False
    return rows, True


def show_more() -> None:
    """One page more from the next run on."""
    st.session_state[PAGES] += 1


def nothing(*, searched: bool) -> None:
    """What to do when the list is empty."""
    if searched:
        st.markdown("Nothing here has that in its name, models or prompt.")
        return
    st.markdown("Nothing is saved yet. Every experiment you run appears here.")
    st.page_link(shell.RUN, label="Run the first one, no key needed", icon=":material/arrow_back:")


def row(entry: Entry) -> None:
    """One experiment: its name, what came of it, and what can be done with it. Names are untrusted."""
    default = parts.default_name(entry.models)
    name = entry.title or default
    with st.container(border=True):
        words, actions = st.columns([3, 2], vertical_alignment="center")
        with words.container(gap="xxsmall"):
            st.text(name)
            st.caption(_facts(entry))
        with actions.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
            st.page_link(
                shell.EXPERIMENT, label="Open", icon=":material/arrow_forward:", query_params={"id": entry.id}
            )
            titles.rename(entry.id, entry.title, default)
            titles.delete(entry.id, name)


def _facts(entry: Entry) -> str:
    facts = [parts.date(entry.created_ms), STATES.get(entry.state, ""), entry.headline]
    return " · ".join(fact for fact in facts if fact)
