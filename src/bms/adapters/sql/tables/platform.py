"""The table that says which platform the database belongs to: one row."""

from sqlalchemy import Column, Integer, String, Table

from bms.adapters.sql.tables.columns import UtcTime
from bms.adapters.sql.tables.metadata import metadata

platform = Table(
    "platform",
    metadata,
    Column("row", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("id", String, nullable=False),
    Column("since", UtcTime, nullable=False),
)
