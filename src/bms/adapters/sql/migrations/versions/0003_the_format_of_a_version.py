"""A version says what its files were recognised as."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("format", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.alter_column("format", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.drop_column("format")
