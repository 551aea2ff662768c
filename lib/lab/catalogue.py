"""The recordings that the lab plays: published figures, carried over as data, and what they show.

The times of one of them are played with words of ours too (`OURS`). Only reading belongs here;
`recordings` turns one into an experiment, `models` into an answer.
recordings.json is made by bench/recordings.py. Its fields: `delta_cs` are times in 10 ms units, each
after the one before, over `opening` (the role's delta, null without one), `texts` and, for chat, the
closing delta; `tokens` has one count per text by `encoding`; `blocking_text` null is the streamed text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lib import example
from lib.spec import Api

ALIASES = {
    "text-davinci-002": "text-davinci-002-2022-10",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0613-2023-12",
}
"""The names that were asked for when the recordings were made, and which one each means here."""

RESOLUTION_NS = 10_000_000
"""The notebook printed its times to 10 ms; nothing finer is known."""


class LabEvent(NamedTuple):
    """One recorded event. `t_s`: after the request was sent; `text`: "" but for content."""

    t_s: float
    kind: Literal["role", "content", "finish"]
    text: str


@dataclass(frozen=True, slots=True)
class LabRecording:
    """One recorded pair of calls. `tokens`: one per event, 0 for an event without text.

    `opening`: the role's delta as recorded, None without one. `usage`: as the blocking call reported
    it, None: never reported. `finish`: "stop" or "length", for both calls. `snapshot`: the dated
    model, None: not known. `rhythm`: the recording whose times were taken for words of ours, None for
    a recording. For davinci the finish was on the last text event; it follows it here at
    the same time.
    """

    id: str
    title: str
    api: Api
    model: str
    snapshot: str | None
    prompt: str
    max_tokens: int | None
    temperature: float
    blocking_s: float
    blocking_text: str
    usage: dict[str, int] | None
    opening: dict[str, str] | None
    finish: str
    events: tuple[LabEvent, ...]
    tokens: tuple[int, ...]
    encoding: str
    source: dict[str, str]
    shows: str
    shows_not: str
    rhythm: str | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each content event."""
        return tuple(e.text for e in self.events if e.kind == "content")


_CAPTIONS = {
    "text-davinci-002-2022-09": (
        "An even stream: one or two events at a time, 0.03 s apart, with no pause above 0.19 s.",
        "That streaming costs time: it ended 0.02 s after the blocking call, in one call each, where "
        "times are known to 0.01 s.",
    ),
    "text-davinci-002-2022-10": (
        "The first text after 0.16 s and a pause of 0.47 s, after which ten events carry the same time.",
        "That streaming is faster: it ended 0.07 s before the blocking call, in one call each.",
    ),
    "text-davinci-002-2023-03": (
        "The same model half a year later: 193 events in 2.73 s, never more than 0.04 s apart.",
        "Why the blocking call took 0.70 s longer: one call each can't tell the mode from the moment.",
    ),
    "gpt-3.5-turbo-0301-2023-03": (
        "The first text after 0.10 s, a pause of 0.73 s, then 89 events within 0.15 s: what was "
        "held back arrived at once.",
        "What held the events back: the model, the server or the network. A client can't see that.",
    ),
    "gpt-3.5-turbo-0301-2023-03-slow": (
        "A slow day: the first text after 1.57 s, pauses up to 0.84 s, and streaming ended at 21.00 s, "
        "after the blocking call's 19.67 s.",
        "That streaming is slower: the same request took 3 s in another run, and this is one call each.",
    ),
    "gpt-3.5-turbo-0613-2023-12": (
        "Text in bunches: 301 events carry only 82 different times, so the gaps describe the delivery, "
        "not the model.",
        "That streaming is faster, although it ended 0.86 s before the blocking call: it is one call "
        "each. Nor which events shared one network read.",
    ),
}


def _load(data: dict[str, Any]) -> LabRecording:
    request = data["request"]
    texts: list[str] = data["texts"]
    shows, shows_not = _CAPTIONS[data["id"]]
    return LabRecording(
        id=data["id"],
        title=data["title"],
        api=data["api"],
        model=data["model"],
        snapshot=data["snapshot"],
        prompt=request["prompt"] if "prompt" in request else request["messages"][0]["content"],
        max_tokens=request.get("max_tokens"),
        temperature=float(request["temperature"]),
        blocking_s=data["blocking_cs"] / 100,
        blocking_text="".join(texts) if data["blocking_text"] is None else data["blocking_text"],
        usage=data["usage"],
        opening=data["opening"],
        finish=data["finish"],
        events=tuple(_events(data["delta_cs"], data["opening"], texts)),
        tokens=(*([0] if data["opening"] else []), *data["tokens"], 0),
        encoding=data["encoding"],
        source=data["source"],
        shows=shows,
        shows_not=shows_not,
    )


def _events(delta_cs: list[int], opening: dict[str, str] | None, texts: list[str]) -> list[LabEvent]:
    times = [cs / 100 for cs in accumulate(delta_cs)]
    first = 1 if opening else 0
    events = [LabEvent(times[0], "role", "")] if opening else []
    # Only as many times as texts: a finish that rode on the last text has no time of its own.
    events += [LabEvent(t, "content", text) for t, text in zip(times[first:], texts, strict=False)]
    return [*events, LabEvent(times[-1], "finish", "")]


RECORDINGS: dict[str, LabRecording] = {
    data["id"]: _load(data)
    for data in json.loads(Path(__file__).with_name("recordings.json").read_text(encoding="utf-8"))
}
"""The published ones."""


def _ours() -> LabRecording:
    rhythm = RECORDINGS[example.RHYTHM]
    pieces = example.pieces()
    times = [e.t_s for e in rhythm.events if e.kind == "content"]
    texts = [LabEvent(t_s, "content", text) for t_s, text in zip(times, pieces, strict=True)]
    return replace(
        rhythm,
        id=example.MODEL,
        title="Words ours, rhythm recorded in October 2022",
        model=example.MODEL,
        prompt=example.PROMPT,
        max_tokens=200,
        blocking_text=example.TEXT,
        finish="stop",
        events=(*texts, rhythm.events[-1]),
        tokens=(*(1 for _ in pieces), 0),
        shows="When words can be read: the first after 0.16 s, the first whole sentence after 0.51 s.",
        shows_not="What a model would answer: the words are ours, only their times were recorded.",
        rhythm=rhythm.id,
    )


OURS = _ours()
"""Words of ours at the times of one of RECORDINGS."""

PLAYED = {**RECORDINGS, OURS.id: OURS}
"""Everything that the lab plays at recorded times."""

MODELS: tuple[tuple[str, Api], ...] = (
    *((r.id, r.api) for r in PLAYED.values()),
    ("steady", "chat.completions"),
)
"""What the form offers for the lab, each with its API kind. `steady` answers through all three."""
