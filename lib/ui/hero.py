"""The hero in a Streamlit page: mounts hero.js and hero.css with the data of lib/lanes.py.

Registered once, at import: doing it while a page runs logs a warning on each rerun.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "streamgauge_hero",
    js=(_HERE / "hero.js").read_text(encoding="utf-8"),
    css=(_HERE / "hero.css").read_text(encoding="utf-8"),
)


def hero(data: dict[str, Any], key: str, on_drawn: Callable[[], None] | None = None) -> None:
    """Draw `lanes.hero_data()`. `on_drawn` runs once the lanes of a finished experiment were painted.

    A live one ends with a rerun. Keep `key` for as long as it is the same experiment: position and speed
    live in the browser under it.
    """
    # Reporting costs a rerun, which could cross a click on its way to another page: only where asked for.
    told = data | {"announce": on_drawn is not None}
    _mount(data=told, key=key, on_ended_change=_nothing, on_drawn_change=on_drawn or _nothing)


def _nothing() -> None:
    """A value of the component needs a callback to be declared; the rerun alone is enough."""
