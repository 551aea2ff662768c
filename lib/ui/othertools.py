"""The same call under other tools' names: what each would have reported from the same events, and why."""

from __future__ import annotations

import streamlit as st

from lib import definitions
from lib.experiment import CallResult
from lib.metrics import METRICS


def draw(streaming: CallResult) -> None:
    """A row per number of each tool; one that a tool would not give has its reason."""
    section = st.expander(
        "This run under other tools' names", on_change="rerun", key="tools", bind="query-params"
    )
    if not section.open:
        return
    with section:
        if streaming.timeline is None:
            st.caption("Nothing arrived of this call.")
            return
        rows = definitions.table(streaming.timeline, streaming.recount)
        st.dataframe(
            {
                "Tool": [row.tool for row in rows],
                "Called": [row.name for row in rows],
                "Value": [
                    "–" if row.value is None else f"{row.value:.4g} {row.unit}".strip() for row in rows
                ],
                "Ours": [_ours(row.ours, streaming) for row in rows],
                "What it is": [row.definition for row in rows],
                "How it differs": [row.reason or row.why for row in rows],
            },
            hide_index=True,
            height=560,
            alt="This call under other tools' names",
        )
        st.caption(
            "From the streaming call shown above, by their definitions as read in their code or documents. "
            "These numbers are never mixed with ours in a chart."
        )


def _ours(name: str, call: CallResult) -> str:
    """Our nearest number, in words with its value."""
    if name not in METRICS:
        return name
    value = (call.metrics or {}).get(name)
    known = float(value) if isinstance(value, int | float) else None
    return f"{METRICS[name].label}: {_value(known, METRICS[name].unit)}"


def _value(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:.4g} {unit}".strip()
