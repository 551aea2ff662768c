"""The process that makes the calls: its lines, its manners, and what survives when its owner dies."""

import contextlib
import io
import json
import logging
import os
import queue
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lib.heartbeat import Heartbeat
from lib.messages import Cancel, Close, Hello, Inbound, Key, Part, Start, fold, from_line, to_line
from lib.outbox import Outbox
from lib.priority import PRIORITY, granted
from lib.recording import Recording
from lib.spec import Limits, origin
from tests.scripted import HOLD, Authority, Scripted, asking, chunk, chunked, head, record, until, whole

ROOT = Path(__file__).resolve().parent.parent
EVENTS = (b'data: {"a":1}\n\n', b"data: \xff\x85\xe2\x80\xa8\n\n", b"data: [DONE]\n\n")
SECRET = "sk-canary-0123456789abcdef"
LONG = Limits(connect_s=5.0, silence_s=60.0, total_s=60.0)


class Owner:
    """Stands where the service stands: writes lines in, reads lines out."""

    def __init__(self, spool: Path, *flags: str, **environment: str) -> None:
        self.spool = spool
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lib.probe", "--region", "desk", "--spool", str(spool), *flags],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.raw: list[bytes] = []
        self.heard_s = 0.0  # when the message that was returned last arrived, by the test's clock
        self._lines: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        self._errors: list[bytes] = []
        self._threads = [threading.Thread(target=t, daemon=True) for t in (self._read, self._overhear)]
        for thread in self._threads:
            thread.start()
        self.hello: Hello = self.next()

    def say(self, *messages: Inbound) -> None:
        assert self.process.stdin is not None
        for message in messages:
            self.process.stdin.write(to_line(message).encode())
        self.process.stdin.flush()

    def next(self) -> Any:
        self.heard_s, line = self._lines.get(timeout=30)
        assert line, f"the probe left: {self.stderr}"
        return from_line(line.decode())

    def until_close(self, start: Start) -> tuple[Recording, list[Part]]:
        parts: list[Part] = []
        while not isinstance(message := self.next(), Close):
            parts.append(message)
        assert {message.call, *(p.call for p in parts)} == {start.call}
        return fold(start, self.hello, parts, message), parts

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self) -> int:
        code = self.process.wait(30)
        for thread in self._threads:
            thread.join()
        return code

    @property
    def stderr(self) -> str:
        return b"".join(self._errors).decode()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout, contextlib.suppress(ValueError):
            for line in stdout:
                self.raw.append(line)
                self._lines.put((time.monotonic(), line))
        self._lines.put((time.monotonic(), b""))

    def _overhear(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            self._errors.extend(stderr)


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    made = Owner(tmp_path / "spool")
    yield made
    with contextlib.suppress(BrokenPipeError):
        made.close_stdin()
    if made.process.poll() is None:
        made.process.terminate()
    made.wait()


def spooled(folder: Path) -> list[Any]:
    files = list(folder.glob("*.jsonl"))
    assert len(files) == 1, files
    return [from_line(line.decode()) for line in files[0].read_bytes().split(b"\n") if line]


def folded(lines: list[Any]) -> Recording:
    close = next((m for m in lines if isinstance(m, Close)), None)
    return fold(lines[1], lines[0], [m for m in lines if isinstance(m, Part)], close)


def streaming(*pieces: bytes) -> list[Any]:
    return [head(transfer_encoding="chunked"), *map(chunk, pieces)]


def test_the_first_line_says_what_measures(owner: Owner) -> None:
    instrument = owner.hello.instrument
    assert instrument.region == "desk"
    assert instrument.stamps in ("kernel", "user")
    assert {name for name, _ in instrument.versions} == {"python", "openai", "httpx2", "platform"}
    assert abs(time.perf_counter_ns() - owner.hello.now_ns) < 60_000_000_000
    assert len(instrument.probe) == 12


def test_a_call_folds_to_what_capture_gives_in_process(owner: Owner) -> None:
    with Scripted([chunked(*EVENTS)]) as server:
        start = Start("abc/0", asking(server.url))
        owner.say(start)
        remote, parts = owner.until_close(start)
        local = record(start.request)
    assert [p.seq for p in parts] == list(range(len(parts)))
    assert remote.instrument == owner.hello.instrument
    assert (remote.body, remote.status, remote.headers) == (local.body, local.status, local.headers)
    assert remote.body == b"".join(EVENTS)
    assert [name for name, _ in remote.marks] == [name for name, _ in local.marks]
    assert [w.size for w in remote.writes] == [w.size for w in local.writes]
    assert sum(r.size for r in remote.reads) == sum(r.size for r in local.reads)
    assert (remote.connection, remote.error, len(remote.clocks)) == ("new", None, 2)
    assert remote.body_read == len(remote.reads) - 1


def test_what_was_sent_is_told_before_anything_arrives(owner: Owner) -> None:
    with Scripted([[HOLD]]) as server:
        owner.say(Start("abc/0", asking(server.url, limits=LONG)))
        part = owner.next()
        while not part.writes:
            part = owner.next()
        assert part.reads == ()
        owner.say(Cancel("abc/0"))
        assert owner.next().error.kind == "cancelled"


def test_a_part_always_ends_where_a_read_ends(owner: Owner) -> None:
    pieces = [b"data: %d\n\n" % n for n in range(12)]
    steps = [step for piece in pieces for step in (chunk(piece), 0.02)]
    with Scripted([[head(transfer_encoding="chunked"), *steps, b"0\r\n\r\n"]]) as server:
        start = Start("abc/0", asking(server.url))
        owner.say(start)
        _, parts = owner.until_close(start)
    seen = 0
    for part in parts:
        seen += len(part.body)
        assert not part.reads or part.reads[-1].body_end == seen


def test_a_call_seen_before_is_ignored(owner: Owner) -> None:
    with Scripted([whole(b"{}")]) as server:
        start = Start("abc/0", asking(server.url, mode="blocking"))
        owner.say(start, start)
        owner.until_close(start)
        other = Start("abc/1", asking(server.url, mode="blocking"))
        owner.say(start, other)
        owner.until_close(other)
        assert len(server.requests) == 2


@pytest.mark.parametrize("status", [429, 500])
def test_a_start_is_one_request_on_the_wire(owner: Owner, status: int) -> None:
    with Scripted([whole(b'{"error":{"message":"no"}}', status, retry_after="0")]) as server:
        start = Start("abc/0", asking(server.url))
        owner.say(start)
        seen, _ = owner.until_close(start)
        assert len(server.requests) == 1
    assert seen.error is not None
    assert seen.error.status == status


def test_every_api_kind_works_in_a_fresh_process(owner: Owner) -> None:
    with Scripted([whole(b"{}")]) as server:
        for n, api in enumerate(("chat.completions", "completions", "responses", "models")):
            start = Start(f"abc/{n}", asking(server.url, api, "blocking"))
            owner.say(start)
            seen, _ = owner.until_close(start)
            assert (seen.error, seen.body) == (None, b"{}")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_second_call_reuses_the_connection_when_both_ask_for_it(tmp_path: Path, scheme: str) -> None:
    """After a chat stream with its [DONE], which the client alone would hang up on."""
    authority = Authority()
    owner = Owner(tmp_path / "spool", SSL_CERT_FILE=str(authority.to_file(tmp_path / "ca.pem")))
    with Scripted([chunked(*EVENTS)], authority.server() if scheme == "https" else None) as server:
        seen = []
        for n, connection in enumerate(("reused", "reused", "new", "reused", "new")):
            start = Start(f"abc/{n}", asking(server.url, connection=connection))
            owner.say(start)
            seen.append(owner.until_close(start)[0])
        assert server.connections == 3
    owner.close_stdin()
    owner.wait()
    assert [s.error for s in seen] == [None] * 5
    assert [s.connection for s in seen] == ["new", "reused", "new", "reused", "new"]
    assert [bool(s.marks) for s in seen] == [True, False, True, False, True]
    assert all(s.body == b"".join(EVENTS) for s in seen)


@pytest.mark.real_time
@pytest.mark.parametrize("api", ["chat.completions", "completions", "responses"])
def test_the_first_call_of_a_process_is_as_true_as_the_tenth(owner: Owner, api: str) -> None:
    """Error of the first text: what the recording says between the request and it, minus what the server
    says. Tolerance 10 ms over the median of the other nine; a cold process would be 50 to 450 ms late."""
    received: list[int] = []
    step = partial(lambda: received.append(time.perf_counter_ns()))
    script = [step, head(transfer_encoding="chunked"), 0.05, chunk(EVENTS[0]), 0.05, b"0\r\n\r\n"]
    errors = []
    with Scripted([script]) as server:
        for n in range(10):
            start = Start(f"abc/{n}", asking(server.url, api))
            owner.say(start)
            seen, _ = owner.until_close(start)
            assert seen.error is None
            _, (sent_ns, _), _ = (server.sent.get(timeout=5) for _ in range(3))
            first = next(read for read in seen.reads if read.body_end)
            errors.append((first.after_ns - seen.writes[0].before_ns) - (sent_ns - received[n]))
    assert errors[0] - statistics.median(errors[1:]) < 10_000_000, errors


def test_priority_is_taken_where_it_is_granted_and_what_was_got_is_told(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "spool", "--priority")
    with Scripted([chunked(*EVENTS)]) as server:
        start = Start("abc/0", asking(server.url))
        owner.say(start)
        seen, _ = owner.until_close(start)
    owner.close_stdin()
    owner.wait()
    assert seen.error is None
    assert seen.instrument.scheduler == granted(PRIORITY)
    assert granted(PRIORITY) in ("fifo 20", "other")


def test_priority_that_is_not_granted_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    assert granted(PRIORITY) == "other"
    assert granted(None) == "other"


def test_calls_run_at_the_same_time_and_one_is_cancelled_alone(owner: Owner) -> None:
    with Scripted([[*streaming(EVENTS[0]), HOLD]]) as slow, Scripted([chunked(*EVENTS)]) as quick:
        owner.say(Start("abc/0", asking(slow.url, limits=LONG)), Start("abc/1", asking(quick.url)))
        closes: list[Close] = []
        while not closes or closes[-1].call != "abc/0":
            message = owner.next()
            if isinstance(message, Close):
                closes.append(message)
                owner.say(Cancel("abc/0"))
    assert [c.call for c in closes] == ["abc/1", "abc/0"]
    assert closes[0].error is None
    assert closes[1].error is not None
    assert closes[1].error.kind == "cancelled"


def test_a_start_waits_for_its_time(owner: Owner) -> None:
    """Tolerance: never early; how late is the machine's business."""
    with Scripted([whole(b"{}")]) as server:
        due = time.perf_counter_ns() + 300_000_000
        start = Start("abc/0", asking(server.url, mode="blocking"), due)
        owner.say(start)
        seen, _ = owner.until_close(start)
    assert seen.due_ns == due
    assert seen.marks[0][1] >= due


def test_a_key_goes_to_its_origin_and_into_no_line(owner: Owner) -> None:
    echo = f"data: {SECRET}\n\n".encode()
    with Scripted([chunked(echo)]) as server:
        key = Key("typed:x", SECRET, origin(server.url))
        start = Start("abc/0", asking(server.url, key_ref="typed:x"))
        owner.say(key, start)
        owner.until_close(start)
        astray = Start("abc/1", asking("http://127.0.0.1:9/v1", key_ref="typed:x"))
        owner.say(astray)
        refused, _ = owner.until_close(astray)
        assert f"Authorization: Bearer {SECRET}" in server.heads[0]
    assert refused.error is not None
    assert refused.error.kind == "refused"
    owner.close_stdin()
    assert owner.wait() == 0
    kept = b"".join(owner.raw) + b"".join(f.read_bytes() for f in owner.spool.glob("*"))
    assert SECRET.encode() not in kept
    assert SECRET not in owner.stderr


def test_a_line_that_is_none_is_left_out_and_not_repeated(owner: Owner) -> None:
    assert owner.process.stdin is not None
    owner.process.stdin.write(f'{{"type":"key","oops":"{SECRET}"}}\nnot json\n\xff\n'.encode("latin-1"))
    with Scripted([whole(b"{}")]) as server:
        start = Start("abc/0", asking(server.url, mode="blocking"))
        owner.say(start)
        seen, _ = owner.until_close(start)
    assert seen.error is None
    owner.close_stdin()
    owner.wait()
    assert "not understood" in owner.stderr
    assert SECRET not in owner.stderr


def test_the_environment_of_the_process_feeds_nothing(tmp_path: Path) -> None:
    with Scripted([whole(b"{}")]) as server, Scripted([whole(b"{}")]) as canary:
        away = f"http://localhost:{canary.port}"
        owner = Owner(
            tmp_path / "spool",
            HTTP_PROXY=away,
            OPENAI_BASE_URL=away,
            OPENAI_API_KEY=SECRET,
            OPENAI_LOG="debug",
        )
        start = Start("abc/0", asking(server.url, mode="blocking"))
        owner.say(start)
        seen, _ = owner.until_close(start)
        owner.close_stdin()
        assert owner.wait() == 0
        assert canary.connections == 0
        assert "authorization" not in server.heads[0].lower()
    assert seen.error is None
    assert owner.stderr == ""


def test_the_end_of_stdin_lets_a_call_finish_and_spools_it(owner: Owner) -> None:
    closing = threading.Event()
    script = [*streaming(EVENTS[0]), lambda: closing.wait(20), chunk(EVENTS[1]), b"0\r\n\r\n"]
    with Scripted([script]) as server:
        start = Start("abc/0", asking(server.url, limits=LONG))
        owner.say(start)
        while not owner.next().reads:
            pass
        owner.close_stdin()
        until(lambda: list(owner.spool.glob("*")), "the spool file")
        closing.set()
        assert owner.wait() == 0
    seen = folded(spooled(owner.spool))
    assert (seen.body, seen.error) == (EVENTS[0] + EVENTS[1], None)
    assert spooled(owner.spool)[1] == start
    delivered = [from_line(line.decode()) for line in owner.raw]
    assert folded([delivered[0], start, *delivered[1:]]) == seen, "delivered to the last line as well"


def test_a_killed_owner_loses_nothing(tmp_path: Path) -> None:
    """A shell owns both pipes and is killed; its probe goes on and spools what comes after, too."""
    spool, gone = tmp_path / "spool", threading.Event()
    script = [*streaming(EVENTS[0]), lambda: gone.wait(20), chunk(EVENTS[1]), b"0\r\n\r\n"]
    with Scripted([script]) as server:
        start = Start("abc_d-e/7", asking(server.url, limits=LONG))
        code = (
            "import subprocess,sys,time\n"
            "p=subprocess.Popen([sys.executable,'-m','lib.probe','--spool',sys.argv[1]],stdin=-1,stdout=-1)\n"
            "p.stdin.write(sys.argv[2].encode()); p.stdin.flush(); print(p.pid, flush=True)\n"
            "time.sleep(60)\n"
        )
        shell = subprocess.Popen(
            [sys.executable, "-c", code, str(spool), to_line(start)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert shell.stdout is not None
        probe = int(shell.stdout.readline())
        until(lambda: server.requests, "the request")
        shell.kill()
        shell.wait()
        shell.stdout.close()
        until(lambda: list(spool.glob("*")), "the spool file")
        gone.set()
        until(lambda: not Path(f"/proc/{probe}").exists() or ended(spool), "the probe to finish")
    assert [f.name.split(".")[0] for f in spool.iterdir()] == ["abc_d-e_7"]
    seen = folded(spooled(spool))
    assert (seen.body, seen.error) == (EVENTS[0] + EVENTS[1], None)


def ended(spool: Path) -> bool:
    return any(b'"type":"close"' in f.read_bytes() for f in spool.glob("*"))


def test_a_clean_goodbye_long_after_the_last_call_writes_nothing(owner: Owner) -> None:
    owner.close_stdin()
    assert owner.wait() == 0
    assert not owner.spool.exists()


def test_sigterm_cancels_keeps_and_leaves(owner: Owner) -> None:
    with Scripted([[*streaming(EVENTS[0]), HOLD]]) as server:
        start = Start("abc/0", asking(server.url, limits=LONG))
        owner.say(start)
        while not owner.next().reads:
            pass
        owner.process.send_signal(signal.SIGTERM)
        assert owner.wait() == 0
    seen = folded(spooled(owner.spool))
    assert seen.body == EVENTS[0]
    assert seen.error is not None
    assert seen.error.kind == "cancelled"


def test_ctrl_c_is_the_owners_business(owner: Owner) -> None:
    owner.process.send_signal(signal.SIGINT)
    with Scripted([whole(b"{}")]) as server:
        start = Start("abc/0", asking(server.url, mode="blocking"))
        owner.say(start)
        assert owner.until_close(start)[0].error is None


def test_the_sdk_prints_nothing_into_the_protocol(owner: Owner) -> None:
    with Scripted([whole(b"{}")]) as server:
        start = Start("abc/0", asking(server.url, mode="blocking"))
        owner.say(start)
        owner.until_close(start)
    assert all(isinstance(json.loads(line)["type"], str) for line in owner.raw)
    assert owner.raw[0].startswith(b'{"type":"hello"')


class Pipe(io.RawIOBase):
    """A pipe that takes a few bytes at a time, until it breaks."""

    def __init__(self) -> None:
        self.taken = b""
        self.broken = False
        self._read, self._write = os.pipe()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._write

    def write(self, data: Any) -> int:
        if self.broken:
            raise BrokenPipeError
        self.taken += bytes(data[:7])
        return len(data[:7])

    def hang_up(self) -> None:
        os.close(self._read)
        self._read = -1

    def shut(self) -> None:
        for end in (self._read, self._write):
            if end >= 0:
                os.close(end)


class Wall:
    """A clock for the outbox."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.shut()


@pytest.fixture
def outbox(pipe: Pipe, tmp_path: Path) -> Iterator[tuple[Outbox, Wall, Callable[[], dict[str, bytes]]]]:
    clock, folder = Wall(), tmp_path / "spool"
    box = Outbox(pipe, folder, "p1", clock)  # type: ignore[arg-type]
    box.hello(b"hello\n")
    yield box, clock, lambda: {f.name: f.read_bytes() for f in folder.glob("*")}
    box.close()


def test_a_line_is_written_whole_however_little_the_pipe_takes(outbox: Any, pipe: Pipe) -> None:
    box, _, files = outbox
    box.open("e/1", b"start\n")
    box.send("e/1", b"a long part of the call\n")
    assert pipe.taken == b"hello\na long part of the call\n", "the start line is the spool's only"
    assert files() == {}


def test_a_broken_pipe_spools_every_line_and_those_that_follow(outbox: Any, pipe: Pipe) -> None:
    box, _, files = outbox
    box.open("e/1", b"start\n")
    box.send("e/1", b"one\n")
    pipe.broken = True
    box.send("e/1", b"two\n")
    assert files() == {"e_1.p1.jsonl": b"hello\nstart\none\ntwo\n"}
    box.send("e/1", b"end\n", last=True)
    box.open("e/2", b"start2\n")
    assert files() == {
        "e_1.p1.jsonl": b"hello\nstart\none\ntwo\nend\n",
        "e_2.p1.jsonl": b"hello\nstart2\n",
    }


def test_lines_are_kept_for_a_minute_after_the_end(outbox: Any, pipe: Pipe) -> None:
    box, clock, files = outbox
    for n, at in ((1, 100.0), (2, 130.0)):
        clock.s = at
        box.open(f"e/{n}", b"start\n")
        box.send(f"e/{n}", b"end\n", last=True)
    clock.s = 161.0  # 61 s after the first, 31 s after the second
    pipe.hang_up()
    box.orphan()
    assert set(files()) == {"e_2.p1.jsonl"}


@pytest.mark.parametrize(("later_s", "count"), [(4.9, 1), (5.1, 0)])
def test_a_goodbye_spools_only_what_may_not_have_been_read(outbox: Any, later_s: float, count: int) -> None:
    box, clock, files = outbox
    box.open("e/1", b"start\n")
    box.send("e/1", b"end\n", last=True)
    clock.s += later_s
    box.orphan()
    assert len(files()) == count


def test_a_goodbye_spools_an_open_call(outbox: Any) -> None:
    box, clock, files = outbox
    box.open("../../e/1", b"start\n")
    clock.s += 1000
    box.orphan()
    assert set(files()) == {"______e_1.p1.jsonl"}, "a file's name is ours"


def test_more_lines_than_memory_should_hold_go_to_a_file_early_and_it_goes_with_the_call(
    outbox: Any, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.outbox.MOST_KEPT", 8)
    box, clock, files = outbox
    box.open("e/1", b"start\n")
    box.send("e/1", b"one\n")  # 4 bytes
    assert files() == {}
    box.send("e/1", b"two!\n")  # 9
    box.send("e/1", b"end\n", last=True)
    assert files() == {"e_1.p1.jsonl": b"hello\nstart\none\ntwo!\nend\n"}
    assert pipe.taken == b"hello\none\ntwo!\nend\n"
    clock.s += 61
    box.open("e/2", b"start\n")
    box.send("e/2", b"end\n", last=True)
    assert files() == {}, "the service has it all"


def test_a_file_that_was_begun_early_stays_when_the_service_goes(
    outbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.outbox.MOST_KEPT", 1)
    box, _, files = outbox
    box.open("e/1", b"start\n")
    box.send("e/1", b"one\n")
    box.orphan()
    box.send("e/1", b"end\n", last=True)
    box.close()
    assert files() == {"e_1.p1.jsonl": b"hello\nstart\none\nend\n"}


def test_a_spool_that_cannot_be_written_is_told_and_survived(
    pipe: Pipe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    box = Outbox(pipe, tmp_path / "file" / "spool", "p1")  # type: ignore[arg-type]
    box.open("e/1", b"start\n")
    with caplog.at_level(logging.ERROR):
        box.orphan()
        box.send("e/1", b"part\n")
    assert "cannot be spooled" in caplog.text


def test_an_oversleep_of_five_milliseconds_is_a_pause() -> None:
    """In ms, asked to sleep 2: woke at 12 (due 2, 10 late), 16 (due 14, 2 late), 23 (due 18, 5 late)."""
    wakes = iter([12, 16, 23])
    clock = {"ms": 0}
    woken = threading.Event()

    def sleep(_: float) -> None:
        clock["ms"] = next(wakes, -1)
        if clock["ms"] < 0:
            clock["ms"] = 23
            woken.set()
            heart.stop()

    heart = Heartbeat(lambda: clock["ms"] * 1_000_000, sleep)
    heart.start()
    assert woken.wait(10)
    assert heart.pauses(0) == ((2_000_000, 12_000_000), (18_000_000, 23_000_000))
    assert heart.pauses(20_000_000) == ((18_000_000, 23_000_000),)
    until(lambda: "heartbeat" not in [t.name for t in threading.enumerate()], "the heart to rest")


def test_where_the_kernel_stamps_a_calm_heart_beats_slower_until_it_is_stirred() -> None:
    """250 ms at 2 ms each are 125 beats; then 10 ms; an oversleep of 2 ms brings 2 ms back."""
    clock, asked = {"ns": 0}, []
    done = threading.Event()

    def sleep(s: float) -> None:
        asked.append(round(s * 1000))
        late = 2_000_000 if len(asked) == 140 else 0
        clock["ns"] += round(s * 1e9) + late
        if len(asked) == 145:
            heart.stop()
            done.set()

    heart = Heartbeat(lambda: clock["ns"], sleep, calm=True)
    heart.start()
    assert done.wait(10)
    assert asked[:126] == [2] * 126
    assert asked[126:140] == [10] * 14
    assert asked[140:145] == [2] * 5
    assert heart.pauses(0) == (), "2 ms late is no pause"
    until(lambda: "heartbeat" not in [t.name for t in threading.enumerate()], "the heart to rest")


def test_the_heart_rests_between_calls() -> None:
    heart = Heartbeat()
    heart.start()
    assert [t.name for t in threading.enumerate()].count("heartbeat") == 1
    heart.stop()
    until(lambda: "heartbeat" not in [t.name for t in threading.enumerate()], "the heart to rest")
