"""What the address says of the hero's view: moment, speed, reader, frames, lanes. Pure.

The hero writes these itself (lib/ui/player/link.js); the page reads them here and hands them on. What the
page's own widgets keep in the address is theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from lib import lanes

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
LONGEST_S = 86_400.0


def parse(params: Mapping[str, str]) -> dict[str, Any]:
    """Only what is there and makes sense, under the names of the address.

    `t`: seconds on the picture's clock. `speed`: one of SPEEDS. `wpm`, `cpm`: the reader's words or, for
    other scripts than Latin, characters a minute. `film`: how its frames are spaced. `lanes`: places of
    one to eight lanes among the hero's.
    """
    read = {name: _READ[name](params[name]) for name in _READ if name in params}
    return {name: value for name, value in read.items() if value is not None}


def _number(text: str, low: float, high: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and low <= value <= high else None


def _speed(text: str) -> float | None:
    value = _number(text, SPEEDS[0], SPEEDS[-1])
    return value if value in SPEEDS else None


def _lanes(text: str) -> list[int] | None:
    places = text.split(".")
    if not all(place.isascii() and place.isdigit() and len(place) < 3 for place in places):
        return None
    found = sorted({int(place) for place in places})
    return found if len(found) <= lanes.MAX_LANES and found[-1] < lanes.MAX_ENTRIES else None


_READ: dict[str, Callable[[str], object]] = {
    "t": lambda text: _number(text, 0, LONGEST_S),
    "speed": _speed,
    "wpm": lambda text: _number(text, 60, 1000),
    "cpm": lambda text: _number(text, 60, 6000),
    "film": lambda text: text if text in ("doubling", "equal") else None,
    "lanes": _lanes,
}
