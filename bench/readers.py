"""The instruments that a benchmark compares, each a process of its own; what they heard, as Recordings.

Recordings, so that one function, `lib.calibration.errors`, judges all of them against the lab's account.
"""

import dataclasses
import json
import queue
import threading
import time
from bisect import bisect_right
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from lib.children import PROBE, Child
from lib.dialects import canonical
from lib.messages import Close, Hello, Part, Start, fold, from_line, to_line
from lib.recording import Clock, Instrument, Read, Recording, Request, Write
from lib.spec import Limits
from lib.timeline import decode

NOBODY = Instrument("", "local", "kernel", "other", 1, ())
_CPU_OF_PROCESS = 2
_LIMITS = Limits(connect_s=10, silence_s=10, total_s=60)


class Heard(NamedTuple):
    """One run: a recording for each stream, and the reader's CPU time."""

    recordings: list[Recording]
    cpu_ns: int


def model(rate: float, seconds: float, first: float = 0.1) -> str:
    """The lab's metronome at so many events a second, for so long."""
    return f"steady:first={first:g},rate={rate:g},tokens={round(rate * seconds)}"


def asked(base_url: str, name: str) -> Request:
    """One streaming call to the lab."""
    body = {"model": name, "messages": [{"role": "user", "content": "speak"}], "stream": True}
    return Request("chat.completions", "streaming", base_url, "", canonical(body), "new", "identity", _LIMITS)


class Process:
    """A child that is told lines and tells lines."""

    def __init__(self, module: str, *arguments: str) -> None:
        self.child = Child(module, *arguments)
        self._stop = threading.Event()
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def line(self) -> str:
        """The next line. Raises RuntimeError when it ended instead."""
        line = self._lines.get(timeout=120)
        if line is None:
            raise RuntimeError(self.child.gone())
        return line

    def close(self) -> None:
        self.child.close()
        self._stop.set()

    def _listen(self) -> None:
        for line in self.child.lines(self._stop):
            self._lines.put(line)
        self._lines.put(None)


class Probe(Process):
    """Streamgauge's own process, spoken to as the service does."""

    def __init__(self) -> None:
        super().__init__(PROBE)
        hello = from_line(self.line())
        assert isinstance(hello, Hello)
        self.hello = hello
        self._calls = 0

    def read(self, base_url: str, name: str, count: int = 1, spread_s: float = 0.0) -> Heard:
        """So many calls at once, begun evenly over `spread_s`."""
        cpu, now = self._cpu_ns(), time.perf_counter_ns() + 50_000_000
        request = asked(base_url, name)
        starts = [
            Start(f"b/{self._calls + i}", request, now + round(spread_s * 1e9 * i / count))
            for i in range(count)
        ]
        self._calls += count
        for start in starts:
            self.child.write(to_line(start))
        lines, ended = list[str](), 0
        while ended < count:
            lines.append(self.line())
            ended += lines[-1].startswith('{"type":"close"')
        cpu = self._cpu_ns() - cpu
        return Heard(self._folded(starts, lines), cpu)

    def _folded(self, starts: list[Start], lines: list[str]) -> list[Recording]:
        parts: dict[str, list[Part]] = {s.call: [] for s in starts}
        ends: dict[str, Close] = {}
        for line in lines:
            message = from_line(line)
            if isinstance(message, Part):
                parts[message.call].append(message)
            elif isinstance(message, Close):
                ends[message.call] = message
        return [fold(s, self.hello, parts[s.call], ends[s.call]) for s in starts]

    def _cpu_ns(self) -> int:
        """The process's CPU clock, as clock_getcpuclockid names it."""
        return time.clock_gettime_ns((~self.child.pid << 3) | _CPU_OF_PROCESS)


class Bare(Process):
    """`bench.bare_reader`."""

    def __init__(self) -> None:
        super().__init__("bench.bare_reader")

    def read(self, base_url: str, name: str, count: int = 1, spread_s: float = 0.0) -> Heard:
        """As Probe.read."""
        url, request = urlsplit(base_url), asked(base_url, name)
        head = (
            f"POST {url.path}/chat/completions HTTP/1.1\r\nhost: {url.netloc}\r\nconnection: close\r\n"
            f"content-type: application/json\r\ncontent-length: {len(request.body)}\r\n\r\n"
        )
        job = {"address": (url.hostname, url.port), "asked": head + request.body, "count": count}
        self.child.write(json.dumps(job | {"spread_s": spread_s}) + "\n")
        told = json.loads(self.line())
        clocks = tuple(Clock(*c) for c in told["clocks"])
        return Heard([_recording(request, s, clocks) for s in told["streams"]], told["cpu_ns"])


class Peer(Process):
    """One of `lib.peers`."""

    def __init__(self, name: str) -> None:
        super().__init__("lib.peers", name)

    def read(self, base_url: str, name: str) -> Heard:
        """One stream. Each event is a read of its own, at the time that the peer gave it."""
        self.child.write(json.dumps({"base_url": base_url, "model": name}) + "\n")
        told = json.loads(self.line())
        body = told["body"].encode("latin-1")
        plain = _plain(asked(base_url, name), told["begun_ns"], (), body)
        events = decode(_with_reads(plain, [(told["begun_ns"], len(body))])).events
        ends = sorted({e.end for e in events if e.kind != "comment"})
        return Heard([_with_reads(plain, list(zip(told["stamps_ns"], ends, strict=False)))], told["cpu_ns"])


def _recording(request: Request, told: dict[str, Any], clocks: tuple[Clock, ...]) -> Recording:
    """What the bare reader kept, its chunks taken apart."""
    raw = told["raw"].encode("latin-1")
    starts, body_at, body = _chunks(raw)
    reads, end = [], 0
    for before, after, kernel, size in told["reads"]:
        end += size
        i = bisect_right(starts, end) - 1
        body_end = 0 if i < 0 else min(body_at[i] + end - starts[i], body_at[i + 1])
        reads.append(Read(before, after, kernel, size, body_end))
    plain = _plain(request, told["sent_ns"], clocks, body)
    return dataclasses.replace(plain, reads=tuple(reads), body_read=len(reads) - 1)


def _chunks(raw: bytes) -> tuple[list[int], list[int], bytes]:
    """Where each chunk's data starts in the raw bytes and in the body (and where the body ends)."""
    at = raw.index(b"\r\n\r\n") + 4
    starts, body_at, pieces = list[int](), [0], list[bytes]()
    while (line := raw.find(b"\r\n", at)) > 0 and (size := int(raw[at:line], 16)):
        starts.append(line + 2)
        pieces.append(raw[line + 2 : line + 2 + size])
        body_at.append(body_at[-1] + size)
        at = line + 4 + size
    return starts, body_at, b"".join(pieces)


def _with_reads(plain: Recording, ends: list[tuple[int, int]]) -> Recording:
    reads = tuple(Read(at - 1_000_000, at, None, 1, end) for at, end in ends)
    body = plain.body[: ends[-1][1]] if ends else b""
    account = plain.body[len(body) :]
    last = Read(reads[-1].after_ns, reads[-1].after_ns, None, 1, len(plain.body))
    return dataclasses.replace(plain, reads=(*reads, last), body=body + account, body_read=len(reads))


def _plain(request: Request, begun_ns: int, clocks: tuple[Clock, ...], body: bytes) -> Recording:
    return Recording(
        request=request,
        instrument=NOBODY,
        wall_ms=0,
        connection="new",
        marks=(),
        writes=(Write(begun_ns, begun_ns, 1),),
        reads=(),
        headers_read=None,
        body_read=None,
        status=200,
        http_version=None,
        headers=(),
        body=body,
        clocks=clocks,
        pauses=(),
    )
