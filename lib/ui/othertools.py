"""The same call under other tools' names: what each would have reported from the same events, and why."""

from __future__ import annotations

import re

import streamlit as st

from lib import definitions
from lib.charts import duration
from lib.definitions import Row
from lib.experiment import CallResult
from lib.metrics import METRICS
from lib.phrases import capital
from lib.ui.method import unmarked

BREAK = "\u200b"
"""Where a long name may go on in the next line."""


def draw(streaming: CallResult) -> None:
    """A row per number of each tool; one that a tool would not give has its reason.

    Our own words only: a table's cells are markdown. They wrap, so that nothing is cut off.
    """
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
        st.table(
            {
                "There": [_there(row) for row in rows],
                "What it is, and how it differs": [_told(row, streaming) for row in rows],
            },
            border="horizontal",
            hide_index=True,
            alt="This call under other tools' names",
        )
        st.caption(
            "From the streaming call shown above, by their definitions as read in their code or documents. "
            "These numbers are never mixed with ours in a chart."
        )


def _there(row: Row) -> str:
    """The number with the tool's own name for it."""
    name = re.sub(r"([._])", rf"\1{BREAK}", row.name)
    return f"{row.tool} {unmarked(name)}: **{unmarked(_value(row.value, row.unit))}**"


def _told(row: Row, call: CallResult) -> str:
    """The tool's definition, why its number is another than ours, or none, and ours."""
    ours = _ours(row.ours, call)
    said = f"{capital(row.definition)}; {row.why}. {row.reason or ''}".rstrip()
    return unmarked(f"{said} Here: {ours}." if ours else said)


def _ours(name: str, call: CallResult) -> str:
    """Our nearest number with its name in words; nothing where there is none."""
    if name not in METRICS:
        return ""
    value = (call.metrics or {}).get(name)
    known = float(value) if isinstance(value, int | float) else None
    return f"{METRICS[name].label} {_value(known, METRICS[name].unit)}"


def _value(value: float | None, unit: str) -> str:
    """With the digits that a single call bears."""
    if value is None:
        return "none"
    return duration(value) if unit == "s" else f"{value:.3g} {unit}".strip()
