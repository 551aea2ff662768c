"""The network under the openai client: every byte passes here, is stamped, and is held to the budget.

What it sees goes into the call's Trace. TLS handshakes are marks, not reads or writes, so that the first
write is always the request's first byte. What the bytes mean is not wire's business.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import queue
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import perf_counter_ns as now
from typing import Any

import httpcore2

from lib.chunks import Chunks
from lib.guard import Address, Anywhere, Budget, Policy, Refused, Spent
from lib.recording import CallError, ErrorKind, Write
from lib.stamps import ANCILLARY, kernel_ns, prepare
from lib.tls import Channel
from lib.trace import Trace

RECEIVE = 65536


class Failed(httpcore2.NetworkError):
    """The wire gave up; `error` says why, for people."""

    def __init__(self, error: CallError) -> None:
        super().__init__(error.message)
        self.error = error


class FailedWrite(Failed, httpcore2.WriteError):
    """The request could not be sent whole; a server may still have answered, which httpcore looks for."""


class Network(httpcore2.NetworkBackend):
    """Makes the connections of one call at a time; `trace` is that call's."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.trace: Trace
        self._policy = policy or Anywhere()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Wire:
        """Look up, dial, stamp both. The budget rules; the arguments of httpcore's interface do not."""
        trace = self.trace
        trace.budget.connecting()
        trace.mark("dns.start")
        addresses = self._look_up(host, port)
        trace.mark("dns.end")
        trace.mark("connect.start")
        sock = self._dial(addresses)
        trace.mark("connect.end")
        trace.connected = True
        return Wire(sock, self)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        """Never: a call goes to a host and a port."""
        raise Failed(CallError("refused", "Unix sockets cannot be called. Use http://host:port.", now()))

    def _look_up(self, host: str, port: int) -> Sequence[Address]:
        answer = self._addresses_of(host, port)
        if isinstance(answer, Refused):
            raise self.failed("refused", str(answer))
        if isinstance(answer, Exception) or not answer:
            raise self.failed("resolve", f"The host {host} was not found. Check the base URL.")
        return answer

    def _addresses_of(self, host: str, port: int) -> Sequence[Address] | Exception:
        """A lookup cannot be cancelled: it runs aside, and is left behind when it takes too long."""
        if _is_address(host):
            return _asked(self._policy, host, port)
        answers: queue.SimpleQueue[Sequence[Address] | Exception] = queue.SimpleQueue()
        self.trace.on_cancel(lambda: answers.put(TimeoutError()))
        threading.Thread(
            target=lambda: answers.put(_asked(self._policy, host, port)), name="lookup", daemon=True
        ).start()
        try:
            answer = answers.get(timeout=self.left_s())
        except queue.Empty:
            limit = self.trace.budget.limits.connect_s
            raise self.failed(
                "resolve", f"Looking up {host} took longer than {limit:g} s. Check the network."
            ) from None
        finally:
            self.trace.on_cancel(None)
        self.left_s()
        return answer

    def _dial(self, addresses: Sequence[Address]) -> socket.socket:
        """The first address that answers; each has an equal share of the time that is left."""
        problem: OSError = TimeoutError()
        for i, address in enumerate(addresses):
            share = self.left_s() / (len(addresses) - i)
            sock = socket.socket(address.family, socket.SOCK_STREAM)
            try:
                prepare(sock)
                self.trace.on_cancel(partial(sock.shutdown, socket.SHUT_RDWR))
                sock.settimeout(max(min(share, self.left_s()), 0.001))
                sock.connect(address.place)
                self.left_s()
            except OSError as error:
                sock.close()
                problem = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        self.left_s()
        raise self.failed("connect", _unreachable(self.trace.budget, problem))

    def left_s(self) -> float:
        """Seconds left to connect. Raises Failed at the end of the call's time, or when cancelled."""
        try:
            return self.trace.budget.connect_s()
        except Spent as spent:
            raise Failed(spent.as_error(now())) from None

    @staticmethod
    def failed(kind: ErrorKind, message: str) -> Failed:
        """An error of this moment."""
        return Failed(CallError(kind, message, now()))


class Wire(httpcore2.NetworkStream):
    """One connection. Its call is whichever the network serves now."""

    def __init__(self, sock: socket.socket, network: Network) -> None:
        self._socket = sock
        self._network = network
        self._channel: Channel | None = None
        self._head = b""
        self._piece = b""
        self._rest = b""
        self._chunks: Chunks | None = None
        self._timeout = -1.0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What arrived, decrypted. Raises Failed; the budget decides how long it waits."""
        if self._chunks is None:
            self._piece = self._next(max_bytes)
            return self._piece
        while True:
            if not (data := self._rest or self._next(max_bytes)):
                return b""
            theirs, self._rest = self._chunks.feed(data)
            if theirs:
                return theirs

    def read_chunks(self, take: Callable[[bytes], None]) -> None:
        """From here on, until the next request: whole chunks of the body go to `take`, and only what
        else there is to whoever reads."""
        self._chunks = Chunks(self._piece, take)

    def _next(self, max_bytes: int) -> bytes:
        if self._channel is None:
            return self._receive()
        try:
            return self._channel.read(max_bytes, self._receive, self._send)
        except ssl.SSLError as error:
            raise self._network.failed("tls", f"{self._peer} broke TLS: {_reason(error)}.") from None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send. The request's head waits for its body's first piece: both leave in one write."""
        if self._network.trace.awaits_head:
            self._network.trace.awaits_head = False
            self._chunks, self._head = None, buffer
            return
        data, self._head = self._head + buffer, b""
        if data and self._channel is None:
            self._send(data)
        elif data and self._channel is not None:
            self._channel.write(data, self._receive, self._send)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> Wire:
        """Shake hands within what is left of `connect_s`; not recorded but as two marks."""
        self._network.trace.mark("tls.start")
        try:
            channel = Channel(ssl_context, server_hostname)
            channel.handshake(self._receive_aside, self._send_aside)
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            self.close()
            self._network.left_s()
            raise self._network.failed("tls", _no_tls(self._network.trace.budget, error)) from None
        except BaseException:
            self.close()
            raise
        self._network.trace.mark("tls.end")
        self._channel = channel
        return self

    def close(self) -> None:
        """Close the socket at once."""
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks: whether an idle connection has something to read, and the TLS session."""
        if info == "is_readable":
            return _readable(self._socket)
        if info == "ssl_object":
            return None if self._channel is None else self._channel.session
        return None

    @property
    def _peer(self) -> str:
        return self._network.trace.budget.peer

    def _receive(self) -> bytes:
        trace = self._network.trace
        trace.settle()
        self._patience(trace)
        before = now()
        try:
            data, ancillary, _, _ = self._socket.recvmsg(RECEIVE, ANCILLARY)
        except OSError as error:
            raise Failed(self._broken(error)) from None
        after = now()
        if trace.budget.cancelled and not data:
            raise Failed(self._broken(OSError()))
        trace.append(before, after, kernel_ns(ancillary) if ancillary else None, len(data))
        trace.budget.received(len(data))
        return data

    def _send(self, data: bytes) -> None:
        trace = self._network.trace
        rest = memoryview(data)
        while rest:
            self._patience(trace)
            before = now()
            try:
                size = self._socket.send(rest)
            except OSError as error:
                raise FailedWrite(self._broken(error)) from None
            trace.writes.append(Write(before, now(), size))
            rest = rest[size:]

    def _receive_aside(self) -> bytes:
        self._socket.settimeout(max(self._network.left_s(), 0.001))
        return self._socket.recv(RECEIVE)

    def _send_aside(self, data: bytes) -> None:
        self._socket.settimeout(max(self._network.left_s(), 0.001))
        self._socket.sendall(data)

    def _patience(self, trace: Trace) -> None:
        """Set the socket's timeout, only when it differs: it costs a system call."""
        trace.on_cancel(self._shut)
        try:
            seconds = trace.budget.silence_s()
        except Spent as spent:
            raise Failed(spent.as_error(now())) from None
        if seconds != self._timeout:
            self._socket.settimeout(seconds)
            self._timeout = seconds

    def _shut(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)

    def _broken(self, error: OSError) -> CallError:
        budget = self._network.trace.budget
        if budget.cancelled or isinstance(error, TimeoutError):
            return budget.timed_out().as_error(now())
        if error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
            what = f"{self._peer} broke the connection off. What had arrived is kept. Try again."
        else:
            what = f"The connection to {self._peer} failed ({_named(error)}). What had arrived is kept."
        return CallError("reset", what, now())


def _asked(policy: Policy, host: str, port: int) -> Sequence[Address] | Exception:
    try:
        return policy.addresses(host, port)
    except (OSError, UnicodeError, Refused) as error:
        return error


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _readable(sock: socket.socket) -> bool:
    if sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _unreachable(budget: Budget, error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"{budget.peer} refused the connection. Is the server running, and is the port right?"
    if isinstance(error, TimeoutError):
        limit = budget.limits.connect_s
        return (
            f"{budget.peer} did not answer within {limit:g} s. Check the address, or raise "
            "STREAMGAUGE_CONNECT_S."
        )
    return f"{budget.peer} cannot be reached ({_named(error)}). Check the address and the network."


def _no_tls(budget: Budget, error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {budget.peer} was not accepted: {error.verify_message}. Nothing was sent."
    if isinstance(error, TimeoutError):
        return f"{budget.peer} did not finish the TLS handshake in time. Nothing was sent."
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return f"{budget.peer} does not speak TLS. Nothing was sent. Does the base URL need http://?"
    return f"{budget.peer} broke off the TLS handshake ({_reason(error)}). Nothing was sent."


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return (reason or _named(error)).replace("_", " ").lower()


def _named(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number is not None and number > 0 else type(error).__name__
