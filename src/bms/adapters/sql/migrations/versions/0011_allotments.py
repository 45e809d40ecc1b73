"""Allotments, and blocks of the books by the revision of the route.

No block that is there is moved: its events say their revisions. The way back keeps every request, but not the time that
was held, which only blocks of format 3 hold.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_HELD_FORMAT = 3
_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_open = sa.text("closed_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "allotments",
        sa.Column("number", _number, autoincrement=True, nullable=False),
        sa.Column("of", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rates", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", _number, nullable=False),
        sa.Column("closed_at", _number, nullable=True),
        sa.Column("booked_until", _number, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_allotments")),
    )
    op.create_index(op.f("ix_allotments_tenant"), "allotments", ["tenant"])
    op.create_index(
        "uq_allotments_open", "allotments", ["of", "subject"], unique=True, sqlite_where=_open, postgresql_where=_open
    )
    op.add_column("request_blocks", sa.Column("revision", _number, nullable=True))


def downgrade() -> None:
    blocks = sa.table("request_blocks", *map(sa.column, ("source", "seq", "format")))
    sums = sa.table("request_quantities", *map(sa.column, ("source", "seq")))
    held = sa.select(blocks.c.source, blocks.c.seq).where(blocks.c.format == _HELD_FORMAT)
    op.execute(sa.delete(sums).where(sa.tuple_(sums.c.source, sums.c.seq).in_(held)))
    op.execute(sa.delete(blocks).where(blocks.c.format == _HELD_FORMAT))
    op.drop_column("request_blocks", "revision")
    op.drop_index("uq_allotments_open", table_name="allotments")
    op.drop_index(op.f("ix_allotments_tenant"), table_name="allotments")
    op.drop_table("allotments")
