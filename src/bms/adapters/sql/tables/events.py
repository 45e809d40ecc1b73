"""The tables shared by all features: events, their readers' positions, leases, and answers kept for idempotency
keys."""

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from bms.adapters.sql.tables.columns import Number, Packed, UtcTime
from bms.adapters.sql.tables.metadata import metadata

events = Table(
    "events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("name", String, nullable=False),
    Column("tenant", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("version", Number, nullable=False, server_default="1"),
    Column("details", Packed(dict[str, str | int | float | bool | None]), nullable=False),
    Index(None, "tenant", "number"),
)

leases = Table(
    "leases",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("token", Number, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("status", Number),
    Column("answer", LargeBinary),
    Column("created_at", UtcTime, nullable=False),
)

positions = Table(
    "positions",
    metadata,
    Column("reader", String, primary_key=True),
    Column("number", Number, nullable=False),
)

gateway_positions = Table(
    "gateway_positions",
    metadata,
    Column("process", String, primary_key=True),
    Column("position", Number, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)

# What goes well leaves no row here.
reactions = Table(
    "reactions",
    metadata,
    Column("id", String, primary_key=True),
    Column("number", Number, nullable=False),
    Column("place", Integer, nullable=False),
    Column("handler", String, nullable=False),
    Column("event", String, nullable=False),
    Column("tenant", String, nullable=False),
    Column("about", String, nullable=False),
    Column("state", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("error", String, nullable=False),
    UniqueConstraint("number", "handler"),
    Index(None, "tenant", "about"),
    Index(None, "state", "number"),
)
