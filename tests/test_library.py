"""Shares and imports in the store: frozen, found by their id alone, gone for good when they end."""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib import document, library
from lib.errors import InvalidDocument, InvalidSpec, NotAllowed, NotFound
from lib.experiment import Experiment
from lib.library import Library
from lib.plan import plan
from lib.store import Store
from tests.experiments import simple

DAY = 86_400_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def made(store: Store) -> Experiment:
    found = dataclasses.replace(simple(), definition="2.2", note="private words")
    store.add(found.id, found.spec, plan(found.spec), owner="me")
    return found


@pytest.fixture
def shelf(store: Store, made: Experiment) -> Library:
    return Library(store, lambda _: made)


def test_a_share_is_frozen_word_for_word(shelf: Library, made: Experiment, store: Store) -> None:
    shown = shelf.preview(made.id)
    given = shelf.share(made.id, expected=shown.sha256)
    store.describe(made.id, title="Another name")
    data = shelf.shared_json(given.shared.id)
    assert data.decode() == shown.text
    assert hashlib.sha256(data).hexdigest() == given.shared.sha256 == shown.sha256
    assert shelf.shared(given.shared.id).definition == "2.2"
    assert made.id not in data.decode()


def test_two_shares_have_two_ids_and_neither_token_is_kept(
    shelf: Library, made: Experiment, tmp_path: Path
) -> None:
    one, other = shelf.share(made.id), shelf.share(made.id)
    assert len({one.shared.id, other.shared.id, made.id}) == 3
    assert {len(one.shared.id), len(one.token)} == {22}
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("streamgauge.db*"))
    assert one.token.encode() not in kept
    assert {s.id for s in shelf.shares(made.id)} == {one.shared.id, other.shared.id}


def test_a_note_stands_beside_the_document(shelf: Library, made: Experiment) -> None:
    given = shelf.share(made.id, note="A slow day.")
    assert shelf.shared_experiment(given.shared.id).note == "A slow day."
    assert b"slow day" not in shelf.shared_json(given.shared.id)
    assert b"private words" not in shelf.shared_json(given.shared.id)


def test_unknown_withdrawn_expired_and_forbidden_look_the_same(
    shelf: Library, made: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, old, kept = shelf.share(made.id), shelf.share(made.id, days=30), shelf.share(made.id)
    shelf.withdraw(gone.shared.id, gone.token)
    now = library.now_ms()
    monkeypatch.setattr(library, "now_ms", lambda: now + 31 * DAY)
    said = set()
    for id, token in (("A" * 22, "x"), (gone.shared.id, gone.token), (old.shared.id, old.token)):
        for ask in (shelf.shared, shelf.shared_json, shelf.shared_experiment):
            with pytest.raises(NotFound) as error:
                ask(id)
            said.add(str(error.value))
        with pytest.raises(NotFound) as error:
            shelf.withdraw(id, token)
        said.add(str(error.value))
    for token in (gone.token, "", "\ud800", kept.shared.id):
        with pytest.raises(NotFound) as error:
            shelf.withdraw(kept.shared.id, token)
        said.add(str(error.value))
    assert len(said) == 1
    assert shelf.shared(kept.shared.id)


def test_the_sweep_deletes_what_has_expired(
    shelf: Library, made: Experiment, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.share(made.id, days=30)
    kept = shelf.share(made.id, days=None)
    now = library.now_ms()
    monkeypatch.setattr(library, "now_ms", lambda: now + 31 * DAY)
    shelf.sweep()
    monkeypatch.undo()
    assert [s.id for s in shelf.shares(made.id)] == [kept.shared.id]


def test_deleting_the_experiment_leaves_its_links_unless_asked(
    shelf: Library, made: Experiment, store: Store
) -> None:
    given = shelf.share(made.id)
    store.delete(made.id)
    assert shelf.shared_experiment(given.shared.id).id == given.shared.id
    assert shelf.shares(made.id) == []


def test_withdrawing_all_ends_every_link_of_an_experiment(shelf: Library, made: Experiment) -> None:
    given = shelf.share(made.id)
    shelf.withdraw_all(made.id)
    with pytest.raises(NotFound):
        shelf.shared(given.shared.id)


def test_only_public_shares_are_listed_page_by_page(shelf: Library, made: Experiment) -> None:
    shelf.share(made.id)
    ids = {shelf.share(made.id, visibility="public").shared.id for _ in range(3)}
    first = shelf.public(2)
    rest = shelf.public(2, (first[-1].created_ms, first[-1].id))
    assert {s.id for s in (*first, *rest)} == ids
    assert len(first) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [("form", "all"), ("visibility", "x"), ("days", 7), ("licence", "MIT"), ("note", "x" * 10_001)],
)
def test_a_choice_that_is_none_is_refused(
    shelf: Library, made: Experiment, field: str, value: object
) -> None:
    with pytest.raises(InvalidSpec) as refused:
        shelf.share(made.id, **{field: value})  # type: ignore[arg-type]
    assert refused.value.field == field


def test_a_running_experiment_is_not_shared(store: Store, made: Experiment) -> None:
    running = Library(store, lambda _: dataclasses.replace(made, state="running"))
    with pytest.raises(InvalidSpec, match="still running"):
        running.share(made.id)


def test_what_changed_since_the_preview_is_not_shared(shelf: Library, made: Experiment) -> None:
    with pytest.raises(InvalidSpec, match="changed since the preview"):
        shelf.share(made.id, expected="0" * 64)


def test_export_import_export_is_equal_byte_for_byte(shelf: Library, made: Experiment) -> None:
    data = document.to_json(made).encode()
    id = shelf.bring(data)
    assert shelf.imported_json(id) == data
    found = shelf.imported(id)
    assert found is not None
    assert (found.id, found.imported, found.note) == (id, "streamgauge", "private words")
    assert shelf.imported(made.id) is None
    assert shelf.imported_json(made.id) is None


def test_an_imported_one_is_listed_with_its_numbers_and_its_mark(
    shelf: Library, made: Experiment, store: Store
) -> None:
    id = shelf.bring(document.to_json(made).encode())
    listed = next(x for x in store.listing("", 10, None, "2.2") if x.id == id)
    assert (listed.imported, listed.models) == ("streamgauge", ("a-model",))
    assert listed.metrics["streaming"]["ttfo_s"] == 1.2


def test_an_imported_one_can_be_renamed_shared_and_deleted(
    shelf: Library, made: Experiment, store: Store
) -> None:
    data = document.to_json(made).encode()
    id = shelf.bring(data)
    store.describe(id, title="Mine")
    found = shelf.imported(id)
    assert found is not None
    assert found.title == "Mine"
    assert shelf.imported_json(id) == data
    shared = shelf.shared_experiment(shelf.share(id).shared.id)
    assert shared.imported == "streamgauge"
    store.delete(id)
    assert shelf.imported_json(id) is None


def test_a_file_that_cannot_be_read_leaves_nothing(shelf: Library, store: Store) -> None:
    before = len(store.listing("", 10, None, ""))
    with pytest.raises(InvalidDocument):
        shelf.bring(b'{"schema_version": 1}')
    assert len(store.listing("", 10, None, "")) == before


def test_a_server_that_only_shows_takes_nothing(store: Store, made: Experiment) -> None:
    shows = Library(store, lambda _: made, shows_only=True)
    for ask in (lambda: shows.share(made.id), lambda: shows.bring(b"{}")):
        with pytest.raises(NotAllowed):
            ask()
