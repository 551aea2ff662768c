"""The hero in a Streamlit page: mounts lib/player's script and style with the data of lib/lanes.py.

Registered once, at import: doing it while a page runs logs a warning on each rerun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from lib import player

_mount = st.components.v2.component("streamgauge_hero", js=player.script(), css=player.style())


def hero(
    data: dict[str, Any],
    key: str,
    on_drawn: Callable[[], None] | None = None,
    view: Mapping[str, Any] | None = None,
) -> None:
    """Draw `lanes.hero_data()`. `on_drawn` runs once the lanes of a finished experiment were painted.

    A live one ends with a rerun. Keep `key` for as long as it is the same experiment: position and speed
    live in the browser under it. `view`: what the address asks for, as lib.view reads it, {} for nothing;
    with it the hero writes its view back into the address. It counts once, when the hero is built.
    """
    # Reporting costs a rerun, which could cross a click on its way to another page: only where asked for.
    told = data | {"announce": on_drawn is not None}
    if view is not None:
        told["view"] = dict(view)
    _mount(data=told, key=key, on_ended_change=_nothing, on_drawn_change=on_drawn or _nothing)


def _nothing() -> None:
    """A value of the component needs a callback to be declared; the rerun alone is enough."""
