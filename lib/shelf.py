"""Documents kept word for word: the frozen copies behind links, and what came as a file.

Rows only, beside `store`; what a document means is reopen's business, who may do what is library's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, or_, select, tuple_
from sqlalchemy.dialects.sqlite import insert

from lib.errors import NotFound
from lib.migrations.schema import experiment, imported, share
from lib.share import Form, Licence, Visibility
from lib.store import Store

GONE = "There is nothing at this address. The link is mistyped, was withdrawn, or has expired."
"""Said of an unknown, a withdrawn, an expired and a forbidden link alike."""


class Shared(NamedTuple):
    """What anyone may know of a share. Times in Unix ms; `expires_ms` None: never. `sha256`: of the
    document's bytes; `definition`: of its numbers. `title` and `note` are untrusted text."""

    id: str
    created_ms: int
    expires_ms: int | None
    form: Form
    visibility: Visibility
    licence: Licence
    title: str
    note: str
    sha256: str
    definition: str | None


class Shelf:
    """All methods raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, shared: Shared, *, experiment: str, delete_sha256: str, document: bytes) -> None:
        """Keep a new share."""
        row = shared._asdict()
        row["content_sha256"] = row.pop("sha256")
        row |= {"experiment_id": experiment, "delete_sha256": delete_sha256, "document": document}
        with self._store.write() as connection:
            connection.execute(insert(share), row)

    def shared(self, id: str, now_ms: int) -> Shared:
        """One share that has not expired. Raises NotFound."""
        return Shared(*self._one(_COLUMNS, id, now_ms))

    def document(self, id: str, now_ms: int) -> bytes:
        """Its document, word for word. Raises NotFound."""
        found: bytes = self._one([share.c.document], id, now_ms).document
        return found

    def delete_sha256(self, id: str, now_ms: int) -> str:
        """What its delete token hashes to. Raises NotFound."""
        found: str = self._one([share.c.delete_sha256], id, now_ms).delete_sha256
        return found

    def withdraw(self, id: str) -> None:
        """Delete a share; nothing happens when it is gone."""
        with self._store.write() as connection:
            connection.execute(delete(share).where(share.c.id == id))

    def withdraw_all(self, experiment: str) -> None:
        """Delete every share of an experiment."""
        with self._store.write() as connection:
            connection.execute(delete(share).where(share.c.experiment_id == experiment))

    def sweep(self, now_ms: int) -> None:
        """Delete what has expired."""
        with self._store.read() as connection:
            found = connection.execute(
                select(share.c.id).where(share.c.expires_ms <= now_ms).limit(1)
            ).first()
        if found is not None:  # looking takes no write lock
            with self._store.write() as connection:
                connection.execute(delete(share).where(share.c.expires_ms <= now_ms))

    def of(self, experiment: str, now_ms: int) -> list[Shared]:
        """The shares of one experiment, newest first."""
        return self._many(share.c.experiment_id == experiment, now_ms, None, 1_000)

    def public(self, now_ms: int, limit: int, before: tuple[int, str] | None) -> list[Shared]:
        """Shares that may be listed, newest first, from just before the cursor (created_ms, id)."""
        return self._many(share.c.visibility == "public", now_ms, before, limit)

    def put_import(
        self, row: dict[str, Any], *, imported_ms: int, sha256: str, headline: str, document: bytes
    ) -> None:
        """Keep an experiment that came as a file. `row`: store.experiment_row."""
        with self._store.write() as connection:
            connection.execute(insert(experiment), row)
            connection.execute(
                insert(imported),
                {
                    "experiment_id": row["id"],
                    "imported_ms": imported_ms,
                    "content_sha256": sha256,
                    "headline": headline,
                    "document": document,
                },
            )

    def imported(self, id: str) -> bytes | None:
        """The document of an imported experiment, word for word; None when it is none."""
        query = select(imported.c.document).where(imported.c.experiment_id == id)
        with self._store.read() as connection:
            found: bytes | None = connection.execute(query).scalar()
        return found

    def _one(self, columns: Any, id: str, now_ms: int) -> Any:
        query = select(*columns).where(share.c.id == id, _good(now_ms))
        with self._store.read() as connection:
            found = connection.execute(query).one_or_none()
        if found is None:
            raise NotFound(GONE)
        return found

    def _many(
        self, which: ColumnElement[bool], now_ms: int, before: tuple[int, str] | None, limit: int
    ) -> list[Shared]:
        query = select(*_COLUMNS).where(which, _good(now_ms))
        if before is not None:
            query = query.where(tuple_(share.c.created_ms, share.c.id) < before)
        query = query.order_by(share.c.created_ms.desc(), share.c.id.desc()).limit(limit)
        with self._store.read() as connection:
            return [Shared(*row) for row in connection.execute(query)]


_COLUMNS = [share.c["content_sha256" if name == "sha256" else name] for name in Shared._fields]


def _good(now_ms: int) -> ColumnElement[bool]:
    return or_(share.c.expires_ms.is_(None), share.c.expires_ms > now_ms)
