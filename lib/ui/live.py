"""A running experiment on its page: which call is under way, what has come so far, and Cancel.

The browser follows the server's event stream. The fragment here asks once a second as well, so that the
page ends well where that stream cannot be had, and shows the texts itself where there is none at all.
"""

from __future__ import annotations

import streamlit as st

from lib import lanes
from lib.errors import NotFound
from lib.experiment import CallResult, Experiment
from lib.ui import hero, plain, session


def draw(experiment: Experiment) -> None:
    """Status, panes that fill while the calls run, and the rule of their order."""
    _follow(experiment.id)
    if session.service().routes_mounted:
        url = session.feed_path(experiment.id)
        data = lanes.hero_data(experiment, pair=_pair(experiment), live_url=url)
        hero.hero(data, key=plain.key("live", experiment.id))
    st.caption(_order(experiment))


@st.fragment(run_every=1.0)
def _follow(experiment_id: str) -> None:
    """Draw where the run stands; once it has ended, draw the whole page anew."""
    service = session.service()
    try:
        experiment = service.standing(experiment_id)
    except NotFound:  # deleted meanwhile, which the page as a whole has words for
        st.rerun()
    if experiment.state != "running":
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("Running", icon=":material/play_arrow:", color="blue")
        st.text(_standing(experiment))
        st.space("stretch")
        if st.button("Cancel", key="cancel", icon=":material/stop:"):
            service.cancel(experiment_id)
    if not service.routes_mounted:
        _texts(service.experiment(experiment_id))


def _standing(experiment: Experiment) -> str:
    """Untrusted text: it names models."""
    total = len(experiment.calls)
    over = sum(call.state not in ("planned", "sent") for call in experiment.calls)
    now = [_name(experiment, call) for call in experiment.calls if call.state == "sent"]
    if not now:
        return f"{over} of {total} calls done. The next one is about to start."
    return f"{over} of {total} calls done. Under way: {', '.join(now)}."


def _name(experiment: Experiment, call: CallResult) -> str:
    if len(experiment.spec.arms) == 1:
        return call.planned.mode
    return f"{call.planned.mode}, {lanes.model_name(experiment, call.planned.arm)}"


def _pair(experiment: Experiment) -> int:
    """The pair under way when the page was opened."""
    open_ = (c.planned.pair for c in experiment.calls if c.state in ("planned", "sent"))
    return next((number for number in open_ if number is not None), 0)


def _order(experiment: Experiment) -> str:
    if experiment.spec.together:
        return (
            "Both calls started together. You may reload or close this page: the experiment goes on, "
            "and its link leads back here."
        )
    words = (
        "The calls run one after the other, so that they do not disturb each other, in an order drawn by "
        "lot{}. You may reload or close this page: the experiment goes on, and its link leads back here."
    )
    alone = len(experiment.calls) == 2
    return words.format(f": {experiment.calls[0].planned.mode} first" if alone else "")


def _texts(experiment: Experiment) -> None:
    for call in lanes.chosen(experiment, None, _pair(experiment)):
        events = call.timeline.events if call.timeline else ()
        st.text(_name(experiment, call))
        text = "".join(e.text or "" for e in events if e.kind == "content")
        st.code(text or "nothing yet", language=None, wrap_lines=True)
