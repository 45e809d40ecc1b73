"""The table of jobs. `number` orders them by birth; `token` fences the present attempt."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from bms.adapters.sql.tables.columns import Number, Packed, UtcTime
from bms.adapters.sql.tables.metadata import metadata
from bms.control.jobs.nouns import JobSpec
from bms.core.formats.json_numbers import JsonNumber

jobs = Table(
    "jobs",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False),
    Column("tenant", ForeignKey("tenants.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("spec", Packed(JobSpec), nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("token", Integer, nullable=False),
    Column("run_at", UtcTime),
    Column("started_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("cancel_requested", Boolean, nullable=False),
    Column("progress", Float, nullable=False),
    Column("message", String, nullable=False),
    Column("metrics", Packed(dict[str, JsonNumber]), nullable=False),
    Column("error", String, nullable=False),
    Column("report", Packed(dict[str, object]), nullable=False),
    Column("output", String),
    Column("checkpoint", String),
    Column("stopping", String, nullable=False),
    Column("log", String),
    Column("log_start", Number, nullable=False),
    Column("events", String),
    Column("revision", Integer, nullable=False),
    UniqueConstraint("id"),
    Index(None, "tenant", "number"),
    Index(None, "state", "tenant", "number"),
)
