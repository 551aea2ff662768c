"""Saved experiments as endpoints: /replay/{id}/v1 plays one event by event, at its own pace or another.

The service lays a script for each into a folder. The model's name may end in options, in any order:
`:2x` twice as fast (0.1 to 100), `:stall=3@10` silent for 3 s before the tenth piece of text (`@` left
out: in the middle), `:cut=20` the connection ends after 20 pieces. Everything before them is ignored.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from lib.lab import asks, scripts
from lib.lab.asks import Ask, Refused
from lib.lab.http1 import HttpRequest
from lib.lab.scripts import Answer, Script

PREFIX = "/replay/"
_PATH = re.compile(r"/replay/([A-Za-z0-9_-]{22})(/v1(?:/[a-z/]*)?)")
_OPTION = re.compile(r":(?:(\d+(?:\.\d+)?)x|stall=(\d+(?:\.\d+)?)(?:@(\d+))?|cut=(\d+))$")
MOST_STALL_S = 3600.0


class Pace(NamedTuple):
    """How it is played. `stall_at`, `cut`: pieces of text; None: in the middle, and never."""

    speed: float = 1.0
    stall_s: float = 0.0
    stall_at: int | None = None
    cut: int | None = None


def respond(request: HttpRequest, folder: Path | None) -> Script:
    """The response to a request below PREFIX."""
    found = _PATH.fullmatch(request.path)
    data = _read(folder, found[1]) if found is not None and folder is not None else None
    if found is None or data is None:
        return scripts.error(404, "There is no such replay here.")
    path = found[2]
    if request.method == "GET" and path == f"{asks.PREFIX}/models":
        model = {"id": data["model"], "object": "model", "created": 0, "owned_by": "streamgauge"}
        return scripts.whole(0.0, json.dumps({"object": "list", "data": [model]}).encode())
    if request.method != "POST" or path not in asks.PATHS:
        return scripts.error(404, f"Invalid URL ({request.method} {request.path})")
    try:
        ask = asks.read(dataclasses.replace(request, path=path))
        return _played(data, pace(ask.model), ask)
    except Refused as refused:
        return scripts.error(refused.status, str(refused), param=refused.param, code=refused.code)


def pace(model: str) -> Pace:
    """The options at the end of a model's name. Raises Refused when one is out of bounds."""
    found = Pace()
    while (match := _OPTION.search(model)) is not None:
        speed, stall, at, cut = match.groups()
        if speed is not None:
            found = found._replace(speed=float(speed))
        elif stall is not None:
            found = found._replace(stall_s=float(stall), stall_at=None if at is None else int(at))
        else:
            found = found._replace(cut=int(cut))
        model = model[: match.start()]
    if not 0.1 <= found.speed <= 100 or found.stall_s > MOST_STALL_S:
        raise Refused(400, "A speed is from 0.1x to 100x, a stall at most 3600 s.", param="model")
    return found


def _read(folder: Path, id: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((folder / f"{id}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _played(data: dict[str, Any], pace: Pace, ask: Ask) -> Script:
    answer = _answer(data, pace)
    if not ask.streaming:
        return scripts.whole(answer.blocking_s, scripts.body(answer, ask))
    cut = min(len(answer.pieces), len(answer.pieces) if pace.cut is None else pace.cut)
    if data["whole"] and cut == len(answer.pieces) and pace.cut is None:
        return scripts.script(answer, ask)
    kept, left = [], cut
    for part in scripts.parts(answer, ask):
        kinds = {kind for kind, _ in part.tells}
        if "content" in kinds:
            left -= 1
        if left < 0 or kinds & {"finish", "done"}:
            break
        kept.append(part)
    return Script(scripts.joined(kept), end="fin")


def _answer(data: dict[str, Any], pace: Pace) -> Answer:
    pieces = data["pieces"]
    at = len(pieces) // 2 if pace.stall_at is None else max(0, pace.stall_at - 1)
    from_s = pieces[at][0] if pace.stall_s and at < len(pieces) else float("inf")

    def when(t_s: float) -> float:
        return (t_s + (pace.stall_s * pace.speed if t_s >= from_s else 0.0)) / pace.speed

    return Answer(
        model=data["model"],
        pieces=tuple((when(t), text) for t, text in pieces),
        finish=data["finish"],
        finish_s=when(data["finish_s"]),
        blocking_s=when(data["blocking_s"]),
        opening_s=when(data["opening_s"]),
        reasoning=tuple((when(t), text) for t, text in data["reasoning"]),
        usage=data["usage"],
    )
