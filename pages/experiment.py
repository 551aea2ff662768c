"""One experiment, live or saved: where every link lands."""

import streamlit as st

from lib import findings, summary
from lib.errors import NotFound
from lib.ui import (
    goals,
    live,
    measurement,
    parts,
    plain,
    result,
    session,
    shared,
    shell,
    titles,
    trust,
    verdict,
    when,
    why,
)

try:
    share = shared.told()
    if share is None:
        shown = measurement.read(st.query_params.get("id", ""))
    else:
        shown = session.service().library.shared_experiment(share.id)
except NotFound:
    st.title("Experiment not found")
    st.markdown(
        "This link names no experiment that is kept here. It may have been deleted, made on another "
        "computer, or copied only in part. Ask for the link again, or for the experiment as a file."
    )
    st.page_link(shell.RUN, label="See one that is here", icon=":material/arrow_back:")
    st.stop()

default = parts.default_name(tuple(arm.call.model for arm in shown.spec.arms))
name = shown.title or default
own = share is None and not session.service().settings.viewer
st.set_page_config(page_title=f"{name} · Streamgauge")
with st.container(horizontal=True, vertical_alignment="center"):
    plain.heading(name, key=plain.key("title", shown.id))
    if own:
        titles.rename(shown.id, shown.title, default)
parts.refused()

if shown.state == "running":
    live.draw(shown)
    st.stop()

st.empty()  # takes the place of the live part, which would stay in sight within what follows
many = findings.measures(shown)
result.status(shown)
if share is not None:
    shared.head(share)
if own:
    measurement.ending(shown)
if result.empty(shown):
    plain.sentence((("No answer arrived, so there is nothing to compare.", False),), key="nothing")
    result.troubles(shown)
    shared.foot(share, shown, 0)
    result.texts(shown, 0, 0)
    st.stop()

arm = result.pick_arm(shown)
if many:
    measurement.head(shown, arm)
    measurement.troubles(shown)
    measurement.pictures(shown, arm)
    measurement.models(shown, arm)
    measurement.calls(shown)
    goals.draw(shown, arm)
    st.header("One pair, played")
pair = result.pick_pair(shown)
if many and share is None:
    shown = measurement.with_pair(shown, pair)
plain.sentence(summary.sentence(shown, arm, pair), key=plain.key("sentence", shown.id))
if not many:
    result.troubles(shown)
    result.numbers(shown, arm, pair)
trust.chips(shown, arm, pair)
result.watch(shown, pair)
verdict.line(shown, arm, pair)
st.caption(summary.caveat(shown, arm, pair))
if not session.drawn(shown.id):  # the first picture comes first; what is below takes the browser a while
    st.skeleton(height=result.BELOW_PX)
    st.stop()
shared.foot(share, shown, pair)

st.header("Blocking and streaming compared")
result.comparison(shown, arm, pair)
st.header("When")
when.draw(shown, pair)
result.models(shown, pair)
why.draw(shown, arm, pair)
trust.trust(shown, arm, pair)
result.other_tools(shown, arm, pair)
if share is None:
    result.how(shown)
result.texts(shown, arm, pair)
