"""What the head of an answer is kept for, and what a refusal means to the person who asked.

A provider's own words are untrusted text: shortened, without keys, shown as text only.
"""

from __future__ import annotations

import json
import re
from typing import Any

from lib.recording import CallError
from lib.redact import redact
from lib.spec import Pairs

ALLOWED = re.compile(
    r"content-type|content-encoding|transfer-encoding|cache-control|server|via|age|x-accel-buffering|"
    r"server-timing|retry-after|location|(?:[a-z0-9-]+-)?request-?id|(?:[a-z0-9-]+-)?processing-ms"
)
"""Response headers that are evidence; no other is kept."""

WORDS = 500
"""How much of a provider's own message is kept, in characters."""

_ADVICE = {
    400: "Check the model's name, the API kind and the limits.",
    401: "Check the key.",
    402: "Check the account's credit.",
    403: "Check the key and what it may be used for.",
    404: "Check the base URL (it usually ends in /v1), the API kind and the model's name.",
    405: "Check the base URL and the API kind.",
    413: "Shorten the prompt.",
    422: "Check the fields; some endpoints refuse usage reports while streaming.",
    429: "Wait a little, or check the account's limits. It was not tried again.",
}


def status_error(
    status: int, headers: Pairs, body: bytes, peer: str, secret: str, at_ns: int | None
) -> CallError:
    """A status that is no success, as an error with the provider's own message when there is one."""
    if 300 <= status < 400:
        target = redact(dict(headers).get("location", "another address"), secret)[:200]
        message = (
            f"{peer} answered {status} and points to {target}. Redirects are not followed: put the right "
            "address into the base URL."
        )
        return CallError("status", message, at_ns, status)
    said = redact(provider_message(body), secret)[:WORDS].rstrip(". ")
    said = f": {said}" if said else ""
    advice = _ADVICE.get(
        status, "The server failed; it was not tried again. Try later." if status >= 500 else ""
    )
    return CallError("status", f"{peer} answered {status}{said}. {advice}".rstrip(), at_ns, status)


def provider_message(body: bytes) -> str:
    """The sentence inside an error's JSON, on one line; "" when there is none."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return " ".join(_sentence(value).split())


def _sentence(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if depth < 4 and isinstance(value, list) and value:
        return _sentence(value[0], depth + 1)
    if depth < 4 and isinstance(value, dict):
        found = (
            _sentence(value.get(name), depth + 1) for name in ("error", "message", "msg", "detail", "title")
        )
        return next(filter(None, found), "")
    return ""
