"""The strip of built-in recordings on the start page: what each shows, what it does not, and a Run button.

Drawn as small pictures from numbers of our own, so that the page stays light.
"""

from __future__ import annotations

import streamlit as st

from lib.lab.recordings import RECORDINGS, LabRecording
from lib.ui import parts, session

GREY, BLUE = "#808A9E", "#2F7BFF"
"""Blocking and streaming, as everywhere; these two are readable on both schemes."""


def draw() -> None:
    """All recordings, two in a row where there is room."""
    with st.grid(2, min_column_width=320, border=True):
        for recording in RECORDINGS.values():
            with st.container(gap="small"):
                _card(recording)


def run_label(recording: LabRecording) -> str:
    """What pressing Run costs: the time that the slower call takes."""
    return f"Run it here, {round(_last_s(recording))} s"


def picture(recording: LabRecording) -> str:
    """Two bars on one clock as SVG: grey waits for the blocking answer, blue has a mark per event."""
    scale = 600 / _last_s(recording)
    end = recording.blocking_s * scale
    marks = "".join(
        f"M{t * scale:.1f} 22v18"
        for t in dict.fromkeys(e.t_s for e in recording.events if e.kind == "content")
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 604 42" width="604" height="42">'
        f'<rect y="2" width="{end:.1f}" height="16" fill="{GREY}" opacity="0.25"/>'
        f'<path d="M{end:.1f} 2v16" stroke="{GREY}" stroke-width="4"/>'
        f'<path d="{marks}" stroke="{BLUE}" stroke-width="1.6"/></svg>'
    )


def _card(recording: LabRecording) -> None:
    st.markdown(f"**{recording.title}**")
    st.image(picture(recording), width="stretch", alt=f"{recording.title} on one clock")
    st.caption(_spoken(recording))
    st.markdown(f"**Shows:** {recording.shows}  \n**Does not show:** {recording.shows_not}")
    if st.button(run_label(recording), key=f"run_{recording.id}", icon=":material/play_arrow:"):
        parts.start(session.recorded(recording.id).spec)


def _spoken(recording: LabRecording) -> str:
    first = next(e.t_s for e in recording.events if e.text.strip())
    return (
        f"First text after {first:.2f} s streaming, {recording.blocking_s:.2f} s blocking; "
        f"all of it after {recording.events[-1].t_s:.2f} s and {recording.blocking_s:.2f} s."
    )


def _last_s(recording: LabRecording) -> float:
    return max(recording.blocking_s, recording.events[-1].t_s)
