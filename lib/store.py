"""The store: experiments, their calls and what arrived, in SQLite through SQLAlchemy Core.

A write happens in one immediate transaction; whatever the database says no to becomes a StoreError
that names the folder. The states of calls move in `ledger` only; what the bytes mean is results'
business. Times are Unix milliseconds.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    create_engine,
    delete,
    event,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError, TimeoutError

from lib import migrations
from lib.errors import NotFound, StoreError
from lib.experiment import ExperimentState, Stop, Wait
from lib.migrations.schema import call, derived, evidence, experiment, imported, part, pause
from lib.plan import PlannedCall
from lib.spec import ExperimentSpec, State, from_dict, to_dict

SCHEMA = 1
SEARCHED = 20_000


class Row(NamedTuple):
    """One experiment, without its calls. `spec`, `calibration` and `stopped`: as JSON text. `imported`:
    the tool whose file it came from, None: it was measured here."""

    id: str
    created_ms: int
    state: ExperimentState
    owner: str
    spec: str
    title: str
    note: str
    parent: str | None
    calibration: str | None
    stopped: str | None
    imported: str | None

    def asked(self) -> ExperimentSpec:
        """The specification."""
        return from_dict(json.loads(self.spec))

    def why(self) -> Stop | None:
        """What stopped it before its end."""
        return None if self.stopped is None else Stop(*json.loads(self.stopped))


class CallRow(NamedTuple):
    """One call of the ledger. `owner`: the service that sent it, "" before."""

    planned: PlannedCall
    state: State
    owner: str
    sent_ms: int | None
    done_ms: int | None


class Listed(NamedTuple):
    """One line of the list. `metrics`: mode → the numbers of arm 0's first pair, where computed.
    `imported`: as in Row."""

    id: str
    title: str
    created_ms: int
    state: ExperimentState
    models: tuple[str, ...]
    metrics: dict[str, dict[str, Any]]
    imported: str | None


class Store:
    """One data folder. Threads may share it; each process opens its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "streamgauge.db"
        self._engine = create_engine(f"sqlite:///{self.path}")
        self._reads = self._engine.execution_options(streamgauge_reads=True)
        event.listen(self._engine, "connect", _on_connect)
        event.listen(self._engine, "begin", _on_begin)

    @classmethod
    def open(cls, folder: Path) -> Store:
        """Make the folder and its tables where missing. Raises StoreError, NewerData."""
        store = cls(folder)
        with store._sentences():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(folder / "upgrade.lock", timeout=60):
                migrations.upgrade(store._engine, store.path)
            store._checkpoint()
            store.check()
        return store

    def close(self) -> None:
        """Let go of the database's files."""
        self._engine.dispose()

    def check(self) -> None:
        """Prove that the folder can be written. Raises StoreError."""
        with self.write() as connection:
            connection.execute(update(experiment).where(experiment.c.id == "").values(note=""))

    def add(
        self,
        id: str,
        spec: ExperimentSpec,
        calls: Sequence[PlannedCall],
        *,
        owner: str,
        title: str = "",
        parent: str | None = None,
    ) -> None:
        """A new experiment in state running, all its calls planned."""
        now = now_ms()
        row = experiment_row(id, spec, created_ms=now, owner=owner, title=title, parent=parent)
        with self.write() as connection:
            connection.execute(insert(experiment), row)
            connection.execute(insert(call), [new_call(id, c, now) for c in calls])

    def row(self, id: str) -> Row:
        """One experiment. Raises NotFound."""
        columns = [experiment.c[name] for name in Row._fields]
        with self.read() as connection:
            found = connection.execute(select(*columns).where(experiment.c.id == id)).one_or_none()
        if found is None:
            raise NotFound("There is no experiment at this address. It was deleted, or the link is mistyped.")
        return Row(*found)

    def listing(
        self, search: str, limit: int, before: tuple[int, str] | None, definition: str
    ) -> list[Listed]:
        """Newest first, from just before the cursor; `search` in title, models, prompts, or an id."""
        columns = (*(experiment.c[n] for n in ("id", "title", "created_ms", "state", "models", "imported")),)
        query = select(*columns).order_by(experiment.c.created_ms.desc(), experiment.c.id.desc())
        if needle := search.strip().casefold():
            found = experiment.c.asked.contains(needle, autoescape=True)
            titled = func.casefold(experiment.c.title).contains(needle, autoescape=True)
            query = query.where(or_(found, titled, experiment.c.id == search.strip()))
        if before is not None:
            query = query.where(tuple_(experiment.c.created_ms, experiment.c.id) < before)
        with self.read() as connection:
            rows = connection.execute(query.limit(limit)).all()
            ids = [r.id for r in rows]
            metrics = _first_pairs(connection, ids, definition) | _headlines(connection, ids)
        return [
            Listed(
                r.id,
                r.title,
                r.created_ms,
                r.state,
                tuple(json.loads(r.models)),
                metrics.get(r.id, {}),
                r.imported,
            )
            for r in rows
        ]

    def describe(self, id: str, *, title: str | None = None, note: str | None = None) -> None:
        """Change the words about an experiment. Raises NotFound."""
        values = {k: v for k, v in (("title", title), ("note", note)) if v is not None}
        self.row(id)
        with self.write() as connection:
            connection.execute(update(experiment).where(experiment.c.id == id).values(**values))

    def put_calibration(self, id: str, calibration: str) -> None:
        """Keep what the instrument's error was, as JSON; does nothing when the experiment is gone."""
        with self.write() as connection:
            connection.execute(
                update(experiment).where(experiment.c.id == id).values(calibration=calibration)
            )

    def delete(self, id: str) -> None:
        """Delete an experiment with all that belongs to it. Raises NotFound."""
        self.row(id)
        with self.write() as connection:
            connection.execute(delete(experiment).where(experiment.c.id == id))

    def calls(self, id: str) -> list[CallRow]:
        """The ledger's rows in planned order."""
        with self.read() as connection:
            rows = connection.execute(select(call).where(call.c.experiment_id == id).order_by(call.c.n))
            return [_call_row(r._mapping) for r in rows]

    def evidence(self, id: str, only: Collection[int] | None = None) -> dict[int, bytes]:
        """n → Recording's bytes, of the calls that ended; of those in `only`, if given."""
        query = select(evidence.c.n, evidence.c.bytes).where(
            evidence.c.experiment_id == id, evidence.c.form == "recording"
        )
        if only is not None:
            query = query.where(evidence.c.n.in_(only))
        with self.read() as connection:
            return {row.n: row.bytes for row in connection.execute(query)}

    def lines(self, id: str) -> dict[int, list[str]]:
        """n → the probe's lines in order, of the calls that have not ended (yet)."""
        query = select(part.c.n, part.c.line).where(part.c.experiment_id == id).order_by(part.c.n, part.c.seq)
        found: dict[int, list[str]] = defaultdict(list)
        with self.read() as connection:
            for n, line in connection.execute(query):
                found[n].append(line)
        return dict(found)

    def waits(self, id: str) -> tuple[Wait, ...]:
        """The waits that endpoints asked for, in order."""
        query = select(*(pause.c[name] for name in Wait._fields)).where(pause.c.experiment_id == id)
        with self.read() as connection:
            return tuple(Wait(*r) for r in connection.execute(query.order_by(pause.c.began_ms)))

    def _checkpoint(self) -> None:
        raw = self._engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            raw.close()

    def put_file(self, folder: str, name: str, text: str) -> None:
        """Write a file below the data folder, whole or not at all."""
        with self._sentences():
            place = self.folder / folder
            place.mkdir(mode=0o700, exist_ok=True)
            half = place / f"{name}.part"
            half.write_text(text, "utf-8")
            half.replace(place / name)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One immediate transaction, committed at the end of the block."""
        with self._sentences(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of the data."""
        with self._sentences(), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn what the system says into a StoreError that names the folder and a way out."""
        try:
            yield
        except DBAPIError as error:
            raise StoreError(_sentence(self.folder, str(error.orig))) from None
        except (OSError, Timeout, TimeoutError) as error:
            raise StoreError(_sentence(self.folder, getattr(error, "strerror", None) or str(error))) from None


def now_ms() -> int:
    """The wall clock, for labels."""
    return time.time_ns() // 1_000_000


def experiment_row(
    id: str,
    spec: ExperimentSpec,
    *,
    created_ms: int,
    state: ExperimentState = "running",
    owner: str = "",
    title: str = "",
    note: str = "",
    parent: str | None = None,
) -> dict[str, Any]:
    """What an experiment's row holds, searchable words included."""
    return {
        "id": id,
        "schema": SCHEMA,
        "created_ms": created_ms,
        "state": state,
        "owner": owner,
        "spec": _json(to_dict(spec)),
        "models": _json(list(dict.fromkeys(a.call.model for a in spec.arms))),
        "asked": _asked(spec),
        "title": title,
        "note": note,
        "parent": parent,
        "visibility": "unlisted",
    }


def call_is(id: str, n: int) -> ColumnElement[bool]:
    """The condition that names one call."""
    return and_(call.c.experiment_id == id, call.c.n == n)


def _sentence(folder: Path, reason: str) -> str:
    return (
        f"The data folder {folder} cannot be used: {reason.rstrip('.')}. "
        "Make it writable, free some space, or set STREAMGAUGE_DATA to another folder."
    )


def _on_connect(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver would begin late; _on_begin decides
    connection.create_function("casefold", 1, str.casefold, deterministic=True)
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA journal_size_limit = 4194304")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get("streamgauge_reads")
    # A read that turns into a write fails at once, whatever the busy timeout: writers begin as writers.
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _asked(spec: ExperimentSpec) -> str:
    words = [t for a in spec.arms for t in (a.call.model, a.call.prompt[:SEARCHED])]
    return "\n".join(dict.fromkeys(words)).casefold()


def new_call(id: str, planned: PlannedCall, now: int) -> dict[str, Any]:
    """A planned call as a row."""
    columns = dataclasses.asdict(planned)
    return {**columns, "experiment_id": id, "state": "planned", "owner": "", "planned_ms": now}


def _call_row(row: Any) -> CallRow:
    fields = {f.name: row[f.name] for f in dataclasses.fields(PlannedCall)}
    return CallRow(PlannedCall(**fields), row["state"], row["owner"], row["sent_ms"], row["done_ms"])


def _first_pairs(
    connection: Connection, ids: list[str], definition: str
) -> dict[str, dict[str, dict[str, Any]]]:
    same = and_(derived.c.experiment_id == call.c.experiment_id, derived.c.n == call.c.n)
    kept = and_(same, derived.c.definition == definition)
    numbers = func.json_extract(derived.c.metrics, "$.metrics")
    # An outer join, so that SQLite begins at the calls: a large experiment has two of these among thousands.
    query = select(call.c.experiment_id, call.c.mode, numbers).outerjoin_from(call, derived, kept)
    first = and_(call.c.experiment_id.in_(ids), call.c.arm == 0, call.c.pair == 0)
    found: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for id, mode, metrics in connection.execute(query.where(first).order_by(call.c.n)):
        if metrics is not None:
            found[id][mode] = json.loads(metrics)
    return found


def _headlines(connection: Connection, ids: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """The same of imported experiments, as their files have them."""
    query = select(imported.c.experiment_id, imported.c.headline).where(imported.c.experiment_id.in_(ids))
    return {id: json.loads(headline) for id, headline in connection.execute(query)}
