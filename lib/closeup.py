"""One event, close up: when it came, with what, how long after the one before, and the bytes it came in.

Pure. Values hold what servers wrote: untrusted text.
"""

from __future__ import annotations

from itertools import takewhile

from lib.experiment import CallResult
from lib.timeline import Event

MAX_RAW = 4_000
WORDS = {
    "role": "role or other event without text",
    "reasoning": "reasoning",
    "content": "visible text",
    "finish": "finish",
    "usage": "token counts",
    "done": "end of the stream",
    "comment": "keep-alive",
    "error": "error",
    "other": "other event",
}


def facts(call: CallResult, index: int) -> list[tuple[str, str]]:
    """(name, value) of one event of the call's timeline; [] when there is none at that place."""
    events = call.timeline.events if call.timeline is not None else ()
    if call.timeline is None or not 0 <= index < len(events):
        return []
    event = events[index]
    return [
        ("Event", f"{index + 1:,} of {len(events):,}"),
        ("Kind", WORDS[event.kind] + (f" ({event.sub})" if event.sub else "")),
        ("Came at", _came(call, event)),
        ("After the event before", _gap(events, index)),
        ("Text", _text(event)),
        ("Tokens, recounted", _tokens(call, index)),
        ("Bytes in the body", _bytes(event)),
        ("Network read", _read(events, event)),
    ]


def raw(body: bytes, event: Event) -> str | None:
    """The event's own bytes as text, at most 4,000 characters; None when its place is not known."""
    if event.end <= event.start or event.end > len(body):
        return None
    text = body[event.start : event.end].decode("utf-8", "replace").rstrip("\r\n")
    return text if len(text) <= MAX_RAW else text[:MAX_RAW] + "…"


def _came(call: CallResult, event: Event) -> str:
    at = f"{event.t_ns / 1e9:.4f} s after the request"
    reads = call.timeline.reads if call.timeline is not None else ()
    if event.read < len(reads) and reads[event.read].earliest_ns < reads[event.read].t_ns:
        earliest = reads[event.read].earliest_ns / 1e9
        return f"{at}; it had been waiting since {earliest:.4f} s at the earliest"
    return at


def _gap(events: tuple[Event, ...], index: int) -> str:
    before = [e.t_ns for e in events[:index] if e.kind != "comment"]
    if not before:
        return "it is the first"
    gap = events[index].t_ns - max(before)
    return "0 ms, the same moment" if gap <= 0 else f"{gap / 1e6:,.2f} ms"


def _text(event: Event) -> str:
    if event.text is None:
        return f"withheld, {event.chars:,} characters"
    return (
        f"{event.text!r}, {event.chars:,} character{'' if event.chars == 1 else 's'}"
        if event.text
        else "none"
    )


def _tokens(call: CallResult, index: int) -> str:
    if call.recount is None:
        return call.recount_reason or "not recounted"
    return f"{call.recount.tokens[index]:,} ({call.recount.encoding})"


def _bytes(event: Event) -> str:
    if event.end <= event.start:
        return "not known"
    return f"{event.end - event.start:,} ({event.start:,} to {event.end:,})"


def _read(events: tuple[Event, ...], event: Event) -> str:
    together = sum(other.read == event.read for other in events)
    place = sum(
        1 for _ in takewhile(lambda other: other is not event, (e for e in events if e.read == event.read))
    )
    alone = "alone in it" if together == 1 else f"{place + 1} of {together:,} in it"
    return f"number {event.read + 1:,}, {alone}"
