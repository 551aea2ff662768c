"""What a call may use up, and which addresses it may dial. Wire obeys; nothing here touches a socket.

Local mode dials whatever a name stands for, hosted mode only the public internet. The one door for
`ssrfguard`, of which only `Policy`, `resolve` and the errors are used; tests pin what they do.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Sequence
from time import perf_counter_ns
from typing import Any, NamedTuple, Protocol

import ssrfguard

from lib.messages import Key
from lib.recording import CallError, ErrorKind, Request
from lib.spec import Limits, Mode

DRAIN_S = 0.05
_ENDLESS = (1 << 63) - 1


class Address(NamedTuple):
    """One address to dial: the family, and what `socket.connect` takes."""

    family: int
    place: Any


class Refused(Exception):
    """A policy's no, as a sentence for people."""


class Policy(Protocol):
    """Where calls may go."""

    def refusal(self, base_url: str) -> str | None:
        """Why nothing may be sent to this address, from its spelling alone; None: go on."""

    def addresses(self, host: str, port: int) -> Sequence[Address]:
        """The addresses to dial, in order; nothing else is dialled. Raises Refused, or OSError when none
        is found."""


class Anywhere:
    """Local mode: every address that the system's resolver gives, in its order."""

    def refusal(self, base_url: str) -> str | None:
        """Nothing is refused."""
        return None

    def addresses(self, host: str, port: int) -> list[Address]:
        """Looked up, unchecked."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [Address(family, place) for family, _, _, _, place in found]


class Nowhere(Anywhere):
    """Viewer mode: no address is called but the built-in endpoint's, which is not asked about."""

    def refusal(self, base_url: str) -> str | None:
        """Everything is refused."""
        return "This server only shows experiments. Run yours where you started Streamgauge yourself."


class Hosted:
    """Hosted mode: https, allowed ports, and addresses of the public internet only.

    A name is looked up once. Every answer is checked, one forbidden answer refuses the name, and the
    checked addresses are what is dialled. The host is judged again as it reaches the network, so that
    nothing depends on two parsers reading a URL alike. `resolver`: as `socket.getaddrinfo`.
    """

    def __init__(self, ports: Collection[int] = (443,), resolver: ssrfguard.Resolver | None = None) -> None:
        self._rules = ssrfguard.Policy(
            allowed_schemes=frozenset({"https"}), allowed_ports=frozenset(ports), max_redirects=0
        )
        self._resolver = resolver

    def refusal(self, base_url: str) -> str | None:
        """What is wrong with the scheme, the port, or the host's spelling."""
        try:
            self._rules.check_url(base_url)
        except ssrfguard.SSRFGuardError as error:
            return self._sentence(error)
        return None

    def addresses(self, host: str, port: int) -> list[Address]:
        """Looked up once, every answer checked."""
        literal = f"[{host}]" if ":" in host else host
        try:
            target = self._rules.check_url(f"https://{literal}:{port}/")
            found = ssrfguard.resolve(target, policy=self._rules, resolver=self._resolver)
            for address in found:
                _check_unicast(address.ip)
        except ssrfguard.SSRFGuardError as error:
            raise Refused(self._sentence(error)) from None
        most = self._rules.max_connection_attempts
        return [Address(a.family, a.sockaddr) for a in found[:most]]

    def _sentence(self, error: ssrfguard.SSRFGuardError) -> str:
        """Plain words; the library's own names its settings, which nobody here can change."""
        if isinstance(error, ssrfguard.BlockedAddressError):
            return "This server calls addresses of the public internet only, and this is not one."
        ports = ", ".join(str(p) for p in sorted(self._rules.allowed_ports))
        return (
            "This server calls https addresses of the public internet only, by their usual spelling, on "
            f"port {ports}, and this is not one."
        )


_UNICAST = (ipaddress.ip_network("2000::/3"), ipaddress.ip_network("64:ff9b::/96"))


def _check_unicast(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """IPv6 beyond global unicast is nobody's public server, whatever the table says: it lets the old
    translated form of every IPv4 address pass (::ffff:0:127.0.0.1, RFC 2765). NAT64 it looks into."""
    if ip.version == 6 and not any(ip in network for network in _UNICAST):
        raise ssrfguard.BlockedAddressError(str(ip), "not global unicast")


def key_refusal(request: Request, key: Key | None, target: str) -> str | None:
    """Why this key may not go to this origin; None: it may, or none is wanted."""
    if not request.key_ref:
        return None
    if key is None:
        return "The key is not known here any more; choose or type it again."
    if key.origin != target:
        return f"This key may go to {key.origin} only, not to {target}."
    if not re.fullmatch(r"[\x21-\x7e]*", key.secret):
        return "The key holds spaces or characters that cannot be sent; type it again."
    return None


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
        self._most = limits.body_bytes
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
        if self._bytes > self._most:
            raise self._too_much(f"The answer passed the limit of {self._most:,} bytes")
        if self._line > self._longest:
            raise self._too_much(f"One line of the answer passed the limit of {self._longest:,} bytes")
        return min(self._left_s(), self.limits.silence_s)

    def shrink(self, body_bytes: int) -> None:
        """Allow no more bytes than these."""
        self._most = min(self._most, body_bytes)

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
