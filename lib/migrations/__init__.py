"""The tables, and how a data folder of an older version is brought up to them.

`schema.py` says what the tables are today; `versions/` holds one step for each change, never edited
once released. `upgrade` runs the missing steps in one transaction, after a copy of what was there.
"""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from lib.errors import NewerData

log = logging.getLogger("streamgauge.migrations")


def head() -> str:
    """The revision this version writes."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


def current(connection: Connection) -> str | None:
    """The revision of a database, None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, path: Path) -> None:
    """Bring the database at `path` to `head()`; the caller holds the folder's upgrade lock.

    An existing older database is first copied to `NAME.before-REVISION`. Raises NewerData.
    """
    with engine.connect() as connection:
        found = current(connection)
    if found == head():
        return
    if found is not None:
        _refuse_newer(found, path)
        _back_up(engine, path.with_name(f"{path.name}.before-{head()}"))
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    log.info("The data folder was brought from revision %s to %s.", found, head())


def _refuse_newer(found: str, path: Path) -> None:
    try:
        ScriptDirectory.from_config(_config()).get_revision(found)
    except CommandError:
        raise NewerData(
            f"The data in {path.parent} were written by a newer version of Streamgauge. "
            "Nothing was changed. Get that version, or choose another folder with STREAMGAUGE_DATA."
        ) from None


def _back_up(engine: Engine, target: Path) -> None:
    half = target.with_name(target.name + ".part")
    half.unlink(missing_ok=True)
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("VACUUM INTO ?", (str(half),))
    finally:
        raw.close()
    half.replace(target)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
