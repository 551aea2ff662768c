"""One trap: what it does to a stream, what is true of it, and how its blocking call answers.

The entries are in `traps` and `faults`. Most tell the same short text: the role after 0.10 s, then 20
words from 0.12 s on, 0.02 s apart, the finish 0.02 s later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lib.dialects import Usage
from lib.lab import frames, scripts
from lib.lab.asks import Ask
from lib.lab.scripts import Answer, Part, Script
from lib.lab.steady import spoken
from lib.lab.truth import Delivery, TrueEvent, Truth
from lib.recording import ErrorKind
from lib.spec import Api

PREFIX = "trap-"
STEP_S = 0.02
FIRST_S = 0.12
KEPT = 5
"""Words before something happens, where it happens in the middle."""
_PLAIN = Script(())
ALL: tuple[Api, ...] = ("chat.completions", "completions", "responses")
CHUNKS: tuple[Api, ...] = ("chat.completions", "completions")
CHAT: tuple[Api, ...] = ("chat.completions",)


@dataclass(frozen=True, slots=True)
class Play:
    """One stream. `usage`: what its usage events report; `shape`: the response around the parts.

    `tail`: what never ends by itself, after the parts; nothing in it is told.
    """

    parts: Sequence[Part]
    usage: Usage | None = None
    delivery: Delivery | None = "incremental"
    errors: tuple[ErrorKind, ...] = ()
    shape: Script = _PLAIN
    tail: Iterable[Part] | None = None

    @property
    def script(self) -> Script:
        """What is sent."""
        return dataclasses.replace(self.shape, writes=scripts.joined(self._all()))

    @property
    def truth(self) -> Truth:
        """What is true of it."""
        events = tuple(TrueEvent(p.t_s, kind, text) for p in self.parts for kind, text in p.tells)
        usage = self.usage if any(e.kind == "usage" for e in events) else None
        return Truth(self.delivery, self.errors, events, usage, self.shape.status, self.tail is not None)

    def _all(self) -> Iterable[Part]:
        yield from self.parts
        yield from self.tail or ()


@dataclass(frozen=True, slots=True)
class Trap:
    """`line`: what it does; `naive`: what a careless tool makes of it; both for people.

    `apis`: where it answers. `stream` and `blocking` make the response of either mode.
    """

    name: str
    line: str
    naive: str
    apis: tuple[Api, ...]
    stream: Callable[[Ask], Play]
    blocking: Callable[[Ask], Script]

    @property
    def model(self) -> str:
        """Its id as a model."""
        return PREFIX + self.name

    def script(self, ask: Ask) -> Script:
        """The response, as it was asked for."""
        return self.stream(ask).script if ask.streaming else self.blocking(ask)

    def truth(self, api: Api | None = None, *, gzip: bool = False) -> Truth:
        """What is true of the stream through an API kind, by default the trap's first.

        `gzip`: for a client that takes gzip. Usage is that of a call that asks for it.
        """
        ask = Ask(api or self.apis[0], self.model, "any", True, include_usage=True, gzip=gzip)
        return self.stream(ask).truth


def told(
    ask: Ask, words: Sequence[str] = spoken(20), first_s: float = FIRST_S, step_s: float = STEP_S
) -> Answer:
    """The words at an even pace, the role one step ahead, the finish one behind; a token each."""
    pieces = tuple((round(first_s + i * step_s, 6), word) for i, word in enumerate(words))
    end_s = round(pieces[-1][0] + step_s, 6)
    usage = {"prompt_tokens": 1, "completion_tokens": len(words), "total_tokens": 1 + len(words)}
    return Answer(ask.model, pieces, "stop", end_s, end_s, opening_s=round(first_s - step_s, 6), usage=usage)


def later(answer: Answer, seconds: float) -> Answer:
    """The same answer with everything but its role, and with the blocking call, put off."""
    return dataclasses.replace(
        answer,
        pieces=tuple((round(t_s + seconds, 6), text) for t_s, text in answer.pieces),
        finish_s=round(answer.finish_s + seconds, 6),
        blocking_s=round(answer.blocking_s + seconds, 6),
    )


def streamed(
    answer: Callable[[Ask], Answer] = told,
    change: Callable[[list[Part]], Iterable[Part]] = lambda parts: parts,
    *,
    delivery: Delivery = "incremental",
    errors: tuple[ErrorKind, ...] = (),
    shape: Script = _PLAIN,
) -> Callable[[Ask], Play]:
    """A stream that tells an answer, its parts changed on the way."""

    def stream(ask: Ask) -> Play:
        made = answer(ask)
        parts = list(change(list(scripts.parts(made, ask))))
        return Play(parts, _reported(made.usage, ask.api), delivery, errors, shape)

    return stream


def whole(answer: Callable[[Ask], Answer] = told) -> Callable[[Ask], Script]:
    """The blocking call of an answer."""

    def blocking(ask: Ask) -> Script:
        made = answer(ask)
        return scripts.whole(made.blocking_s, scripts.body(made, ask))

    return blocking


def _reported(sent: frames.Usage | None, api: Api) -> Usage | None:
    """A usage as that API reports it: Responses always with its details, the others where they are known."""
    if sent is None:
        return None
    unknown = 0 if api == "responses" else None
    spent = sent.get("completion_tokens_details", {}).get("reasoning_tokens", unknown)
    return Usage(sent["prompt_tokens"], sent["completion_tokens"], spent, unknown)
