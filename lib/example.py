"""The example that explains itself: words of ours, played at the times of a published recording.

The words, and what must be said of them wherever they are shown, so that pure modules can say it too.
The times are the recording's own data: lib.lab joins the two.
"""

from __future__ import annotations

import re

from lib.spec import Arm, is_lab

MODEL = "our-words-2022-10"
"""What the lab calls it."""

RHYTHM = "text-davinci-002-2022-10"
"""The recording whose times it has."""

KIND = "rhythm recorded, words ours"
ORIGIN = "Rhythm recorded (OpenAI Cookbook, October 2022), words ours."
PROMPT = "Explain in two short paragraphs why streaming feels faster."

TEXT = """\
With streaming, you see an answer while it is being made. You can start to read after a moment, as \
you do now. Watch the grey pane: it was asked the same, and it stays empty until its whole answer is \
there. Waiting in front of an empty pane feels long. Reading does not, and few people read as fast \
as these words come.
But streaming does not make the model faster. Look at the clock: both answers will be whole at about \
the same time. Now and then the words stop for a moment, as they did when this rhythm was recorded. \
What changes is when you can begin to read, and that you see early whether the answer goes the right \
way. When it does not, you can stop it and ask again. If nobody reads along, because a program takes \
the answer, there is very little to gain. Now look at the grey pane again: there the whole answer \
will come, all at once."""

_PIECE = re.compile(r" ?\w+|[^\w\s]|\n")


def pieces() -> tuple[str, ...]:
    """TEXT in the tokens of RHYTHM's tokenizer, one for each of its events: no word here needs two."""
    return tuple(_PIECE.findall(TEXT))


def plays(arm: Arm) -> bool:
    """Whether the arm asks the lab for this example: no model made the words."""
    return is_lab(arm.endpoint) and arm.call.model == MODEL
