"""METRICS.md sections 2 and 7: milestones, phases and completeness, one function each. Pure.

Seconds after the request was sent. Each first docstring line is the formula; `Unknown` carries the reason
of a null. Labels and units are in metrics' table.
"""

from __future__ import annotations

from lib.facts import Facts, Unknown


def headers_s(f: Facts) -> float:
    """The read that completed the response headers."""
    return _s(_mark(f, "headers", "When the response headers came is not known."))


def ttfb_s(f: Facts) -> float:
    """The read that brought the first byte of the body."""
    return _s(_mark(f, "first_byte", "When the first byte of the body came is not known."))


def ttfe_s(f: Facts) -> float:
    """The first event of any kind but a comment."""
    return _s(_first_event(f))


def ttft_s(f: Facts) -> float:
    """The first event with text, reasoning included."""
    if not f.texts:
        raise Unknown("No text arrived.")
    return _s(f.texts[0].t_ns)


def ttfo_s(f: Facts) -> float:
    """The first content event by which the text holds more than white space; blocking: e2e_s."""
    return _s(f.ttfo_ns)


def ttfs_s(f: Facts) -> float:
    """The first content event by which the text holds a whole sentence, else last_content_s."""
    return _s(f.sentence_ns())


def last_content_s(f: Facts) -> float:
    """The last content event; blocking: e2e_s."""
    return _s(f.last_ns)


def e2e_s(f: Facts) -> float:
    """The finish event after all text, else the last text; blocking: the body fully read."""
    return _s(f.e2e_ns)


def eof_s(f: Facts) -> float:
    """The read that completed the body, else the end of file."""
    error = f.timeline.error
    if not f.timeline.complete and (error is None or error.kind not in ("status", "protocol", "error_event")):
        raise Unknown("The stream was cut before its end.")
    return _s(_mark(f, "eof", "When the stream ended is not known."))


def request_to_headers(f: Facts) -> float:
    """headers_s - 0."""
    return _s(_mark(f, "headers", "When the response headers came is not known."))


def headers_to_first_event(f: Facts) -> float:
    """ttfe_s - headers_s."""
    return _s(_first_event(f) - _mark(f, "headers", "When the response headers came is not known."))


def first_event_to_first_token(f: Facts) -> float:
    """ttft_s - ttfe_s; white space that leads an answer without reasoning belongs here."""
    return _s(f.ttfo_ns - _thinking(f) - _first_event(f))


def reasoning(f: Facts) -> float:
    """ttfo_s - ttft_s, 0 when no reasoning was streamed."""
    return _s(_thinking(f))


def answer(f: Facts) -> float:
    """last_content_s - ttfo_s."""
    return _s(f.last_ns - f.ttfo_ns)


def tail(f: Facts) -> float:
    """eof_s - last_content_s."""
    return _s(_mark(f, "eof", "When the stream ended is not known.") - f.last_ns)


def reasoning_s(f: Facts) -> float:
    """ttfo_s - ttft_s, 0 when no reasoning was streamed."""
    return _s(_thinking(f))


def answer_s(f: Facts) -> float:
    """last_content_s - ttfo_s."""
    return _s(f.last_ns - f.ttfo_ns)


def t50_s(f: Facts) -> float:
    """First time at which half of the characters were visible."""
    return _s(_reached(f, 50))


def t90_s(f: Facts) -> float:
    """First time at which 90 % of the characters were visible."""
    return _s(_reached(f, 90))


def t100_s(f: Facts) -> float:
    """First time at which every character was visible."""
    return _s(_reached(f, 100))


def speed_index_s(f: Facts) -> float:
    """Sum of characters x time / characters: the area over the curve of visible text; blocking: e2e_s."""
    return _s(f.speed_index_ns())


def _s(ns: float) -> float:
    return ns / 1e9


def _mark(f: Facts, name: str, missing: str) -> int:
    if name not in f.marks:
        raise Unknown(missing)
    return f.marks[name]


def _first_event(f: Facts) -> int:
    first = next((e.t_ns for e in f.timeline.events if e.kind != "comment"), None)
    if first is None:
        raise Unknown("No event arrived.")
    return first


def _thinking(f: Facts) -> int:
    streamed = "reasoning" in f.all.kind
    return max(0, f.ttfo_ns - f.texts[0].t_ns) if streamed else 0 * f.ttfo_ns


def _reached(f: Facts, percent: int) -> int:
    return f.whole_ns(-(-f.length * percent // 100))
