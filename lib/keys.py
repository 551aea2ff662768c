"""Keys: where they are found, and the one address each may go to. In memory only.

A reference ("env:NAME", "secret:NAME", "typed:RANDOM") travels in specs, rows and links; the key
itself leaves this module only as the message that `resolve` makes for the probe.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import tomllib
from pathlib import Path

from lib.errors import InvalidSpec, KeyRefused
from lib.messages import Key
from lib.providers import key_origins
from lib.settings import ROOT
from lib.spec import origin

log = logging.getLogger("streamgauge.keys")

SECRETS = ROOT / ".streamlit" / "secrets.toml"
LONGEST = 4096


class Keys:
    """All keys this process knows. Shows none of them, not even in a traceback.

    `found`: whether keys of this machine may be used; when strangers use the server, only typed ones are.
    `taken`: whether typed ones are; a server that only shows takes none.
    """

    def __init__(self, secrets_file: Path = SECRETS, *, found: bool = True, taken: bool = True) -> None:
        self._file = secrets_file
        self._found = found
        self._taken = taken
        self._typed: dict[str, tuple[str, str]] = {}
        self._allowed: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Keys: {len(self._typed)} typed>"

    def typed(self, secret: str, base_url: str) -> str:
        """Remember a typed key for this address alone → its reference. Raises InvalidSpec, KeyRefused."""
        if not self._taken:
            raise KeyRefused("This server only shows experiments and takes no keys. It was not kept.")
        secret, where = _clean(secret), origin(base_url)
        with self._lock:
            for ref, known in self._typed.items():
                if known == (secret, where):
                    return ref
            ref = f"typed:{secrets.token_urlsafe(12)}"
            self._typed[ref] = (secret, where)
        return ref

    def found(self, name: str) -> str | None:
        """The reference of a key in the environment, else in secrets.toml; None when there is none."""
        if not name or not self._found:
            return None
        if os.environ.get(name, "").strip():
            return f"env:{name}"
        return f"secret:{name}" if self._secret(name) else None

    def allow(self, ref: str, base_url: str) -> None:
        """Let a found key go to an address its variable is not known for; the user asked for it."""
        with self._lock:
            self._allowed.add((ref, origin(base_url)))

    def resolve(self, ref: str, base_url: str) -> Key:
        """The message that gives the probe this key for this address. Raises KeyRefused."""
        where = origin(base_url)
        source, _, name = ref.partition(":")
        if source == "typed":
            return Key(ref, self._typed_for(ref, where), where)
        if not self._found:
            raise KeyRefused("This server uses no keys of its own. Type a key.")
        secret = os.environ.get(name, "").strip() if source == "env" else self._secret(name)
        if not secret:
            raise KeyRefused(f"There is no key {name} here any more. Set it and start again, or type one.")
        if where not in key_origins(name) and (ref, where) not in self._allowed:
            raise KeyRefused(
                f"The key {name} belongs to another address and was not sent to {where}. "
                "Type the key for this address, or choose the provider it belongs to."
            )
        try:
            return Key(ref, _clean(secret), where)
        except InvalidSpec as error:
            raise KeyRefused(f"The key {name} cannot be sent. {error}") from None

    def _typed_for(self, ref: str, where: str) -> str:
        with self._lock:
            secret, bound = self._typed.get(ref, ("", ""))
        if not secret:
            raise KeyRefused("This key was typed before the last restart and is forgotten. Type it again.")
        if bound != where:
            raise KeyRefused(f"This key was typed for {bound} and was not sent to {where}. Type it again.")
        return secret

    def _secret(self, name: str) -> str:
        try:
            value = tomllib.loads(self._file.read_text("utf-8")).get(name)
        except FileNotFoundError:
            return ""
        except (OSError, ValueError):
            # The parser's own message may quote the line, and so a key.
            log.warning("%s cannot be read, so no keys were taken from it.", self._file)
            return ""
        return value.strip() if isinstance(value, str) else ""


def _clean(secret: str) -> str:
    secret = secret.strip()
    if not secret:
        raise InvalidSpec("key", "The key is empty.")
    if len(secret) > LONGEST or not secret.isascii() or any(c <= " " or c == "\x7f" for c in secret):
        raise InvalidSpec("key", "A key has no spaces, line breaks or special characters. Copy it again.")
    return secret
