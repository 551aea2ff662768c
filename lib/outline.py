"""What is known of an ended call without its events, as JSON kept beside its numbers. Pure.

A page of 1,600 calls reads these and decodes none. Disposable: made again from the evidence whenever
`VERSION` or a definition changes.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from lib.delivery import Delivery
from lib.experiment import CallResult
from lib.plan import PlannedCall
from lib.recording import CallError, Instrument, times
from lib.spec import State
from lib.timeline import Recount, Timeline, Usage

VERSION = 3
"""Raised whenever the shape of the JSON changes."""


def outlined(call: CallResult) -> CallResult:
    """The same call without its reads, its events and the recount of each of them."""
    timeline = call.timeline and dataclasses.replace(call.timeline, reads=(), events=())
    recount = call.recount and dataclasses.replace(call.recount, tokens=())
    return dataclasses.replace(call, timeline=timeline, recount=recount, outline=True, chars=call.length)


def to_json(call: CallResult) -> str:
    """An ended call's outline; its `metrics` stand at the top."""
    data = dataclasses.asdict(outlined(call))
    for name in ("planned", "state", "outline"):
        del data[name]
    if call.delivery is not None:
        data["delivery"]["withheld"] = sorted(call.delivery.withheld)
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def from_json(planned: PlannedCall, state: State, text: str) -> CallResult:
    """The reverse, for the call's row."""
    data: dict[str, Any] = json.loads(text)
    data["timeline"] = data["timeline"] and _timeline(data["timeline"])
    data["recount"] = data["recount"] and Recount(**data["recount"] | {"tokens": ()})
    data["instrument"] = data["instrument"] and _instrument(data["instrument"])
    data["error"] = data["error"] and CallError(**data["error"])
    data["delivery"] = data["delivery"] and _delivery(data["delivery"])
    data["headers"] = _pairs(data["headers"])
    return CallResult(planned, state, **data, outline=True)


def _timeline(data: dict[str, Any]) -> Timeline:
    usage, error = data["usage"], data["error"]
    return Timeline(
        **data
        | {
            "marks": _pairs(data["marks"]),
            "reads": (),
            "events": (),
            "usage": usage and Usage(**usage),
            "error": error and CallError(**error),
            "pauses": times(data["pauses"]),
        }
    )


def _instrument(data: dict[str, Any]) -> Instrument:
    return Instrument(**data | {"versions": _pairs(data["versions"])})


def _delivery(data: dict[str, Any]) -> Delivery:
    return Delivery(**data | {"evidence": tuple(data["evidence"]), "withheld": frozenset(data["withheld"])})


def _pairs(rows: list[list[Any]]) -> tuple[Any, ...]:
    return tuple((name, value) for name, value in rows)
