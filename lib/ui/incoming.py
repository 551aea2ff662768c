"""Files that come in, on the Saved page: kept as experiments, or only held against their own events.

What a file says is untrusted text.
"""

from __future__ import annotations

import streamlit as st

from lib import verify
from lib.errors import StreamgaugeError
from lib.imports import MOST_BYTES
from lib.metrics import METRICS
from lib.ui import parts, session, shell

TYPES = ["json", "jsonl", "txt", "sse", "gz"]
MOST_MB = MOST_BYTES >> 20
IMPORTED = "Imported, not measured here"
SHOWN = 200


def draw() -> None:
    """Import, where this server takes files, and Verify."""
    with st.container(horizontal=True):
        if not session.service().settings.viewer:
            with st.popover("Import a file", icon=":material/upload_file:"):
                _import()
        with st.popover("Verify a file", icon=":material/verified:"):
            _verify()


def mark(tool: str | None) -> None:
    """A badge for what came as a file."""
    if tool is not None:
        st.badge(IMPORTED, icon=":material/upload_file:", color="orange", help="Times are as its file says.")


def _import() -> None:
    st.caption(
        "Streamgauge's JSON, a raw stream with times, AIPerf's profile_export_raw.jsonl, or vLLM's detailed "
        "benchmark JSON; as it is or gzipped. It is marked as imported."
    )
    came = st.file_uploader("File to import", TYPES, key="import_file", max_upload_size=MOST_MB)
    if came is None or not st.button("Import", key="import", type="primary"):
        return
    try:
        id = session.service().library.bring(came.getvalue())
    except StreamgaugeError as error:
        parts.failed(error)
        return
    st.switch_page(shell.EXPERIMENT, query_params={"id": id})


def _verify() -> None:
    st.caption("Does a file hold what it says? Its numbers are made anew from its events. Nothing is kept.")
    came = st.file_uploader("JSON to verify", ["json"], key="verify_file", max_upload_size=MOST_MB)
    if came is None:
        return
    try:
        found = verify.verify(came.getvalue())
    except StreamgaugeError as error:
        parts.failed(error)
        return
    _verified(found)


def _verified(found: verify.Verified) -> None:
    if found.differences or not found.checked:
        st.badge("Not confirmed", icon=":material/error:", color="orange")
    else:
        st.badge("Its numbers follow from its events", icon=":material/verified:", color="green")
    st.text(found.sentence)
    if found.unchecked:
        st.caption(
            f"{found.unchecked:,} numbers rest on what a file does not hold, so nobody can judge them."
        )
    st.caption("SHA-256 of the file: the same as its link's when not a byte was changed")
    st.code(found.sha256, language=None, wrap_lines=True)
    if not found.differences:
        return
    shown = found.differences[:SHOWN]
    st.dataframe(
        {
            "Call": [row.call for row in shown],
            "Number": [METRICS[row.name].label for row in shown],
            "In the file": [_value(row.told) for row in shown],
            "From its events": [_value(row.computed) for row in shown],
        },
        hide_index=True,
        height="content" if len(shown) <= 10 else 320,
        alt="The numbers that differ",
    )
    if len(found.differences) > SHOWN:
        st.caption(f"The first {SHOWN} of {len(found.differences):,} are shown.")


def _value(value: object) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
