"""What the probe has to say, so that nothing is lost when nobody listens any more.

Lines go to the service as they come and are kept for a minute after their call ended. Once the service
is gone they are written to the spool, one file a call, and so is every line that follows. A call with
more lines than memory should hold (`MOST_KEPT`) has its file from then on, which is removed with it when
the service never went. A file may repeat what the service already has: folding is idempotent, and the
service throws such a file away. A file is locked (flock) until its call's last line stands in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

log = logging.getLogger("streamgauge.outbox")

MOST_KEPT = 4 << 20
"""Bytes of one call's lines in memory; what goes beyond is written early."""
KEPT_S = 60.0
"""How long the lines of an ended call are kept, since nothing acknowledges them."""
RECENT_S = 5.0
"""A clean goodbye spools nothing when no call is open and none ended within this time."""


@dataclass(slots=True)
class Letters:
    """One call's lines so far. `ended`: when its last line came."""

    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    ended: float | None = None
    file: BinaryIO | None = None
    path: Path | None = None


class Outbox:
    """Takes lines from any thread. `pipe`: an unbuffered stream to the service."""

    def __init__(
        self, pipe: BinaryIO, spool: Path | None, probe: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pipe: BinaryIO | None = pipe
        self._spool = spool
        self._probe = probe
        self._clock = clock
        self._hello = b""
        self._calls: dict[str, Letters] = {}
        self._orphaned = False
        self._lock = threading.Lock()

    def hello(self, line: bytes) -> None:
        """The first line, which every spool file begins with."""
        with self._lock:
            self._hello = line
            self._write(line)

    def open(self, call: str, start: bytes) -> None:
        """A call begins; `start` is the line that asked for it and goes into the spool only."""
        with self._lock:
            self._calls[call] = Letters([start])
            if self._orphaned:
                self._spool_call(call)

    def send(self, call: str, line: bytes, *, last: bool = False) -> None:
        """One line of a call: to the service, or to the spool, or to both."""
        with self._lock:
            self._forget_old()
            letters = self._calls[call]
            if last:
                letters.ended = self._clock()
            self._keep(call, letters, line, last=last)
            self._write(line)

    def close(self) -> None:
        """Nothing more will be said."""
        with self._lock:
            for letters in self._calls.values():
                self._put_down(letters)
                if letters.path is not None and not self._orphaned:
                    with contextlib.suppress(OSError):
                        letters.path.unlink(missing_ok=True)

    def orphan(self) -> None:
        """The service closed our stdin: it says goodbye, or it is dead. Spool what it may lack."""
        with self._lock:
            now = self._clock()
            recent = [c for c in self._calls.values() if c.ended is None or now - c.ended < RECENT_S]
            if recent or self._nobody_reads():
                self._orphan()

    def _keep(self, call: str, letters: Letters, line: bytes, *, last: bool) -> None:
        """In memory while it is little; without a spool nothing could ever be done with it."""
        if letters.path is not None:
            self._append(letters, line, last=last)
        elif self._spool is not None:
            letters.lines.append(line)
            letters.size += len(line)
            if letters.size > MOST_KEPT:
                self._spool_call(call)

    def _nobody_reads(self) -> bool:
        if self._pipe is None:
            return True
        poll = select.poll()
        poll.register(self._pipe, 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))

    def _write(self, line: bytes) -> None:
        if self._pipe is None:
            return
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[self._pipe.write(rest) :]
        except OSError:
            self._pipe = None
            self._orphan()

    def _orphan(self) -> None:
        if not self._orphaned:
            self._orphaned = True
            self._forget_old()
            for call in self._calls:
                self._spool_call(call)

    def _spool_call(self, call: str) -> None:
        letters = self._calls[call]
        if self._spool is None or letters.path is not None:
            return
        name = re.sub(r"[^A-Za-z0-9-]", "_", call)
        letters.path = self._spool / f"{name}.{self._probe}.jsonl"
        lines, letters.lines = letters.lines, []
        try:
            self._spool.mkdir(parents=True, exist_ok=True)
            letters.file = letters.path.open("wb", buffering=0)
            fcntl.flock(letters.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            log.error("what arrived cannot be spooled to %s: %s", self._spool, error.strerror)
            return
        for line in (self._hello, *lines):
            self._append(letters, line, last=False)
        if letters.ended is not None:
            self._append(letters, b"", last=True)

    def _append(self, letters: Letters, data: bytes, *, last: bool) -> None:
        if letters.file is None:
            return
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[letters.file.write(rest) or 0 :]
            if last:
                os.fsync(letters.file.fileno())
        except OSError as error:
            log.error("what arrived cannot be spooled: %s", error.strerror)
            last = True
        if last:
            self._put_down(letters)

    def _put_down(self, letters: Letters) -> None:
        if letters.file is not None:
            with contextlib.suppress(OSError):
                letters.file.close()
            letters.file = None

    def _forget_old(self) -> None:
        now = self._clock()
        old = [name for name, c in self._calls.items() if c.ended is not None and now - c.ended > KEPT_S]
        for name in old:
            path = self._calls.pop(name).path
            if path is not None and not self._orphaned:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
