"""Usage in meters: blocks from now on have more sums, further meters a table, and unknown runs a place.

No block that is there is moved: it is read where it is. The way back keeps every event, but not what only the newer
format holds: times but the model's, revisions, further meters, runs that were put aside.
"""

from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ROWS = 200  # at a time
_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "request_blocks",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("seq", _number, autoincrement=False, nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("first_at", _number, nullable=False),
        sa.Column("last_at", _number, nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("ok", sa.Integer(), nullable=False),
        sa.Column("rows", _number, nullable=False),
        sa.Column("bytes_in", _number, nullable=False),
        sa.Column("bytes_out", _number, nullable=False),
        sa.Column("compute_ns", _number, nullable=False),
        sa.Column("queue_ns", _number, nullable=False),
        sa.Column("total_ns", _number, nullable=False),
        sa.Column("has_more", sa.Boolean(), nullable=False),
        sa.Column("events", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "seq", name=op.f("pk_request_blocks")),
    )
    op.create_index(op.f("ix_request_blocks_tenant_last_at"), "request_blocks", ["tenant", "last_at"], unique=False)
    op.create_table(
        "request_quantities",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("seq", _number, autoincrement=False, nullable=False),
        sa.Column("meter", sa.String(), nullable=False),
        sa.Column("quantity", _number, nullable=False),
        sa.PrimaryKeyConstraint("source", "seq", "meter", name=op.f("pk_request_quantities")),
    )
    op.create_table(
        "usage_unread",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("first", _number, autoincrement=False, nullable=False),
        sa.Column("last", _number, nullable=False),
        sa.Column("after", _number, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "first", name=op.f("pk_usage_unread")),
    )


def downgrade() -> None:
    _put_back()
    op.drop_table("usage_unread")
    op.drop_table("request_quantities")
    op.drop_index(op.f("ix_request_blocks_tenant_last_at"), table_name="request_blocks")
    op.drop_table("request_blocks")


def _put_back() -> None:
    """Blocks of format 2 as blocks of format 1, some rows at a time."""
    connection = op.get_bind()
    here, there = (
        sa.Table(name, sa.MetaData(), autoload_with=connection) for name in ("request_blocks", "usage_blocks")
    )
    key = (here.c.source, here.c.seq)
    query = sa.select(here).order_by(*key).limit(_ROWS)
    rows = connection.execute(query).mappings().all()
    while rows:
        connection.execute(sa.insert(there), [_older(row, there) for row in rows])
        after = (rows[-1]["source"], rows[-1]["seq"])
        rows = connection.execute(query.where(sa.tuple_(*key) > sa.tuple_(*after))).mappings().all()


def _older(row: Any, there: sa.Table) -> dict[str, Any]:
    columns = [
        each if isinstance(each, list) else [each] * row["requests"]
        for each in msgspec.msgpack.decode(row["events"])[:8]
    ]
    return {**{column.name: row[column.name] for column in there.c}, "events": msgspec.msgpack.encode(columns)}
