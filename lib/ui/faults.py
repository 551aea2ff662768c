"""What to say of a call that did not end well: what happened, what was kept, what to do.

Words only; the messages of servers pass through as untrusted text.
"""

from __future__ import annotations

from typing import NamedTuple

from lib.experiment import CallResult
from lib.recording import CallError

AGAIN = "Run it again. If it happens each time, look at the server, or at a proxy in between."
ADVICE: dict[str, str] = {
    "cut": AGAIN,
    "reset": AGAIN,
    "error_event": "The server gave up in mid-answer. Run it again.",
    "cancelled": "Run it again when you like.",
}
"""What to do where the message itself, written where the fault was met, does not say it."""
BY_STATUS = {
    401: "No key was sent, or the server does not know it. A restart forgets typed keys.",
    404: "“Look up models” in the form lists what the server offers.",
    429: "Nothing is sent again by itself.",
}
UNKNOWN = (
    "Streamgauge stopped while this call was under way. It may have been charged for; it is not sent "
    "again by itself. Run it again if you want it."
)


class Fault(NamedTuple):
    """`happened` may hold a server's words: never markup."""

    badge: str
    happened: str
    kept: str
    advice: str


def fault(call: CallResult) -> Fault | None:
    """None for a call that ended well, has not ended, or was never part of the file it came from."""
    timeline, error = call.timeline, call.error or (call.timeline.error if call.timeline else None)
    if call.absent:
        return None
    if call.state == "dropped":
        return Fault(
            "Not sent", "It was cancelled before it was sent.", "Nothing was sent.", ADVICE["cancelled"]
        )
    if call.state == "unknown":
        return Fault("Unknown", "Its end is not known.", _kept(call), UNKNOWN)
    cut = timeline is not None and not timeline.complete
    if call.state in ("planned", "sent") or (error is None and not cut and call.state == "done"):
        return None
    happened = error.message if error else (timeline.why if timeline else "It did not end well.")
    badge = "Cut" if texts(call) else "Failed"
    return Fault(badge, happened, _kept(call), _advice(error))


def _advice(error: CallError | None) -> str:
    if error is not None and error.kind == "status":
        return BY_STATUS.get(error.status or 0, "")
    return ADVICE.get(error.kind, "") if error else AGAIN


def _kept(call: CallResult) -> str:
    count = texts(call)
    if not count:
        return "No text arrived."
    events = "1 event with text" if count == 1 else f"{count} events with text"
    if call.outline:
        return f"Kept: {events}."
    assert call.timeline is not None
    return f"Kept and drawn: {events}, up to {call.timeline.events[-1].t_ns / 1e9:.2f} s."


def texts(call: CallResult) -> int:
    """How many events with text arrived, reasoning included."""
    if call.outline:
        return int((call.metrics or {}).get("text_events") or 0)
    events = call.timeline.events if call.timeline else ()
    return sum(event.kind in ("content", "reasoning") for event in events)
