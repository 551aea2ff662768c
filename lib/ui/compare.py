"""Saved experiments over each other, part by part: choosing them, the race, the pictures, the numbers.

What is compared and in which words is overlay's business; here it is only drawn. Titles, models and
prompts are untrusted: they go through components, cells and select boxes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import streamlit as st

from lib import charts as pictures
from lib import lanes, overlay
from lib.errors import StreamgaugeError
from lib.experiment import Experiment
from lib.ui import chart, parts, reach, session, shell

ID = re.compile(r"[A-Za-z0-9_-]{22}")
OFFERED = 50
SHOWS: dict[str, overlay.Show] = {"Streaming": "streaming", "Blocking": "blocking", "Both": "both"}
ALIGNS: dict[str, lanes.Align] = {"Request sent": "send", "First text": "text"}
IDS = "compare_ids"


def wanted(params: Mapping[str, str]) -> list[str]:
    """The ids that the address names, each once, eight at most; what is no id is left out."""
    found = [id for id in params.get("ids", "").split(",") if ID.fullmatch(id)]
    return list(dict.fromkeys(found))[: overlay.MOST]


def link_ids(ids: Sequence[str]) -> dict[str, str]:
    """Query parameters of a comparison's address."""
    return {"ids": ",".join(ids)}


def load(ids: Sequence[str]) -> tuple[list[Experiment], int]:
    """(experiments that are kept here and have ended, how many of the ids are not)."""
    found: list[Experiment] = []
    for id in ids:
        try:
            experiment = reach.find(id)
        except StreamgaugeError:
            continue
        if experiment.state != "running":
            found.append(experiment)
    return found, len(ids) - len(found)


def choose(ids: Sequence[str]) -> None:
    """Which experiments are laid over each other; a change is a new address."""
    offered = {e.id: f"{e.title or parts.default_name(e.models)} · {parts.date(e.created_ms)}" for e in
               session.service().listing("", OFFERED) if e.state != "running"}  # fmt: skip
    for id in ids:
        if id not in offered and (name := _name(id)):
            offered[id] = name
    st.multiselect(
        "Experiments",
        list(offered),
        default=[id for id in ids if id in offered],
        format_func=offered.__getitem__,
        max_selections=overlay.MOST,
        key=f"{IDS}_{','.join(ids)}",
        placeholder="Choose two to eight saved experiments",
        on_change=_rechosen,
        args=(f"{IDS}_{','.join(ids)}",),
    )


def controls(found: Sequence[overlay.Part]) -> tuple[lanes.Align, int]:
    """(what the lanes are aligned by, the baseline's place)."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        align = st.segmented_control(
            "Align by", list(ALIGNS), default="Request sent", key="align", bind="query-params", required=True
        )
        base = st.selectbox(
            "Baseline",
            range(len(found)),
            format_func=lambda i: f"{i + 1} {overlay.name(found[i])}, {found[i].call.planned.mode}",
            key="baseline",
            bind="query-params",
            width=360,
        )
    return ALIGNS[align or "Request sent"], base or 0


def show() -> overlay.Show:
    """Which calls of each experiment are drawn."""
    chosen = st.segmented_control(
        "Calls", list(SHOWS), default="Streaming", key="calls", bind="query-params", required=True
    )
    return SHOWS[chosen or "Streaming"]


def asked(found: Sequence[overlay.Part]) -> None:
    """Only the parameters that differ, as cells."""
    rows = overlay.differences(found)
    if not rows:
        st.caption("All of them were asked the same in the same way.")
        return
    columns: dict[str, list[str]] = {"Parameter": [row.name for row in rows]}
    for place, letter in enumerate(overlay.letters(found)):
        columns[letter] = [row.values[place] for row in rows]
    st.dataframe(columns, hide_index=True, height="content", alt="The parameters that differ")


def numbers(found: Sequence[overlay.Part], baseline: int) -> None:
    """A row per lane, as cells."""
    lines = overlay.lines(found, baseline)
    st.dataframe(
        {
            "Lane": [line.lane for line in lines],
            "First visible text": [line.first for line in lines],
            "Against the baseline": [line.beside for line in lines],
            "Total time": [line.total for line in lines],
            "Answer rate": [line.rate for line in lines],
            "Longest gap": [line.longest_gap for line in lines],
        },
        hide_index=True,
        height="content",
        alt="The numbers of every lane",
    )


def links(found: Sequence[overlay.Part]) -> None:
    """Each experiment's own page, by its letter."""
    seen = {part.letter: part.experiment.id for part in found}
    with st.container(horizontal=True):
        for letter, id in seen.items():
            st.page_link(
                shell.EXPERIMENT,
                label=f"Open {letter}",
                icon=":material/arrow_forward:",
                query_params=reach.query(id),
            )


def charts(rows: Sequence[lanes.Entry], align: lanes.Align, baseline: int) -> None:
    """The lanes over each other, and one below the other on one clock."""
    placed, zero = lanes.aligned(rows, align)
    dark = session.is_dark()
    chart.card(
        "Over each other",
        pictures.overlay_figure(placed, zero_s=zero, baseline=baseline, dark=dark),
        key=f"overlay_{align}_{len(rows)}",
        said=pictures.overlay_alt(placed, zero_s=zero, baseline=baseline),
        name="streamgauge-compare",
        table=lambda: pictures.rates_table(placed, zero_s=zero),
    )
    chart.card(
        "One row each",
        pictures.multiples_figure(placed, zero_s=zero, dark=dark),
        key=f"multiples_{align}_{len(rows)}",
        said=pictures.multiples_alt(placed),
        name="streamgauge-rows",
        table=lambda: pictures.arrivals_table(placed, zero_s=zero),
    )


def _rechosen(key: str) -> None:
    st.query_params["ids"] = ",".join(st.session_state[key])


def _name(id: str) -> str | None:
    try:
        experiment = reach.find(id)
    except StreamgaugeError:
        return None
    models = tuple(arm.call.model for arm in experiment.spec.arms)
    return f"{experiment.title or parts.default_name(models)} · {parts.date(experiment.created_ms)}"
