import fcntl
from pathlib import Path

import pytest

from lib.experiment import preset
from lib.ledger import Ledger
from lib.messages import Close, Hello, Part, Start, to_line
from lib.owner import Owner
from lib.plan import plan
from lib.recording import Instrument, Read, Request, Write, from_bytes
from lib.recovery import sweep
from lib.spec import Limits
from lib.store import Store

HELLO = Hello(1, Instrument("p", "here", "user", "other", 1, ()), 0)
BODY = 'data: {"choices":[{"index":0,"text":"hi","finish_reason":"stop"}]}\n\n'
START = Start(
    "x/0",
    Request("completions", "streaming", "http://h/v1", "", "{}", "new", "identity", Limits()),
)
PARTS = (
    Part("x/0", 0, writes=(Write(10, 20, 5),)),
    Part("x/0", 1, reads=(Read(30, 40, None, len(BODY), len(BODY)),), body=BODY),
)
CLOSE = Close("x/0", 2, 1, "new", 0, 0, 200, "HTTP/1.1", (), (), ())


class Place:
    """A data folder in which a service died with one call under way."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder)
        self.ledger = Ledger(self.store)
        self.owner = Owner(folder)
        self.spool = folder / "spool"
        spec = preset()
        self.store.add("x", spec, plan(spec), owner="dead")
        self.ledger.sent("dead", "x", [(0, line(HELLO), line(START))])

    def sweep(self) -> set[str]:
        return sweep(self.store, self.ledger, self.owner, self.spool)

    def put(self, *lines: str) -> Path:
        self.spool.mkdir(exist_ok=True)
        path = self.spool / "x_0.p.jsonl"
        path.write_text("".join(f"{t}\n" for t in lines), "utf-8")
        return path

    def state(self) -> str:
        return self.store.calls("x")[0].state


def line(message: Hello | Start | Part | Close) -> str:
    return to_line(message).rstrip("\n")


@pytest.fixture
def place(tmp_path: Path):
    made = Place(tmp_path)
    yield made
    made.owner.close()
    made.store.close()


def test_a_dead_owners_call_becomes_unknown(place: Place) -> None:
    assert place.sweep() == {"x"}
    assert place.state() == "unknown"
    assert place.sweep() == set()


def test_a_spooled_end_settles_the_call_and_removes_the_file(place: Place) -> None:
    path = place.put(*map(line, (HELLO, START, *PARTS, CLOSE)))
    assert place.sweep() == {"x"}
    assert place.state() == "done"
    assert from_bytes(place.store.evidence("x")[0]).body == BODY.encode()
    assert not path.exists()


def test_what_the_dead_service_had_and_the_spool_repeats_counts_once(place: Place) -> None:
    place.sweep()
    place.ledger.late([])
    path = place.put(*map(line, (HELLO, START, PARTS[0], *PARTS, CLOSE)))
    place.sweep()
    assert from_bytes(place.store.evidence("x")[0]).body == BODY.encode()
    assert not path.exists()


def test_a_file_still_written_is_read_and_left_alone(place: Place) -> None:
    path = place.put(*map(line, (HELLO, START, *PARTS)))
    with path.open("ab") as probe:
        fcntl.flock(probe, fcntl.LOCK_EX)
        place.sweep()
        assert path.exists()
        assert len(place.store.lines("x")[0]) == 4
        probe.write(to_line(CLOSE).encode())
        probe.flush()
        place.sweep()
        assert place.state() == "done"
        assert path.exists()
    place.sweep()
    assert not path.exists()


def test_an_end_without_all_its_parts_is_lost_from_the_hole_on(place: Place) -> None:
    place.put(*map(line, (HELLO, START, PARTS[1], CLOSE)))
    place.sweep()
    error = from_bytes(place.store.evidence("x")[0]).error
    assert error is not None
    assert error.kind == "lost"
    assert place.state() == "failed"


def test_rubbish_in_the_spool_is_skipped(place: Place) -> None:
    path = place.put("rubbish", '{"type":"part"}', line(Part("-/abc", 0)), line(Part("gone/3", 0)), "\x00")
    path.write_bytes(path.read_bytes() + b'{"type":"part","call":"x/0","seq":0,"bo')
    place.sweep()
    assert place.state() == "unknown"
    assert not path.exists()
