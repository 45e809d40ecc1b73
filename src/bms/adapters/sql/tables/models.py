"""Models, versions, aliases."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    func,
)

from bms.adapters.sql.tables.columns import Number, Packed, UtcTime
from bms.adapters.sql.tables.metadata import metadata
from bms.control.models.nouns import Gate, GateResult, Lineage, Measurement
from bms.core.formats.json_numbers import JsonNumber
from bms.core.tensors.preprocessing import Preprocess
from bms.core.tensors.signature import Signature
from bms.core.workloads.environments import EnvironmentSpec

models = Table(
    "models",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", ForeignKey("tenants.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("description", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("gates", Packed(tuple[Gate, ...]), nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    UniqueConstraint("tenant", "name"),
)
Index("uq_models_name_in_any_case", models.c.tenant, func.lower(models.c.name), unique=True)

versions = Table(
    "versions",
    metadata,
    Column("id", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("model", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("runtime", String, nullable=False),
    Column("artifact", String, nullable=False),
    Column("size", Number, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String, nullable=False),
    Column("signatures", Packed(dict[str, Signature]), nullable=False),
    Column("preprocess", Packed(Preprocess)),
    Column("labels", Packed(tuple[str, ...]), nullable=False),
    Column("environment", Packed(EnvironmentSpec), nullable=False),
    Column("allow_pickle", Boolean, nullable=False),
    Column("metrics", Packed(dict[str, JsonNumber]), nullable=False),
    Column("metadata", Packed(dict[str, str]), nullable=False),
    Column("lineage", Packed(Lineage), nullable=False),
    Column("measurement", Packed(Measurement)),
    Column("gate_results", Packed(tuple[GateResult, ...]), nullable=False),
    Column("reason", String, nullable=False),
    Column("format", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("job", String),  # the job whose output was registered as this version; not what a maker said of it
    ForeignKeyConstraint(["tenant", "model"], ["models.tenant", "models.name"]),
    UniqueConstraint("tenant", "model", "number"),
    UniqueConstraint("tenant", "model", "job"),
    Index(None, "tenant", "state"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("tenant", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("moved_at", UtcTime, nullable=False),
    Column("moved_by", String, nullable=False),
    Column("previous", Integer),
    Column("revision", Integer, nullable=False),
    ForeignKeyConstraint(["tenant", "model", "version"], ["versions.tenant", "versions.model", "versions.number"]),
)
