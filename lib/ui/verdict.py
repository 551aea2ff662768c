"""How the answer was delivered and why it took as long as it did: the part called Why, and one line above it.

A verdict may quote a header, which is untrusted: it goes through `st.text` or a component.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import streamlit as st

from lib import charts, summary
from lib.delivery import Delivery
from lib.errors import StreamgaugeError
from lib.experiment import CallResult, Experiment, pair
from lib.ui import evidence, parts, plain, session

CHECK = "Check delivery (sends 4 calls)"
CHECK_HELP = (
    "Asks the same once more without and once with compression, as a browser does, and says when only the "
    "compressed stream is held back."
)


class _Word(NamedTuple):
    badge: str
    color: Literal["green", "orange", "gray"]
    line: str


WORDS = {
    "incremental": _Word("Piece by piece", "green", ""),
    "bunched": _Word("In bunches", "orange", "Delivery was bunched."),
    "buffered": _Word("Held back on the way", "orange", "Delivery was held back on the way."),
    "replayed": _Word("Told at the end", "orange", "The stream was no stream."),
    "stalled": _Word("Stalled", "orange", "Delivery stalled."),
}
NOT_KNOWN = _Word("Not known", "gray", "")


def line(experiment: Experiment, arm: int, number: int) -> None:
    """One quiet line under the hero when the text did not come piece by piece; of a delivery check,
    what compression does."""
    compared = summary.encodings(experiment)
    if compared is not None:
        plain.quiet(f"Delivery check: {compared}", key=plain.key("check", experiment.id))
        return
    found = _delivery(pair(experiment, arm, number))
    if found is not None and found.kind not in (None, "incremental"):
        said = f"{WORDS[found.kind].line} {found.sentence}"
        if found.withheld and found.why_withheld:
            said += f" Rates are withheld. {found.why_withheld}"
        plain.quiet(said, key=plain.key(f"delivery-{arm}-{number}", experiment.id))


def why(experiment: Experiment, arm: int, number: int) -> None:
    """Delivery, first moments, phases, and every number with the reason where there is none."""
    section = st.expander(
        "Why: delivery, first moments, phases", on_change="rerun", key=f"why_{experiment.id}"
    )
    calls = pair(experiment, arm, number)
    if not section.open or calls is None:
        return
    with section:
        _verdict(experiment, arm, calls[1])
        _phases(experiment, number, calls)
        _moments(experiment, number)
        st.subheader("Every number")
        rows = evidence.number_rows(*calls)
        st.dataframe(rows, hide_index=True, height="content", alt="Every number of both calls")
        st.caption(
            "A dash means that the number does not exist for this call, “withheld” that it would mislead; "
            "the note says why."
        )


def _delivery(calls: tuple[CallResult, CallResult] | None) -> Delivery | None:
    return None if calls is None else calls[1].delivery


def _verdict(experiment: Experiment, arm: int, streaming: CallResult) -> None:
    st.subheader("How the stream was delivered")
    found = streaming.delivery
    if found is None:
        st.caption("The streaming call has not ended, so its delivery cannot be judged.")
        return
    word = WORDS[found.kind] if found.kind is not None else NOT_KNOWN
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(word.badge, color=word.color)
        if found.client_bound:
            st.badge("This client may be the slow one", color="orange")
    st.text(found.sentence)
    if found.fix:
        st.text(f"What would help: {found.fix}")
    if found.withheld and found.why_withheld:
        st.text(f"Rates are withheld. {found.why_withheld}")
    if found.evidence:
        st.text("Evidence:\n" + "\n".join(f"• {said}" for said in found.evidence))
    compared = summary.encodings(experiment)
    if compared is not None:
        st.text(compared)
    elif st.button(CHECK, key="check_delivery", icon=":material/compress:", help=CHECK_HELP):
        _check(experiment.id, arm)


def _check(id: str, arm: int) -> None:
    try:
        spec = session.service().check_spec(id, arm)
    except StreamgaugeError as error:
        parts.failed(error)
        return
    parts.start(spec, parent=id, title="Delivery check: without and with compression")


def _phases(experiment: Experiment, number: int, calls: tuple[CallResult, CallResult]) -> None:
    st.subheader("What the time was spent on")
    st.plotly_chart(
        charts.waterfall_figure(experiment, pair=number, dark=session.is_dark()),
        config={"displayModeBar": False},
        key=f"waterfall_{experiment.id}_{number}",
        alt=charts.waterfall_alt(experiment, pair=number),
    )
    rows = evidence.phase_rows(*calls)
    st.table(rows, border="horizontal", hide_index=True, alt="How long each phase of both calls took")
    st.caption(
        "Left of 0 is what came before the request. Of the wait before the first token a client cannot see "
        "how much was queueing and how much was work."
    )


def _moments(experiment: Experiment, number: int) -> None:
    st.subheader("When each first thing came")
    st.plotly_chart(
        charts.moments_figure(experiment, pair=number, dark=session.is_dark()),
        config={"displayModeBar": False},
        key=f"moments_{experiment.id}_{number}",
        alt=charts.moments_alt(experiment, pair=number),
    )
