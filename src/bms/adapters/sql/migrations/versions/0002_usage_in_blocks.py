"""Usage in blocks: each event as before, a minute's with equal labels in one row with their sums.

The rows that are there are put into blocks, none left out: as `bms.control.billing.blocks` was at this step.
"""

from collections.abc import Iterator
from itertools import groupby, islice
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SPAN_NS = 60 * 10**9
_ROWS = 500  # at a time; no block gets more events
_LABELS = ("source", "tenant", "key", "deployment", "model", "version")
_COLUMNS = ("seq", "at", "request_id", "status", "rows", "bytes_in", "bytes_out", "compute_ns")
_number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "usage_blocks",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("seq", _number, autoincrement=False, nullable=False),
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
        sa.Column("events", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "seq", name=op.f("pk_usage_blocks")),
    )
    _copy("usage_events", "usage_blocks", _blocks)
    with op.batch_alter_table("usage_blocks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_usage_blocks_tenant_last_at"), ["tenant", "last_at"], unique=False)
    op.drop_table("usage_events")


def downgrade() -> None:
    op.create_table(
        "usage_events",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("seq", _number, autoincrement=False, nullable=False),
        sa.Column("at", _number, nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("deployment", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("rows", _number, nullable=False),
        sa.Column("bytes_in", _number, nullable=False),
        sa.Column("bytes_out", _number, nullable=False),
        sa.Column("compute_ns", _number, nullable=False),
        sa.PrimaryKeyConstraint("source", "seq", name=op.f("pk_usage_events")),
    )
    _copy("usage_blocks", "usage_events", _events)
    with op.batch_alter_table("usage_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_usage_events_tenant_at"), ["tenant", "at"], unique=False)
    op.drop_table("usage_blocks")


def _copy(old: str, new: str, made_of: Any) -> None:
    """Reads `old` in order of its key, some rows at a time, and writes what `made_of` makes of them to `new`."""
    connection = op.get_bind()
    here, there = (sa.Table(name, sa.MetaData(), autoload_with=connection) for name in (old, new))
    key = (here.c.source, here.c.seq)
    query = sa.select(here).order_by(*key).limit(_ROWS)
    rows = connection.execute(query).mappings().all()
    while rows:
        made = made_of(rows)
        while some := list(islice(made, _ROWS)):
            connection.execute(sa.insert(there), some)
        after = (rows[-1]["source"], rows[-1]["seq"])
        rows = connection.execute(query.where(sa.tuple_(*key) > sa.tuple_(*after))).mappings().all()


def _blocks(rows: Any) -> Iterator[dict[str, Any]]:
    def name(row: Any) -> tuple[Any, ...]:
        return (*(row[label] for label in _LABELS), row["at"] // _SPAN_NS)

    for labels, group in groupby(sorted(rows, key=name), name):
        columns = list(zip(*[[row[column] for column in _COLUMNS] for row in group], strict=True))
        seqs, times, _, statuses, *amounts = columns
        yield {
            **dict(zip(_LABELS, labels, strict=False)),
            "seq": seqs[0],
            "first_at": min(times),
            "last_at": max(times),
            "requests": len(seqs),
            "ok": sum(status < 400 for status in statuses),
            **{column: sum(amount) for column, amount in zip(_COLUMNS[4:], amounts, strict=True)},
            "events": msgspec.msgpack.encode(columns),
        }


def _events(rows: Any) -> Iterator[dict[str, Any]]:
    for row in rows:
        labels = {label: row[label] for label in _LABELS}
        for values in zip(*msgspec.msgpack.decode(row["events"]), strict=True):
            yield {**labels, **dict(zip(_COLUMNS, values, strict=True))}
