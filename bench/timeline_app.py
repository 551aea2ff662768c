"""The page that `bench.timeline` opens: a timeline of 100,000 events that a selection redraws."""

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.timeline import rows
from lib import charts

shown = st.session_state.get("timeline")
box = shown.selection.box if shown else []
range_s = tuple(sorted(box[0]["x"])) if box else None
stream = st.cache_resource(rows)()
st.plotly_chart(charts.arrivals_figure(stream), key="timeline", on_select="rerun", selection_mode="box")
if range_s:
    st.plotly_chart(charts.arrivals_figure(stream, range_s=range_s), key="part")
