"""The words a user gives an experiment: how long they may be, and what they may hold. Pure."""

from __future__ import annotations

from lib.errors import InvalidSpec

LONGEST_TITLE, LONGEST_NOTE = 200, 10_000


def checked(field: str, text: str, longest: int = LONGEST_TITLE) -> str:
    """Words about an experiment, trimmed. Raises InvalidSpec."""
    text = text.strip()
    if len(text) > longest:
        raise InvalidSpec(field, f"The {field} has {len(text):,} characters; at most {longest:,} are kept.")
    if field == "title" and not text.isprintable():
        raise InvalidSpec(field, "A title is one line of ordinary characters.")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise InvalidSpec(field, f"The {field} holds characters that cannot be kept as UTF-8.")
    return text
