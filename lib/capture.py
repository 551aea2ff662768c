"""One Request → one Recording, through the ordinary openai client. Failure is data, never an exception.

A Door makes calls, a Call is one of them: `run` in a thread of its own, `part` and `cancel` from others.
The hot loop stores stamps and bytes; decoding happens elsewhere. What the bytes mean is timeline's
business; how a call travels to the service is probe's.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
import ssl
import threading
import time
from collections.abc import Iterator
from functools import cache, partial
from time import perf_counter_ns as now
from typing import Any

import httpcore2
import httpx2
import openai

from lib.answers import ALLOWED, status_error
from lib.endings import Ending
from lib.errors import InvalidSpec
from lib.guard import Anywhere, Budget, Policy, key_refusal
from lib.messages import Close, Key, Part
from lib.recording import CallError, Clock, Connection, Request
from lib.redact import Mask, inflated, redact
from lib.spec import Api, origin
from lib.stamps import read_clock
from lib.trace import Trace
from lib.wire import Failed, Network, Wire

log = logging.getLogger("streamgauge.capture")
for _name in ("openai", "httpx2", "httpcore2"):  # below warnings they name addresses and headers
    logging.getLogger(_name).setLevel(logging.WARNING)

IDLE_S = 60.0
"""How long an unused connection is kept for a call that asks for a reused one."""

LARGEST_PART = 256 << 10
MOST_READS = 8192
"""Bytes and reads that one part may hold: what waits to be told is copied several times on its way."""

LARGEST_ERROR = 1 << 20
"""Bytes of an answer that is no success; its first sentence is all that is wanted."""

METHODS: dict[Api, tuple[str, ...]] = {
    "chat.completions": ("chat", "completions", "create"),
    "completions": ("completions", "create"),
    "responses": ("responses", "create"),
    "models": ("models", "list"),
    "moderations": ("moderations", "create"),
}
"""Where the client keeps each API kind."""

_REFUSALS = (TypeError, ValueError, openai.OpenAIError, httpx2.InvalidURL, httpx2.UnsupportedProtocol)
_OPTIONS = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}
_SENT = re.compile(
    r"host|accept|accept-encoding|connection|content-type|content-length|transfer-encoding|user-agent|"
    r"x-stainless-.*",
    re.IGNORECASE,
)


class Tap(httpx2.SyncByteStream):
    """A response's body on its way through: each piece is booked on the read that brought it.

    `kept`: its first `keep` bytes.
    """

    def __init__(self, inner: Any, trace: Trace, stream_of: Api | None, keep: int) -> None:
        self.kept = b""
        self._inner = inner
        self._trace = trace
        self._keep = keep
        self._ending = Ending(stream_of) if stream_of else None
        self.complete = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._inner:
            self.take(piece)
            yield piece
        self.complete = True

    def take(self, piece: bytes) -> None:
        """A piece came. Lines have a limit; after the stream's own last word nothing is waited for."""
        self._trace.take(piece)
        if len(self.kept) < self._keep:
            self.kept += piece[: self._keep - len(self.kept)]
        if self._ending is not None:
            self._trace.budget.line(piece)
            if self._ending.seen(piece):
                self._trace.budget.drain()

    def close(self) -> None:
        """Done with it, read or not."""
        self._inner.close()


class Line(httpx2.BaseTransport):
    """One connection at most, lent to one call at a time; sends an allow-list of headers and our key."""

    def __init__(self, network: Network, tls: ssl.SSLContext) -> None:
        self.network = network
        self.client = httpx2.Client(transport=self, trust_env=False, follow_redirects=False)
        self.call: Call
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls, max_connections=1, keepalive_expiry=IDLE_S, network_backend=network
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send; keep what the response's head says. The body's encoding is hidden from the client,
        which would inflate without a bound."""
        url, trace = request.url, self.call.trace
        trace.awaits_head = True
        response = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=self._headers(request),
                content=request.stream,
            )
        )
        return httpx2.Response(
            response.status,
            headers=[(k, v) for k, v in response.headers if k.lower() != b"content-encoding"],
            stream=self.call.answered(response),
        )

    def forget(self) -> None:
        """The call is over; a kept line must not keep its bytes."""
        del self.call, self.network.trace

    def close(self) -> None:
        """Hang up."""
        self._pool.close()

    def _headers(self, request: httpx2.Request) -> list[tuple[bytes, bytes]]:
        kept = [(k, v) for k, v in request.headers.raw if _SENT.fullmatch(k.decode("latin-1"))]
        if self.call.secret:
            kept.append((b"Authorization", b"Bearer " + self.call.secret.encode("ascii")))
        return kept


class Door:
    """Makes calls and keeps idle connections, by origin. One per process is enough."""

    def __init__(self, policy: Policy | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.policy = policy or Anywhere()
        # Certificates may come from the operator's SSL_CERT_FILE; nothing else of the environment counts.
        self.tls = httpx2.create_ssl_context() if tls is None else tls
        self._idle: dict[str, list[Line]] = {}
        self._lock = threading.Lock()

    def call(self, name: str, request: Request, key: Key | None = None, due_ns: int | None = None) -> Call:
        """A call that has not begun. `due_ns`: wait until then on the monotonic clock."""
        return Call(self, name, request, key, due_ns)

    def lend(self, request: Request) -> Line:
        """An idle connection to that origin when the request wants one, else a new one."""
        if request.connection == "reused":
            with self._lock:
                if lines := self._idle.get(origin(request.base_url)):
                    return lines.pop()
        return Line(Network(self.policy), self.tls)

    def take_back(self, line: Line, request: Request) -> None:
        """Keep the connection for the next call that wants one, or hang up."""
        line.forget()
        if request.connection == "reused":
            with self._lock:
                self._idle.setdefault(origin(request.base_url), []).append(line)
        else:
            line.close()

    def close(self) -> None:
        """Hang up everywhere."""
        with self._lock:
            for lines in self._idle.values():
                for line in lines:
                    line.close()
            self._idle.clear()


class Call:
    """One call: what arrived so far, and how it ended. `finished` is set last."""

    def __init__(self, door: Door, name: str, request: Request, key: Key | None, due_ns: int | None) -> None:
        self.name = name
        self.request = request
        self.secret = key.secret if key is not None and request.key_ref else ""
        self.begun_ns = now()
        self.finished = threading.Event()
        self.trace = Trace(Budget(request.limits, request.mode, request.base_url))
        self._door = door
        self._key = key
        self._due_ns = due_ns
        self._cancelled = threading.Event()
        self._tap: Tap | None = None
        self._status: int | None = None
        self._http_version: str | None = None
        self._headers: tuple[tuple[str, str], ...] = ()
        self._encoding = ""
        self._headers_read: int | None = None
        self._wall_ms = 0
        self._clocks: list[Clock] = []
        self._error: CallError | None = None
        self._mask = Mask(self.secret)
        self._seq = self._sent_marks = self._sent_writes = self._sent_reads = self._sent_body = 0

    def run(self) -> None:
        """Make the call; returns when it has ended, well or not. Never raises."""
        try:
            if self._due_ns is not None:
                self._cancelled.wait(max(0.0, (self._due_ns - now()) / 1e9))
            self._wall_ms = time.time_ns() // 1_000_000
            self._clocks.append(read_clock())
            self._error = self._refusal() or self._make()
            self._clocks.append(read_clock())
        finally:
            self.trace.on_cancel(None)
            self.trace.settle()
            self.finished.set()

    def cancel(self) -> None:
        """From any thread: end the call now, keep what arrived."""
        self._cancelled.set()
        self.trace.cancel()

    def answered(self, response: httpcore2.Response) -> Tap:
        """The response's head is here; what it says is kept, by allow-list."""
        headers = [(k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in response.headers]
        self._headers_read = self.trace.last_read
        self._status = response.status
        self._http_version = response.extensions["http_version"].decode("ascii")
        self._headers = tuple((k, redact(v, self.secret)) for k, v in headers if ALLOWED.fullmatch(k))
        self._encoding = dict(headers).get("content-encoding", "")
        if not (plain := self._encoding in ("", "identity")):
            self._mask.compressed(self._encoding, self.request.limits.body_bytes)
        streams = self.request.mode == "streaming" and response.status == 200
        keep = 0 if 200 <= response.status < 300 else LARGEST_ERROR
        self._tap = Tap(response.stream, self.trace, self.request.api if streams and plain else None, keep)
        if streams and dict(headers).get("transfer-encoding", "").lower() == "chunked":
            wire: Wire = response.extensions["network_stream"]
            wire.read_chunks(self._tap.take)
        if keep:
            self.trace.budget.shrink(keep)
        return self._tap

    def part(self) -> Part | None:
        """What is new and final since the last one, 256 kB at most; None: nothing. From one thread."""
        final = self.finished.is_set()
        trace = self.trace
        reads = trace.reads(self._sent_reads, min(trace.settled, self._sent_reads + MOST_READS))
        while len(reads) > 1 and reads[-1].body_end - self._sent_body > LARGEST_PART:
            reads.pop()
        body = trace.body(self._sent_reads, self._sent_reads + len(reads))
        whole = final and self._sent_body + len(body) == trace.size
        free = self._sent_body + self._mask.release(body, final=whole)
        while reads and reads[-1].body_end > free:
            reads.pop()
        marks, writes = trace.marks[self._sent_marks :], trace.writes[self._sent_writes :]
        if not (marks or writes or reads):
            return None
        size = reads[-1].body_end - self._sent_body if reads else 0
        text = body[:size].decode("latin-1")
        part = Part(self.name, self._seq, tuple(marks), tuple(writes), tuple(reads), text)
        self._told(part, body[size:])
        return part

    def _told(self, part: Part, rest: bytearray) -> None:
        self._seq += 1
        self._sent_marks += len(part.marks)
        self._sent_writes += len(part.writes)
        self._sent_reads += len(part.reads)
        self._sent_body += len(part.body)
        self.trace.let_go(self._sent_reads)
        if rest:  # masked already where a key was
            self.trace.replace(self._sent_reads, rest)

    def close(self, pauses: tuple[tuple[int, int], ...] = ()) -> Close:
        """The end of the call, after `finished` and the last part."""
        complete = self._tap is not None and self._tap.complete
        return Close(
            call=self.name,
            seq=self._seq,
            wall_ms=self._wall_ms,
            connection=self._connection(),
            headers_read=self._headers_read,
            body_read=self.trace.last_read if complete else None,
            status=self._status,
            http_version=self._http_version,
            headers=self._headers,
            clocks=tuple(self._clocks),
            pauses=pauses,
            due_ns=self._due_ns,
            error=self._error,
        )

    def _connection(self) -> Connection | None:
        if self.trace.connected:
            return "new"
        return "reused" if self.trace.writes else None

    def _refusal(self) -> CallError | None:
        """Why nothing may be sent."""
        try:
            target = origin(self.request.base_url)
        except InvalidSpec as error:
            return CallError("refused", f"{error.message} Nothing was sent.", now())
        self.trace.budget.peer = target.partition("://")[2]
        message = self._door.policy.refusal(self.request.base_url) or key_refusal(
            self.request, self._key, target
        )
        return CallError("refused", f"{message} Nothing was sent.", now()) if message else None

    def _make(self) -> CallError | None:
        line = self._door.lend(self.request)
        line.call, line.network.trace = self, self.trace
        self.trace.budget.start()
        try:
            with _method(line.client, self.request)() as response:
                for _ in response.http_response.iter_raw():
                    pass
        except Exception as error:  # noqa: BLE001  a failed call is data, whatever failed
            return self._what_failed(error)
        finally:
            self._door.take_back(line, self.request)
        return None

    def _what_failed(self, error: Exception) -> CallError | None:
        budget, at_ns = self.trace.budget, now()
        if self._status is not None and not 200 <= self._status < 300 and not budget.cancelled:
            return status_error(
                self._status,
                self._headers,
                inflated(self._tap.kept if self._tap else b"", self._encoding),
                budget.peer,
                self.secret,
                at_ns,
            )
        if budget.draining:
            return None
        if isinstance(error, Failed):
            return error.error
        return CallError(*self._described(error), at_ns)

    def _described(self, error: Exception) -> tuple[Any, str]:
        peer, detail = self.trace.budget.peer, redact(str(error), self.secret)[:200]
        if isinstance(error, httpcore2.RemoteProtocolError) and self.trace.at_end_of_file:
            if self._status is None:
                return (
                    "cut",
                    f"{peer} closed the connection without an answer. Check the base URL, or try again.",
                )
            return (
                "cut",
                f"{peer} closed the connection in the middle of its answer. What had arrived is kept.",
            )
        if isinstance(error, httpcore2.ProtocolError):
            return "protocol", f"{peer} does not answer as HTTP does ({detail}). Check the base URL."
        if isinstance(error, _REFUSALS):
            return "refused", f"The client library does not accept this request: {detail}. Check its fields."
        log.exception("a call failed in an unforeseen way")
        return (
            "protocol",
            f"The call failed in an unforeseen way ({type(error).__name__}). What had arrived is kept.",
        )


def _method(http_client: httpx2.Client, request: Request) -> Any:
    """The client's own method for this request, ready to be called; it yields the raw response."""
    client = openai.OpenAI(
        base_url=request.base_url, api_key="none", max_retries=0, timeout=None, http_client=http_client
    )
    *path, verb = METHODS[request.api]
    resource: Any = client
    for name in path:
        resource = getattr(resource, name)
    known = _names(getattr(type(resource), verb))
    fields: dict[str, Any] = json.loads(request.body)
    options: dict[str, Any] = {k: v for k, v in fields.items() if k in known}
    options["extra_headers"] = {"Accept-Encoding": request.accept_encoding}
    if extra := {k: v for k, v in fields.items() if k not in known}:
        options["extra_body"] = extra
    return partial(getattr(resource.with_streaming_response, verb), **options)


@cache
def _names(method: Any) -> frozenset[str]:
    """The fields of a body that a method knows; the rest of its parameters steer the client."""
    return frozenset(inspect.signature(method).parameters) - _OPTIONS
