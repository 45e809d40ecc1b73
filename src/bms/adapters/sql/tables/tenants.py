"""Tenants, users, keys."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from bms.adapters.sql.tables.columns import Packed, UtcTime
from bms.adapters.sql.tables.metadata import metadata

tenants = Table(
    "tenants",
    metadata,
    Column("id", String, primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("deleted_at", UtcTime),
    Column("removed_at", UtcTime),
    Column("revision", Integer, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", ForeignKey("tenants.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    UniqueConstraint("tenant", "name"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", ForeignKey("tenants.id"), nullable=False),
    Column("user", ForeignKey("users.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("scopes", Packed(frozenset[str]), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("rate_per_s", Float),
    Column("burst", Integer),
    Column("revision", Integer, nullable=False),
    Index(None, "tenant", "id"),
)
