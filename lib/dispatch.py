"""Calls through the probe: sent, listened to, cancelled, lost. One place knows what is under way.

Between the probe's lines and their three readers: the recording in memory, the feed, the saver. Which
call comes when is the runner's business.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lib.children import Probe, Session
from lib.errors import ChildError
from lib.feed import Feed, FeedItem, rows
from lib.keys import Keys
from lib.ledger import Ledger, Line
from lib.messages import Cancel, Close, Inbound, Part, Start, to_line
from lib.recording import Recording, Request
from lib.underway import Saver, Underway

log = logging.getLogger("streamgauge.dispatch")

LEAD_NS = 30_000_000
GRACE_S = 20.0


class Leaving(NamedTuple):
    """A call of an experiment about to be sent. `lab`: it goes to the built-in endpoint."""

    n: int
    request: Request
    lab: bool


class Dispatch:
    """The calls under way in this process. Safe from any thread."""

    def __init__(
        self,
        data: Path,
        region: str,
        *,
        ledger: Ledger,
        owner: str,
        feed: Feed,
        keys: Keys,
        arguments: Sequence[str] = (),
    ) -> None:
        self.saver = Saver(ledger, owner, self._saved)
        self.probe = Probe(data, region, self._heard, self._lost, arguments)
        self._ledger, self._owner, self._feed, self._keys = ledger, owner, feed, keys
        self._open: dict[str, Underway] = {}
        self._lock = threading.Lock()

    def send(self, experiment: str, leaving: Sequence[Leaving]) -> list[Underway]:
        """Start these calls together; each is in the ledger as sent before it leaves.

        Raises ChildError, KeyRefused or StoreError when none of them was sent; [] when the ledger says
        that they may not be sent any more.
        """
        session = self.probe.ready()
        keys = [
            self._keys.resolve(x.request.key_ref, x.request.base_url) for x in leaving if x.request.key_ref
        ]
        at_ns = session.now_ns() + LEAD_NS if len(leaving) > 1 else None
        calls = [
            Underway(experiment, x.n, Start(f"{experiment}/{x.n}", x.request, at_ns, x.lab), session)
            for x in leaving
        ]
        hello = to_line(session.hello).rstrip("\n")
        lines = [(c.n, hello, to_line(c.start).rstrip("\n")) for c in calls]
        if not self._ledger.sent(self._owner, experiment, lines):
            return []
        for call in calls:
            self._feed.put(experiment, FeedItem(call.n, "sent"))
            self._feed.began(experiment, call.n, time.monotonic() + (LEAD_NS / 1e9 if at_ns else 0))
        for key in keys:
            self._say(session, key, calls)
        self._start(session, calls)
        return calls

    def ask(self, request: Request, timeout: float) -> Recording:
        """One call that belongs to no experiment and is not kept. Raises ChildError, KeyRefused."""
        call = self.begin(request)
        if not call.kept.wait(timeout):
            self.drop(call)
        return call.recording()

    def begin(self, request: Request, *, lab: bool = False) -> Underway:
        """As `ask`, without waiting for the end."""
        session = self.probe.ready()
        call = Underway("", 0, Start(f"-/{secrets.token_hex(8)}", request, lab=lab), session)
        if request.key_ref:
            session.send(self._keys.resolve(request.key_ref, request.base_url))
        self._start(session, [call])
        return call

    def drop(self, call: Underway) -> None:
        """End a call that belongs to no experiment; back within a second."""
        self._cancel([call])
        call.kept.wait(1.0)
        self._ended(call, None)

    def wait(self, calls: Sequence[Underway]) -> None:
        """Until all have ended and are saved. A probe that overruns its own limits is ended.

        Raises StoreError when what arrived could not be saved.
        """
        for call in calls:
            limits = call.start.request.limits
            if not call.kept.wait(limits.total_s + limits.connect_s + GRACE_S):
                log.error("The probe did not end a call within its limits and was stopped.")
                call.session.child.kill()
                call.kept.wait(GRACE_S)
            if call.problem is not None:
                raise call.problem

    def live(self, experiment: str) -> dict[int, Underway]:
        """n → the calls of an experiment that are under way here, or not yet saved."""
        with self._lock:
            return {c.n: c for c in self._open.values() if c.experiment == experiment}

    def cancel(self, experiment: str) -> None:
        """Ask the probe to stop this experiment's calls; they end with what arrived."""
        self._cancel(list(self.live(experiment).values()))

    def close(self) -> None:
        """End the probe's input, save what waits. Calls under way are finished by the probe alone; who
        waits for them is released."""
        self.probe.close()
        self.saver.close()
        with self._lock:
            left = list(self._open.values())
        for call in left:
            call.kept.set()

    def _start(self, session: Session, calls: Sequence[Underway]) -> None:
        with self._lock:
            self._open |= {c.start.call: c for c in calls}
        for call in calls:
            self._say(session, call.start, [call])

    def _say(self, session: Session, message: Inbound, calls: Sequence[Underway]) -> None:
        try:
            session.send(message)
        except ChildError as error:
            log.warning("%s", error)
            for call in calls:
                self._ended(call, None)

    def _cancel(self, calls: Sequence[Underway]) -> None:
        for call in calls:
            self._say(call.session, Cancel(call.start.call), [call])

    def _heard(self, message: Part | Close, line: str) -> None:
        with self._lock:
            call = self._open.get(message.call)
        if call is None:
            return
        if isinstance(message, Close):
            self._ended(call, message)
        else:
            self._arrived(call, message, line)

    def _arrived(self, call: Underway, part: Part, line: str) -> None:
        waiting = call.decoder.t_send_ns is None
        events = call.take(part)
        if not call.experiment:
            return
        self.saver.line(Line(call.experiment, call.n, part.seq, line))
        if waiting and call.decoder.t_send_ns is not None:
            age_s = (call.session.now_ns() - call.decoder.t_send_ns) / 1e9
            self._feed.began(call.experiment, call.n, time.monotonic() - age_s)
        if events:
            self._feed.put(call.experiment, FeedItem(call.n, None, rows(events)))

    def _ended(self, call: Underway, close: Close | None) -> None:
        """Once for each call, whoever ends it. None: it is lost."""
        if not call.end(close):
            return
        if call.experiment:
            self.saver.end(call)
        else:
            self._forget(call)
            call.kept.set()

    def _saved(self, call: Underway) -> None:
        """Tell the last events and the state of a call that is in the store now."""
        self._forget(call)
        self._feed.put(call.experiment, FeedItem(call.n, call.closed.state, rows(call.last())))

    def _forget(self, call: Underway) -> None:
        with self._lock:
            self._open.pop(call.start.call, None)

    def _lost(self, session: Session) -> None:
        with self._lock:
            calls = [c for c in self._open.values() if c.session is session]
        for call in calls:
            self._ended(call, None)
