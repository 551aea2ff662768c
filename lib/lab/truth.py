"""What is true of a trap's stream: the schedule's own word, for tests and pages to compare with.

Nothing is typed twice: times, texts and counts are read off the parts that are sent (`trap`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from lib.dialects import Kind, Usage
from lib.recording import ErrorKind

Delivery = Literal["incremental", "bunched", "buffered", "replayed", "stalled"]
"""How a stream came: as it was made, several events at a time, held back by something on the way,
told again after it was finished, or with a long stop in the middle."""


class TrueEvent(NamedTuple):
    """One kind that an event carries, when the send that completes the event is due."""

    t_s: float
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What a right reading of a trap finds. Seconds after the whole request was received.

    `errors`: empty when the stream is complete, else the kinds of which any one is right. `delivery`
    None: there is no stream to judge. `open_ended`: how much comes depends on when the client stops, so
    `events` hold only the beginning. `usage` None: not reported. `withheld`: rates mean nothing here.
    """

    delivery: Delivery | None
    errors: tuple[ErrorKind, ...]
    events: tuple[TrueEvent, ...]
    usage: Usage | None
    status: int = 200
    open_ended: bool = False

    @property
    def complete(self) -> bool:
        """Whether the whole answer came."""
        return not self.errors

    @property
    def content(self) -> tuple[TrueEvent, ...]:
        """The events that carry visible text, white space included."""
        return tuple(e for e in self.events if e.kind == "content")

    @property
    def first_text_s(self) -> float | None:
        """When the first character that is not white space is due; None: it never comes."""
        return next((e.t_s for e in self.content if e.text.strip()), None)

    @property
    def content_events(self) -> int | None:
        """Events with visible text; None when open-ended."""
        return None if self.open_ended else len(self.content)

    @property
    def text(self) -> str | None:
        """All visible text; None when open-ended."""
        return None if self.open_ended else "".join(e.text for e in self.content)

    @property
    def reasoning(self) -> str:
        """All reasoning that is streamed."""
        return "".join(e.text for e in self.events if e.kind == "reasoning")

    @property
    def finish_s(self) -> float | None:
        """When the finish reason is due; None: it never comes."""
        return next((e.t_s for e in self.events if e.kind == "finish"), None)

    @property
    def withheld(self) -> bool:
        """Whether rates must be withheld: the times are those of a buffer or of a second telling."""
        return self.delivery in ("buffered", "replayed")
