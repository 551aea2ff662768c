"""The ledger under fire: processes killed and stopped at random moments, and a disk that is full.

`make test` kills a hundred times, `make soak` 2,000 times.
"""

import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import event

from lib.service import Service
from lib.settings import Settings
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec
from tests import endpoint as endpoints
from tests import kills

pytestmark = pytest.mark.alone

CHAINS = 3


@pytest.mark.timeout(1200)
def test_a_hundred_kills_send_no_call_twice_and_lose_nothing_that_was_saved(tmp_path: Path) -> None:
    under_fire(tmp_path, 100, seed=7)


@pytest.mark.soak
@pytest.mark.timeout(9000)
def test_two_thousand_kills_send_no_call_twice_and_lose_nothing_that_was_saved(tmp_path: Path) -> None:
    under_fire(tmp_path, 2000, seed=13)


@pytest.mark.timeout(600)
def test_five_kills_of_the_web_process_send_no_call_twice(tmp_path: Path) -> None:
    with endpoints.endpoint() as server:
        chain = kills.Chain(tmp_path, server, random.Random(11), kills.Web)
        chain.live([1, 0, 0, 1, 0])
        calls = kills.inspect(chain)
    assert chain.kills["service"] + chain.kills["both"] == 5
    assert chain.resumed == 4
    assert sum(c.state == "done" for c in calls) >= 1


@pytest.mark.timeout(300)
def test_a_stopped_service_that_was_taken_for_dead_overwrites_nothing_when_it_wakes(tmp_path: Path) -> None:
    woken(tmp_path, 2.0)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_service_stopped_for_a_minute_overwrites_nothing_when_it_wakes(tmp_path: Path) -> None:
    woken(tmp_path, 60.0)


@pytest.mark.timeout(300)
def test_a_full_disk_stops_the_run_with_a_sentence_and_what_was_saved_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own error: the database may not grow by another page."""
    monkeypatch.setattr("lib.underway.RETRY_S", 0.05)
    pages = [2**31]
    with endpoints.endpoint() as server:
        service = opened(tmp_path)
        event.listen(service._store._engine, "checkout", lambda raw, *_: raw.execute(most(pages[0])))
        arm = Arm(Endpoint(server.base_url), CallSpec(model="slow:1", prompt="Why? " * 400))
        id = service.start(ExperimentSpec((arm,), pairs=100))
        until(lambda: len(service._store.evidence(id)) >= 2)
        before, pages[0] = service._store.evidence(id), 1
        service.wait(id, kills.PATIENCE_S)
        found = service.experiment(id)
        assert found.stopped is not None
        assert (found.state, found.stopped.rule) == ("interrupted", "storage")
        assert "disk is full" in found.stopped.sentence
        assert before.items() <= service._store.evidence(id).items()
        pages[0] = 2**31
        until(lambda: service.health()["status"] == "ok" and not service._dispatch.live(id))
        service._sweep()
        kept = service.standing(id)
        assert (kept.state, kept.stopped) == ("interrupted", found.stopped)
        assert {c.state for c in kept.calls} <= {"done", "failed", "dropped"}
        service.resume(id)
        service.cancel(id)
        service.wait(id, kills.PATIENCE_S)
        service.close()
    asked = [str(a["messages"]) for a in server.asked]
    assert len(asked) == len(set(asked))


def under_fire(folder: Path, count: int, seed: int) -> None:
    """So many kills, of `CHAINS` data folders at once."""
    rng = random.Random(seed)
    lives = kills.shares(count, CHAINS, rng)
    with ExitStack() as stack:
        servers = [stack.enter_context(endpoints.endpoint()) for _ in range(CHAINS)]
        chains = [
            kills.Chain(folder / str(i), server, random.Random(rng.random()))
            for i, server in enumerate(servers)
        ]
        kills.in_parallel(chains, lives)
        calls = [call for chain in chains for call in kills.inspect(chain)]
    assert sum(chain.kills.total() for chain in chains) == count
    assert all(chain.kills[who] for chain in chains for who in ("probe", "service", "both"))
    sent = [c for c in calls if c.state != "dropped"]
    assert sum(c.state == "done" for c in sent) > count / 10
    assert any(kills.text(c) for c in sent if c.state in ("unknown", "failed"))
    assert sum(chain.resumed for chain in chains) >= sum(len(x) - 1 for x in lives) - 2 * len(chains)


def woken(folder: Path, seconds: float) -> None:
    """Stop a service within a call, let another one take it for dead and go on, wake it."""
    with endpoints.endpoint() as server:
        chain = kills.Chain(folder, server, random.Random(1))
        with kills.Life(chain) as life:
            until(lambda: server.asked)
            life.process.signal(signal.SIGSTOP)
            other = opened(folder)
            other._sweep()
            (id,) = chain.experiments
            assert other.standing(id).state == "running", "it is not dead, and nobody takes it for dead"
            time.sleep(seconds)
            for lock in (folder / "owners").glob("*.lock"):
                if lock.stem != other._owner.id:
                    lock.unlink()
            other._sweep()
            assert other.standing(id).state == "interrupted"
            lost = [c.planned.n for c in other.standing(id).calls if c.state == "unknown"]
            other.resume(id)
            life.process.signal(signal.SIGCONT)
            until(lambda: len(chain.experiments) > 1)  # it was told that it may send no more, and began anew
            until(lambda: sum(c.state == "done" for c in other.standing(id).calls) >= 4)
            assert lost
            until(lambda: all(other.standing(id).calls[n].state == "done" for n in lost))
        found = other.experiment(id).calls
        assert all(kills.text(found[n]) == kills.TEXT for n in lost), "what it had heard is kept"
        done = {row.planned.n: row.owner for row in other._store.calls(id) if row.state == "done"}
        assert {owner for n, owner in done.items() if n not in lost} == {other._owner.id}
        other.close()
        kills.inspect(chain)


def opened(folder: Path) -> Service:
    return Service.open(Settings(data=folder, discover=False, download=False))


def most(pages: int) -> str:
    return f"PRAGMA max_page_count = {pages}"


def until(condition: Callable[[], object]) -> None:
    """Wait for something that must happen; the bound only ends a test that would hang."""
    deadline = time.monotonic() + kills.PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
