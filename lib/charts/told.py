"""Lanes in words: their names in a figure and in a sentence, and what happened in each. Pure.

Labels of entries are untrusted text: what goes into a figure passes `plain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from lib import lanes
from lib.charts.labels import letters
from lib.charts.look import plain, seconds
from lib.lanes import Entry
from lib.points import apart

FEW = 4
"""Lanes of which each has its own part of a sentence; of more only the first and the last are named."""
LONGEST = 24
"""Letters of a lane's name in a figure, so that it and what stands beside it fit a telephone."""


def names(rows: Sequence[Entry]) -> list[str]:
    """A name for each lane of a figure: of label and model, what tells the lanes apart."""
    found = _parts(rows)
    limit = LONGEST if all(len(parts) == 1 for parts in found) else LONGEST * 2 // 3
    columns = [_told_apart(column, limit) for column in zip_longest(*found)]
    return [" · ".join(column[part] for column, part in zip(columns, parts, strict=False)) for parts in found]


def spoken_names(rows: Sequence[Entry]) -> list[str]:
    """The same names for sentences, which hold no markup either way."""
    return [
        parts[0] + "".join(f" ({lanes.one_line(part, 40)})" for part in parts[1:])
        for parts in ([lanes.one_line(p, 40) for p in parts] for parts in _parts(rows))
    ]


def first_s(row: Entry) -> float | None:
    """First visible text after its own send; None: none, or not known when."""
    found = lanes.numbers(row.call).get("ttfo_s")
    return found if isinstance(found, float) else None


def total_s(row: Entry) -> float | None:
    """The whole answer; None: cut."""
    found = lanes.numbers(row.call).get("e2e_s")
    return found if isinstance(found, float) else None


def ending(row: Entry) -> str:
    """A word for a lane that did not end well, "" for one that did."""
    if row.call.state == "done" and first_s(row) is not None and total_s(row) is not None:
        return ""
    note, last = lanes.note(row.call), lanes.last_s(row.call.timeline)
    if note.startswith("cut") and last is not None:
        return f"cut at {seconds(last)}"
    return note.split(":")[0]


def beside(row: Entry) -> str:
    """What stands beside a lane's name in a figure."""
    first = first_s(row)
    said = []
    if first is not None and row.call.planned.mode == "blocking":
        said.append(f"all at {seconds(first)}")
    elif first is not None and total_s(row) is None:
        said.append(f"text from {seconds(first)}")
    elif first is not None:
        said.append(f"text {_from_to(first, _last_text_s(row) or first)}")
    if word := ending(row):
        said.append(word)
    return ", ".join(said)


def story(row: Entry) -> str:
    """What happened in a lane, as the end of a sentence."""
    first, last = first_s(row), lanes.last_s(row.call.timeline)
    if last is None:
        return "has no events" + (f" ({word})" if (word := ending(row)) else "")
    if row.call.planned.mode == "blocking" and first is not None:
        return f"shows everything at once after {seconds(first)}"
    text = f"first text after {seconds(first)}" if first is not None else "no visible text"
    events = [] if row.call.timeline is None else row.call.timeline.events
    count = sum(e.kind != "comment" for e in events)
    cut = "" if total_s(row) is not None else ", where it was cut"
    many = f"{count:,} event" + "s" * (count != 1)
    return f"has {many}, {text}, the last at {seconds(last)}{cut}"


def stories(rows: Sequence[Entry]) -> str:
    """All lanes in one sentence; of many, the ones whose text came first and last."""
    if not rows:
        return "No call belongs to this picture."
    called = spoken_names(rows)
    if len(rows) <= FEW:
        told = "; ".join(f"{name} {story(row)}" for name, row in zip(called, rows, strict=True))
        return f"Arrivals on one clock: {told}."
    known = sorted(
        (first, name) for name, row in zip(called, rows, strict=True) if (first := first_s(row)) is not None
    )
    if not known:
        return f"Arrivals of {len(rows)} calls on one clock; none showed any text."
    said = f"Arrivals of {len(rows)} calls on one clock: {known[0][1]} shows text first, after "
    said += f"{seconds(known[0][0])}, {known[-1][1]} last, after {seconds(known[-1][0])}"
    badly = [name for name, row in zip(called, rows, strict=True) if total_s(row) is None]
    return said + (f"; {len(badly)} did not end well." if badly else ".")


def _short(text: str, limit: int) -> str:
    """A label's text, at most so wide in Latin letters."""
    short = plain(text, limit)
    if letters(short) <= limit:
        return short
    return plain(text, max(n for n in range(1, limit + 1) if letters(plain(text, n)) <= limit))


def _told_apart(column: Sequence[str | None], limit: int) -> dict[str, str]:
    """Each name cut to the limit; where cutting would make two alike, what they share is left out, and
    where even that is too long they are counted. None stands where a lane has no such name."""
    names = [name for name in dict.fromkeys(column) if name is not None]
    for made in (names, apart(names)):
        short = [_short(name, limit) for name in made]
        if len(set(short)) == len(names):
            return dict(zip(names, short, strict=True))
    return {name: f"{n}. {_short(name, limit - 3)}" for n, name in enumerate(names, 1)}


def _parts(rows: Sequence[Entry]) -> list[list[str]]:
    labels, subs = {row.label for row in rows}, {row.sub for row in rows}
    if len(subs) == 1 and (len(labels) > 1 or len(rows) == 1):
        return [[row.label] for row in rows]
    if len(labels) == 1 and len(subs) > 1:
        return [[row.sub] for row in rows]
    return [[part for part in (row.label, row.sub) if part] for row in rows]


def _from_to(first: float, last: float) -> str:
    one, other = seconds(first), seconds(last)
    same = one.split()[-1] == other.split()[-1]
    return f"{one.split()[0] if same else one} to {other}"


def _last_text_s(row: Entry) -> float | None:
    found = lanes.numbers(row.call).get("last_content_s")
    return found if isinstance(found, float) else None
