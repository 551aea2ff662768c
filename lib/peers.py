"""What others would have said of a stream: the Cookbook's loop, and a plain reader of lines.

`python -m lib.peers cookbook|lines` is a process of its own: a call for each line of standard input.
`cookbook` is the loop of OpenAI's "How to stream completions": the openai client, time.time() after each
chunk, counted from before the call. `lines` reads line by line with http.client and stamps each line of data.
Both also keep the bytes of the answer, since the lab's own account stands at its end: one list append for
each piece.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal
from urllib.parse import urlsplit

from lib.calibration import sent
from lib.children import environment
from lib.recording import Instrument, Read, Recording, Request, Write
from lib.settings import ROOT
from lib.spec import Limits
from lib.stamps import read_clock
from lib.timeline import decode

Peer = Literal["cookbook", "lines"]
PATIENCE_S = 20.0
WARM_UP = "steady:first=0,rate=1000,tokens=5"
"""The lab's model for a first call, which would else be 0.1 s late or more."""
ASKED = [{"role": "user", "content": "speak"}]
_NOBODY = Instrument("", "", "user", "other", 1, ())


@dataclass(frozen=True, slots=True)
class Heard:
    """One call as a peer saw it, monotonic ns. `stamps_ns`: one for each chunk that it took for an event.

    `error`: how it failed, None when it believes to have the whole answer. `late_ns`: stamp minus true for
    each, where the lab could tell what is true; else empty.
    """

    begun_ns: int
    ended_ns: int
    stamps_ns: tuple[int, ...]
    error: str | None = None
    late_ns: tuple[int, ...] = ()

    @property
    def first_s(self) -> float | None:
        """When it says that the first text came."""
        return (self.stamps_ns[0] - self.begun_ns) / 1e9 if self.stamps_ns else None

    @property
    def total_s(self) -> float:
        """How long it says that the call took."""
        return (self.ended_ns - self.begun_ns) / 1e9

    @property
    def rate(self) -> float | None:
        """Tokens a second, if each event is taken for one, as is common."""
        if len(self.stamps_ns) < 2 or self.stamps_ns[-1] == self.stamps_ns[0]:
            return None
        return (len(self.stamps_ns) - 1) * 1e9 / (self.stamps_ns[-1] - self.stamps_ns[0])


class _Call:
    """What a loop leaves behind, in seconds of time.time(), also when it fails in the middle."""

    def __init__(self) -> None:
        self.begun = 0.0
        self.stamps: list[float] = []
        self.pieces: list[bytes] = []


Loop = Callable[[str, str, _Call], None]


def hear(peer: Peer, base_url: str, model: str) -> Heard:
    """One call by that peer in a fresh process, warmed up by a call before. Never raises: see `error`."""
    jobs = "".join(json.dumps({"base_url": base_url, "model": name}) + "\n" for name in (WARM_UP, model))
    begun = time.perf_counter_ns()
    try:
        done = subprocess.run(  # noqa: S603  our own module, no shell
            [sys.executable, "-m", "lib.peers", peer],
            input=jobs, capture_output=True, text=True, env=environment(), cwd=ROOT, timeout=PATIENCE_S,
        )  # fmt: skip
        told = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return Heard(begun, time.perf_counter_ns(), (), f"It still waited after {PATIENCE_S:g} s.")
    except (OSError, ValueError, IndexError):
        return Heard(begun, time.perf_counter_ns(), (), "Its process ended without a word.")
    stamps = tuple(told["stamps_ns"])
    late = _late(told["body"].encode("latin-1"), told["begun_ns"], stamps)
    return Heard(told["begun_ns"], told["ended_ns"], stamps, told["error"], late)


def _late(body: bytes, begun_ns: int, stamps_ns: tuple[int, ...]) -> tuple[int, ...]:
    """Each stamp minus the lab's send of its event; () without the lab's account, or with events left out."""
    request = Request("chat.completions", "streaming", "", "", "{}", "new", "identity", Limits())
    whole = Read(begun_ns, begun_ns, None, len(body), len(body))
    plain = Recording(
        request=request, instrument=_NOBODY, wall_ms=0, connection="new", marks=(), headers_read=None,
        writes=(Write(begun_ns, begun_ns, 1),), reads=(whole,), body_read=0, status=200, http_version=None,
        headers=(), body=body, clocks=(), pauses=(),
    )  # fmt: skip
    account = sent(plain)
    ends = sorted({e.end for e in decode(plain).events if e.kind != "comment"})
    if account is None or len(ends) - len(stamps_ns) not in (0, 1):  # one reader counts [DONE], one does not
        return ()
    sends = list(accumulate(account.sizes))
    places = [bisect_left(sends, end) for end in ends]
    if places[-1] >= len(account.times_ns):
        return ()
    return tuple(at - account.times_ns[place] for at, place in zip(stamps_ns, places, strict=False))


def cookbook() -> Loop:
    """As the Cookbook times it: the client's own iterator and the wall clock, events and texts kept."""
    import openai

    transport = _keeping()
    http_client = openai.DefaultHttpxClient(transport=transport)

    def loop(base_url: str, model: str, call: _Call) -> None:
        client = openai.OpenAI(base_url=base_url, api_key="none", http_client=http_client, max_retries=0)
        transport.pieces = call.pieces
        call.begun = time.time()
        stream: Any = client.chat.completions.create(
            model=model,
            messages=ASKED,  # type: ignore[arg-type]
            temperature=0,
            stream=True,
        )
        events, texts = [], []
        for event in stream:
            waited = time.time() - call.begun
            events.append(event)
            texts.append(event.choices[0].delta.content)
            call.stamps.append(call.begun + waited)
        stream.close()

    return loop


def _keeping() -> Any:
    """A transport that keeps the body's bytes in `pieces`, since the lab's truth stands in them."""
    import httpx2

    class Kept(httpx2.SyncByteStream):
        """Reads on after the last event, which the client would not."""

        def __init__(self, inner: Any, pieces: list[bytes]) -> None:
            self.inner, self.pieces = iter(inner), pieces

        def __iter__(self) -> Iterator[bytes]:
            for piece in self.inner:
                self.pieces.append(piece)
                yield piece

        def close(self) -> None:
            self.pieces += self.inner

    class Keeping(httpx2.HTTPTransport):
        pieces: list[bytes]

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            response = super().handle_request(request)
            kept = Kept(response.stream, self.pieces)
            return httpx2.Response(response.status_code, headers=response.headers, stream=kept)

    return Keeping()


def lines() -> Loop:
    """Line after line, a stamp for each that begins with `data: `."""

    def loop(base_url: str, model: str, call: _Call) -> None:
        url = urlsplit(base_url)
        body = json.dumps({"model": model, "messages": ASKED, "stream": True})
        connection = http.client.HTTPConnection(url.hostname or "", url.port)
        call.begun = time.time()
        connection.request("POST", f"{url.path}/chat/completions", body, {"content-type": "application/json"})
        response = connection.getresponse()
        while line := response.readline():
            if line.startswith(b"data: "):
                call.stamps.append(time.time())
            call.pieces.append(line)
        connection.close()

    return loop


PEERS: dict[Peer, Callable[[], Loop]] = {"cookbook": cookbook, "lines": lines}


def main() -> None:
    """Serve one line after the other until standard input ends."""
    loop = PEERS["cookbook" if sys.argv[1] == "cookbook" else "lines"]()
    for line in sys.stdin:
        print(json.dumps(_told(loop, json.loads(line))), flush=True)  # noqa: T201


def _told(loop: Loop, job: dict[str, str]) -> dict[str, Any]:
    call, error = _Call(), None
    clock, cpu = read_clock(), time.process_time_ns()
    try:
        loop(job["base_url"], job["model"], call)
    except Exception as failure:  # noqa: BLE001  whatever it is, it is what this peer would have said
        error = f"{type(failure).__name__}: {' '.join(str(failure).split())[:120]}"
    ended, cpu = time.time(), time.process_time_ns() - cpu
    offset = clock.monotonic_ns - clock.realtime_ns
    begun, ended_at, *stamps = [round(t * 1e9) + offset for t in (call.begun, ended, *call.stamps)]
    return {
        "cpu_ns": cpu,
        "begun_ns": begun,
        "ended_ns": ended_at,
        "stamps_ns": stamps,
        "body": b"".join(call.pieces).decode("latin-1"),
        "error": error,
    }


if __name__ == "__main__":
    main()
