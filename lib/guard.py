"""What a call may use up, and which addresses it may dial. Wire obeys; nothing here touches a socket.

Local mode dials whatever a name stands for. A stricter policy is one more function of the same shape.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any, NamedTuple

from lib.recording import CallError, ErrorKind
from lib.spec import Limits, Mode

DRAIN_S = 0.05
_ENDLESS = (1 << 63) - 1


class Address(NamedTuple):
    """One address to dial: the family, and what `socket.connect` takes."""

    family: int
    place: Any


class Refused(Exception):
    """A policy's no, as a sentence for people."""


Destinations = Callable[[str, int], Sequence[Address]]
"""Host and port → the addresses to dial, in order. Raises Refused, or OSError when none is found."""


def anywhere(host: str, port: int) -> list[Address]:
    """Local mode's policy: every address that the system's resolver gives, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [Address(family, place) for family, _, _, _, place in found]


class Spent(Exception):
    """A budget is used up. `kind` and the message are those of the call's error."""

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind

    def as_error(self, at_ns: int) -> CallError:
        """The same, as data."""
        return CallError(self.kind, str(self), at_ns)


class Budget:
    """What is left for one call: time in all, time of silence, bytes on the wire, bytes in a line.

    The wire asks before each operation and adds what it received. Times are of one monotonic
    nanosecond counter; `peer` is host:port, for the sentences.
    """

    def __init__(
        self, limits: Limits, mode: Mode, peer: str, now: Callable[[], int] = perf_counter_ns
    ) -> None:
        self.limits = limits
        self.peer = peer
        self.cancelled = False
        self._now = now
        self._ends_ns = _ENDLESS
        self._connected_by_ns = _ENDLESS
        self._drained_by_ns = _ENDLESS
        self._bytes = 0
        self._line = 0
        self._longest = limits.line_bytes if mode == "streaming" else _ENDLESS

    @property
    def draining(self) -> bool:
        """Whether the answer is over and only the connection's leftovers are awaited."""
        return self._drained_by_ns != _ENDLESS

    def start(self) -> None:
        """The call begins; `total_s` counts from here."""
        self._ends_ns = self._now() + round(self.limits.total_s * 1e9)

    def connecting(self) -> None:
        """A connection is being made: name, address and handshake share `connect_s`."""
        self._connected_by_ns = self._now() + round(self.limits.connect_s * 1e9)

    def connect_s(self) -> float:
        """Seconds left to connect, 0 when there are none. Raises Spent at the end of the call's time."""
        left = self._left_s()
        return max(0.0, min(left, (self._connected_by_ns - self._now()) / 1e9))

    def silence_s(self) -> float:
        """Seconds the next read or write may wait. Raises Spent when any budget is used up."""
        if self._bytes > self.limits.body_bytes:
            raise self._too_much(f"The answer passed the limit of {self.limits.body_bytes:,} bytes")
        if self._line > self._longest:
            raise self._too_much(f"One line of the answer passed the limit of {self._longest:,} bytes")
        return min(self._left_s(), self.limits.silence_s)

    def received(self, size: int) -> None:
        """So many bytes came off the socket; the next `silence_s` refuses when they are too many."""
        self._bytes += size

    def line(self, piece: bytes) -> None:
        """A piece of the body, to follow how long its current line is. Only streams are held to it."""
        last = max(piece.rfind(b"\n"), piece.rfind(b"\r"))
        self._line = self._line + len(piece) if last < 0 else len(piece) - last - 1

    def drain(self) -> None:
        """The answer is over: what follows has 50 ms, whatever it is."""
        if not self.draining:
            self._drained_by_ns = self._now() + round(DRAIN_S * 1e9)

    def timed_out(self) -> Spent:
        """Why a read or write that waited `silence_s` in vain ended: the call's time, or silence."""
        try:
            self._left_s(slack_ns=2_000_000)
        except Spent as spent:
            return spent
        return Spent(
            "timeout",
            f"{self.peer} sent nothing for {self.limits.silence_s:g} s, so the call was ended. What had "
            "arrived is kept. Try again, or raise STREAMGAUGE_SILENCE_S.",
        )

    def _left_s(self, slack_ns: int = 0) -> float:
        if self.cancelled:
            raise Spent("cancelled", "The call was cancelled. What had arrived is kept.")
        left = min(self._ends_ns, self._drained_by_ns) - self._now()
        if left > slack_ns:
            return left / 1e9
        raise Spent(
            "deadline",
            f"The call took longer than its limit of {self.limits.total_s:g} s and was ended. What had "
            "arrived is kept. Ask for fewer tokens, or raise STREAMGAUGE_TOTAL_S.",
        )

    def _too_much(self, what: str) -> Spent:
        return Spent("limit", f"{what} and was ended. What had arrived is kept. Ask for fewer tokens.")
