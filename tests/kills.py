"""Killing: services and probes at random moments, and what must be true of the data folder afterwards.

A chain is one data folder through many lives of a service. Each life goes on with the experiment of the
one before; its probe is killed a few times, then the service, then and again both at once.
"""

import contextlib
import multiprocessing
import os
import queue
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from lib.experiment import CallResult
from lib.service import Service
from lib.settings import ROOT, Settings
from tests import endpoint as endpoints
from tests import worker
from tests.worker import MODEL

PATIENCE_S = 120.0
WORDS = int(MODEL.partition(":")[2])
TEXT = "".join(f"word{i} " for i in range(WORDS))


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.worker"])


class Alone:
    """A service without Streamlit, forked from a process that has imported it already."""

    def __init__(self, folder: Path, base_url: str, experiment: str) -> None:
        self._pipe, theirs = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(target=worker.alone, args=(folder, base_url, experiment, theirs))
        self._process.start()
        theirs.close()

    def told(self) -> Iterator[str]:
        with contextlib.suppress(EOFError, OSError):
            while True:
                yield self._pipe.recv()

    def kill(self) -> None:
        self._process.kill()

    def signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def close(self) -> None:
        self._process.join()
        self._pipe.close()


class Web:
    """The real web process."""

    def __init__(self, folder: Path, base_url: str, experiment: str) -> None:
        command = [sys.executable, "-m", "uvicorn", "tests.worker_app:app", "--log-level", "warning"]
        told = {"STREAMGAUGE_DATA": str(folder), "STREAMGAUGE_DISCOVER": "0", "STREAMGAUGE_DOWNLOAD": "0"}
        told |= {"WORKER_URL": base_url, "WORKER_EXPERIMENT": experiment}
        self._process = subprocess.Popen(
            [*command, "--host", "localhost", "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | told,
        )

    def told(self) -> Iterator[str]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):  # else it died while it said this
                yield line.rstrip("\n")

    def kill(self) -> None:
        self._process.kill()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def close(self) -> None:
        with self._process:
            pass


@dataclass
class Chain:
    """One data folder and what was said of it. `saved`: (experiment, n) → the state that was told."""

    folder: Path
    server: endpoints.Endpoint
    rng: random.Random
    begin: type[Alone] | type[Web] = Alone
    experiments: list[str] = field(default_factory=list)
    saved: dict[tuple[str, int], str] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    resumed: int = 0

    def live(self, lives: Sequence[int]) -> None:
        """Services from their starts to their violent ends, with so many of their probes killed before."""
        for probes in lives:
            with Life(self) as life:
                for _ in range(probes):
                    life.kill_probe()
                life.kill()


class Life:
    """One process of a chain."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        last = chain.experiments[-1] if chain.experiments else ""
        self.process = chain.begin(chain.folder, chain.server.base_url, last)
        self._probes: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.probe = self._probes.get(timeout=PATIENCE_S)

    def __enter__(self) -> "Life":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self._listener.join()
        self.process.close()

    def kill_probe(self) -> None:
        """At a random moment; back when the next one runs."""
        self._moment()
        os.kill(self.probe, signal.SIGKILL)
        self.chain.kills["probe"] += 1
        self.probe = self._probes.get(timeout=PATIENCE_S)

    def kill(self) -> None:
        """The service, or both, at a random moment."""
        self._moment()
        both = self.chain.rng.random() < 0.5
        self.process.kill()
        if both:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.probe, signal.SIGKILL)
        self.chain.kills["both" if both else "service"] += 1

    def _moment(self) -> None:
        """Most are somewhere in or after a call, whose answer takes 0.5 s; the rest before that."""
        until, seen = time.monotonic() + 5.0, len(self.chain.server.asked)
        early = self.chain.rng.random() < 0.2
        while not early and len(self.chain.server.asked) == seen and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(self.chain.rng.uniform(0.0, 0.6))

    def _listen(self) -> None:
        for line in self.process.told():
            kind, *rest = line.split(" ")
            if kind == "experiment":
                self.chain.experiments.append(rest[0])
            elif kind == "resumed":
                self.chain.resumed += 1
            elif kind == "probe":
                self._probes.put(int(rest[0]))
            elif kind == "saved":
                self.chain.saved[rest[0], int(rest[1])] = rest[2]


def in_parallel(chains: Sequence[Chain], lives: Sequence[Sequence[int]]) -> None:
    """Each chain in a thread of its own: `lives[i]` are the probes to kill in each life of chain i."""
    with ThreadPoolExecutor(len(chains)) as pool:
        list(pool.map(Chain.live, chains, lives))


def shares(kills: int, chains: int, rng: random.Random) -> list[list[int]]:
    """How many probes die in each life of each chain, so that `kills` die in all."""
    lives: list[list[int]] = [[] for _ in range(chains)]
    left, i = kills, 0
    while left:
        probes = min(left - 1, rng.randint(0, 3))
        lives[i % chains].append(probes)
        left, i = left - probes - 1, i + 1
    return lives


def inspect(chain: Chain) -> list[CallResult]:
    """Everything that must be true of a folder after its last death; its calls, warm-ups included."""
    service = Service.open(Settings(data=chain.folder, discover=False, download=False))
    try:
        _settle(service, chain)
        found = {e: service.experiment(e) for e in chain.experiments}
    finally:
        service.close()
    with closing(sqlite3.connect(chain.folder / "streamgauge.db")) as raw:
        assert raw.execute("pragma integrity_check").fetchone() == ("ok",)
    for (id, n), state in chain.saved.items():
        call = found[id].calls[n]
        assert call.state == state, "what was told as saved is there"
        assert call.timeline is not None
    calls = [call for e in chain.experiments for call in found[e].calls]
    asked = Counter(a["messages"][-1]["content"].split("]")[0].lstrip("[") for a in chain.server.asked)
    for call in calls:
        _true(call, asked)
    assert all(found[e].state != "running" for e in chain.experiments)
    return calls


def _settle(service: Service, chain: Chain) -> None:
    """Until the orphaned probes have said all they had to say, and it is folded in."""
    deadline = time.monotonic() + PATIENCE_S
    while list((chain.folder / "spool").glob("*.jsonl")):
        assert time.monotonic() < deadline
        service._sweep()
        time.sleep(0.05)


def _true(call: CallResult, asked: Counter[str]) -> None:
    """One call of the ledger beside what its endpoint saw."""
    times = asked[call.planned.nonce]
    assert times <= 1, "no call is sent twice"
    assert call.state in ("done", "failed", "unknown", "dropped")
    if times:
        assert call.state != "dropped", "what was sent is known to be"
    if call.state == "done":
        assert times == 1
        assert text(call) == TEXT, "nothing is half-written"
    elif call.timeline is not None:
        assert TEXT.startswith(text(call)), "what arrived is kept as it came"


def text(call: CallResult) -> str:
    """The visible text that arrived."""
    events = call.timeline.events if call.timeline is not None else ()
    return "".join(e.text or "" for e in events if e.kind == "content")
