"""Frozen copies behind links, and experiments that came as files, each kept word for word."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("experiment", sa.Column("imported", sa.Text))
    _imported()
    _share()


def _imported() -> None:
    op.create_table(
        "imported",
        sa.Column("experiment_id", sa.Text, nullable=False),
        sa.Column("imported_ms", sa.Integer, nullable=False),
        sa.Column("content_sha256", sa.Text, nullable=False),
        sa.Column("headline", sa.Text, nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", name="pk_imported"),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiment.id"], name="fk_imported_experiment", ondelete="CASCADE"
        ),
    )


def _share() -> None:
    op.create_table(
        "share",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("experiment_id", sa.Text),
        sa.Column("created_ms", sa.Integer, nullable=False),
        sa.Column("expires_ms", sa.Integer),
        *(sa.Column(n, sa.Text, nullable=False) for n in ("form", "visibility", "licence", "title", "note")),
        *(sa.Column(n, sa.Text, nullable=False) for n in ("delete_sha256", "content_sha256")),
        sa.Column("definition", sa.Text),
        sa.Column("document", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_share"),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiment.id"], name="fk_share_experiment", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_share_experiment_id", "share", ["experiment_id"])
    op.create_index("ix_share_expires_ms", "share", ["expires_ms"])
