"""The tables of every number, taken from the one place that defines them."""

from __future__ import annotations

import re

import streamlit as st

from lib import glossary
from lib.glossary import Term
from lib.phrases import capital


def table() -> None:
    """One row per number: what it is called here and in files, how it is made, when there is none.

    Our own words only: a table's cells are markdown. They wrap, so that a telephone shows them whole.
    """
    for section in glossary.sections():
        st.subheader(section.title)
        st.caption(section.said)
        st.table(
            {
                "Number": [_named(t) for t in section.terms],
                "How it is made": [_made(t) for t in section.terms],
            },
            border="horizontal",
            hide_index=True,
            alt=f"{section.title}: every number with its definition",
        )


def unmarked(text: str) -> str:
    """Our own words, in which markdown finds nothing to do."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-|~$:!])", r"\\\1", text)


def _named(term: Term) -> str:
    """In words with its unit, then as files call it."""
    unit = f", {unmarked(term.unit)}" if term.unit else ""
    return f"**{unmarked(term.label)}**{unit} `{term.name}`"


def _made(term: Term) -> str:
    missing = "" if term.null == "never" else f" Missing: {term.null}."
    made = term.formula.rstrip(".")
    if re.match("[a-z]{2,} ", made):  # a word, and no name of a number
        made = capital(made)
    return f"{unmarked(f'{made}.{missing}')} _{term.source.capitalize()}._"
