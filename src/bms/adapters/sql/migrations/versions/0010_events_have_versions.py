"""Events say which version of their payload they are, those of before the first; reactions that wait have rows."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("events", sa.Column("version", _number, server_default="1", nullable=False))
    op.create_table(
        "reactions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("number", _number, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("handler", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reactions")),
        sa.UniqueConstraint("number", "handler", name=op.f("uq_reactions_number_handler")),
    )
    op.create_index(op.f("ix_reactions_tenant_about"), "reactions", ["tenant", "about"])
    op.create_index(op.f("ix_reactions_state_number"), "reactions", ["state", "number"])


def downgrade() -> None:
    op.drop_index(op.f("ix_reactions_state_number"), table_name="reactions")
    op.drop_index(op.f("ix_reactions_tenant_about"), table_name="reactions")
    op.drop_table("reactions")
    op.drop_column("events", "version")
