"""The start page: a finished experiment first, then the ways to make one's own."""

import streamlit as st

from lib import captions, example, lanes, summary
from lib.lab.recordings import OURS
from lib.ui import forking, form, hero, origins, parts, plain, session, strip

shown = session.recorded(OURS.id)
shows_only = session.service().settings.viewer

st.title("See when the words arrive.")
plain.sentence(summary.sentence(shown), key="sentence")
with st.container(horizontal=True):
    label = f"{strip.run_label(OURS)}, no key"
    if st.button(label, key="run_here", type="primary", icon=":material/play_arrow:"):
        parts.start(shown.spec, title=shown.title)
    if not shows_only:
        st.button("Try my model", key="try_mine", icon=":material/tune:", on_click=form.open_form)
asked_for = form.is_open() and not shows_only
if asked_for:  # where the eye is, right under the button that asked for it
    forking.notice()
    form.draw()
hero.hero(lanes.hero_data(shown, speed=2.0) | {"captions": captions.captions(shown)}, key="start")
st.caption(
    f"{example.ORIGIN} The times are those of text-davinci-002, one call each, to 10 ms; "
    "shown here at twice the speed."
)

if not asked_for and not shows_only:
    form.draw()

if shows_only:
    st.caption(
        "This server only shows: it takes no keys and calls no model. What is kept here can be looked at, "
        "and the built-in lab runs."
    )
st.caption("Or see what streams can do; the built-in lab answers, no key needed:")
origins.chips()

st.space("medium")
st.header("Six recorded pairs")
st.caption(
    "Each is one blocking and one streaming call with the same request, recorded by others and played "
    "by the built-in lab over real HTTP, at the recorded times. One pair is a look, not a measurement."
)
strip.draw()
