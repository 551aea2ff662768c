"""Waits that an endpoint asked for, and why an experiment stopped before all its calls were made."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("experiment", sa.Column("stopped", sa.Text))
    op.create_table(
        "pause",
        sa.Column("experiment_id", sa.Text, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("began_ms", sa.Integer, nullable=False),
        sa.Column("until_ms", sa.Integer, nullable=False),
        sa.Column("ended_ms", sa.Integer),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("experiment_id", "n", "began_ms", name="pk_pause"),
        sa.ForeignKeyConstraint(
            ["experiment_id", "n"],
            ["call.experiment_id", "call.n"],
            name="fk_pause_call",
            ondelete="CASCADE",
        ),
    )
