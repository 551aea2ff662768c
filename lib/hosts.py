"""Which host names and addresses belong to somebody's own network. Pure: nothing is looked up.

What hosted calls may reach is decided by `guard`, on real addresses; this is about what may be told.
"""

from __future__ import annotations

import ipaddress

_OWN = (
    *("localhost", "local", "localdomain", "internal", "intranet", "private", "lan", "home", "corp"),
    *("home.arpa", "arpa", "test", "example", "invalid", "ts.net", "svc", "onion"),
)


def is_private(host: str) -> bool:
    """Whether a host is known to one network only: a bare name, a reserved ending, or no public address."""
    host = host.strip("[]").rstrip(".").lower()
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    labels = host.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or labels[-1].startswith("0x"):
        return True  # a bare name, or an address in a spelling that only some programs know
    return any(host == end or host.endswith(f".{end}") for end in _OWN)
