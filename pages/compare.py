"""Up to eight saved experiments over each other: what differs, and when the text of each came."""

import streamlit as st

from lib import lanes, overlay, view
from lib.ui import compare, hero, plain, session, shell

st.title("Compare")
ids = compare.wanted(st.query_params.to_dict())
compare.choose(ids)
loaded, missing = compare.load(ids)
if missing:
    st.caption(f"{missing} of the experiments in this link are not kept here, or still run.")
if not loaded:
    st.markdown("Choose two or more experiments above, or tick them on the Saved page.")
    st.page_link(shell.SAVED, label="Saved experiments", icon=":material/bookmark:")
    st.stop()

found = overlay.parts(loaded, compare.show())
if not found:
    st.caption("None of these experiments has such calls.")
    st.stop()
align, baseline = compare.controls(found)
rows = overlay.entries(found)

plain.sentence(overlay.sentence(found, baseline), key="compared")
key = plain.key(f"race-{align}", "-".join(f"{p.letter}{p.call.planned.n}{p.experiment.id}" for p in found))
hero.hero(
    lanes.race(rows, align=align, autoplay=False),
    key=key,
    on_drawn=lambda: session.set_drawn(key),
    view=view.parse(st.query_params.to_dict()),
)
st.caption(overlay.caveat(found))
plain.link(session.link("compare", **compare.link_ids(ids)), key="link")
compare.numbers(found, baseline)
st.subheader("What was asked differently", anchor=False)
compare.asked(found)
compare.links(found)
if not session.drawn(key):
    st.skeleton(height=600)
    st.stop()
compare.charts(rows, align, baseline)
