"""The tables of the database: one file per feature, all on one MetaData. Importing this package loads them all."""

from bms.adapters.sql.tables import (
    allotments,
    datasets,
    deployments,
    events,
    jobs,
    models,
    platform,
    secrets,
    tenants,
    usage,
)
from bms.adapters.sql.tables.metadata import metadata

__all__ = [
    "allotments",
    "datasets",
    "deployments",
    "events",
    "jobs",
    "metadata",
    "models",
    "platform",
    "secrets",
    "tenants",
    "usage",
]
