"""The form: what is asked, of which models. Nothing is sent before every field is right.

`assemble` is pure; the rest draws. A field's complaint stands under the field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from lib.errors import InvalidSpec
from lib.spec import BOUNDS, Arm, CallSpec, ExperimentSpec, Limits, contended, is_lab, number, problems
from lib.ui import arms, beforehand, parts, session
from lib.ui import design as designs
from lib.ui.arms import KEEP, Slots
from lib.ui.design import Design

OPEN = "form_open"
LOOK = Design()
MOST_ARMS = int(BOUNDS["arms"].high)
PROMPT = "Explain in about 100 words why the sky is blue."
LIMIT_HELP = BOUNDS["max_tokens"].help + " Empty: the model's own limit."
SHARED = ("prompt", "system", "max_tokens", "temperature", "extra_body")


class Question(NamedTuple):
    """What every model is asked, as typed."""

    prompt: str
    system: str
    max_tokens: str
    temperature: str


def open_form() -> None:
    """Unfold the form on the next run."""
    st.session_state[OPEN] = True


def is_open() -> bool:
    """Whether the form stands unfolded."""
    return bool(st.session_state.get(OPEN))


@st.fragment
def draw() -> None:
    """The form as one row that unfolds. Starting goes to the experiment's page."""
    row = st.expander(
        "Try my model: any OpenAI-compatible endpoint, in the cloud or on this computer",
        key=OPEN,
        icon=":material/tune:",
        on_change="rerun",
    )
    if row.open:
        with row:
            _body()


def assemble(
    chosen: Sequence[Arm], question: Question, limits: Limits, design: Design = LOOK
) -> tuple[ExperimentSpec, list[InvalidSpec]]:
    """The specification, and every reason not to send it, with `arms.i.FIELD` as field names."""
    found: list[InvalidSpec] = []
    limit = _typed("max_tokens", question.max_tokens, found)
    warmth = _typed("temperature", question.temperature, found)
    asked = CallSpec(
        prompt=question.prompt,
        system=question.system or None,
        max_tokens=None if limit is None else int(limit),
        temperature=warmth,
    )
    whole = tuple(replace(arm, call=replace(asked, api=arm.call.api, model=arm.call.model)) for arm in chosen)
    spec, unread = designs.apply(ExperimentSpec(whole, limits=limits), design)
    return spec, [*found, *unread, *problems(spec)]


def _typed(field: str, text: str, found: list[InvalidSpec]) -> float | None:
    """The number in a text field, None for an empty one or, with a complaint added, for a wrong one."""
    if not text.strip():
        return None
    try:
        value = number(field, text.strip())
    except InvalidSpec as error:
        found.append(error)
        return None
    if field == "max_tokens" and not value.is_integer():
        found.append(InvalidSpec(field, f"max_tokens must be a whole number; {text.strip()[:40]} is not."))
        return None
    return value


def _body() -> None:
    slots: Slots = {}
    more = bool(st.session_state.get("more_options", False))
    found: list[InvalidSpec] = []
    chosen = _arms(slots, found, more)
    question, design = _question(slots, more, len(chosen))
    spec, wrong = assemble(chosen, question, session.service().settings.limits(), design)
    found += wrong
    _explain(spec)
    beforehand.draw(spec, wrong)
    if st.button("Run", key="run_form", type="primary", icon=":material/play_arrow:"):
        st.session_state["tried"] = True
        if not found:
            st.session_state["tried"] = False
            parts.start(spec, parent=st.session_state.get(parts.FORK))
    if st.session_state.get("tried"):
        _complain(found, slots)


def _arms(slots: Slots, found: list[InvalidSpec], more: bool) -> list[Arm]:
    numbers: list[int] = st.session_state.setdefault("arm_numbers", [0])
    with st.spinner("Looking for servers on this computer"):
        menu = arms.choices()
    remove = _remove_arm if len(numbers) > 1 else None
    drawn = [(k, arms.row(k, menu, slots, found, options=more, on_remove=remove)) for k in numbers]
    if len(numbers) < MOST_ARMS:
        st.button("Add a model", key="add_arm", icon=":material/add:", on_click=_add_arm)
    for i, (k, _) in enumerate(drawn):
        for field in ("base_url", "key_ref", "model"):
            if f"{k}.{field}" in slots:
                slots[f"arms.{i}.{field}"] = slots[f"{k}.{field}"]
    return [arm for _, arm in drawn]


def _add_arm() -> None:
    """A new number each time: a removed row's fields never come back under another row."""
    numbers: list[int] = st.session_state["arm_numbers"]
    st.session_state["arm_numbers"] = [*numbers, st.session_state.get("next_arm", 1)]
    st.session_state["next_arm"] = st.session_state.get("next_arm", 1) + 1


def _remove_arm(k: int) -> None:
    st.session_state["arm_numbers"] = [n for n in st.session_state["arm_numbers"] if n != k]


def _question(slots: Slots, more: bool, arms_: int) -> tuple[Question, Design]:
    prompt = st.text_area("Prompt", PROMPT, key="prompt", height=90, **KEEP)
    slots["prompt"] = st.empty()
    tokens_column, temperature_column, more_column = st.columns(3, vertical_alignment="top")
    with tokens_column:
        tokens = st.text_input("max_tokens", "300", key="max_tokens", help=LIMIT_HELP, **KEEP)
        slots["max_tokens"] = st.empty()
    with temperature_column:
        warmth = st.text_input("temperature", "", key="temperature", placeholder="model's own", **KEEP)
        slots["temperature"] = st.empty()
    with more_column:
        st.space("small")
        st.toggle("More options", key="more_options", **KEEP)
    design = designs.draw(slots)
    if not more:
        system = str(st.session_state.get("system") or "")
        return Question(prompt or "", system, tokens or "", warmth or ""), designs.kept(design)
    system = st.text_area("System message (optional)", key="system", height=70, **KEEP) or ""
    slots["system"] = st.empty()
    question = Question(prompt or "", system, tokens or "", warmth or "")
    return question, designs.more(slots, design, arms=arms_)


def _explain(spec: ExperimentSpec) -> None:
    """What pressing Run does, before it is pressed."""
    st.text(parts.cost(spec))
    if all(is_lab(arm.endpoint) for arm in spec.arms):
        st.caption("The lab plays both answers at once, as recorded, with its own text whatever the prompt.")
        return
    led = (
        " A few random characters before the prompt defeat the prompt cache." if spec.cache == "bust" else ""
    )
    crowded = [str(i + 1) for i in range(len(spec.arms)) if contended(spec, i)]
    if len(crowded) == len(spec.arms):
        st.caption(f"Under contention: both calls of a pair at once, so that each may slow the other.{led}")
        return
    many = (
        "One blocking and one streaming call per model"
        if spec.pairs == 1
        else "Pair by pair, each with a blocking and a streaming call"
    )
    apart = f" Of model {' and '.join(crowded)} both are sent at once, under contention." if crowded else ""
    st.caption(
        f"{many}, one after the other so that they do not disturb each other, in an order drawn by lot."
        f"{apart}{led} Then the page "
        f"{'replays them side by side' if spec.pairs == 1 else 'says what was shown'}."
    )


def _complain(found: list[InvalidSpec], slots: Slots) -> None:
    """Each complaint under its field, once; a field without a place gets its complaint at the end."""
    said: set[str] = set()
    for error in found:
        name = error.field.rpartition(".")[2]
        place = name if name in SHARED else error.field
        if place not in said:
            said.add(place)
            message = error.message
            if place in slots:  # the field's label says what is meant
                message = re.sub(rf"^{name} must", "This must", message)
            parts.problem(slots[place] if place in slots else st.empty(), message)
