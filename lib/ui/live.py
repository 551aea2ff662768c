"""A running experiment on its page: which call is under way, what has come so far, and Cancel.

The browser follows the server's event stream. The fragment here asks once a second as well, so that the
page ends well where that stream cannot be had, and shows the texts itself where there is none at all.
"""

from __future__ import annotations

import streamlit as st

from lib import charts, findings, lanes, progress
from lib.errors import NotFound
from lib.experiment import Experiment
from lib.metrics import METRICS
from lib.spec import at_once
from lib.store import now_ms
from lib.ui import hero, plain, session

MEASURING_S = 1.5


def draw(experiment: Experiment) -> None:
    """Status, panes that fill while the calls run, what the pairs so far say, and the rule of the order."""
    if findings.measures(experiment):
        _measuring(experiment.id)
    else:
        _follow(experiment.id)
        _hero(experiment, 0)
    st.caption(_order(experiment))


@st.fragment(run_every=1.0)
def _follow(experiment_id: str) -> None:
    """Draw where the run stands; once it has ended, draw the whole page anew."""
    experiment = _standing(experiment_id)
    _status(experiment)
    if not session.service().routes_mounted:
        _texts(session.service().experiment(experiment_id))


@st.fragment(run_every=MEASURING_S)
def _measuring(experiment_id: str) -> None:
    """The same of many pairs: the pair under way is played, each finished one is two dots more."""
    _status(_standing(experiment_id))
    experiment = session.service().numbers(experiment_id)
    _hero(experiment, progress.pair(experiment))
    _so_far(experiment)


def _standing(experiment_id: str) -> Experiment:
    """How far it is; one that has ended or is gone draws the page anew, which has words for it."""
    try:
        experiment = session.service().standing(experiment_id)
    except NotFound:
        st.rerun()
    if experiment.state != "running":
        st.rerun()
    return experiment


def _status(experiment: Experiment) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        waiting = progress.waiting(experiment)
        if waiting is None:
            st.badge("Running", icon=":material/play_arrow:", color="blue")
        else:
            st.badge("Waiting", icon=":material/hourglass_top:", color="orange")
        st.text(progress.standing(experiment, now_ms()))
        st.space("stretch")
        if st.button("Cancel", key="cancel", icon=":material/stop:", help="What arrived is kept."):
            session.service().cancel(experiment.id)
    done, total = progress.counted(experiment)
    if findings.measures(experiment):
        st.progress(done / total)
    if waiting is not None:
        st.text(waiting.reason)


def _hero(experiment: Experiment, pair: int) -> None:
    if session.service().routes_mounted:
        url = session.feed_path(experiment.id)
        if findings.measures(experiment):
            planned = [str(c.planned.n) for c in experiment.calls if c.planned.pair == pair]
            url += f"?calls={','.join(planned)}"
        data = lanes.hero_data(experiment, pair=pair, live_url=url)
        hero.hero(data, key=plain.key(f"live-{pair}", experiment.id))


def _so_far(experiment: Experiment) -> None:
    """What the finished pairs say: dots, and an interval that narrows."""
    metric = findings.between(experiment)
    found = findings.effects(experiment, metric)
    if not any(e.found.n for e in found):
        st.caption("Each finished pair appears here.")
        return
    dark = session.is_dark()
    st.subheader(f"So far: {METRICS[metric].label}")
    st.plotly_chart(
        charts.forest_figure(found, margin=experiment.spec.margin, sides=findings.SIDES, dark=dark),
        key=f"live_forest_{experiment.id}",
        alt=charts.forest_alt(found, sides=findings.SIDES),
        config={"displayModeBar": False},
    )
    st.plotly_chart(
        charts.dots_figure(experiment, metric, dark=dark),
        key=f"live_dots_{experiment.id}",
        alt=charts.dots_alt(experiment, metric),
        config={"displayModeBar": False},
    )
    st.caption("Looking early is fine. Stopping because of what is seen here would make the result untrue.")


def _order(experiment: Experiment) -> str:
    back = "You may reload or close this page: the experiment goes on, and its link leads back here."
    paired = [at_once(experiment.spec, i) for i in range(len(experiment.spec.arms))]
    if all(paired):
        return f"The calls of a pair start together. {back}"
    alone = len(experiment.calls) == 2
    drawn = f": {experiment.calls[0].planned.mode} first" if alone else ""
    apart = (
        "Under contention the calls of a pair start together; all others run"
        if any(paired)
        else "The calls run"
    )
    return (
        f"{apart} one after the other, so that they do not disturb each other, in an order drawn by "
        f"lot{drawn}. {back}"
    )


def _texts(experiment: Experiment) -> None:
    for call in lanes.chosen(experiment, None, progress.pair(experiment)):
        events = call.timeline.events if call.timeline else ()
        st.text(progress.name(experiment, call))
        text = "".join(e.text or "" for e in events if e.kind == "content")
        st.code(text or "nothing yet", language=None, wrap_lines=True)
