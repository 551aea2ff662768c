"""`steady`: a model of the lab's own, which answers any prompt at a chosen pace and counts exactly.

Its tokens are words, each with the white space before it; its prompt is counted the same way. The
pace stands in the model's name, `steady:first=0.2,rate=100,tokens=64,per_event=1`, any of them:
`first` seconds to the first token, `rate` tokens a second, `tokens` in the answer, `per_event` in each
event. Event k leaves at first + k * per_event / rate; the blocking call at first + (n - 1) / rate.
"""

from __future__ import annotations

import math
import re
from itertools import cycle, islice
from typing import NamedTuple

from lib.lab.asks import Ask, Refused
from lib.lab.scripts import Answer

NAME = "steady"

PROSE = """\
A river never tells you how it feels; it shows you. Somewhere above the bend a storm has passed, and \
an hour later the water at the old mill stands a hand higher than it did at noon. Nobody saw it \
arrive. The gauge did.

A gauge is a modest thing: a board with painted marks, a float in a pipe, a pencil that draws one \
line on a slowly turning drum. It does not hurry the water and it does not hold it back. It only \
writes down when each inch came, and it is honest about the hours in which it was not looking.

Read such a line for long enough and you learn its habits. A steady slope is snow that melts in the \
sun. A step is a gate that somebody opened. A flat stretch, then a jump, is seldom the river at all: \
the float was stuck, and what came late came all at once. The water had been rising quietly all the \
while.

So it is with anything that flows. The average is easy to compute and hard to live by, for nobody \
ever drowned in an average. What matters to the one who waits on the bank is when the first wave \
comes, how long the pauses are, and whether the line that was drawn can be believed."""

WORDS = tuple(re.findall(r"\s*\S+", PROSE))
_AGAIN = ("\n\n" + WORDS[0].lstrip(), *WORDS[1:])


class Pace(NamedTuple):
    """How `steady` answers: seconds, tokens a second, tokens, tokens in an event."""

    first: float = 0.3
    rate: float = 50.0
    tokens: int = 120
    per_event: int = 1


_BOUNDS = {"first": (0.0, 60.0), "rate": (0.1, 100_000.0), "tokens": (1, 100_000), "per_event": (1, 1000)}


def answer(ask: Ask) -> Answer:
    """The prose at the asked pace; a smaller token limit ends it with "length". Raises Refused."""
    pace = read_pace(ask.model)
    count = min(pace.tokens, ask.limit or pace.tokens)
    words = spoken(count)
    pieces = tuple(
        (pace.first + i / pace.rate, "".join(words[i : i + pace.per_event]))
        for i in range(0, count, pace.per_event)
    )
    prompt = len(ask.prompt.split())
    return Answer(
        model=ask.model,
        pieces=pieces,
        finish="stop" if count == pace.tokens else "length",
        finish_s=pieces[-1][0],
        blocking_s=pace.first + (count - 1) / pace.rate,
        opening_s=pieces[0][0],
        usage={"prompt_tokens": prompt, "completion_tokens": count, "total_tokens": prompt + count},
    )


def read_pace(model: str) -> Pace:
    """The pace in a model's name. Raises Refused when it can't be read or is out of bounds."""
    _, _, text = model.partition(":")
    values: dict[str, float] = {}
    for item in filter(None, text.split(",")):
        name, _, value = item.partition("=")
        if name not in _BOUNDS:
            raise Refused(400, f"steady has no {name!r}; it has {', '.join(_BOUNDS)}.", param="model")
        values[name] = _number(name, value)
    default = Pace()
    return Pace(
        values.get("first", default.first),
        values.get("rate", default.rate),
        int(values.get("tokens", default.tokens)),
        int(values.get("per_event", default.per_event)),
    )


def spoken(count: int) -> tuple[str, ...]:
    """The first `count` tokens; the prose begins again, as a new paragraph, when it is over."""
    return (*WORDS[:count], *islice(cycle(_AGAIN), max(0, count - len(WORDS))))


def _number(name: str, text: str) -> float:
    low, high = _BOUNDS[name]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise Refused(400, f"steady's {name} must be from {low:g} to {high:g}.", param="model")
    return value
