"""Charts in a file that opens without this program: the figures, and what draws them there in both schemes.

Which charts a file has is exports' business.
"""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from plotly.graph_objects import Figure
from plotly.offline import get_plotlyjs

from lib.charts.look import DARK, LIGHT

COLOUR = re.compile(r"#[0-9A-Fa-f]{6}\b|rgba\([\d,.]+\)")
DRAW = """
const { figures, night } = JSON.parse(document.getElementById("figures").textContent)
const dark = matchMedia("(prefers-color-scheme: dark)")
const config = { displayModeBar: false, responsive: true }
function chart(text, place) {
  const colour = /#[0-9A-Fa-f]{6}\\b|rgba\\([\\d,.]+\\)/g
  const toned = dark.matches ? text.replace(colour, (found) => night[found] ?? found) : text
  const { data, layout } = JSON.parse(toned)
  layout.font = { ...layout.font, family: getComputedStyle(document.body).fontFamily }
  layout.dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom"
  window.Plotly.react(place, data, layout, config)
}
const all = () => document.querySelectorAll(".chart").forEach((place, i) => chart(figures[i], place))
async function library() {
  const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (c) => c.charCodeAt(0))
  const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))
  const script = document.createElement("script")
  script.textContent = await new Response(plain).text()
  document.head.append(script)
}
requestAnimationFrame(async () => {
  await library()
  all()
  dark.addEventListener("change", all)
})
"""
"""Runs after the replay is on the screen. The library is kept packed: less than half its size."""


class Drawn(NamedTuple):
    """One chart. `said`: what it shows, in words; `figure`: Plotly's JSON for the light scheme."""

    title: str
    said: str
    figure: str
    height: int


def drawn(title: str, said: str, figure: Figure) -> Drawn:
    """A chart for a file, from its figure for the light scheme."""
    figure.layout.template = None  # the library's own, which a figure of ours does not need
    return Drawn(title, said, figure.to_json(), figure.layout.height)


def night(charts: Sequence[Drawn]) -> dict[str, str]:
    """Each colour in these figures that is another in the dark scheme → that one."""
    found = {colour for chart in charts for colour in COLOUR.findall(chart.figure)}
    told = {colour: _in_the_dark(colour) for colour in sorted(found)}
    return {light: dark for light, dark in told.items() if light != dark}


def _in_the_dark(colour: str) -> str:
    known = dict(_pairs())
    if colour.upper() in known or not colour.startswith("rgba"):
        return known.get(colour.upper(), colour)
    *parts, share = colour[5:-1].split(",")
    full = known.get("#{:02X}{:02X}{:02X}".format(*map(int, parts)))
    if full is None:
        return colour
    return f"rgba({','.join(str(int(full[i : i + 2], 16)) for i in (1, 3, 5))},{share})"


def _pairs() -> Iterator[tuple[str, str]]:
    for light, dark in zip(LIGHT, DARK, strict=True):
        if isinstance(light, str) and isinstance(dark, str):
            yield light.upper(), dark
        else:
            yield from zip(map(str.upper, light), dark, strict=True)


@cache
def script() -> str:
    """The chart library as one script."""
    return str(get_plotlyjs())


@cache
def packed() -> str:
    """The same as base64 of its gzip."""
    return base64.b64encode(gzip.compress(script().encode(), mtime=0)).decode()
