"""The tables as this version reads and writes them. What was asked and what arrived; no secrets.

`part` holds the probe's lines of calls under way (-2 Hello, -1 Start, then Parts), until the call's
evidence replaces them. `pause` holds the waits before calls that an endpoint asked for. `derived` is
disposable: `DELETE FROM derived` is always safe. `imported` and `share` hold documents word for word:
what came as a file, and what a link shows.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

experiment = Table(
    "experiment",
    metadata,
    Column("id", Text, primary_key=True),
    Column("schema", Integer, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("spec", Text, nullable=False),
    Column("models", Text, nullable=False),
    Column("asked", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("parent", Text),
    Column("visibility", Text, nullable=False),
    Column("expires_ms", Integer),
    Column("content_sha256", Text),
    Column("delete_sha256", Text),
    Column("calibration", Text),
    Column("stopped", Text),
    Column("imported", Text),
    Index("ix_experiment_created_ms", "created_ms", "id"),
    Index("ix_experiment_state", "state"),
)

call = Table(
    "call",
    metadata,
    Column(
        "experiment_id",
        Text,
        ForeignKey("experiment.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("n", Integer, primary_key=True),
    Column("arm", Integer, nullable=False),
    Column("mode", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("pair", Integer),
    Column("group", Integer, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("due_s", Float),
    Column("state", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("planned_ms", Integer, nullable=False),
    Column("sent_ms", Integer),
    Column("done_ms", Integer),
    Index("ix_call_state", "state"),
)


def _of_a_call() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["experiment_id", "n"], ["call.experiment_id", "call.n"], ondelete="CASCADE")


part = Table(
    "part",
    metadata,
    Column("experiment_id", Text, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("line", Text, nullable=False),
    _of_a_call(),
)

evidence = Table(
    "evidence",
    metadata,
    Column("experiment_id", Text, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("form", Text, nullable=False),
    Column("fmt", Integer, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
    _of_a_call(),
)

pause = Table(
    "pause",
    metadata,
    Column("experiment_id", Text, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("began_ms", Integer, primary_key=True),
    Column("until_ms", Integer, nullable=False),
    Column("ended_ms", Integer),
    Column("reason", Text, nullable=False),
    _of_a_call(),
)

derived = Table(
    "derived",
    metadata,
    Column("experiment_id", Text, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("definition", Text, nullable=False),
    Column("recount", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    _of_a_call(),
)

imported = Table(
    "imported",
    metadata,
    Column("experiment_id", Text, ForeignKey("experiment.id", ondelete="CASCADE"), primary_key=True),
    Column("imported_ms", Integer, nullable=False),
    Column("content_sha256", Text, nullable=False),
    Column("headline", Text, nullable=False),
    Column("document", LargeBinary, nullable=False),
)

share = Table(
    "share",
    metadata,
    Column("id", Text, primary_key=True),
    Column("experiment_id", Text, ForeignKey("experiment.id", ondelete="SET NULL")),
    Column("created_ms", Integer, nullable=False),
    Column("expires_ms", Integer),
    Column("form", Text, nullable=False),
    Column("visibility", Text, nullable=False),
    Column("licence", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("delete_sha256", Text, nullable=False),
    Column("content_sha256", Text, nullable=False),
    Column("definition", Text),
    Column("document", LargeBinary, nullable=False),
    Index("ix_share_experiment_id", "experiment_id"),
    Index("ix_share_expires_ms", "expires_ms"),
)
