"""The first tables: experiments, calls, what arrived, and what was computed from it."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INTEGERS = ("schema", "created_ms", "expires_ms", "arm", "pair", "group", "planned_ms", "sent_ms", "done_ms")


def upgrade() -> None:
    _experiment()
    _call()
    _of_calls(
        "part", sa.Column("seq", sa.Integer, nullable=False), sa.Column("line", sa.Text, nullable=False)
    )
    _of_calls(
        "evidence",
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("fmt", sa.Integer, nullable=False),
        sa.Column("bytes", sa.LargeBinary, nullable=False),
    )
    _of_calls("derived", *_required("definition", "recount", "metrics"))


def _experiment() -> None:
    op.create_table(
        "experiment",
        sa.Column("id", sa.Text, nullable=False),
        *_required("schema", "created_ms", "state", "owner", "spec", "models", "asked", "title", "note"),
        sa.Column("parent", sa.Text),
        *_required("visibility"),
        sa.Column("expires_ms", sa.Integer),
        sa.Column("content_sha256", sa.Text),
        sa.Column("delete_sha256", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_experiment"),
    )
    op.create_index("ix_experiment_created_ms", "experiment", ["created_ms", "id"])
    op.create_index("ix_experiment_state", "experiment", ["state"])


def _call() -> None:
    op.create_table(
        "call",
        sa.Column("experiment_id", sa.Text, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        *_required("arm", "mode", "role"),
        sa.Column("pair", sa.Integer),
        *_required("group", "nonce"),
        sa.Column("due_s", sa.Float),
        *_required("state", "owner", "planned_ms"),
        sa.Column("sent_ms", sa.Integer),
        sa.Column("done_ms", sa.Integer),
        sa.PrimaryKeyConstraint("experiment_id", "n", name="pk_call"),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiment.id"], name="fk_call_experiment", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_call_state", "call", ["state"])


def _of_calls(name: str, *columns: "sa.Column[object]") -> None:
    keys = [c.name for c in columns if c.name == "seq"]
    op.create_table(
        name,
        sa.Column("experiment_id", sa.Text, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("experiment_id", "n", *keys, name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["experiment_id", "n"],
            ["call.experiment_id", "call.n"],
            name=f"fk_{name}_call",
            ondelete="CASCADE",
        ),
    )


def _required(*names: str) -> list["sa.Column[object]"]:
    return [sa.Column(n, sa.Integer if n in INTEGERS else sa.Text, nullable=False) for n in names]
