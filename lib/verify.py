"""Whether a document's numbers follow from its events: its hash, its definitions, and what differs. Pure.

Only what stands in the file is used. A number that rests on withheld text, or on what a document does not
hold, is not judged.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import NamedTuple

from lib import reopen
from lib.experiment import CallResult, Experiment, Number
from lib.metrics import METRICS, definition, measure
from lib.sse import BOM

NEAR = 1e-9
"""Relative: what a decimal number keeps of a binary one."""


class Difference(NamedTuple):
    """One number that the file tells otherwise. `call`: place in the plan; `name`: as in METRICS."""

    call: int
    name: str
    told: Number
    computed: Number


class Verified(NamedTuple):
    """`definition` None: the file does not say. `checked`: how many numbers were made anew; `unchecked`:
    how many can't be."""

    sha256: str
    experiment: Experiment
    definition: str | None
    checked: int
    unchecked: int
    differences: tuple[Difference, ...]

    @property
    def same_definition(self) -> bool:
        """Whether the file's numbers were made by the definitions of this version."""
        return self.definition == definition()

    @property
    def sentence(self) -> str:
        """What came of it, in one or two sentences of our own words."""
        made = f"{self.checked:,} numbers were made anew from the events in this file"
        if not self.checked:
            said = "No number of this file could be made anew."
        elif not self.differences:
            said = f"{made}, and all of them agree."
        else:
            many = len(self.differences)
            said = f"{made}; {many:,} of them differ{'s' if many == 1 else ''}."
        if self.same_definition:
            return said
        theirs = f"definitions {self.definition}" if self.definition else "definitions that it does not name"
        return f"{said} It was made with {theirs}, here are {definition()}: that alone may make a difference."


def verify(data: bytes) -> Verified:
    """Read a document and make its numbers anew. Raises InvalidDocument."""
    found = reopen.experiment(reopen.read(data.removeprefix(BOM)), id="")
    compared = [row for call in found.calls for row in _compared(call)]
    judged = [row for row in compared if row is not None]
    differences = tuple(row for row in judged if not _same(row.told, row.computed))
    return Verified(
        sha256=hashlib.sha256(data).hexdigest(),
        experiment=found,
        definition=found.definition,
        checked=len(judged),
        unchecked=len(compared) - len(judged),
        differences=differences,
    )


def _compared(call: CallResult) -> Iterator[Difference | None]:
    """Each number that the file tells, beside what its events give; None where nobody can say."""
    if call.timeline is None or call.metrics is None:
        return
    values, _ = measure(call.timeline, call.recount, call.headers)
    withheld = any(e.text is None for e in call.timeline.events)
    for name in METRICS:
        if (told := call.metrics.get(name)) is None:
            continue
        unknown = values[name] is None and (withheld or call.recount is None)
        yield None if unknown else Difference(call.planned.n, name, told, values[name])


def _same(told: Number, computed: Number) -> bool:
    if isinstance(told, int | float) and isinstance(computed, int | float):
        return math.isclose(told, computed, rel_tol=NEAR, abs_tol=1e-12)
    return told == computed
