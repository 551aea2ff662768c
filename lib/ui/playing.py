"""A saved experiment as an endpoint, for programs of one's own: its address, and three lines that read it."""

from __future__ import annotations

import streamlit as st

from lib.experiment import Experiment
from lib.ui import session


def menu(experiment: Experiment) -> None:
    """A button that opens it, where this server plays experiments."""
    service = session.service()
    if not service.settings.plays or not service.routes_mounted:
        return
    with st.popover("As an endpoint", icon=":material/replay_circle_filled:"):
        url = session.link(f"replay/{experiment.id}/v1")
        st.caption("Any OpenAI client hears this experiment again, event by event, at its own times.")
        st.code(url, language=None, wrap_lines=True)
        st.code(snippet(url), language="python", wrap_lines=True)
        st.caption(
            "The model's name may end in options: `:2x` twice as fast, `:stall=3` silent for 3 s in the "
            "middle, `:cut=20` cut after 20 pieces."
            + ("" if service.settings.hosted else " For this computer only.")
        )


def snippet(base_url: str) -> str:
    """Three lines of Python."""
    return (
        "from openai import OpenAI\n"
        f'chat = OpenAI(base_url="{base_url}", api_key="none").chat.completions\n'
        'hi = [{"role": "user", "content": "Hi"}]\n'
        'print(*chat.create(model="replay", messages=hi, stream=True), sep="\\n")\n'
    )
