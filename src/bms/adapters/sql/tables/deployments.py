"""Deployments, their revisions, where their traffic goes, and their replicas."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, func, text

from bms.adapters.sql.tables.columns import Packed, UtcTime
from bms.adapters.sql.tables.metadata import metadata
from bms.control.deployments.nouns import DeploymentSpec, Retired, TrafficShare

_LIVE = text("NOT deleted")

deployments = Table(
    "deployments",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", ForeignKey("tenants.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("model", String, nullable=False),
    Column("spec", Packed(DeploymentSpec), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    # A deleted deployment's name is free again.
    Index("uq_deployments_live_name", "tenant", "name", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    Index(None, "tenant", "model"),
)
Index(
    "uq_deployments_live_name_in_any_case",
    deployments.c.tenant,
    func.lower(deployments.c.name),
    unique=True,
    sqlite_where=_LIVE,
    postgresql_where=_LIVE,
)

deployment_revisions = Table(
    "deployment_revisions",
    metadata,
    Column("deployment", ForeignKey("deployments.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("spec", Packed(DeploymentSpec), nullable=False),
    Column("versions", Packed(tuple[int, ...]), nullable=False),
    Column("cause", String, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("by", String, nullable=False),
)

routes = Table(
    "routes",
    metadata,
    Column("deployment", ForeignKey("deployments.id"), primary_key=True),
    Column("tenant", ForeignKey("tenants.id"), nullable=False),
    Column("shares", Packed(tuple[TrafficShare, ...]), nullable=False),
    Column("retired", Packed(tuple[Retired, ...]), nullable=False),
    Column("since", UtcTime),
    Column("revision", Integer, nullable=False),
)

replicas = Table(
    "replicas",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", ForeignKey("tenants.id"), nullable=False),
    Column("deployment", ForeignKey("deployments.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("build", String, nullable=False),
    Column("state", String, nullable=False),
    Column("address", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("ready_at", UtcTime),
    Column("drain_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("restarts", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Index(None, "deployment", "id"),
)
