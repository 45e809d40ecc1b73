"""The table of allotments that are not fully billed yet: once they are, their row goes."""

from sqlalchemy import Column, Index, Integer, String, Table, text

from bms.adapters.sql.tables.columns import Number, Packed
from bms.adapters.sql.tables.metadata import metadata

_OPEN = text("closed_at IS NULL")

# Times are Unix milliseconds. Up to `booked_until` all is in the books.
allotments = Table(
    "allotments",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("of", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("tenant", String, nullable=False),
    Column("deployment", String, nullable=False),
    Column("model", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rates", Packed(dict[str, int]), nullable=False),
    Column("opened_at", Number, nullable=False),
    Column("closed_at", Number),
    Column("booked_until", Number, nullable=False),
    # One at a time; a subject may hold again what it had ceased to hold.
    Index("uq_allotments_open", "of", "subject", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index(None, "tenant"),
)
