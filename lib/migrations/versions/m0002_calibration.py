"""What the instrument's own error was, with each experiment, as JSON."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("experiment", sa.Column("calibration", sa.Text))
