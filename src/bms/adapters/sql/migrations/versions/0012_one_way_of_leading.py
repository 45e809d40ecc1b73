"""Jobs have no leases of their own: who schedules them leads; and nothing is counted beside the log of events."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("jobs", "holder")
    op.drop_column("jobs", "leased_until")
    op.drop_table("counters")
    op.execute(sa.text("DELETE FROM leases WHERE name = 'leader'"))  # of what has a name of its own now


def downgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.add_column("jobs", sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("holder", sa.String(), nullable=True))
