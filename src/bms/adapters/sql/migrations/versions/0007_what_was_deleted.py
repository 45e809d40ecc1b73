"""Data sets and tenants that were deleted leave a word of it, so that their names mean nothing else later."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("deleted", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("tenants", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tenants", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    # In place: SQLite would drop a table that is made anew, and others refer to tenants.
    op.drop_column("tenants", "removed_at")
    op.drop_column("tenants", "deleted_at")
    op.drop_column("datasets", "deleted")
