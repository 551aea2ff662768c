"""How long an endpoint asks to be left alone: Retry-After of a refused call. Pure.

Who waits, and how it is shown, is the runner's business; a wait is never part of a call.
"""

from __future__ import annotations

from calendar import timegm
from email.utils import parsedate_to_datetime

from lib.spec import Pairs

ASKING = (429, 503)
"""Statuses that may come with a Retry-After."""
MOST_S = 600.0
"""The longest wait that is obeyed: what asks for more is asked again after this."""


def asked_s(status: int | None, headers: Pairs, now_ms: int) -> float | None:
    """Seconds that a response asks to wait, at most `MOST_S`; None: it does not ask.

    `now_ms`: the wall clock, for a Retry-After that is a date. A date that has passed asks for 0.
    """
    if status not in ASKING:
        return None
    found = next((value for name, value in headers if name.lower() == "retry-after"), None)
    seconds = None if found is None else _seconds(found.strip(), now_ms)
    return None if seconds is None else min(max(seconds, 0.0), MOST_S)


def reason(status: int | None, seconds: float, host: str) -> str:
    """Why nothing is sent for a while, in a sentence. Untrusted text: it names a host."""
    capped = ", the longest that is waited here" if seconds >= MOST_S else ""
    return f"{host} refused a call (HTTP {status}) and asked for {seconds:.3g} s without another{capped}."


def _seconds(text: str, now_ms: int) -> float | None:
    """Whole seconds (some send fractions), or an HTTP date."""
    if text.replace(".", "", 1).isdecimal() and text.isascii():
        return float(text)
    try:
        return timegm(parsedate_to_datetime(text).utctimetuple()) - now_ms / 1000
    except (ValueError, TypeError, OverflowError):
        return None
