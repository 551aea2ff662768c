import json
import sqlite3
from pathlib import Path

import pytest

from lib.derived import Derived
from lib.errors import NotFound, StoreError
from lib.experiment import preset
from lib.ledger import Closed, Ledger, Line
from lib.plan import plan
from lib.spec import Arm, CallSpec, Endpoint, ExperimentSpec
from lib.store import Store


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


def ask(model: str, prompt: str) -> ExperimentSpec:
    return ExperimentSpec((Arm(Endpoint("http://127.0.0.1:9/v1"), CallSpec(model=model, prompt=prompt)),))


def add(store: Store, id: str, spec: ExperimentSpec | None = None, title: str = "") -> None:
    spec = spec or preset()
    store.add(id, spec, plan(spec), owner="me", title=title)


def put_lines(store: Store, id: str, n: int) -> Ledger:
    ledger = Ledger(store)
    assert ledger.sent("me", id, [(n, "hello", "start")])
    return ledger


def test_an_experiment_comes_back_as_it_was_asked(store: Store) -> None:
    spec = ask("möwe", "line one\nline two")
    add(store, "a", spec, title="Gulls")
    row = store.row("a")
    assert (row.asked(), row.title, row.state) == (spec, "Gulls", "running")
    assert [c.planned for c in store.calls("a")] == list(plan(spec))
    assert {c.state for c in store.calls("a")} == {"planned"}


def test_an_unknown_id_is_not_found(store: Store) -> None:
    for method in (store.row, store.delete, lambda id: store.describe(id, title="x")):
        with pytest.raises(NotFound):
            method("nowhere")


def test_the_list_is_newest_first_and_pages_by_key(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10, 20, 20, 30])
    monkeypatch.setattr("lib.store.now_ms", lambda: next(clock))
    for id in "abcd":
        add(store, id)
    first = store.listing("", 2, None, "1.1")
    rest = store.listing("", 9, (first[-1].created_ms, first[-1].id), "1.1")
    assert [x.id for x in first] == ["d", "c"]  # equal times: the greater id first
    assert [x.id for x in rest] == ["b", "a"]


@pytest.mark.parametrize("needle", ["möw", "MÖW", "50%", "a_b", "id-1", "Küste"])
def test_search_looks_into_titles_models_prompts_and_ids(store: Store, needle: str) -> None:
    add(store, "id-1", ask("Möwe", "What is 50% of a_b?"), title="KÜSTE")
    add(store, "id-2", ask("owl", "What is 500 of axb?"))
    assert [x.id for x in store.listing(needle, 9, None, "1.1")] == ["id-1"]


def test_a_new_title_is_found(store: Store) -> None:
    add(store, "a")
    store.describe("a", title="Otter")
    assert [x.id for x in store.listing("otter", 9, None, "1.1")] == ["a"]


def test_a_calibration_is_kept_with_its_experiment_and_goes_with_it(store: Store) -> None:
    add(store, "a")
    assert store.row("a").calibration is None
    store.put_calibration("a", '{"age_s": 1}')
    assert store.row("a").calibration == '{"age_s": 1}'
    store.delete("a")
    store.put_calibration("a", '{"age_s": 1}')
    with pytest.raises(NotFound):
        store.row("a")


def test_delete_leaves_no_row_behind(store: Store) -> None:
    add(store, "a")
    ledger = put_lines(store, "a", 0)
    ledger.save("me", [Line("a", 0, 0, "x")], [])
    ledger.save("me", [], [Closed("a", 0, "done", b"bytes")])
    Derived(store).put("a", "1.1", [(0, "{}", '{"metrics": {}}')])
    put_lines(store, "a", 1)
    store.delete("a")
    with sqlite3.connect(store.path) as raw:
        tables = ("experiment", "call", "part", "evidence", "derived")
        assert [raw.execute(f"select count(*) from {t}").fetchone()[0] for t in tables] == [0] * 5
    raw.close()


def test_numbers_of_another_definition_are_not_served(store: Store) -> None:
    add(store, "a")
    Derived(store).put("a", "1.1", [(0, "{}", "{}")])
    assert Derived(store).get("a", "1.2", [0]) == {}
    Derived(store).put("a", "1.2", [(0, "{}", '{"x": 1}')])
    assert Derived(store).get("a", "1.2", [0]) == {0: ("{}", '{"x": 1}')}
    assert Derived(store).get("a", "1.1", [0]) == {}


def test_the_list_knows_the_first_pairs_numbers(store: Store) -> None:
    add(store, "a")
    metrics = {"metrics": {"ttfo_s": 0.16}, "reasons": {}}
    for call in store.calls("a"):
        Derived(store).put("a", "1.1", [(call.planned.n, "{}", json.dumps(metrics))])
    (entry,) = store.listing("", 9, None, "1.1")
    assert entry.metrics == {"blocking": {"ttfo_s": 0.16}, "streaming": {"ttfo_s": 0.16}}


def test_every_commit_reaches_the_disk(store: Store) -> None:
    with store.write() as connection:
        read = connection.exec_driver_sql
        assert read("PRAGMA journal_mode").scalar() == "wal"
        assert read("PRAGMA synchronous").scalar() == 2  # FULL
        assert read("PRAGMA busy_timeout").scalar() == 10_000
        assert read("PRAGMA foreign_keys").scalar() == 1


def test_two_stores_write_beside_each_other(store: Store) -> None:
    other = Store.open(store.folder)
    add(store, "a")
    add(other, "b")
    assert {x.id for x in store.listing("", 9, None, "1.1")} == {"a", "b"}
    other.close()


def test_a_file_in_place_of_the_folder_is_named_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(StoreError, match=r"data.*STREAMGAUGE_DATA"):
        Store.open(tmp_path / "data")


def test_a_folder_that_takes_no_files_is_refused() -> None:
    with pytest.raises(StoreError, match=r"/proc/sys/data .*STREAMGAUGE_DATA"):
        Store.open(Path("/proc/sys/data"))


def test_a_database_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    for path in tmp_path.glob("streamgauge.db*"):
        path.unlink()
    (tmp_path / "streamgauge.db").mkdir()
    with pytest.raises(StoreError, match="Make it writable"):
        Store.open(tmp_path)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "streamgauge.db").write_bytes(b"holiday pictures" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        Store.open(tmp_path)
    assert (tmp_path / "streamgauge.db").read_bytes() == b"holiday pictures" * 100
