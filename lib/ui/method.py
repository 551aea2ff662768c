"""The tables of every number, taken from the one place that defines them."""

from __future__ import annotations

import streamlit as st

from lib import glossary


def table() -> None:
    """One row per number: what it is called here and in files, how it is made, when there is none."""
    for section in glossary.sections():
        st.subheader(section.title)
        st.caption(section.said)
        st.dataframe(
            {
                "Number": [t.label for t in section.terms],
                "Name in files": [t.name for t in section.terms],
                "Unit": [t.unit for t in section.terms],
                "How it is made": [t.formula for t in section.terms],
                "Missing when": [t.null for t in section.terms],
                "Source": [t.source for t in section.terms],
            },
            hide_index=True,
            height="content",
            alt=f"{section.title}: every number with its definition",
        )
