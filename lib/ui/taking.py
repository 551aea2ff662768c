"""Files to take away, and how to cite an experiment. Each file is made when its button is pressed."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib import cite, exports, spans, tables
from lib.experiment import Experiment
from lib.ui import parts


def menu(name: str, whole: Callable[[], Experiment], json: Callable[[], bytes], link: str | None) -> None:
    """A button that opens the choice. `name`: of the files; `link`: stands in the HTML file, None: none."""
    with st.popover("Take it away", icon=":material/download:"):
        parts.file("Save as one HTML file", lambda: exports.html_file(whole(), link=link), f"{name}.html")
        parts.file("Download JSON", json, f"{name}.json")
        parts.file("Events as CSV", lambda: tables.csv_file(whole(), "events"), f"{name}.csv")
        parts.file("Calls as CSV", lambda: tables.csv_file(whole(), "calls"), f"{name}-calls.csv")
        parts.file("Events as Parquet", lambda: tables.parquet_file(whole(), "events"), f"{name}.parquet")
        parts.file("Calls as Parquet", lambda: tables.parquet_file(whole(), "calls"), f"{name}-calls.parquet")
        parts.file("Trace for Perfetto", lambda: spans.trace_file(whole()), f"{name}.trace.json")
        st.caption(
            "The HTML file opens anywhere without a network. The JSON holds everything, and can be imported "
            "and verified on the Saved page. The trace opens in Perfetto and Speedscope."
        )


def citing(experiment: Experiment, *, link: str, sha256: str) -> None:
    """Text and BibTeX, and what to write under Methods. They hold untrusted text."""
    st.caption("As text")
    st.code(cite.text(experiment, link=link, sha256=sha256), language=None, wrap_lines=True)
    st.caption("As BibTeX")
    st.code(cite.bibtex(experiment, link=link, sha256=sha256), language=None, wrap_lines=True)
    methods(experiment)


def methods(experiment: Experiment) -> None:
    """The paragraph that says what was done. It holds untrusted text."""
    st.caption("What was done, as a paragraph")
    st.code(cite.methods(experiment), language=None, wrap_lines=True)
