"""One model and endpoint in the form: its address, its key, its model. What is asked of it is form's.

Every widget but the key's keeps its value for the session: a key leaves its password field for the
service's memory only, and is never sent back to the page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib import example
from lib.dialects import DIALECTS
from lib.errors import InvalidSpec, StreamgaugeError
from lib.lab.recordings import MODELS as LAB_MODELS
from lib.providers import PROVIDERS, Provider, key_origins
from lib.service import ModelList
from lib.spec import EXPERIMENT_APIS, LAB, Api, Arm, CallSpec, Endpoint, endpoint_problems, origin
from lib.ui import session

Slots = dict[str, DeltaGenerator]
LimitName = Literal["auto", "max_tokens"]

OTHER = "other"
KEEP: dict[str, Any] = {"persist_state": "session"}


class Choice(NamedTuple):
    """One entry of the provider menu. `models`: what it is known to serve; `ready`: needs no typed key."""

    label: str
    provider: Provider
    models: tuple[str, ...] = ()
    ready: bool = False


def choices() -> dict[str, Choice]:
    """The provider menu: the lab, servers found on this computer, the presets, anything else."""
    service = session.service()
    menu = {
        LAB: Choice(
            "Built-in lab (no key)", Provider("lab", LAB, "", "auto"), tuple(m for m, _ in LAB_MODELS)
        )
    }
    for found in service.discover():
        label = f"{found.provider.name} on this computer, {_count(len(found.models))}"
        menu[found.provider.base_url] = Choice(label, found.provider, found.models, ready=True)
    for provider in PROVIDERS:
        known = service.keys.found(provider.key_env) is not None
        menu[provider.name] = Choice(provider.name + (", key found" if known else ""), provider, ready=known)
    menu[OTHER] = Choice("Any other address", Provider("", "", "", "auto"))
    return menu


def first_choice(menu: dict[str, Choice]) -> str:
    """What a newcomer most likely means: a server or key that was found, else the first preset."""
    likely = (name for name, choice in menu.items() if choice.ready)
    return next(likely, PROVIDERS[0].name)


def row(
    k: int,
    menu: dict[str, Choice],
    slots: Slots,
    found: list[InvalidSpec],
    *,
    options: bool,
    on_remove: Callable[[int], None] | None,
) -> Arm:
    """Draw arm `k`, without what is asked of it. `slots` gets a place under each field.

    `found` gets what is wrong with a typed key, which no specification ever holds.
    """
    with st.container(border=True):
        left, middle, right = st.columns([1.2, 1.6, 1.2])
        with left:
            chosen = _provider(k, menu)
        choice = menu[chosen]
        if chosen == LAB:
            middle.caption("Runs inside Streamgauge and plays recorded answers, at their recorded times.")
            arm = _lab_model(k, choice, slots)
        else:
            base_url = _address(k, middle, slots)
            ref = _key(k, right, choice.provider, base_url, slots, found)
            arm = _remote_model(k, choice, _endpoint(k, choice.provider, base_url, ref), slots)
            if options:
                _options(k)
            arm = replace(arm, contention=bool(st.session_state.get(f"contention_{k}", False)))
        if on_remove is not None:
            st.button("Remove this model", key=f"remove_{k}", type="tertiary", on_click=on_remove, args=(k,))
    return arm


def _provider(k: int, menu: dict[str, Choice]) -> str:
    key = f"provider_{k}"
    if st.session_state.get(key) not in menu:
        st.session_state[key] = first_choice(menu)
        _use_preset(k, menu)
    names = list(menu)
    st.selectbox(
        "Provider",
        names,
        format_func=lambda name: menu[name].label,
        key=key,
        on_change=_use_preset,
        args=(k, menu),
        **KEEP,
    )
    return str(st.session_state[key])


def _use_preset(k: int, menu: dict[str, Choice]) -> None:
    """Fill in what a chosen provider implies, and forget what belonged to the one before."""
    choice = menu[st.session_state[f"provider_{k}"]]
    st.session_state[f"url_{k}"] = choice.provider.base_url
    st.session_state[f"usage_{k}"] = choice.provider.include_usage
    st.session_state[f"limit_{k}"] = choice.provider.limit_name
    for field in ("model", "pick", "key"):
        st.session_state.pop(f"{field}_{k}", None)


def _address(k: int, column: DeltaGenerator, slots: Slots) -> str:
    with column:
        typed = st.text_input(
            "Base URL",
            key=f"url_{k}",
            placeholder="https://api.example.com/v1",
            help="The address up to and including /v1; the rest is added by the API you choose.",
            **KEEP,
        )
        slots[f"{k}.base_url"] = st.empty()
    return (typed or "").strip()


def _key(
    k: int,
    column: DeltaGenerator,
    provider: Provider,
    base_url: str,
    slots: Slots,
    found: list[InvalidSpec],
) -> str:
    """The name under which the service knows the key, "" for none."""
    known = session.service().keys.found(provider.key_env)
    with column:
        typed = st.text_input(
            "Key",
            key=f"key_{k}",
            type="password",
            autocomplete="off",
            live=True,  # the Tab key leaves for the eye inside the field, and that hands nothing over
            placeholder="leave empty to use the one found" if known else "empty if none is needed",
            help="Kept in memory until the server stops; never stored, and sent to this address only.",
        )
        slots[f"{k}.key_ref"] = st.empty()
        if typed:
            return _typed(k, typed, base_url, found)
        return _found(k, known, provider.key_env, base_url) if known else ""


def _typed(k: int, secret: str, base_url: str, found: list[InvalidSpec]) -> str:
    try:
        return session.service().keys.typed(secret, base_url)
    except InvalidSpec as error:
        if error.field != "base_url":  # which has its own complaint
            found.append(InvalidSpec(f"{k}.key_ref", error.message))
        return ""


def _found(k: int, ref: str, name: str, base_url: str) -> str:
    """A key from the environment goes to its own provider, elsewhere only when the user says so."""
    st.caption(f":material/key: `{name}` found")
    try:
        at_home = origin(base_url) in key_origins(name)
    except InvalidSpec:
        return ""
    if at_home:
        return ref
    if not st.checkbox(f"Send {name} to this address", key=f"allow_{k}_{base_url}"):
        return ""
    session.service().keys.allow(ref, base_url)
    return ref


def _endpoint(k: int, provider: Provider, base_url: str, ref: str) -> Endpoint:
    usage: bool = st.session_state.get(f"usage_{k}", provider.include_usage)
    limit: LimitName = st.session_state.get(f"limit_{k}", provider.limit_name)
    return Endpoint(base_url, ref, limit_name=limit, include_usage=usage)


def _options(k: int) -> None:
    """What most never touch; it is read from the session where it is folded away."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Name of the token limit",
            ("auto", "max_tokens"),
            format_func={"auto": "newest name", "max_tokens": "max_tokens"}.__getitem__,
            key=f"limit_{k}",
            help="Older servers know only max_tokens.",
            width=220,
            **KEEP,
        )
        st.checkbox(
            "Ask for token counts in the stream",
            key=f"usage_{k}",
            help="Adds stream_options.include_usage. A few servers refuse it.",
            **KEEP,
        )
        st.checkbox(
            "Under contention: both calls at once",
            key=f"contention_{k}",
            help="Sends both calls of each pair at the same time. They disturb each other then: one server "
            "queues them, another shares its cores. That is a measurement of its own, and is named so. Add "
            "the same model without it to compare both.",
            **KEEP,
        )


def _lab_model(k: int, choice: Choice, slots: Slots) -> Arm:
    apis = dict(LAB_MODELS)
    model = _pick(k, choice.models, slots, _played)
    return Arm(Endpoint(LAB), CallSpec(apis.get(model, "chat.completions"), model))


def _remote_model(k: int, choice: Choice, endpoint: Endpoint, slots: Slots) -> Arm:
    looked = _looked_up(endpoint)
    model_column, api_column, look_column = st.columns([1.6, 1.2, 1.2])
    with model_column:
        model = _pick(k, choice.models or looked.names, slots)
        if looked.problem:
            st.text(looked.problem)
    with api_column:
        api: Api = st.selectbox(
            "API", EXPERIMENT_APIS, format_func=lambda a: DIALECTS[a].label, key=f"api_{k}", **KEEP
        )
    with look_column:
        st.space("small")
        st.button(
            "Look up models",
            key=f"look_{k}",
            icon=":material/search:",
            help="Asks the address for its list of models. Costs nothing.",
            width="stretch",
            on_click=_look_up,
            args=(endpoint,),
        )
    if choice.provider.note:
        st.caption(choice.provider.note)
    return Arm(endpoint, CallSpec(api, model))


def _pick(k: int, names: tuple[str, ...], slots: Slots, shown: Callable[[str], str] = str) -> str:
    """A menu when the models are known, in which others may be typed; a plain field otherwise."""
    if names:
        chosen = st.selectbox(
            "Model",
            names,
            format_func=shown,
            key=f"pick_{k}",
            accept_new_options=True,
            help="Pick one, or type another name and press Enter.",
            **KEEP,
        )
    else:
        chosen = st.text_input("Model", key=f"model_{k}", placeholder="as the endpoint calls it", **KEEP)
    slots[f"{k}.model"] = st.empty()
    return (chosen or "").strip()


def _played(model: str) -> str:
    """A model of the lab in the menu: its name, and for its own example where the words come from."""
    return f"{model} ({example.KIND})" if model == example.MODEL else model


def _looked_up(endpoint: Endpoint) -> ModelList:
    """The answer of this visit's last look-up at this address, empty before there was one."""
    held: dict[str, ModelList] = st.session_state.setdefault("models", {})
    return held.get(endpoint.base_url, ModelList((), None))


def _look_up(endpoint: Endpoint) -> None:
    """Ask the endpoint for its models; what went wrong is kept and said under the model field."""
    try:
        found = endpoint_problems(endpoint)
        answer = ModelList((), found[0].message) if found else session.service().models(endpoint)
    except StreamgaugeError as error:
        answer = ModelList((), str(error))
    if not answer.names and not answer.problem:
        answer = ModelList((), "It answered, but named no models. Type the name.")
    st.session_state["models"][endpoint.base_url] = answer


def _count(models: int) -> str:
    return "1 model" if models == 1 else f"{models} models"
