"""The books: one row per answered attempt, and how far each source's are complete."""

from sqlalchemy import Column, Index, Integer, String, Table

from bms.adapters.sql.columns import Number
from bms.adapters.sql.tables.metadata import metadata

usage_events = Table(
    "usage_events",
    metadata,
    Column("source", String, primary_key=True),
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("at", Number, nullable=False),
    Column("tenant", String, nullable=False),
    Column("key", String, nullable=False),
    Column("deployment", String, nullable=False),
    Column("model", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("request_id", String, nullable=False),
    Column("status", Integer, nullable=False),
    Column("rows", Number, nullable=False),
    Column("bytes_in", Number, nullable=False),
    Column("bytes_out", Number, nullable=False),
    Column("compute_ns", Number, nullable=False),
    Index(None, "tenant", "at"),
)

usage_sources = Table(
    "usage_sources",
    metadata,
    Column("source", String, primary_key=True),
    Column("seq", Number, nullable=False),
)
