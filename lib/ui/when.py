"""When: every event, the visible text and the rate on one axis; a range drawn anew, one event close up.

A fragment of the page: choosing a range or an event redraws this part alone.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from lib import charts, closeup, lanes
from lib.experiment import Experiment
from lib.ui import chart, plain, session

HELP = "Draw a box over a stretch of time to see it closely; click a mark to see that event."


@st.fragment
def draw(experiment: Experiment, number: int) -> None:
    """The pair's lanes over time, with the two ways to look closer."""
    rows = lanes.entries(experiment, None, number)
    if not rows:
        return
    span = _span(experiment.id, number)
    name = f"streamgauge-{experiment.id or 'recording'}"
    key = f"when_{experiment.id}_{number}{_name(span)}"
    chart.card(
        "Arrivals, text and rate",
        lambda dark: charts.arrivals_figure(rows, range_s=span, dark=dark),
        key=key,
        said=charts.arrivals_alt(rows),
        name=f"{name}-arrivals",
        table=lambda: charts.arrivals_table(rows),
        of=[row.call for row in rows],
        on_select=partial(_look_closer, experiment.id, number, rows, key),
        selection_mode=("points", "box"),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(HELP if span is None else _part(rows, span))
        if span is not None:
            st.button("Show all of it", key="whole", on_click=_widen, args=(experiment.id, number))
    _close_up(experiment, rows)


def _part(rows: list[lanes.Entry], span: tuple[float, float]) -> str:
    """What of the range is drawn."""
    low, high = (t * 1e9 for t in span)
    lines = [row.call.timeline for row in rows if row.call.timeline is not None]
    inside = sum(low <= e.t_ns <= high for line in lines for e in line.events)
    every = "every event drawn" if 2 * inside <= charts.MAX_POINTS else "still too many events to draw each"
    return f"From {span[0]:.3f} s to {span[1]:.3f} s, {every}."


def _look_closer(id: str, number: int, rows: list[lanes.Entry], key: str) -> None:
    """Act on what was just drawn or clicked in the figure, before it is drawn anew."""
    selection = st.session_state[key].selection
    if selection.get("box"):
        start, end = sorted(float(x) for x in selection["box"][0]["x"])
        if end > start:
            st.session_state[_key(id, number)] = (round(start, 4), round(end, 4))
            return
    clicked = [place for point in selection.get("points", ()) if (place := charts.picked(rows, point))]
    if clicked:
        st.session_state["closeup"] = True
        st.session_state["closeup_lane"], st.session_state["closeup_event"] = clicked[0][0], clicked[0][1] + 1


def _close_up(experiment: Experiment, rows: list[lanes.Entry]) -> None:
    section = st.expander("One event, close up", on_change="rerun", key="closeup", bind="query-params")
    if not section.open:
        return
    with section:
        kept = [i for i, row in enumerate(rows) if row.call.timeline is not None and row.call.timeline.events]
        if not kept:
            st.caption("No event of these calls was kept.")
            return
        call = rows[_lane(rows, kept)].call
        assert call.timeline is not None
        if st.session_state.get("closeup_event", 1) > len(call.timeline.events):
            st.session_state["closeup_event"] = 1  # another lane has fewer
        number = int(
            st.number_input("Event", 1, len(call.timeline.events), step=1, key="closeup_event", width=160)
        )
        with st.container(gap="xsmall"):
            for name, value in closeup.facts(call, number - 1):
                st.text(f"{name}: {value}")
        _raw(experiment, call.planned.n, call.timeline.events[number - 1])


def _lane(rows: list[lanes.Entry], kept: list[int]) -> int:
    if st.session_state.get("closeup_lane") not in kept:
        st.session_state["closeup_lane"] = next(
            (i for i in kept if rows[i].call.planned.mode == "streaming"), kept[0]
        )
    return int(
        st.selectbox(
            "Lane",
            kept,
            format_func=lambda i: f"{rows[i].label}, {rows[i].sub}",
            key="closeup_lane",
            width=360,
        )
    )


def _raw(experiment: Experiment, n: int, event: Any) -> None:
    recording = session.service().recording(experiment.id, n)
    text = None if recording is None else closeup.raw(recording.body, event)
    if text is None:
        plain.quiet("The bytes it came in were not kept here.", key="no_raw")
        return
    st.caption("As it came")
    st.code(text, language=None, wrap_lines=True)


def _span(id: str, number: int) -> tuple[float, float] | None:
    found: tuple[float, float] | None = st.session_state.get(_key(id, number))
    return found


def _name(span: tuple[float, float] | None) -> str:
    """A span in a widget's key, whose letters must fit a class name."""
    return "" if span is None else f"_{span[0] * 1000:.0f}_{span[1] * 1000:.0f}"


def _widen(id: str, number: int) -> None:
    st.session_state.pop(_key(id, number), None)


def _key(id: str, number: int) -> str:
    return f"when_span_{id}_{number}"
