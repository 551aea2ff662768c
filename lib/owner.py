"""Who owns a call that was sent: one lock file for each service process, held while it lives.

The kernel releases the lock on any death, kill -9 included, so a lock that can be taken means that its
owner is gone. Owners may share a data folder; each asks only whether another is alive.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from lib.errors import StoreError


class Owner:
    """This process among the owners of one data folder. `id`: random, never used twice."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "owners"
        self.id = secrets.token_hex(8)
        self._lock = self._file(self.id)
        try:
            self._folder.mkdir(exist_ok=True)
            with self._guard():
                self._lock.acquire(timeout=5)
        except (OSError, Timeout) as error:
            raise StoreError(f"No lock can be held in the data folder {folder}: {error}.") from None

    def dead(self, owners: Iterable[str]) -> list[str]:
        """Those of `owners` that are not running any more. Their lock files are removed."""
        others = [o for o in owners if o != self.id]
        if not others:
            return []
        with self._guard():
            return [o for o in others if self._gone(o)]

    def close(self) -> None:
        """Give up ownership; whatever is still sent will be taken for lost."""
        with self._guard():
            self._lock.release()
            self._path(self.id).unlink(missing_ok=True)

    def _gone(self, owner: str) -> bool:
        if not self._path(owner).exists():
            return True
        lock = self._file(owner)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        self._path(owner).unlink(missing_ok=True)
        lock.release()
        return True

    def _guard(self) -> FileLock:
        """Held for a moment, so that nobody looks at a lock between its making and its taking."""
        return FileLock(self._folder / "guard", timeout=10, thread_local=False)

    def _path(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

    def _file(self, owner: str) -> FileLock:
        return FileLock(self._path(owner), thread_local=False)
