"""Pictures to take away: the race as one file that plays anywhere, and the filmstrip.

Made when their button is pressed; what they show is lib.pictures' business.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib import lanes
from lib.pictures.filmstrip import film_png, film_svg
from lib.pictures.gif import race_gif
from lib.pictures.race import race_alt, race_svg
from lib.ui import parts, plain, session


def menu(rows: Sequence[lanes.Entry], title: str, name: str) -> None:
    """A button that opens the choice. `title` stands in the pictures, untrusted; `name`: of the files."""
    with st.popover("Take a picture", icon=":material/photo_camera:"):
        plain.quiet(race_alt(rows), key=plain.key("picture", name))
        parts.file("Race, animated SVG", lambda: race_svg(rows, title=title), f"{name}-race.svg")
        parts.file(
            "Race, animated GIF",
            lambda: race_gif(rows, title=title, dark=session.is_dark()),
            f"{name}-race.gif",
        )
        parts.file("Filmstrip, SVG", lambda: film_svg(rows, title=title), f"{name}-film.svg")
        parts.file(
            "Filmstrip, PNG",
            lambda: film_png(rows, title=title, dark=session.is_dark()),
            f"{name}-film.png",
        )
        st.caption(
            "Each is one file that loads nothing: for a README, a chat, a slide. They hold the answer's text."
        )
