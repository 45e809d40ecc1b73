"""Jobs have no leases of their own: who schedules them leads. How far gateways have come is a number of the log."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "gateway_positions",
        sa.Column("process", sa.String(), nullable=False),
        sa.Column("position", _number, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_gateway_positions")),
    )
    op.drop_column("jobs", "holder")
    op.drop_column("jobs", "leased_until")
    op.drop_table("counters")
    op.execute(sa.text("DELETE FROM leases WHERE name = 'leader'"))  # of what has a name of its own now


def downgrade() -> None:
    op.drop_table("gateway_positions")
    op.create_table(
        "counters",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", _number, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.add_column("jobs", sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("jobs", sa.Column("holder", sa.String(), nullable=True))
