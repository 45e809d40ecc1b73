"""The tables of usage: requests, and pieces of time that was held, in blocks with their sums, other meters beside them,
and how far each source's are complete."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table

from bms.adapters.sql.tables.columns import Number, UtcTime
from bms.adapters.sql.tables.metadata import metadata

# Blocks of format 1, as they were written until the books had meters: read, never written.
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

# A table of its own, since a column that is added stands behind `events`, and a sum would read every event to reach it.
request_blocks = Table(
    "request_blocks",
    metadata,
    Column("source", String, primary_key=True),
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("format", Integer, nullable=False),
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
    Column("queue_ns", Number, nullable=False),
    Column("total_ns", Number, nullable=False),
    Column("has_more", Boolean, nullable=False),  # whether request_quantities has rows of it
    Column("events", LargeBinary, nullable=False),  # after all that is summed, as above
    Column("revision", Number),  # of the route, where its events have one; only who groups by it reads so far
    Index(None, "tenant", "last_at"),
)

# The sums of meters that not every request has; of pieces of time, all that they have.
request_quantities = Table(
    "request_quantities",
    metadata,
    Column("source", String, primary_key=True),
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("meter", String, primary_key=True),
    Column("quantity", Number, nullable=False),
)

# Runs of a version that was not known when they came; their numbers are counted as come.
usage_unread = Table(
    "usage_unread",
    metadata,
    Column("source", String, primary_key=True),
    Column("first", Number, primary_key=True, autoincrement=False),
    Column("last", Number, nullable=False),
    Column("after", Number, nullable=False),  # events up to this one are in the books already
    Column("version", Integer, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("record", LargeBinary, nullable=False),
)

usage_sources = Table(
    "usage_sources",
    metadata,
    Column("source", String, primary_key=True),
    Column("seq", Number, nullable=False),
)
