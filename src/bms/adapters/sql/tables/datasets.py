"""Data sets and their versions."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint, false

from bms.adapters.sql.tables.columns import Number, Packed, UtcTime
from bms.adapters.sql.tables.metadata import metadata
from bms.control.datasets.nouns import ImportRequest, Split

datasets = Table(
    "datasets",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", ForeignKey("tenants.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("deleted", Boolean, nullable=False, server_default=false()),
    Column("revision", Integer, nullable=False),
    UniqueConstraint("tenant", "name"),
)

dataset_versions = Table(
    "dataset_versions",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", ForeignKey("tenants.id"), nullable=False),
    Column("dataset", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String, nullable=False),
    Column("request", Packed(ImportRequest), nullable=False),
    Column("job", String),
    Column("tree", String),
    Column("size", Number, nullable=False),
    Column("splits", Packed(dict[str, Split]), nullable=False),
    Column("labels", Packed(tuple[str, ...]), nullable=False),
    Column("reason", String, nullable=False),
    Column("revision", Integer, nullable=False),
    UniqueConstraint("tenant", "dataset", "number"),
    Index(None, "tenant", "id"),
)
