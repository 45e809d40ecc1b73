"""The books: events in blocks, with their sums, and how far each source's are complete."""

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table

from bms.adapters.sql.columns import Number
from bms.adapters.sql.tables.metadata import metadata

usage_blocks = Table(
    "usage_blocks",
    metadata,
    Column("source", String, primary_key=True),
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("tenant", String, nullable=False),
    Column("key", String, nullable=False),
    Column("deployment", String, nullable=False),
    Column("model", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("first_at", Number, nullable=False),
    Column("last_at", Number, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("ok", Integer, nullable=False),
    Column("rows", Number, nullable=False),
    Column("bytes_in", Number, nullable=False),
    Column("bytes_out", Number, nullable=False),
    Column("compute_ns", Number, nullable=False),
    Column("events", LargeBinary, nullable=False),  # last: whoever sums reads what stands before it
    Index(None, "tenant", "last_at"),
)

usage_sources = Table(
    "usage_sources",
    metadata,
    Column("source", String, primary_key=True),
    Column("seq", Number, nullable=False),
)
