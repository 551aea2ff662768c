"""Every experiment that is kept here: find one, open it, name it, delete it."""

import streamlit as st

from lib.ui import incoming, parts, saved

st.title("Saved")
parts.refused()
st.caption(saved.kept())
incoming.draw()
search = st.text_input("Find", key="search", placeholder="a name or a model", type="search")

saved.picked()
entries, more = saved.entries(search or "")
if not entries:
    saved.nothing(searched=bool(search))
for entry in entries:
    saved.row(entry)
if more:
    st.button("More", key="more", on_click=saved.show_more, icon=":material/expand_more:")
saved.public()
