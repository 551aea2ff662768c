from pathlib import Path

import pytest

from lib.experiment import Stop, Wait, preset
from lib.ledger import Closed, Ledger, Line
from lib.plan import PlannedCall, plan
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
    assert ledger.finish("me", "x", "cancelled") == [1]
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


def test_an_owner_that_was_taken_for_dead_fills_in_what_it_left_unknown(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s"), (1, "h", "s")])
    ledger.abandon(["me"])
    ledger.save("other", [], [Closed("x", 0, "done", b"theirs")])
    assert (states(store), store.evidence("x")) == (["unknown", "unknown"], {})
    ledger.save("me", [Line("x", 1, 0, "part")], [Closed("x", 0, "done", b"r")])
    assert (states(store), store.row("x").state) == (["done", "unknown"], "interrupted")
    assert store.lines("x")[1] == ["h", "s", "part"]
    ledger.save("me", [], [Closed("x", 1, "failed", b"r")])
    assert (states(store), store.row("x").state) == (["done", "failed"], "done")


def test_an_owner_that_was_taken_for_dead_overwrites_no_end(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s")])
    ledger.abandon(["me"])
    ledger.settle(Closed("x", 0, "done", b"from the spool"))
    before = store.evidence("x")
    ledger.save("me", [Line("x", 0, 9, "late")], [Closed("x", 0, "failed", b"mine")])
    assert (states(store)[0], store.evidence("x")) == ("done", before)


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
    ledger.fail_unsent("me", "x", 0, b"why")
    assert (states(store)[0], store.evidence("x")) == ("failed", {0: b"why"})
    assert not ledger.sent("me", "x", [(0, "h", "s")])


STOP = Stop("failures", "It was stopped after 3 failures in a row.")


def test_why_it_stopped_is_kept_with_the_calls_that_were_left_out(store: Store, ledger: Ledger) -> None:
    assert ledger.finish("me", "x", "done", STOP) == [0, 1]
    assert store.row("x").why() == STOP


def test_a_rule_that_left_nothing_out_stopped_nothing(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(n, "h", "s") for n in (0, 1)])
    assert ledger.finish("me", "x", "done", STOP) == []
    assert store.row("x").why() is None


def test_resuming_plans_what_was_never_sent_and_nothing_else(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s")])
    ledger.abandon(["me"])
    assert states(store) == ["unknown", "dropped"]
    assert ledger.resume("you", "x") == [1]
    assert (states(store), store.row("x").state, store.row("x").owner) == (
        ["unknown", "planned"],
        "running",
        "you",
    )
    assert not ledger.sent("you", "x", [(0, "h", "s")])
    assert ledger.sent("you", "x", [(1, "h", "s")])


def test_what_runs_or_has_nothing_left_is_not_resumed(store: Store, ledger: Ledger) -> None:
    assert ledger.resume("me", "x") == []
    assert ledger.resume("me", "gone") == []
    ledger.sent("me", "x", [(n, "h", "s") for n in (0, 1)])
    ledger.finish("me", "x", "done")
    assert ledger.resume("me", "x") == []
    assert store.row("x").state == "done"


def test_new_calls_are_planned_behind_the_old_ones(store: Store, ledger: Ledger) -> None:
    ledger.finish("me", "x", "cancelled")
    assert ledger.resume("me", "x", [PlannedCall(7, 0, "streaming")]) == []
    assert ledger.resume("me", "x", [PlannedCall(2, 0, "streaming", pair=0, group=9)]) == [0, 1, 2]
    assert store.calls("x")[2].planned == PlannedCall(2, 0, "streaming", pair=0, group=9)


def test_who_lost_an_experiment_sends_writes_and_ends_nothing_of_it(store: Store, ledger: Ledger) -> None:
    """Stopped for so long that it was taken for dead, and woken: another has gone on meanwhile."""
    ledger.abandon(["me"])
    assert ledger.resume("you", "x") == [0, 1]
    assert not ledger.sent("me", "x", [(0, "h", "s")])
    ledger.fail_unsent("me", "x", 0, b"why")
    ledger.pause("me", "x", Wait(0, 1, 2, None, "busy"))
    assert ledger.finish("me", "x", "cancelled") == []
    assert (states(store), store.evidence("x"), store.waits("x")) == (["planned", "planned"], {}, ())
    assert store.row("x").state == "running"


def test_a_death_takes_nothing_from_who_goes_on(store: Store, ledger: Ledger) -> None:
    ledger.sent("me", "x", [(0, "h", "s")])
    ledger.finish("me", "x", "cancelled")
    ledger.resume("you", "x")
    assert ledger.abandon(["me"]) == {"x"}
    assert (states(store), store.row("x").state) == (["unknown", "planned"], "running")


def test_a_wait_is_a_row_that_ends(store: Store, ledger: Ledger) -> None:
    wait = Wait(1, 1000, 3000, None, "It asked for 2 s.")
    ledger.pause("me", "x", wait)
    assert store.waits("x") == (wait,)
    ledger.pause("me", "x", wait._replace(ended_ms=2000))
    assert store.waits("x") == (wait._replace(ended_ms=2000),)
    store.delete("x")
    assert store.waits("x") == ()
