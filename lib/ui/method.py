"""The table of every number, taken from the one place that defines them."""

from __future__ import annotations

import streamlit as st

from lib.metrics import METRICS


def table() -> None:
    """One row per number: what it is called here, in files, how it is made and when there is none."""
    st.dataframe(
        {
            "Number": [m.label for m in METRICS.values()],
            "Name in files": [m.name for m in METRICS.values()],
            "Unit": [m.unit for m in METRICS.values()],
            "How it is made": [m.formula for m in METRICS.values()],
            "Missing when": [m.null for m in METRICS.values()],
            "Source": [m.source for m in METRICS.values()],
        },
        hide_index=True,
        height="content",
        alt="Every number with its definition",
    )
