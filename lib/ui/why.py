"""Why it took as long as it did, and what it was like to read: the part of a result called Why.

Closed until it is asked for. Numbers and pictures come from lib ready to show.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from lib import charts, lanes
from lib.experiment import CallResult, Experiment, Number, pair
from lib.reader import ALOUD_WPM, READER, SILENT_WPM, Deadlines, Reader, rate, read
from lib.ui import chart, evidence, verdict

LEAST_WPM, MOST_WPM = 20, 2000
DEADLINES = Deadlines()
Pair = tuple[CallResult, CallResult]


@st.fragment
def draw(experiment: Experiment, arm: int, number: int) -> None:
    """Delivery, phases, first moments, gaps, the reader, and every number with why it is missing."""
    section = st.expander(
        "Why: delivery, phases, gaps, reader", on_change="rerun", key="why", bind="query-params"
    )
    calls = pair(experiment, arm, number)
    if not section.open or calls is None:
        return
    with section:
        verdict.section(experiment, arm, calls[1])
        _phases(experiment, number, calls)
        _moments(experiment, number)
        _gaps(experiment, number)
        _reader(calls)
        st.subheader("Every number")
        st.dataframe(
            evidence.number_rows(*calls), hide_index=True, height="content", alt="Every number of both calls"
        )
        st.caption(
            "A dash means that the number does not exist for this call, “withheld” that it would mislead; "
            "the note says why."
        )


def _phases(experiment: Experiment, number: int, calls: Pair) -> None:
    chart.card(
        "What the time was spent on",
        lambda dark: charts.waterfall_figure(experiment, pair=number, dark=dark),
        key=f"waterfall_{experiment.id}_{number}",
        said=charts.waterfall_alt(experiment, pair=number),
        name="streamgauge-phases",
        table=lambda: charts.waterfall_table(experiment, pair=number),
        of=experiment.calls,
    )
    rows = evidence.phase_rows(*calls)
    st.table(rows, border="horizontal", hide_index=True, alt="How long each phase of both calls took")
    st.caption(
        "Left of 0 is what came before the request. Of the wait before the first token a client cannot see "
        "how much was queueing and how much was work."
    )


def _moments(experiment: Experiment, number: int) -> None:
    chart.card(
        "When each first thing came",
        lambda dark: charts.moments_figure(experiment, pair=number, dark=dark),
        key=f"moments_{experiment.id}_{number}",
        said=charts.moments_alt(experiment, pair=number),
        name="streamgauge-moments",
        table=lambda: charts.moments_table(experiment, pair=number),
        of=experiment.calls,
    )


def _gaps(experiment: Experiment, number: int) -> None:
    rows = [row for row in lanes.entries(experiment, None, number) if row.call.planned.mode == "streaming"]
    least = experiment.calibration.min_detectable_gap_s if experiment.calibration else None
    chart.card(
        "Gaps between arrivals, over time",
        lambda dark: charts.gaps_figure(rows, dark=dark),
        key=f"gaps_{experiment.id}_{number}",
        said=charts.gaps_alt(rows),
        name="streamgauge-gaps",
        table=lambda: charts.gaps_table(rows),
        of=[row.call for row in rows],
    )
    chart.card(
        "How many gaps are how long",
        lambda dark: charts.ecdf_figure(rows, min_detectable_gap_s=least, dark=dark),
        key=f"ecdf_{experiment.id}_{number}",
        said=charts.ecdf_alt(rows, min_detectable_gap_s=least),
        name="streamgauge-gap-shares",
        table=lambda: charts.gaps_table(rows),
        of=[row.call for row in rows],
    )


def _reader(calls: Pair) -> None:
    """The numbers of METRICS.md 6 at the two presets and at a speed of one's own."""
    blocking, streaming = calls
    if streaming.timeline is None:
        return
    st.subheader("What a reader goes through")
    own = st.number_input(
        "Own reading speed, words a minute", LEAST_WPM, MOST_WPM, 300, step=10, key="reader_wpm", width=260
    )
    columns: dict[str, list[str]] = {
        "Number": [f"{m.label} ({m.unit})" if m.unit else m.label for m in READER.values()]
    }
    readers = {
        f"Silent, {SILENT_WPM:g}": Reader(rate(SILENT_WPM), latin=True),
        f"Aloud, {ALOUD_WPM:g}": Reader(rate(ALOUD_WPM), latin=True),
        f"Own, {own}": Reader(rate(own)),
    }
    reasons: dict[str, str] = {}
    for name, reader in readers.items():
        values, why = read(
            streaming.timeline, streaming.recount, reader, blocking=blocking.timeline, deadlines=DEADLINES
        )
        columns[name] = [_cell(values, metric) for metric in READER]
        reasons |= why
    columns["Note"] = [reasons.get(metric, "") for metric in READER]
    st.dataframe(columns, hide_index=True, height="content", alt="What a reader goes through")
    st.caption(
        f"Reading speeds in words a minute of English. Deadlines for tokens: {DEADLINES.first_s:g} s for the "
        f"first, {DEADLINES.token_s:g} s for each later one."
    )


def _cell(values: Mapping[str, Number], name: str) -> str:
    value = values[name]
    if not isinstance(value, (int, float)):
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
