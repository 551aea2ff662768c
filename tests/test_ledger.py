from pathlib import Path

import pytest

from lib.experiment import preset
from lib.ledger import Closed, Ledger, Line
from lib.plan import plan
from lib.store import Store


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(tmp_path)
    spec = preset()
    opened.add("x", spec, plan(spec), owner="me")
    yield opened
    opened.close()


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)


def states(store: Store) -> list[str]:
    return [c.state for c in store.calls("x")]


def test_a_call_is_sent_once(store: Store, ledger: Ledger) -> None:
    assert ledger.sent("me", "x", [(0, "hello", "start")])
    assert not ledger.sent("me", "x", [(0, "hello", "start")])
    assert not ledger.sent("other", "x", [(0, "hello", "start")])


def test_a_group_is_sent_whole_or_not_at_all(store: Store, ledger: Ledger) -> None:
    assert ledger.sent("me", "x", [(0, "h", "s")])
    assert not ledger.sent("me", "x", [(1, "h", "s"), (0, "h", "s")])
    assert states(store) == ["sent", "planned"]


def test_only_the_owner_writes_what_arrives(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s")])
    ledger.save("other", [Line("x", 0, 0, "theirs")], [Closed("x", 0, "done", b"theirs")])
    assert states(store) == ["sent", "planned"]
    assert store.lines("x") == {0: ["h", "s"]}


def test_the_end_replaces_the_lines(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s")])
    ledger.save("me", [Line("x", 0, 0, "part")], [Closed("x", 0, "failed", b"recording")])
    assert states(store) == ["failed", "planned"]
    assert store.evidence("x") == {0: b"recording"}
    assert store.lines("x") == {}


def test_a_line_saved_twice_is_one_line(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s")])
    for _ in range(2):
        ledger.save("me", [Line("x", 0, 0, "part")], [])
    assert store.lines("x") == {0: ["h", "s", "part"]}


def test_a_line_after_the_end_changes_nothing(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s")])
    ledger.save("me", [], [Closed("x", 0, "done", b"r")])
    ledger.save("me", [Line("x", 0, 1, "late")], [Closed("x", 0, "failed", b"other")])
    assert (states(store)[0], store.evidence("x"), store.lines("x")) == ("done", {0: b"r"}, {})


def test_finish_drops_what_was_not_sent(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s")])
    ledger.save("me", [], [Closed("x", 0, "done", b"r")])
    assert ledger.finish("x", "cancelled") == [1]
    assert states(store) == ["done", "dropped"]
    assert store.row("x").state == "cancelled"


def test_a_dead_owners_calls_become_unknown_and_keep_their_lines(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s")])
    assert ledger.owners() == {"me"}
    assert ledger.abandon(["me"]) == {"x"}
    assert states(store) == ["unknown", "dropped"]
    assert store.row("x").state == "interrupted"
    assert store.lines("x") == {0: ["h", "s"]}
    assert ledger.owners() == set()


def test_an_unknown_call_is_not_written_by_its_old_owner(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s")])
    ledger.abandon(["me"])
    ledger.save("me", [Line("x", 0, 0, "part")], [Closed("x", 0, "done", b"r")])
    assert (states(store)[0], store.evidence("x")) == ("unknown", {})


def test_late_lines_settle_an_unknown_call(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s"), (1, "h", "s")])
    ledger.abandon(["me"])
    ledger.late([Line("x", 0, 0, "part")])
    assert store.lines("x")[0] == ["h", "s", "part"]
    ledger.settle(Closed("x", 0, "done", b"r"))
    assert (states(store), store.row("x").state) == (["done", "unknown"], "interrupted")
    ledger.settle(Closed("x", 1, "failed", b"r"))
    assert (states(store), store.row("x").state) == (["done", "failed"], "done")


def test_late_lines_of_a_known_call_are_ignored(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s")])
    ledger.late([Line("x", 0, 0, "part"), Line("gone", 0, 0, "part")])
    ledger.settle(Closed("x", 0, "done", b"r"))
    assert (states(store)[0], store.lines("x")) == ("sent", {0: ["h", "s"]})


def test_a_call_that_could_not_leave_failed(store: Store, ledger: Ledger) -> None:
    ledger.fail_unsent("x", 0, b"why")
    assert (states(store)[0], store.evidence("x")) == ("failed", {0: b"why"})
    assert not ledger.sent("me", "x", [(0, "h", "s")])
