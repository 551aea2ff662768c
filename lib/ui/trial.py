"""How far to trust it: pick a stream of which everything is known, run it, see measured against true.

A trial is an ordinary experiment on the lab, saved like any other; `?trap=` and `?id=` name the one shown.
"""

from __future__ import annotations

import streamlit as st

from lib import charts, trials
from lib.calibration import quantile
from lib.charts import duration
from lib.errors import ChildError, NotFound, StreamgaugeError
from lib.experiment import Experiment
from lib.peers import Heard
from lib.trials import TRIALS, Trial
from lib.ui import chart, parts, session, shell

MARKS = {True: "✓ ", False: "✗ ", None: ""}
FIRST = "steady-200"
QUANTILES = (("Half are right to", 0.5), ("95 % are right to", 0.95), ("The worst is off by", 1.0))


def draw() -> None:
    """The choice, Run, and the last result."""
    asked = st.query_params.get("trap", "")
    trial = TRIALS.get(asked, TRIALS[FIRST])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "A stream of which everything is known",
            list(TRIALS),
            index=list(TRIALS).index(trial.name),
            format_func=lambda key: TRIALS[key].label,
            key="trial",
            width=360,
        )
        trial = TRIALS[name or trial.name]
        if st.button("Run", key="run_trial", type="primary", icon=":material/play_arrow:"):
            _start(trial)
    st.markdown(f"**What it does:** {trial.line}  \n**What a careless tool makes of it:** {trial.naive}")
    shown = _picked(trial)
    if shown is not None:
        _follow(shown.id) if shown.state == "running" else _result(trial, shown)


def _start(trial: Trial) -> None:
    try:
        id = session.service().start(trials.spec(trial), title=f"How far to trust it: {trial.label}")
    except StreamgaugeError as error:
        parts.failed(error)
        return
    st.query_params.update(trap=trial.name, id=id)
    st.rerun()


def _picked(trial: Trial) -> Experiment | None:
    """The experiment that the address names, when it is one of this trial."""
    try:
        found = session.service().experiment(st.query_params.get("id", ""))
    except NotFound:
        return None
    of = trials.trial_of(found)
    return found if of is not None and of.name == trial.name else None


@st.fragment(run_every=0.5)
def _follow(id: str) -> None:
    if session.service().experiment(id).state != "running":
        st.rerun()
    st.badge("Running", icon=":material/play_arrow:", color="blue")


def _result(trial: Trial, shown: Experiment) -> None:
    call = next((c for c in shown.calls if c.planned.mode == "streaming"), None)
    recording = None if call is None else session.service().recording(shown.id, call.planned.n)
    if call is None or recording is None:
        st.text("Nothing was kept of this run. Run it again.")
        return
    peers = _peers(shown.id, trial)
    found = trials.deviations(trial, recording, call)
    st.subheader("Measured against true")
    if found.rows:
        _errors(shown.id, found)
    else:
        st.caption("No event came, so there is no time to compare.")
    st.subheader("Who was right")
    _who(trials.findings(trial, call, recording, shown.calibration, peers), peers)
    near = duration(trials.closeness_s(shown.calibration))
    st.caption(
        f"✓ right, ✗ wrong. A time is right within {near} of what is true. The Cookbook's loop (the openai "
        "client) and a plain reader of lines each asked the same once more, in a process of its own; they "
        "count every event as a token, as is common."
    )
    st.page_link(
        shell.EXPERIMENT,
        label="Open this run as an experiment",
        icon=":material/arrow_forward:",
        query_params={"id": shown.id},
    )


@st.cache_data(show_spinner="Asking the same with the Cookbook's loop and a plain reader", max_entries=200)
def _peers(id: str, _trial: Trial) -> tuple[Heard, ...]:
    """Made once for each run that is shown; () when the lab does not answer."""
    try:
        return session.service().peers(_trial.model)
    except ChildError:
        return ()


def _errors(id: str, found: trials.Deviations) -> None:
    dark = session.is_dark()
    off = sorted(abs(error) for _, error in found.rows)
    with st.grid(3, min_column_width=160):
        for label, q in (
            ("Half are right to", 0.5),
            ("95 % are right to", 0.95),
            ("The worst is off by", 1.0),
        ):
            st.metric(label, duration(quantile(off, q)), border=True)
    chart.card(
        "How far off each stamp was",
        charts.errors_figure(found.rows, dark=dark),
        key=f"errors_{id}",
        said=charts.errors_alt(found.rows),
        name="streamgauge-errors",
        table=lambda: charts.errors_table(found.rows),
    )
    chart.card(
        "How many stamps were off by how much",
        charts.spread_figure(found.rows, dark=dark),
        key=f"spread_{id}",
        said=charts.spread_alt(found.rows),
        name="streamgauge-error-shares",
        table=lambda: charts.errors_table(found.rows),
    )
    if found.against == "account":
        st.caption(
            f"{len(found.rows):,} events. True is when the lab handed an event to the system, on the same "
            "clock; measured is our stamp. The difference is all that lies between: the system, the wire "
            "within this computer, and our own lateness."
        )
    else:
        st.caption(
            f"{len(found.rows):,} events. This stream breaks off before the lab can say when it sent what, "
            "so true is its schedule: the error holds the way of the request and the lab's own lateness, too."
        )


def _who(found: list[trials.Finding], peers: tuple[Heard, ...]) -> None:
    names = ("Cookbook's loop", "Plain reader")[: len(peers)]
    columns = {
        "": [f.what for f in found],
        "True": [f.true for f in found],
        "Streamgauge": [MARKS[f.right] + f.ours for f in found],
    }
    others = {name: [f.others[i] for f in found] for i, name in enumerate(names)}
    st.dataframe(columns | others, hide_index=True, height="content", alt="Fact by fact, who was right")
