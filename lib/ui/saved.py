"""The list of saved experiments: a row each, as many as were asked for."""

from __future__ import annotations

import streamlit as st

from lib.overlay import MOST
from lib.service import Entry
from lib.ui import compare, incoming, parts, session, shell, titles

PAGE = 20
PAGES = "saved_pages"
PICKED = "saved_picked"
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


def kept() -> str:
    """What this page shows, in a sentence."""
    if session.service().settings.viewer:
        return "What is kept here can be looked at and compared."
    return "Every experiment is kept as it runs, until you delete it."


def public() -> None:
    """The links that anyone may find; nothing without any. Titles are untrusted."""
    found = session.service().library.public()
    if not found:
        return
    st.header("Public links")
    for share in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            with st.container(gap="xxsmall", width="stretch"):
                st.text(share.title)
                st.caption(
                    f"{parts.date(share.created_ms)} · licence of the data: {share.licence or 'none given'}"
                )
            st.page_link(
                shell.EXPERIMENT,
                label="Open",
                icon=":material/arrow_forward:",
                query_params={"e": share.id},
            )


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
            incoming.mark(entry.imported)
            st.caption(_facts(entry))
        with actions.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
            if entry.state != "running":
                _tick(entry.id)
            st.page_link(
                shell.EXPERIMENT, label="Open", icon=":material/arrow_forward:", query_params={"id": entry.id}
            )
            if not session.service().settings.viewer:
                titles.rename(entry.id, entry.title, default)
                titles.delete(entry.id, name)


def picked() -> None:
    """What was ticked so far, and the way to lay it over each other."""
    ids = st.session_state.setdefault(PICKED, [])
    if not ids:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.caption(f"{len(ids)} of at most {MOST} ticked.", width="content")
        st.space("stretch")
        st.button("Untick all", key="untick", type="tertiary", on_click=_untick)
        if len(ids) > 1:
            st.page_link(
                shell.COMPARE,
                label="Compare them",
                icon=":material/stacked_line_chart:",
                query_params=compare.link_ids(ids),
            )
        else:
            st.caption("Tick another one to compare.", width="content")


def _tick(id: str) -> None:
    ids = st.session_state.setdefault(PICKED, [])
    key = f"tick_{id}"
    st.session_state[key] = id in ids
    st.checkbox(
        "Compare", key=key, on_change=_ticked, args=(id,), disabled=id not in ids and len(ids) >= MOST
    )


def _ticked(id: str) -> None:
    ids: list[str] = st.session_state[PICKED]
    if id in ids:
        ids.remove(id)
    else:
        ids.append(id)


def _untick() -> None:
    st.session_state[PICKED] = []


def _facts(entry: Entry) -> str:
    facts = [parts.date(entry.created_ms), STATES.get(entry.state, ""), entry.headline]
    return " · ".join(fact for fact in facts if fact)
