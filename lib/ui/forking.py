"""Repeating somebody's experiment on one's own endpoint: the form filled with what was asked, and the
result laid over the original.

No key is ever filled in, and no address but a preset's: a key typed next to a stranger's address would go
there.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from lib import charts, lanes, overlay
from lib.errors import StreamgaugeError
from lib.experiment import Experiment
from lib.providers import PROVIDERS
from lib.spec import LAB, PRIMARIES, SIZES, Arm, ExperimentSpec, contended, is_lab
from lib.ui import arms, chart, compare, design, form, parts, plain, reach, session, shell
from lib.verdict import HEADLINE

WITHOUT = "fork_without"
WITHHELD = "fork_withheld"


def button(experiment: Experiment) -> None:
    """Fills the form with the same and goes to it, on a server that asks other endpoints."""
    if session.service().settings.viewer:
        return
    if st.button("Run this on my endpoint", key="fork", icon=":material/fork_right:"):
        fill(experiment.spec, experiment.id)
        st.switch_page(shell.RUN)


def fill(spec: ExperimentSpec, parent: str) -> None:
    """Fill the form for the next page: models, question, plan; what a result will be laid over."""
    state = st.session_state
    for key, value in {**_question(spec), **_plan(spec)}.items():
        state[key] = value
    state["arm_numbers"] = list(range(len(spec.arms)))
    state["next_arm"] = len(spec.arms)
    for k, arm in enumerate(spec.arms):
        for key, value in _arm(k, arm).items():
            state[key] = value
        state[f"contention_{k}"] = contended(spec, k)
    state[parts.FORK] = parent
    state[WITHHELD] = not spec.arms[0].call.prompt
    state[WITHOUT] = dict.fromkeys(a.call.extra_body for a in spec.arms if a.call.extra_body != "{}")
    form.open_form()


def notice() -> None:
    """Above the form: what it was filled from, and what was not filled in."""
    if parts.FORK not in st.session_state:
        return
    with st.container(border=True):
        st.caption(
            "Filled in from the experiment that you came from. Choose your endpoint and key: neither was "
            "taken over. The result is laid over the original."
        )
        if st.session_state[WITHHELD]:
            st.caption("Its prompt was withheld, so yours is another one: the answers differ, too.")
        if st.session_state[WITHOUT]:
            st.caption("The original also sent these fields, which are not sent now:")
            for body in st.session_state[WITHOUT]:
                st.code(body, language="json", wrap_lines=True)
        st.button("Not a repetition", key="fork_forget", type="tertiary", on_click=forget)


def forget() -> None:
    """What is started next stands for itself."""
    st.session_state.pop(parts.FORK, None)


def against(experiment: Experiment) -> None:
    """Where it has a parent that is still here: yours against theirs."""
    if experiment.parent is None:
        return
    try:
        theirs = reach.find(experiment.parent)
    except StreamgaugeError:
        return
    if theirs.state == "running":
        return
    somebodys = "e" in reach.query(experiment.parent) or theirs.imported is not None
    section = st.expander(
        "Against the original", expanded=somebodys, on_change="rerun", key="against", bind="query-params"
    )
    if not section.open:
        return
    with section:
        _laid(overlay.parts([experiment, theirs]))
        st.page_link(
            shell.COMPARE,
            label="Compare both",
            icon=":material/stacked_line_chart:",
            query_params=compare.link_ids([experiment.id, theirs.id]),
        )


def _laid(found: list[overlay.Part]) -> None:
    if not found:
        st.caption("Neither has a streaming call.")
        return
    plain.sentence(overlay.sentence(found), key="against_sentence")
    placed, zero = lanes.aligned(overlay.entries(found), "send")
    chart.card(
        "Yours (A) against theirs",
        charts.overlay_figure(placed, zero_s=zero, baseline=0, dark=session.is_dark()),
        key="against_overlay",
        said=charts.overlay_alt(placed, zero_s=zero, baseline=0),
        name="streamgauge-against",
        table=lambda: charts.rates_table(placed, zero_s=zero),
    )
    st.caption(overlay.caveat(found))


def _question(spec: ExperimentSpec) -> dict[str, Any]:
    asked = spec.arms[0].call
    return {
        **({"prompt": asked.prompt} if asked.prompt else {}),
        "system": asked.system or "",
        "max_tokens": "" if asked.max_tokens is None else str(asked.max_tokens),
        "temperature": "" if asked.temperature is None else f"{asked.temperature:g}",
        "more_options": bool(asked.system),
    }


def _plan(spec: ExperimentSpec) -> dict[str, Any]:
    consumer = next((who for who, name in HEADLINE.items() if name == spec.primary), None)
    return {
        "size": next((name for name, size in SIZES.items() if size.pairs == spec.pairs), design.OWN),
        "pairs": str(spec.pairs),
        **({"consumer": consumer} if consumer else {}),
        "primary": design.BY_CONSUMER if consumer or spec.primary not in PRIMARIES else spec.primary,
        "cache": spec.cache if spec.cache in design.CACHES else "bust",
        "warmups": spec.warmups,
        "margin": "" if spec.margin is None else f"{spec.margin * 100:g}",
        "half_width": "" if spec.half_width is None else f"{spec.half_width * 100:g}",
        "stop_after": "" if spec.stop_after is None else str(spec.stop_after),
        "seed": "",
    }


def _arm(k: int, arm: Arm) -> dict[str, Any]:
    """The widgets of one model. A private or unknown address stays empty."""
    filled: dict[str, Any] = {f"model_{k}": arm.call.model, f"pick_{k}": arm.call.model}
    if is_lab(arm.endpoint):
        return {**filled, f"provider_{k}": LAB}
    known = next((p for p in PROVIDERS if p.base_url == arm.endpoint.base_url.rstrip("/")), None)
    return {
        **filled,
        f"provider_{k}": known.name if known else arms.OTHER,
        f"url_{k}": known.base_url if known else "",
        f"usage_{k}": arm.endpoint.include_usage,
        f"limit_{k}": arm.endpoint.limit_name,
        f"api_{k}": arm.call.api,
    }
