"""The schema: one file per feature, all on one MetaData. Importing this package loads them all."""

from bms.adapters.sql.tables import events, tenants
from bms.adapters.sql.tables.metadata import metadata

__all__ = ["events", "metadata", "tenants"]
