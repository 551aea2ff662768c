"""Which model answers how: one HTTP request → its script.

The recordings, `steady` and the traps meet here. A recording answers through the API kind that it was
recorded through, and with its own text whatever the prompt. With max_tokens n below the number of its
text events, the first n are played at their recorded times and end with "length"; the blocking answer
is the same text and its time ends in proportion. How many tokens a server would have reported then is
not known, so no usage is sent.
"""

from __future__ import annotations

import json

from lib import example
from lib.lab import asks, scripts, steady, traps
from lib.lab.asks import Ask, Refused
from lib.lab.catalogue import ALIASES, OURS, PLAYED, RECORDINGS, LabRecording
from lib.lab.http1 import HttpRequest
from lib.lab.scripts import Answer, Script


def respond(request: HttpRequest) -> Script:
    """The response to any request; what can't be answered gets an OpenAI-style error object."""
    if request.method == "GET" and request.path == "/healthz":
        return scripts.whole(0.0, b'{"status":"ok"}')
    if request.method == "GET" and request.path == f"{asks.PREFIX}/models":
        return scripts.whole(0.0, json.dumps({"object": "list", "data": listing()}).encode())
    if request.path not in asks.PATHS:
        return scripts.error(404, f"Invalid URL ({request.method} {request.path})")
    if request.method != "POST":
        return scripts.error(405, f"Not allowed: {request.method} {request.path}; use POST.")
    try:
        return answer(asks.read(request))
    except Refused as refused:
        return scripts.error(refused.status, str(refused), param=refused.param, code=refused.code)


def answer(ask: Ask) -> Script:
    """What the asked model does. Raises Refused when there is no such model, or not in this API."""
    if ask.model.startswith(traps.PREFIX):
        return traps.script(ask)
    if ask.model.partition(":")[0] == steady.NAME:
        return scripts.script(steady.answer(ask), ask)
    recording = PLAYED.get(ALIASES.get(ask.model, ask.model))
    if recording is None:
        sentence = f"The model {ask.model!r} does not exist here. GET /v1/models lists those that do."
        raise Refused(404, sentence, param="model", code="model_not_found")
    if recording.api != ask.api:
        sentence = f"{ask.model!r} was recorded through {recording.api}; it can't answer through {ask.api}."
        raise Refused(404, sentence, param="model", code="wrong_api")
    return scripts.script(replay(recording, ask.limit), ask)


def replay(recording: LabRecording, limit: int | None) -> Answer:
    """The recording as an answer, cut after `limit` text events when it has more."""
    pieces = tuple((e.t_s, e.text) for e in recording.events if e.kind == "content")
    cut = limit is not None and limit < len(pieces)
    kept = pieces[:limit] if cut else pieces
    return Answer(
        model=recording.snapshot or recording.model,
        pieces=kept,
        finish="length" if cut else recording.finish,
        finish_s=kept[-1][0] if cut else recording.events[-1].t_s,
        blocking_s=recording.blocking_s * len(kept) / len(pieces),
        opening_s=recording.events[0].t_s,
        opening=recording.opening or {},
        usage=None if cut else recording.usage,
    )


def listing() -> list[dict[str, object]]:
    """The models in OpenAI's shape: recordings and their aliases, our own, then the traps."""
    recorded = [(name, "openai-cookbook", RECORDINGS[name].title) for name in RECORDINGS]
    aliases = [(name, "openai-cookbook", RECORDINGS[name_of].title) for name, name_of in ALIASES.items()]
    own = [
        (OURS.id, "streamgauge", example.ORIGIN),
        (steady.NAME, "streamgauge", "Answers any prompt at a chosen pace."),
    ]
    trapped = [(name, "streamgauge", trap.line) for name, trap in traps.TRAPS.items()]
    return [
        {"id": name, "object": "model", "created": 0, "owned_by": owner, "description": line}
        for name, owner, line in (*recorded, *aliases, *own, *trapped)
    ]
