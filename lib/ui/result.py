"""A finished experiment on its page, from the sentence down to the last digit.

Each function draws one part. Numbers come from lib ready to show; what servers and users wrote goes
through panes, `st.text`, `st.code` and cells of a dataframe.
"""

from __future__ import annotations

import streamlit as st

from lib import captions, charts, lanes, summary, view
from lib.experiment import CallResult, Experiment, pair
from lib.spec import is_lab
from lib.ui import (
    chart,
    compare,
    faults,
    forking,
    hero,
    incoming,
    origins,
    othertools,
    parts,
    pictures,
    plain,
    playing,
    session,
    sharing,
    shell,
    taking,
)

BELOW_PX = 1200
BADGES = {
    "done": ("Finished", ":material/check_circle:", "green"),
    "cancelled": ("Cancelled", ":material/stop_circle:", "orange"),
    "interrupted": ("Interrupted", ":material/error:", "orange"),
}

WITHHELD = "The text was withheld."
SHORT_S, SLOWED = 1.0, 0.25
"""Answers that are over in a second are replayed at a quarter of their speed, else nobody sees a thing."""


def status(experiment: Experiment) -> None:
    """How it ended, when it was made and what it was made of."""
    label, icon, color = BADGES[experiment.state]
    bad = any(faults.fault(call) for call in experiment.calls)
    if experiment.state == "done" and bad:
        label, icon, color = "Finished with failures", ":material/error:", "orange"
    pairs = "1 pair" if experiment.spec.pairs == 1 else f"{experiment.spec.pairs} pairs"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(label, icon=icon, color=color)  # type: ignore[arg-type]  # one of the table's colours
        origins.badges(experiment.spec)
        incoming.mark(experiment.imported)
        st.caption(f"{parts.date(experiment.created_ms)} · {pairs}", width="content")


def empty(experiment: Experiment) -> bool:
    """Whether no call brought any text or came to its end: then there is nothing to compare."""
    return all(
        call.timeline is None or not (call.timeline.complete or faults.texts(call))
        for call in experiment.calls
    )


def pick_arm(experiment: Experiment) -> int:
    """Which arm the numbers speak of; asked only where there are several."""
    if len(experiment.spec.arms) == 1:
        return 0
    return int(
        st.selectbox(
            "Numbers of",
            range(len(experiment.spec.arms)),
            format_func=lambda i: f"{i + 1}. {lanes.model_name(experiment, i)}",
            key="arm",
            bind="query-params",
            width=360,
        )
    )


def pick_pair(experiment: Experiment) -> int:
    """Which pair is played; asked only where there are several."""
    if experiment.spec.pairs == 1:
        return 0
    return int(
        st.selectbox(
            "Pair",
            range(experiment.spec.pairs),
            format_func=lambda i: f"{i + 1} of {experiment.spec.pairs}",
            key="pair",
            bind="query-params",
            width=140,
        )
    )


def troubles(experiment: Experiment) -> None:
    """A card for each way in which calls did not end well; calls of an arm that failed alike share one."""
    alike: dict[tuple[int, faults.Fault], list[CallResult]] = {}
    for call in experiment.calls:
        found = faults.fault(call)
        if found is not None:
            alike.setdefault((call.planned.arm, found), []).append(call)
    for (arm, found), calls in alike.items():
        _trouble(found, calls, lanes.model_name(experiment, arm) if len(experiment.spec.arms) > 1 else "")


def _trouble(found: faults.Fault, calls: list[CallResult], model: str) -> None:
    modes = " and ".join(sorted({call.planned.mode for call in calls}))
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(f"{found.badge}: {modes}", icon=":material/error:", color="red")
            if model:
                st.text(model)
        st.text(found.happened)
        st.text(found.kept)
        if found.advice:
            st.caption(found.advice)


def numbers(experiment: Experiment, arm: int, number: int) -> None:
    """At most four, in one row."""
    if shown := summary.headline(experiment, arm, number):
        parts.figures(shown)


def watch(experiment: Experiment, number: int) -> None:
    """The answers as a reader would have seen them, on one clock."""
    data = lanes.hero_data(experiment, pair=number)
    data["captions"] = captions.captions(experiment, None if len(experiment.spec.arms) > 1 else 0, number)
    if data["duration_s"] <= SHORT_S:
        data["speed"] = SLOWED
    hero.hero(
        data,
        key=plain.key(f"watch-{number}", experiment.id),
        on_drawn=lambda: session.set_drawn(experiment.id),
        view=view.parse(st.query_params.to_dict()),
    )


def comparison(experiment: Experiment, arm: int, number: int) -> None:
    """Both calls of the pair, row by row. Every cell is our own text."""
    rows = summary.table(experiment, arm, number)
    st.table(
        {
            "": [row.label for row in rows],
            "Blocking": [row.blocking for row in rows],
            "Streaming": [row.streaming for row in rows],
            "Note": [row.note for row in rows],
        },
        border="horizontal",
        hide_header=False,
        alt="The blocking and the streaming call compared",
    )


def models(experiment: Experiment, number: int) -> None:
    """Where several models were asked: one row each on one clock."""
    if len(experiment.spec.arms) < 2:
        return
    rows = [row for row in lanes.entries(experiment, None, number) if row.call.planned.mode == "streaming"]
    chart.card(
        "One row a model",
        lambda dark: charts.multiples_figure(rows, dark=dark),
        key=f"models_{experiment.id}_{number}",
        said=charts.multiples_alt(rows),
        name="streamgauge-models",
        table=lambda: charts.lanes_table(rows),
        of=[row.call for row in rows],
    )


def other_tools(experiment: Experiment, arm: int, number: int) -> None:
    """What other tools would have reported of the streaming call."""
    calls = pair(experiment, arm, number)
    if calls is not None:
        othertools.draw(calls[1])


@st.fragment
def texts(experiment: Experiment, arm: int, number: int) -> None:
    """What was asked and what came back, letter by letter."""
    section = st.expander("Prompt and both answers", on_change="rerun", key="texts", bind="query-params")
    calls = pair(experiment, arm, number)
    if not section.open or calls is None:
        return
    asked = experiment.spec.arms[arm].call
    with section:
        if asked.system:
            st.caption("System message")
            st.code(asked.system, language=None, wrap_lines=True)
        st.caption("Prompt")
        st.code(asked.prompt or WITHHELD, language=None, wrap_lines=True)
        for column, call in zip(st.columns(2), calls, strict=True):
            with column:
                st.caption(lanes.label(call))
                st.code(_text(call) or "no text", language=None, wrap_lines=True)


def share(experiment: Experiment, number: int) -> None:
    """The link, what can be shared and taken away, and the same experiment once more."""
    service, elsewhere = session.service(), session.opens_elsewhere()
    link, name = session.link("experiment", id=experiment.id), f"streamgauge-{experiment.id}"
    plain.link(link, key=plain.key("link", experiment.id))
    if not elsewhere:
        st.caption("This link opens on this computer only. The HTML file opens anywhere, without a network.")
    with st.container(horizontal=True, vertical_alignment="center"):
        sharing.button(experiment.id)
        taking.menu(
            name,
            lambda: service.experiment(experiment.id),
            lambda: service.json(experiment.id).encode(),
            link if elsewhere else None,
        )
        pictures.menu(lanes.entries(experiment, None, number), _name(experiment), name)
        again(experiment)
        if experiment.imported is not None:
            forking.button(experiment)
        playing.menu(experiment)
        st.page_link(
            shell.COMPARE,
            label="Compare with others",
            icon=":material/stacked_line_chart:",
            query_params=compare.link_ids([experiment.id]),
        )
    forking.against(experiment)


def again(experiment: Experiment) -> None:
    """The same once more; never an address that a stranger named."""
    if session.asks_again(experiment) and st.button(
        _again(experiment), key="again", icon=":material/replay:"
    ):
        parts.start(experiment.spec, parent=experiment.id)


def how(experiment: Experiment) -> None:
    """What was done, as a paragraph for a paper."""
    section = st.expander(
        "Methods: what was done, in words", on_change="rerun", key="methods", bind="query-params"
    )
    if section.open:
        with section:
            taking.methods(experiment)
            st.caption("A shared link has the citation, too, since what it names stays as it is.")


def _name(experiment: Experiment) -> str:
    """A title for pictures. Untrusted text."""
    models = dict.fromkeys(arm.call.model for arm in experiment.spec.arms)
    return experiment.title or ", ".join(models)


def _again(experiment: Experiment) -> str:
    if all(is_lab(arm.endpoint) for arm in experiment.spec.arms):
        return "Run again"
    return f"Run again (sends {len(experiment.calls)} calls)"


def _text(call: CallResult) -> str:
    events = [e for e in call.timeline.events if e.kind == "content"] if call.timeline else []
    if any(event.text is None for event in events):
        return WITHHELD
    return "".join(event.text or "" for event in events)
