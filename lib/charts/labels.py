"""Labels that stand on lines and over points without lying on each other, however narrow the screen. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import count
from typing import Any, NamedTuple

from lib.charts.look import Palette

NARROW_PX = 310
"""How wide a plot is on a narrow screen, where labels must still find room."""
LETTER_PX = 6.4
"""How wide a letter of a label is on average."""
LINE_PX = 15


class Spot(NamedTuple):
    """A point with something to say. `x`, `y`: as annotations want them; `along`: 0 to 1 from the left;
    `down`: pixels below the top of the plot; `letters`: how wide its words are, in letters."""

    x: float
    y: float
    along: float
    down: float
    words: str
    letters: int


def swatch(colour: str, words: str) -> str:
    """A label that begins with a stroke in its line's colour, itself in the text's."""
    return f"<span style='color:{colour}'><b>—</b></span> {words}"


def letters(words: str) -> int:
    """How wide words without markup are, in Latin letters: those of some scripts are twice as wide."""
    return len(words) + sum(unicodedata.east_asian_width(letter) in "WF" for letter in words)


def flags(spots: Sequence[Spot], lines: int, palette: Palette, yref: str) -> list[dict[str, Any]]:
    """A label over each point, in one of so many lines at the top of the plot, and a stroke down to it."""
    taken: list[tuple[float, float, int]] = []
    labels = []
    for spot in spots:
        wide = spot.letters * LETTER_PX / NARROW_PX
        middle = wide / 2 <= spot.along <= 1 - wide / 2
        anchor = "center" if middle else "left" if spot.along < 0.5 else "right"
        left = spot.along - {"left": 0.0, "center": wide / 2, "right": wide}[anchor]
        line = next(n for n in count() if all(n != m or b <= left or left + wide <= a for a, b, m in taken))
        taken.append((left, left + wide, line))
        labels.append(_label(spot.words, spot.x, spot.y, yref, palette) | {
            "showarrow": True, "arrowcolor": palette.quiet, "arrowwidth": 1, "arrowhead": 0, "ax": 0,
            "ay": LINE_PX * (lines - line - 0.5) - spot.down, "borderpad": 0, "xanchor": anchor,
        })  # fmt: skip
    return labels


def on_line(spot: Spot, palette: Palette, yref: str, *, prefer_left: bool = False) -> dict[str, Any]:
    """A label beside a point of a line, on the side where it has room on the narrowest screens."""
    wide = (spot.letters + 1) * LETTER_PX / NARROW_PX
    tight = spot.along < wide or spot.along > 1 - wide
    left = spot.along > 0.5 if tight else prefer_left
    return _label(spot.words, spot.x, spot.y, yref, palette) | {
        "xanchor": "right" if left else "left", "xshift": -5 if left else 5, "yanchor": "middle",
    }  # fmt: skip


def _label(words: str, x: float, y: float, yref: str, palette: Palette) -> dict[str, Any]:
    return {
        "x": x, "y": y, "xref": "x", "yref": yref, "showarrow": False, "text": words,
        "font": {"size": 11, "color": palette.text}, "bgcolor": palette.back, "borderpad": 1,
    }  # fmt: skip
