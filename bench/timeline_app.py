"""The page that `bench.timeline` opens: a small chart, and on a click the result's own of 100,000 events."""

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.timeline import made
from lib import charts, lanes
from lib.lab import recordings
from lib.ui import when

SMALL = "gpt-3.5-turbo-0301-2023-03"

if st.button("Draw") or st.session_state.get("drawn"):
    st.session_state["drawn"] = True
    when.draw(st.cache_resource(made)(), 0)
else:
    st.cache_resource(made)()
    st.plotly_chart(charts.arrivals_figure(lanes.entries(recordings.experiment(SMALL))), key="small")
