"""Many pairs on the page of their experiment: verdict, pictures, ranks, and every call in a table.

Numbers and words come from lib.findings; what servers wrote goes into cells and components only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import streamlit as st

from lib import charts, findings, lanes
from lib.comparison import Comparison
from lib.experiment import Experiment
from lib.metrics import METRICS
from lib.points import apart
from lib.rates import RATES
from lib.spec import contended
from lib.ui import chart, parts, plain, session, trust, worked
from lib.verdict import verdict

CALLS_PX = 420
WAYS = 4


def read(id: str) -> Experiment:
    """The experiment for its page: one pair whole, of many the numbers only. Raises NotFound."""
    service = session.service()
    found = service.numbers(id)
    return found if findings.measures(found) else service.experiment(id)


def with_pair(experiment: Experiment, pair: int) -> Experiment:
    """The same with the calls of one pair whole; the rest stay outlines."""
    wanted = [c.planned.n for c in experiment.calls if c.planned.pair == pair]
    whole = session.service().calls(experiment.id, wanted)
    return replace(experiment, calls=tuple(whole.get(c.planned.n, c) for c in experiment.calls))


def head(experiment: Experiment, arm: int) -> None:
    """The verdict in words, whom it helps, and at most four numbers."""
    metric = findings.between(experiment)
    found = worked.effects(experiment, metric)
    said = findings.sentence(experiment, found, metric, arm)
    plain.sentence(said, key=plain.key("verdict", experiment.id))
    if beside := _beside(experiment, found, arm):
        plain.quiet(beside, key=plain.key("beside", experiment.id))
    plain.quiet(_how(found[arm].found, metric), key=plain.key("detail", experiment.id))
    parts.figures(findings.figures(experiment, arm, metric))
    trust.warning(experiment, arm)
    if any(e.found.n for e in found):
        _forest(experiment, found, metric)


def models(experiment: Experiment, arm: int) -> None:
    """Several models against each other by the declared number: ranks where the intervals allow."""
    if len(experiment.spec.arms) < 2:
        return
    st.header("Models compared")
    rows = worked.standings(experiment)
    plain.sentence(((findings.leader(experiment, rows), False),), key=plain.key("leader", experiment.id))
    label = METRICS[experiment.spec.primary].label
    st.dataframe(
        {
            "Place": [findings.rank(row.rank) for row in rows],
            "Model": apart([row.name for row in rows]),
            "Median": [
                "not known" if row.middle is None else charts.amount(row.middle, experiment.spec.primary)
                for row in rows
            ],
            "Came whole": [row.success.replace(" calls came whole", "") for row in rows],
        },
        hide_index=True,
        height="content",
        column_config=_widths(Place=56, Model=140, Median=72),
        alt="The models by the declared number",
    )
    st.caption(
        f"Medians of {label}, streaming calls only. Two models have different places only where the "
        "difference is shown among all of these comparisons (Holm); otherwise they share the places that "
        "the intervals allow."
    )
    _against(experiment, arm, label)


def troubles(experiment: Experiment) -> None:
    """In which ways calls did not end well, the commonest first. Untrusted text."""
    found = findings.troubles(experiment)
    if not found:
        return
    with st.container(border=True, gap="xsmall"):
        st.badge(_count(sum(found.values())) + " did not end well", icon=":material/error:", color="red")
        for said, count in list(found.items())[:WAYS]:
            st.text(f"{count:,}× {said}")
        if len(found) > WAYS:
            st.caption(f"And in {len(found) - WAYS} other ways: see “Every call”.")


def calls(experiment: Experiment) -> None:
    """Every call, failures, warm-ups and waits included, as cells."""
    section = st.expander("Every call", on_change="rerun", key="calls", bind="query-params")
    if not section.open:
        return
    columns = findings.calls(experiment, findings.between(experiment))
    with section:
        st.dataframe(
            columns,
            hide_index=True,
            height=CALLS_PX if len(columns["Call"]) > 10 else "content",
            placeholder="",
            column_config=_widths(Call=56, Pair=56, Mode=90) | _seconds(columns),
            alt="Every call in the order it was made",
        )
        st.caption(
            "In the order they were made. A wait was asked for by the endpoint and is no part of any time. "
            "Nothing is left out; a call that failed has the worst rank."
        )


def ending(experiment: Experiment) -> None:
    """Why a run stopped early, and the way to go on."""
    if experiment.stopped is not None:
        with st.container(border=True):
            st.badge("Stopped early", icon=":material/stop_circle:", color="orange")
            st.text(experiment.stopped.sentence)
    left = sum(c.state == "dropped" for c in experiment.calls)
    lost = sum(c.state == "unknown" for c in experiment.calls)
    if not experiment.resumable and not (lost and experiment.state != "running"):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if experiment.resumable:
            st.button(
                f"Go on: make the {_count(left)} left",
                key="resume",
                icon=":material/play_arrow:",
                on_click=_resume,
                args=(experiment.id, False),
            )
        if lost:
            st.button(
                f"Ask {_count(lost)} with an unknown end again",
                key="resume_unknown",
                help="They may have been answered and charged for. They are made as new calls; of a pair "
                "under contention both are.",
                on_click=_resume,
                args=(experiment.id, True),
            )


def _resume(id: str, repeat_unknown: bool) -> None:
    parts.attempt(lambda: session.service().resume(id, repeat_unknown=repeat_unknown))


def _beside(experiment: Experiment, found: list[charts.Effect], arm: int) -> str:
    """What it means for whom, and what the calls of a pair had to stand. Untrusted text."""
    said = [findings.for_whom(experiment, found[arm].found)]
    arms = experiment.spec.arms
    crowded = [i for i in range(len(arms)) if contended(experiment.spec, i)]
    if crowded:
        names = " and of ".join(f"{lanes.one_line(arms[i].call.model, 60)} (number {i + 1})" for i in crowded)
        whose = "" if len(crowded) == len(arms) else f" of {names}"
        said.append(f"Under contention: the calls of a pair{whose} were made at once.")
    elif experiment.spec.together:
        said.append("The lab answered the calls of a pair at once.")
    if experiment.spec.cache == "keep":
        said.append("The prompt cache was kept warm.")
    return " ".join(filter(None, said))


def _how(found: Comparison, metric: str) -> str:
    """How the verdict was found."""
    said = f"How it was found: {verdict(metric, found).detail}"
    if found.allowed is None:
        return said
    return f"{said} A ratio is streaming divided by blocking; ranges are 95 % intervals."


def _forest(experiment: Experiment, found: list[charts.Effect], metric: str) -> None:
    label = METRICS[metric].label
    chart.card(
        f"Streaming against blocking: {label}",
        charts.forest_figure(
            found, margin=experiment.spec.margin, sides=findings.SIDES, dark=session.is_dark()
        ),
        key=f"forest_{experiment.id}_{metric}",
        said=charts.forest_alt(found, sides=findings.SIDES),
        name="streamgauge-verdict",
        table=lambda: charts.forest_table(found),
    )


@st.fragment
def pictures(experiment: Experiment, arm: int) -> None:
    """Dots in run order, shares, decile shifts, and of hundreds of calls the strip; by any number."""
    declared = findings.between(experiment)
    metric = st.segmented_control(
        "Number",
        findings.BETWEEN_MODES,
        default=declared,
        format_func=lambda name: METRICS[name].label + (" (declared)" if name == declared else ""),
        key="metric",
        bind="query-params",
        required=True,
    )
    metric = metric or declared
    if metric != declared:
        one = worked.effects(experiment, metric)
        plain.quiet(
            f"Exploratory, since another number was declared. {verdict(metric, one[arm].found).sentence}.",
            key=plain.key(f"exploratory-{metric}-{arm}", experiment.id),
        )
    _dots(experiment, metric)
    _spread(experiment, metric, arm)
    if len(experiment.calls) >= charts.MANY:
        _heat(experiment, metric)


def _dots(experiment: Experiment, metric: str) -> None:
    chart.card(
        "Every pair, in the order it was made",
        charts.dots_figure(experiment, metric, dark=session.is_dark()),
        key=f"dots_{experiment.id}_{metric}",
        said=charts.dots_alt(experiment, metric),
        name="streamgauge-pairs",
        table=lambda: charts.dots_table(experiment, metric),
    )


def _spread(experiment: Experiment, metric: str, arm: int) -> None:
    """How the calls of one arm lie, and how far apart both modes are at each tenth of them."""
    if not all(findings.known(experiment, metric, arm, mode) for mode in findings.MODES):
        st.caption("Shares and deciles need calls of both modes that came whole.")
        return
    dark = session.is_dark()
    chart.card(
        "How many calls took how long",
        charts.shares_figure(experiment, metric, arm=arm, dark=dark),
        key=f"shares_{experiment.id}_{metric}_{arm}",
        said=charts.shares_alt(experiment, metric, arm=arm),
        name="streamgauge-shares",
        table=lambda: charts.shares_table(experiment, metric, arm=arm),
    )
    chart.card(
        "Streaming minus blocking, quick calls to slow ones",
        charts.shifts_figure(experiment, metric, arm=arm, dark=dark),
        key=f"shifts_{experiment.id}_{metric}_{arm}",
        said=charts.shifts_alt(experiment, metric, arm=arm),
        name="streamgauge-deciles",
        table=lambda: charts.shifts_table(experiment, metric, arm=arm),
    )


def _heat(experiment: Experiment, metric: str) -> None:
    chart.card(
        "All calls at once",
        charts.heat_figure(experiment, metric, dark=session.is_dark()),
        key=f"heat_{experiment.id}_{metric}",
        said=charts.heat_alt(experiment, metric),
        name="streamgauge-calls",
        table=lambda: charts.dots_table(experiment, metric),
    )


def _against(experiment: Experiment, arm: int, label: str) -> None:
    found = worked.against(experiment, arm)
    if not any(e.found.n for e in found):
        return
    sides = ("slower", "faster") if experiment.spec.primary in RATES else ("quicker", "slower")
    chart.card(
        f"The others against model {arm + 1}, streaming: {label}",
        charts.forest_figure(found, margin=experiment.spec.margin, sides=sides, dark=session.is_dark()),
        key=f"against_{experiment.id}_{arm}",
        said=charts.forest_alt(found, sides=sides),
        name="streamgauge-models",
        table=lambda: charts.forest_table(found),
    )


def _seconds(columns: Iterable[str]) -> dict[str, Any]:
    """Columns of times: to the millisecond."""
    return {
        name: st.column_config.NumberColumn(format="%.3f", width=100)
        for name in columns
        if name.endswith(", s")
    }


def _widths(**px: int) -> dict[str, Any]:
    """Columns that leave room for the others on a telephone."""
    return {name: {"width": width} for name, width in px.items()}


def _count(calls_: int) -> str:
    return f"{calls_:,} call{'' if calls_ == 1 else 's'}"
