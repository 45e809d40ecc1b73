"""Deletes all rows of one tenant."""

from datetime import datetime

from sqlalchemy import Table, delete, select, update

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.tables import metadata
from bms.adapters.sql.tables.allotments import allotments
from bms.adapters.sql.tables.deployments import deployment_revisions, deployments
from bms.control.platform.allotments import milliseconds

# The audit's events and the books outlive their tenant, what is to be booked, too, and so does its name.
KEPT = frozenset({"allotments", "events", "request_blocks", "usage_blocks"})


class SqlTenantRows:
    """`TenantRows` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge(self, tenant: str, at: datetime) -> int:
        revisions = deployment_revisions.c.deployment.in_(
            select(deployments.c.id).where(deployments.c.tenant == tenant)
        )
        held = (allotments.c.tenant == tenant, allotments.c.closed_at.is_(None))
        async with self._database.writing() as connection:
            await connection.execute(update(allotments).where(*held).values(closed_at=milliseconds(at)))
            done = await connection.execute(delete(deployment_revisions).where(revisions))
            rows = done.rowcount
            for table in owned():
                done = await connection.execute(delete(table).where(table.c.tenant == tenant))
                rows += done.rowcount
        return rows


def owned() -> list[Table]:
    """Lists the tables whose rows belong to tenants, those first that refer to others of them."""
    return [table for table in reversed(metadata.sorted_tables) if "tenant" in table.c and table.name not in KEPT]
