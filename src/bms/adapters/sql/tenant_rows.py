"""All rows of one tenant, for the day it leaves."""

from sqlalchemy import Table, delete, select

from bms.adapters.sql.engine import Database
from bms.adapters.sql.tables import metadata
from bms.adapters.sql.tables.deployments import deployment_revisions, deployments

# The audit's events and the books outlive their tenant, and so does its name.
KEPT = frozenset({"events", "request_blocks", "usage_blocks"})


class SqlTenantRows:
    """`TenantRows` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge(self, tenant: str) -> int:
        revisions = deployment_revisions.c.deployment.in_(
            select(deployments.c.id).where(deployments.c.tenant == tenant)
        )
        async with self._database.writing() as connection:
            done = await connection.execute(delete(deployment_revisions).where(revisions))
            rows = done.rowcount
            for table in owned():
                done = await connection.execute(delete(table).where(table.c.tenant == tenant))
                rows += done.rowcount
        return rows


def owned() -> list[Table]:
    """Tables whose rows say which tenant they are of, those first that refer to others of them."""
    return [table for table in reversed(metadata.sorted_tables) if "tenant" in table.c and table.name not in KEPT]
