import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from lib import migrations
from lib.errors import NewerData
from lib.experiment import preset
from lib.migrations.schema import metadata
from lib.plan import plan
from lib.store import Store


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as raw:
        found: str = raw.execute("select version_num from alembic_version").fetchone()[0]
        return found


def test_an_empty_folder_is_brought_to_the_newest_schema(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    assert revision(tmp_path / "streamgauge.db") == migrations.head()


def test_the_steps_make_exactly_the_tables_in_use(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'streamgauge.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_opening_again_makes_no_copy(tmp_path: Path) -> None:
    for _ in range(2):
        Store.open(tmp_path).close()
    assert not list(tmp_path.glob("*.before-*"))


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "streamgauge.db")) as raw:
        raw.execute("update alembic_version set version_num = '9999'")
        raw.commit()
    with pytest.raises(NewerData, match="newer version"):
        Store.open(tmp_path)
    assert revision(tmp_path / "streamgauge.db") == "9999"


def test_an_older_schema_is_copied_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(tmp_path).close()
    newest, upgraded = migrations.head(), []
    monkeypatch.setattr(migrations, "head", lambda: "9998")
    monkeypatch.setattr(migrations.command, "upgrade", lambda config, to: upgraded.append(to))
    Store.open(tmp_path).close()
    assert upgraded == ["head"]
    assert revision(tmp_path / "streamgauge.db.before-9998") == newest


def test_an_experiment_of_the_first_version_is_still_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = migrations.command.upgrade
    with monkeypatch.context() as before:
        before.setattr(migrations.command, "upgrade", lambda config, to: real(config, "0001"))
        before.setattr(migrations, "head", lambda: "0001")
        old = Store.open(tmp_path)
        old.add("a", preset(), plan(preset()), owner="me", title="Old")
        old.close()
    assert revision(tmp_path / "streamgauge.db") == "0001"
    store = Store.open(tmp_path)
    assert (store.row("a").title, store.row("a").calibration) == ("Old", None)
    assert len(store.calls("a")) == 2
    store.close()
    assert revision(tmp_path / f"streamgauge.db.before-{migrations.head()}") == "0001"
