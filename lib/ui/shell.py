"""The frame around every page: title, icon, navigation, and what is said when nothing can work.

Pages are named by absolute path, so that any entry script finds them.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from lib.errors import StreamgaugeError
from lib.ui import session

ROOT = Path(__file__).resolve().parents[2]
RUN, EXPERIMENT, COMPARE, SAVED, METHOD = (
    ROOT / "pages" / name for name in ("run.py", "experiment.py", "compare.py", "saved.py", "method.py")
)
ICON, WORDMARK = (str(ROOT / "static" / name) for name in ("icon.png", "wordmark.svg"))
NAME = "Streamgauge: LLM stream timing"
WIDTH = 1100


def render() -> None:
    """Draw the frame and run the page that the address names."""
    st.set_page_config(page_title=NAME, page_icon=ICON, layout="wide")
    st.logo(WORDMARK, size="large")
    page = st.navigation(_pages(), position="top")
    with st.container(horizontal_alignment="center"), st.container(width=WIDTH):
        _require_service()
        page.run()


def _pages() -> list[st.Page]:
    return [
        st.Page(RUN, title="Run", icon=":material/play_arrow:", url_path="run", default=True),
        st.Page(EXPERIMENT, title="Experiment", url_path="experiment", visibility="hidden"),
        st.Page(COMPARE, title="Compare", url_path="compare", visibility="hidden"),
        st.Page(SAVED, title="Saved", icon=":material/bookmark:", url_path="saved"),
        st.Page(METHOD, title="Method", icon=":material/straighten:", url_path="method"),
    ]


def _require_service() -> None:
    """Without its data folder nothing can be kept or linked, so say what is wrong and stop."""
    try:
        session.service()
    except StreamgaugeError as error:
        st.title("Streamgauge cannot work here yet")
        st.text(str(error))
        st.caption("Nothing was changed. Put this right, then reload the page.")
        st.stop()
