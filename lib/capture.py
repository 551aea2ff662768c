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
from lib.errors import InvalidSpec
from lib.guard import Budget, Destinations, anywhere
from lib.messages import Close, Key, Part
from lib.recording import CallError, Clock, Connection, Request
from lib.redact import Mask, inflated, redact
from lib.spec import Api, origin
from lib.stamps import read_clock
from lib.wire import Failed, Network, Trace

log = logging.getLogger("streamgauge.capture")
for _name in ("openai", "httpx2", "httpcore2"):  # below warnings they name addresses and headers
    logging.getLogger(_name).setLevel(logging.WARNING)

IDLE_S = 60.0
"""How long an unused connection is kept for a call that asks for a reused one."""

METHODS: dict[Api, tuple[str, ...]] = {
    "chat.completions": ("chat", "completions", "create"),
    "completions": ("completions", "create"),
    "responses": ("responses", "create"),
    "models": ("models", "list"),
    "moderations": ("moderations", "create"),
}
"""Where the client keeps each API kind."""

_OPTIONS = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}
_SENT = re.compile(
    r"host|accept|accept-encoding|connection|content-type|content-length|transfer-encoding|user-agent|"
    r"x-stainless-.*",
    re.IGNORECASE,
)
_LAST = {
    "chat.completions": re.compile(rb"(?:^|[\r\n])data: ?\[DONE\]"),
    "completions": re.compile(rb"(?:^|[\r\n])data: ?\[DONE\]"),
    "responses": re.compile(rb"(?:^|[\r\n])event: ?response\.(?:completed|incomplete|failed)\b"),
}
_BLANK_LINE = (b"\n\n", b"\n\r\n", b"\r\r")


class Tap(httpx2.SyncByteStream):
    """A response's body on its way through: each piece is booked on the read that brought it."""

    def __init__(self, inner: Any, trace: Trace, stream_of: Api | None) -> None:
        self._inner = inner
        self._trace = trace
        self._last = _LAST.get(stream_of) if stream_of else None
        self._over = False
        self.complete = False

    def __iter__(self) -> Iterator[bytes]:
        take, last = self._trace.take, self._last
        for piece in self._inner:
            take(piece)
            if last is not None:
                self._watch(last, piece)
            yield piece
        self.complete = True

    def close(self) -> None:
        """Done with it, read or not."""
        self._inner.close()

    def _watch(self, last: re.Pattern[bytes], piece: bytes) -> None:
        """Lines have a limit; and after the stream's own last word nothing more is waited for."""
        self._trace.budget.line(piece)
        body = self._trace.body
        self._over = self._over or last.search(body, max(0, len(body) - len(piece) - 40)) is not None
        if self._over and body.endswith(_BLANK_LINE):
            self._trace.budget.drain()


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

    def __init__(self, destinations: Destinations = anywhere, tls: ssl.SSLContext | None = None) -> None:
        self._destinations = destinations
        # Certificates may come from the operator's SSL_CERT_FILE; nothing else of the environment counts.
        self._tls = httpx2.create_ssl_context() if tls is None else tls
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
        return Line(Network(self._destinations), self._tls)

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
            self._mask.compressed(self._encoding)
        streams = self.request.mode == "streaming" and response.status == 200 and plain
        self._tap = Tap(response.stream, self.trace, self.request.api if streams else None)
        return self._tap

    def part(self) -> Part | None:
        """What is new and final since the last one; None: nothing. From one thread at a time."""
        final = self.finished.is_set()
        trace = self.trace
        reads = trace.reads(self._sent_reads, trace.settled)
        end = reads[-1].body_end if reads else self._sent_body
        free = self._mask.release(trace.body, end, final=final)
        while reads and reads[-1].body_end > free:
            reads.pop()
        end = reads[-1].body_end if reads else self._sent_body
        marks, writes = trace.marks[self._sent_marks :], trace.writes[self._sent_writes :]
        if not (marks or writes or reads):
            return None
        body = bytes(trace.body[self._sent_body : end]).decode("latin-1")
        part = Part(self.name, self._seq, tuple(marks), tuple(writes), tuple(reads), body)
        self._seq += 1
        self._sent_marks += len(marks)
        self._sent_writes += len(writes)
        self._sent_reads += len(reads)
        self._sent_body = end
        return part

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
        message = None
        try:
            target = origin(self.request.base_url)
        except InvalidSpec as error:
            return CallError("refused", f"{error.message} Nothing was sent.", now())
        self.trace.budget.peer = target.partition("://")[2]
        if self.request.key_ref and self._key is None:
            message = "The key is not known here any more. Nothing was sent. Choose or type it again."
        elif self.request.key_ref and self._key is not None and self._key.origin != target:
            message = f"This key may go to {self._key.origin} only, not to {target}. Nothing was sent."
        elif not re.fullmatch(r"[\x21-\x7e]*", self.secret):
            message = (
                "The key holds spaces or characters that cannot be sent. Nothing was sent. Type it again."
            )
        return None if message is None else CallError("refused", message, now())

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
                inflated(bytes(self.trace.body), self._encoding),
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
        if isinstance(error, (TypeError, ValueError, openai.OpenAIError)):
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
