"""How true the numbers are: a few chips beside them, and the part called Trust with all there is to know."""

from __future__ import annotations

import streamlit as st

from lib import findings, metrics, prices
from lib import trust as trust_of
from lib.charts import duration
from lib.experiment import CallResult, Experiment, pair
from lib.trust import Doubt
from lib.ui import evidence, worked

SHOWN = 8


def chips(experiment: Experiment, arm: int, number: int) -> None:
    """The instrument's error once, and a warning where something was in the way. Our own words only."""
    calls = pair(experiment, arm, number)
    if calls is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(
            error(experiment, calls[1]),
            icon=":material/timer:",
            color="gray",
            help="How wrong an arrival time may be; “Trust” below says how that is known.",
        )
        if calls[1].delivery is not None and calls[1].delivery.client_bound:
            st.badge(
                "This client may be the slow one",
                color="orange",
                help="More than 5 % of the reads found data waiting, so pauses may be this computer's.",
            )
        if suspects := evidence.suspects(calls[1]):
            st.badge(
                f"{suspects} suspect {'gap' if suspects == 1 else 'gaps'}",
                color="orange",
                help="This program stood still during them, so they say nothing about the stream.",
            )


def error(experiment: Experiment, streaming: CallResult) -> str:
    """How wrong the times may be, in one short line: the source's own for what was not measured here."""
    if streaming.timeline is not None and streaming.timeline.source.startswith("imported:"):
        return "Times as its file says"
    if streaming.timeline is not None and streaming.timeline.source != "measured":
        return "Times as recorded, to 10 ms"
    found = experiment.calibration
    if found is None or found.p95_s is None:
        return "How true the stamps are is not known"
    return f"Stamps are right to {duration(found.p95_s)}, 95 %"


@st.fragment
def trust(experiment: Experiment, arm: int, number: int) -> None:
    """The instrument's own error, and how both calls were measured."""
    section = st.expander("Trust: how this was measured", on_change="rerun", key="trust", bind="query-params")
    calls = pair(experiment, arm, number)
    if not section.open or calls is None:
        return
    with section:
        _doubts(experiment, arm)
        if calls[1].timeline is not None and calls[1].timeline.source == "measured":
            st.subheader("The instrument's own error")
            st.table(
                evidence.calibration_rows(experiment),
                border="horizontal",
                hide_index=True,
                alt="The error of the stamps, and how it was found",
            )
            st.caption(
                "Before an experiment this program reads a stream of the built-in lab, which says when it "
                "really sent each event. The error is measured minus sent, and good for ten minutes. It does "
                "not hold what a network adds."
            )
        st.subheader("Both calls")
        rows = evidence.trust_rows(experiment, *calls)
        st.dataframe(rows, hide_index=True, height="content", alt="How both calls were measured")
        for note in evidence.source_notes(experiment, arm):
            st.caption(note)
        st.text(prices.spent(experiment))
        st.caption(f"Numbers by definition {metrics.definition()}.")


def doubts(experiment: Experiment, arm: int) -> list[Doubt]:
    """What makes the calls of an arm less comparable than they look. Untrusted text."""
    metric = findings.between(experiment)
    found = worked.effects(experiment, metric)[arm].found if findings.measures(experiment) else None
    return trust_of.doubts(experiment, arm, metric, found)


def warning(experiment: Experiment, arm: int) -> None:
    """One chip where something speaks against comparing the calls."""
    if found := doubts(experiment, arm):
        things = "1 thing speaks" if len(found) == 1 else f"{len(found)} things speak"
        st.badge(
            f"{things} against comparing these calls",
            icon=":material/warning:",
            color="orange",
            help="“Trust” below says what, and of which calls.",
        )


def _doubts(experiment: Experiment, arm: int) -> None:
    st.subheader("Are the calls comparable?")
    found = doubts(experiment, arm)
    if not found:
        st.caption("Nothing was found that speaks against it.")
    for doubt in found:
        st.text(f"• {doubt.sentence}{_evidence(doubt)}")


def _evidence(doubt: Doubt) -> str:
    """The calls that it rests on, the first few by number."""
    if not doubt.calls:
        return ""
    some = ", ".join(str(n + 1) for n in doubt.calls[:SHOWN])
    more = f" and {len(doubt.calls) - SHOWN} more" if len(doubt.calls) > SHOWN else ""
    return f" Calls {some}{more}."
