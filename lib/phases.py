"""When each first thing of a call came, and the phases that its time divides into. METRICS.md 2. Pure.

Seconds after the request was sent; what happened before it lies left of 0. The numbers themselves are
moments' business, drawing is charts'.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from lib.facts import Facts, Unknown
from lib.timeline import Timeline


class Phase(NamedTuple):
    """One stretch of a call. `label` is in plain words and unique within a call."""

    label: str
    start_s: float
    end_s: float


def first_moments(timeline: Timeline) -> tuple[tuple[str, float | None], ...]:
    """(what, seconds) in a fixed order; None: it did not happen, or when it did is not known."""
    f = Facts(timeline, None)
    events = timeline.events
    firsts = (
        ("response headers", f.marks.get("headers")),
        ("first byte", f.marks.get("first_byte")),
        ("first event", next((e.t_ns for e in events if e.kind != "comment"), None)),
        ("role or empty event", next((e.t_ns for e in events if e.kind == "role"), None)),
        ("first reasoning", next((e.t_ns for e in events if e.kind == "reasoning"), None)),
        ("first visible text", _known(lambda: f.ttfo_ns)),
        ("first tool call", next((e.t_ns for e in f.visible if e.sub == "tool"), None)),
    )
    return tuple((what, None if t_ns is None else t_ns / 1e9) for what, t_ns in firsts)


def phases(timeline: Timeline) -> tuple[Phase, ...]:
    """dns, connect and tls where they happened, then the phases from 0 to the end of the stream.

    Where a border is not known, the phases beside it are one, named by its ends; after the last known
    border there is none. Reasoning has a phase only when it was streamed.
    """
    f = Facts(timeline, None)
    before = [
        Phase(name, f.marks[f"{name}.start"] / 1e9, f.marks[f"{name}.end"] / 1e9)
        for name in ("dns", "connect", "tls")
        if f"{name}.start" in f.marks and f"{name}.end" in f.marks
    ]
    known = [(name, t_ns) for name, t_ns in _borders(f) if t_ns is not None]
    after = [
        Phase(_NAMES.get((a, b), f"{a} to {b}"), start / 1e9, end / 1e9)
        for (a, start), (b, end) in pairwise(known)
    ]
    return (*before, *after)


def _borders(f: Facts) -> list[tuple[str, int | None]]:
    events = f.timeline.events
    thought = "reasoning" in f.all.kind
    visible = _known(lambda: f.ttfo_ns)
    borders = [
        ("request", 0 if f.timeline.marks or events else None),
        ("headers", f.marks.get("headers")),
        ("first event", next((e.t_ns for e in events if e.kind != "comment"), None)),
        ("first reasoning", f.texts[0].t_ns if thought else None),
        ("first text", visible),
        ("last text", None if visible is None else _known(lambda: f.last_ns)),
        ("end", f.marks.get("eof")),
    ]
    return borders


def _known(of: Callable[[], int]) -> int | None:
    try:
        return of()
    except Unknown:
        return None


_NAMES = {
    ("first event", "first reasoning"): "first event to first text",
    ("first reasoning", "first text"): "reasoning",
    ("first text", "last text"): "answer",
    ("last text", "end"): "tail",
}
