"""After a death: what dead owners left open becomes unknown, and lines that turn up late are folded in.

A probe that outlives its service writes what it could not deliver into `spool/`, one file a call, locked
while it writes. Nothing is ever sent again.
"""

from __future__ import annotations

import fcntl
import logging
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from lib.errors import DecodeError, StoreError
from lib.ledger import Closed, Ledger, Line
from lib.messages import Close, Hello, Part, Start, fold, from_line
from lib.owner import Owner
from lib.recording import to_bytes
from lib.store import Store
from lib.timeline import decode
from lib.underway import verdict

log = logging.getLogger("streamgauge.recovery")


def sweep(store: Store, ledger: Ledger, owner: Owner, spool: Path) -> set[str]:
    """One pass over owners and spool → the experiments that changed. Raises StoreError."""
    changed = set()
    if dead := owner.dead(ledger.owners()):
        changed |= ledger.abandon(dead)
    try:
        for path in sorted(spool.glob("*.jsonl")):
            changed |= _fold(store, ledger, path)
    except OSError as error:
        raise StoreError(f"The folder {spool} cannot be read: {error.strerror}.") from None
    return changed


def _fold(store: Store, ledger: Ledger, path: Path) -> set[str]:
    """Fold one file of a probe's lines; it is removed once its probe has let go of it."""
    changed = set()
    with path.open("rb") as file:
        over = _let_go(file.fileno())
        text = file.read().decode("utf-8", "replace")
        for (experiment, n), messages in _by_call(text.split("\n")[:-1]).items():
            _take(store, ledger, experiment, n, messages)
            changed.add(experiment)
        if over:
            path.unlink(missing_ok=True)
    return changed


def _let_go(descriptor: int) -> bool:
    """Whether no probe writes this file any more; if so, it is ours until it is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _take(
    store: Store, ledger: Ledger, experiment: str, n: int, messages: list[tuple[Part | Close, str]]
) -> None:
    ledger.late([Line(experiment, n, m.seq, line) for m, line in messages if isinstance(m, Part)])
    close = next((m for m, _ in messages if isinstance(m, Close)), None)
    if close is not None and (end := _closed(store, experiment, n, close)) is not None:
        ledger.settle(end)


def _by_call(lines: Iterable[str]) -> dict[tuple[str, int], list[tuple[Part | Close, str]]]:
    found: dict[tuple[str, int], list[tuple[Part | Close, str]]] = defaultdict(list)
    for line in lines:
        try:
            message = from_line(line)
        except DecodeError as error:
            log.warning("A spooled line was ignored. %s", error)
            continue
        if isinstance(message, Part | Close):
            experiment, _, n = message.call.rpartition("/")
            if n.isdigit():
                found[experiment, int(n)].append((message, line))
    return found


def _closed(store: Store, experiment: str, n: int, close: Close) -> Closed | None:
    """The end of an unknown call from its saved lines; None when there are none (any more)."""
    messages = [from_line(line) for line in store.lines(experiment).get(n, [])]
    hello = next((m for m in messages if isinstance(m, Hello)), None)
    start = next((m for m in messages if isinstance(m, Start)), None)
    if hello is None or start is None:
        return None
    recording = fold(start, hello, [m for m in messages if isinstance(m, Part)], close)
    return Closed(experiment, n, verdict(decode(recording)), to_bytes(recording))
