"""Secrets of tenants, encrypted."""

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table

from bms.adapters.sql.tables.columns import Packed, UtcTime
from bms.adapters.sql.tables.metadata import metadata

secrets = Table(
    "secrets",
    metadata,
    Column("tenant", ForeignKey("tenants.id"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("hosts", Packed(tuple[str, ...]), nullable=False),
    Column("key_id", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("set_at", UtcTime, nullable=False),
    Column("set_by", String, nullable=False),
    Column("revision", Integer, nullable=False),
)
