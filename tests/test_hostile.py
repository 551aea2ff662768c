"""Servers that mean harm, against a real probe: each call ends in time, and memory stays where it was.

Memory is the highest the process reached (VmHWM) over what it held before. Every case asks with limits of
its own: 16 MB of body, 1 s in all.
"""

import dataclasses
import gzip
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.messages import Close, Key, Part, Start, fold
from lib.recording import Recording
from lib.spec import Limits, origin
from tests.scripted import FLOOD, HOLD, Scripted, Step, asking, chunk, head, whole
from tests.test_probe import Owner

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.real_time,  # tolerance: 1 s after the deadline, which is the promise itself
]
TOTAL_S = 1.0
TIGHT = Limits(connect_s=2.0, silence_s=60.0, total_s=TOTAL_S, body_bytes=16 << 20, line_bytes=1 << 20)
SECRET = "sk-canary-0123456789abcdef"
MB = 1 << 20

EVENT = b'data: {"choices":[{"delta":{"content":"more "}}]}\n\n'
ZEROS = zlib.compressobj(9, wbits=31)
BOMB = ZEROS.compress(bytes(64 * MB)) + ZEROS.flush(zlib.Z_SYNC_FLUSH)  # 64 MB in 64 kB


def drip(*pieces: bytes) -> list[Step]:
    return [step for _ in range(200) for piece in pieces for step in (piece, 0.05)]


STREAM = head(transfer_encoding="chunked")
ZIPPED = head(transfer_encoding="chunked", content_encoding="gzip")
CASES: dict[str, tuple[list[Step], str]] = {
    "an endless stream": ([STREAM, chunk(EVENT) * 200, FLOOD], "limit"),
    "an endless stream of tiny chunks": ([STREAM, chunk(b"\n") * 9000, FLOOD], "limit"),
    "an endless stream that JSON must escape": ([STREAM, chunk(b"\x01" * 9000 + b"\n"), FLOOD], "limit"),
    "an endless line": ([STREAM, chunk(b"a" * 60000), FLOOD], "limit"),
    "an endless chunk": ([STREAM + b"7fffffff\r\n", b"ab\n" * 20000, FLOOD], "limit"),
    "an endless chunk size": ([STREAM, b"0" * 60000, FLOOD], "protocol"),
    "an endless body without length": ([head(), EVENT * 500, FLOOD], "limit"),
    "endless headers": ([b"HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n" * 2000, FLOOD], "protocol"),
    "one endless header": ([b"HTTP/1.1 200 OK\r\nx-more: ", b"a" * 60000, FLOOD], "protocol"),
    "endless interim answers": ([b"HTTP/1.1 103 Early\r\n\r\n" * 2000, FLOOD], "limit"),
    "an endless error": ([head(500, transfer_encoding="chunked"), chunk(b"a" * 60000), FLOOD], "status"),
    "a drip of events": ([STREAM, *drip(chunk(EVENT))], "deadline"),
    "a drip of comments": ([STREAM, *drip(chunk(b":\n\n"))], "deadline"),
    "a drip of header bytes": ([b"HTTP/1.1 200 OK\r\n", *drip(b"x")], "deadline"),
    "silence": ([HOLD], "deadline"),
    "silence after the last event": ([STREAM, chunk(b"data: [DONE]\n\n"), HOLD], ""),
    "a gzip bomb": ([ZIPPED, chunk(BOMB), FLOOD], "limit"),
    "a gzip bomb in an error": (
        whole(gzip.compress(bytes(64 * MB)), 400, content_encoding="gzip"),
        "status",
    ),
}


def memory(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    made = Owner(tmp_path_factory.mktemp("probe") / "spool")
    with Scripted([whole(b"{}")]) as server:  # it answers: the warm-up is over
        start = Start("warm/0", asking(server.url, mode="blocking"))
        made.say(start)
        made.until_close(start)
    yield made
    made.close_stdin()
    made.wait()


def ended(owner: Owner, start: Start) -> tuple[Recording, float]:
    """The recording, and how long the call took by the test's clock, whatever this test does with it."""
    begun = time.monotonic()
    parts: list[Part] = []
    message: Any = None
    while not isinstance(message, Close):
        message = owner.next()
        if isinstance(message, Part):
            parts.append(message)
    return fold(start, owner.hello, parts, message), owner.heard_s - begun


@pytest.mark.parametrize("mode", ["streaming", "blocking"])
@pytest.mark.parametrize("case", CASES)
def test_a_hostile_server_is_left_in_time_and_costs_little_memory(owner: Owner, case: str, mode: str) -> None:
    script, kind = CASES[case]
    if mode == "blocking":
        kind = {"an endless line": "limit", "silence after the last event": "deadline"}.get(case, kind)
    Path(f"/proc/{owner.process.pid}/clear_refs").write_text("5")  # the highest so far is forgotten
    base = memory(owner.process.pid, "VmRSS")
    with Scripted([script]) as server:
        start = Start(f"{case}/{mode}", asking(server.url, mode=mode, key_ref="typed:x", limits=TIGHT))
        owner.say(Key("typed:x", SECRET, origin(server.url)), start)
        seen, took = ended(owner, start)
    more = (memory(owner.process.pid, "VmHWM") - base) / MB
    ends = {kind, "deadline"} if FLOOD in script else {kind}  # a slow machine meets the deadline first
    assert (seen.error.kind if seen.error else "") in ends
    assert took <= TOTAL_S + 1.0
    assert more <= 32, f"{more:.1f} MB above the base"
    assert len(seen.body) <= TIGHT.body_bytes + MB


def test_what_arrived_before_the_limit_is_kept_whole_and_its_reads_fit(owner: Owner) -> None:
    piece = chunk(EVENT) * 200
    with Scripted([[head(transfer_encoding="chunked"), piece, FLOOD]]) as server:
        small = dataclasses.replace(TIGHT, body_bytes=4 * MB, total_s=30.0)
        start = Start("abc/0", asking(server.url, limits=small))
        owner.say(start)
        seen, _ = ended(owner, start)
    assert sum(r.size for r in seen.reads) > small.body_bytes
    assert seen.reads[-1].body_end == len(seen.body)
    assert seen.body == (EVENT * (len(seen.body) // len(EVENT) + 1))[: len(seen.body)]
