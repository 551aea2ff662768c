"""Small components that put text on the page by `textContent` alone: heading, sentence, link.

Streamlit's own headings and labels read markdown, which text that we did not write must never reach.
"""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

_HEADING = st.components.v2.component(
    "streamgauge_heading",
    html="<h1></h1>",
    css="""
h1 {
  margin: 0;
  font-family: var(--st-heading-font);
  font-size: var(--st-heading-font-size-1);
  font-weight: var(--st-heading-font-weight-1);
  line-height: 1.25;
  color: var(--st-heading-color);
  overflow-wrap: anywhere;
}
""",
    js="""
export default function ({ data, parentElement }) {
  parentElement.querySelector("h1").textContent = data.text
}
""",
)

_SENTENCE = st.components.v2.component(
    "streamgauge_sentence",
    html="<p></p>",
    css="""
p {
  margin: 0;
  max-width: 46rem;
  font-family: var(--st-font);
  font-size: 1.2rem;
  line-height: 1.5;
  color: var(--st-text-color);
  overflow-wrap: anywhere;
}
p.quiet { max-width: none; font-size: 0.95rem; opacity: 0.8; }
b { font-weight: 700; }
b.short { white-space: nowrap; }
""",
    js="""
export default function ({ data, parentElement }) {
  const runs = data.runs.map(([text, strong]) => {
    const run = document.createElement(strong ? "b" : "span")
    run.textContent = text
    run.classList.toggle("short", text.length < 16)
    return run
  })
  const line = parentElement.querySelector("p")
  line.className = data.quiet ? "quiet" : ""
  line.replaceChildren(...runs)
}
""",
)

_LINK = st.components.v2.component(
    "streamgauge_link",
    html="<button type='button'></button><code></code><span role='status'></span>",
    css="""
:host, div { display: flex; }
button {
  font: 0.875rem var(--st-font);
  min-height: 2.5rem;
  padding: 0.25rem 0.75rem;
  color: var(--st-text-color);
  background: var(--st-background-color);
  border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius);
  white-space: nowrap;
  cursor: pointer;
}
button:hover, button:focus-visible { border-color: var(--st-primary-color); color: var(--st-link-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
code {
  margin-left: 0.75rem;
  font: 0.8rem var(--st-code-font);
  color: var(--st-code-text-color);
  overflow-wrap: anywhere;
}
span { margin-left: 0.6rem; font: 0.875rem var(--st-font); color: var(--st-text-color); }
""",
    js="""
/* The address as it stands: the view is in it, so that the one who gets it sees the same. The id is not:
   another link must not tell it. */
function address(base) {
  const link = new URL(base)
  for (const [name, value] of new URLSearchParams(location.search))
    if (name !== "id" && name !== "e" && !link.searchParams.has(name)) link.searchParams.append(name, value)
  return link.href
}
export default function ({ data, parentElement }) {
  const [button, code, status] = ["button", "code", "span"].map((tag) => parentElement.querySelector(tag))
  const show = () => { code.textContent = address(data.base) }
  button.textContent = data.label
  button.onclick = async () => {
    show()
    try {
      await navigator.clipboard.writeText(address(data.base))
      status.textContent = "Copied"
    } catch {
      status.textContent = "Your browser did not allow it. Copy the address shown here."
    }
    setTimeout(() => { status.textContent = "" }, 4000)
  }
  show()
  window.addEventListener("streamgauge:view", show)
  return () => window.removeEventListener("streamgauge:view", show)
}
""",
)


def key(name: str, experiment_id: str) -> str:
    """A component's key for an experiment: an id may hold `__`, which Streamlit refuses in these keys."""
    return f"{name}-{experiment_id.replace('_', '.')}"


def heading(text: str, key: str) -> None:
    """A first-level heading with any text, shown letter by letter as it is."""
    _HEADING(data={"text": text}, key=key)


def sentence(runs: Iterable[tuple[str, bool]], key: str) -> None:
    """The one sentence of a page, larger than the rest, with the runs that matter in bold."""
    _SENTENCE(data={"runs": [list(run) for run in runs]}, key=key)


def quiet(text: str, key: str) -> None:
    """One line with any text, smaller and paler than the rest."""
    _SENTENCE(data={"runs": [[text, False]], "quiet": True}, key=key)


def link(base: str, key: str) -> None:
    """An address, and a button that copies it, with the view as the browser shows it at that moment."""
    # What the page's own widgets keep in the address comes with a rerun: told, so that it is shown anew.
    _LINK(data={"label": "Copy link", "base": base, "told": st.query_params.to_dict()}, key=key)
