"""A chart in its card: title, picture, its meaning in one sentence, and what can be taken away of it.

PNG and SVG are made by the browser that has the chart on its screen, CSV here from the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from lib import charts
from lib.experiment import CallResult
from lib.ui import plain, session

_CAMERA = [["select2d", "zoom2d", "pan2d", "resetScale2d", "toImage"]]
_SCALE = 2
KEPT = 256

_SAVE = st.components.v2.component(
    "streamgauge_save",
    html="<span></span>",
    css="""
span { display: inline-flex; gap: 4px; }
button {
  font: 0.8rem var(--st-font);
  min-height: 1.9rem;
  padding: 0 0.55rem;
  color: var(--st-text-color);
  background: none;
  border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius);
  cursor: pointer;
}
button:hover, button:focus-visible { border-color: var(--st-primary-color); color: var(--st-link-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
""",
    js="""
/* The chart library's own camera makes the file; which kind is in the options that it reads on a click. */
function save(data, format) {
  const chart = document.querySelector(`.st-key-${CSS.escape(data.chart)} .js-plotly-plot`)
  const camera = chart?.querySelector('.modebar-btn[data-title^="Download plot"]')
  if (!camera) return
  Object.assign(chart._context.toImageButtonOptions, { format, filename: data.name, scale: data.scale })
  camera.click()
}
export default function ({ data, parentElement }) {
  const buttons = ["PNG", "SVG"].map((name) => {
    const button = document.createElement("button")
    button.type = "button"
    button.textContent = name
    button.setAttribute("aria-label", `${data.title} as ${name}`)
    button.onclick = () => save(data, name.toLowerCase())
    return button
  })
  parentElement.querySelector("span").replaceChildren(...buttons)
}
""",
)


def card(
    title: str,
    figure: charts.Figure | Callable[[bool], charts.Figure],
    *,
    key: str,
    said: str,
    name: str,
    table: Callable[[], charts.Table],
    of: Iterable[CallResult] = (),
    **options: Any,
) -> Any:
    """Draw it; returns what `st.plotly_chart` returns. `said` is under the picture and its `alt`: plain text.

    `figure`: made, or how it is made for the dark scheme or not: then it is kept for other visitors, until
    one of the calls `of` which it tells changes its state. `name`: of the files, without ending. `table`:
    what the picture was drawn from, asked for when its button is pressed. `options` go to
    `st.plotly_chart`.
    """
    if not isinstance(figure, charts.Figure):
        states = tuple((call.planned.n, call.state) for call in of)
        figure = _kept(key, session.is_dark(), states, figure)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(title, anchor=False)
            st.space("stretch")
            _tools(title, key, name, table)
        config = {"displayModeBar": "hover", "modeBarButtons": _CAMERA, "displaylogo": False,
                  "toImageButtonOptions": {"format": "png", "filename": name, "scale": _SCALE}}  # fmt: skip
        chosen = st.plotly_chart(figure, config=config, key=key, alt=said, **options)
        plain.quiet(said, key=plain.key("said", key))
    return chosen


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def _kept(
    key: str, dark: bool, states: tuple[tuple[int, str], ...], _make: Callable[[bool], charts.Figure]
) -> charts.Figure:
    """Building a figure costs more than all the rest of a page; finished experiments never change."""
    return _make(dark)


def _tools(title: str, key: str, name: str, table: Callable[[], charts.Table]) -> None:
    _SAVE(
        data={"chart": key, "title": title, "name": name, "scale": _SCALE},
        key=plain.key("save", key),
        width="content",
    )
    st.download_button(
        "CSV",
        lambda: charts.csv_text(table()),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"csv_{key}",
        on_click="ignore",
        type="tertiary",
    )
