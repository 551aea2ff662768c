"""How the answer was delivered: one line below the hero, and the section in the part called Why.

A verdict may quote a header, which is untrusted: it goes through `st.text` or a component.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import streamlit as st

from lib import summary
from lib.delivery import Delivery
from lib.errors import StreamgaugeError
from lib.experiment import CallResult, Experiment, encoding_check, pair
from lib.ui import parts, plain, session

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


def _delivery(calls: tuple[CallResult, CallResult] | None) -> Delivery | None:
    return None if calls is None else calls[1].delivery


def section(experiment: Experiment, arm: int, streaming: CallResult) -> None:
    """The verdict with its evidence, what would help, and the delivery check."""
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
    elif session.asks_again(experiment) and st.button(
        CHECK, key="check_delivery", icon=":material/compress:", help=CHECK_HELP
    ):
        _check(experiment, arm)


def _check(experiment: Experiment, arm: int) -> None:
    try:
        spec = encoding_check(experiment.spec, arm)
    except StreamgaugeError as error:
        parts.failed(error)
        return
    parts.start(spec, parent=experiment.id, title="Delivery check: without and with compression")
