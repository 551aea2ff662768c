"""Everything Streamgauge raises on purpose. A failed call is data (`recording.CallError`), not an exception.

StreamgaugeError
├── InvalidSpec          a field of the form, the command line or a document is out of bounds
├── SettingsError        the environment asks for something this program cannot be
├── KeyRefused           a key may not go to the address that was asked for
├── NotFound             no such experiment here
├── StoreError           the data folder cannot be used
│   └── NewerData        the data were written by a newer version
├── DecodeError          stored bytes are not a recording that this version can read
├── InvalidDocument      a file is not an experiment, or not one that this version can read
├── NotAllowed           this server does not do that: it shows experiments, or the caller may not
└── ChildError           the probe or the lab did not start, or stopped answering

Every message is written for the person who reads it: what happened, and what to do next.
"""

from __future__ import annotations


class StreamgaugeError(Exception):
    """Base of all. `str(error)` is a sentence for people."""


class InvalidSpec(StreamgaugeError):
    """A value was refused before anything was sent. `field` names it in spec.py's words."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class SettingsError(StreamgaugeError):
    """A setting is missing, contradictory or out of range; correct it and start again."""


class KeyRefused(StreamgaugeError):
    """The key is unknown here or bound to another address; choose or type another."""


class NotFound(StreamgaugeError):
    """No experiment of this id; it was deleted, or the id was mistyped."""


class StoreError(StreamgaugeError):
    """The data folder cannot be read or written; the message names it."""


class NewerData(StoreError):
    """The data folder was written by a newer version; update, or choose another folder."""


class DecodeError(StreamgaugeError):
    """Bytes that claim to be a recording or a timeline are not one; nothing was changed."""


class InvalidDocument(StreamgaugeError):
    """A file from elsewhere was refused and nothing was kept; the message says what is wrong with it."""


class NotAllowed(StreamgaugeError):
    """This server's mode forbids it; the message says what it does instead."""


class ChildError(StreamgaugeError):
    """A helper process failed; the message says which, and what it printed last."""
