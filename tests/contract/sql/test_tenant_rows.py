"""When a tenant leaves, every table forgets it but its events and its books, and no other tenant loses a row."""

from sqlalchemy import func, insert, select

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tables import metadata
from bms.adapters.sql.tables.datasets import datasets
from bms.adapters.sql.tables.events import events
from bms.adapters.sql.tenant_rows import KEPT, SqlTenantRows, owned
from bms.adapters.sql.tenants import SqlTenants
from bms.adapters.sql.usage import SqlUsage
from bms.control.platform.allotments import Allotment, milliseconds
from bms.control.tenants.service import TenantService
from bms.core.access.principal import Principal
from bms.core.clock import ManualClock
from tests.worlds.deployments import Registry

BY = Principal(tenant="default", user="ann", key="k", role="owner", scopes=frozenset())


async def _counts(database: Database, tenant: str) -> dict[str, int]:
    async with database.reading() as connection:
        return {
            table.name: (
                await connection.execute(select(func.count()).select_from(table).where(table.c.tenant == tenant))
            ).scalar_one()
            for table in metadata.sorted_tables
            if "tenant" in table.c
        }


async def test_a_purge_takes_what_is_the_tenants(database: Database, clock: ManualClock) -> None:
    service = TenantService(SqlStore(database, SqlTenants), clock, b"pepper")
    await service.bootstrap()
    registry = Registry(database, clock)
    for tenant in ("acme", "other"):
        await service.create_tenant(BY, tenant, "ann")
        await registry.add_model(tenant=tenant)
        await registry.add_version(1, tenant=tenant)
        async with database.writing() as connection:
            made = {"id": f"dataset_{tenant}", "tenant": tenant, "name": "d", "description": "", "revision": 1}
            await connection.execute(insert(datasets).values(**made, created_at=clock.now(), deleted=False))
    others = await _counts(database, "other")
    assert min(others[name] for name in ("users", "keys", "models", "versions", "datasets", "events")) > 0
    allotment = Allotment(of="storage", subject="ver_acme_m_1", tenant="acme", rates={"storage_byte_s": 1})
    usage = SqlStore(database, SqlUsage)
    async with usage.write() as tx:
        await tx.open_allotment(allotment, clock.now())
    clock.advance(10)
    assert await SqlTenantRows(database).purge("acme", clock.now()) >= 5
    async with usage.read() as tx:
        (held,) = await tx.unbooked("acme")
    assert held.closed_at == milliseconds(clock.now()) == held.opened_at + 10_000
    assert {name for name, rows in (await _counts(database, "acme")).items() if rows} == {events.name, "allotments"}
    assert await _counts(database, "other") == others
    assert await SqlTenantRows(database).purge("acme", clock.now()) == 0


def test_whoever_adds_a_table_says_whether_it_outlives_its_tenant() -> None:
    tables = {table.name for table in owned()}
    assert tables & KEPT == set()
    without = {table.name for table in metadata.sorted_tables} - tables - KEPT
    assert without == {
        "tenants",  # its own row, which keeps its name taken
        "deployment_revisions",  # by their deployment
        "gateway_positions", "leases", "platform", "positions", "usage_sources",  # nobody's
        "request_quantities",  # by their block
        "usage_unread",  # what can't be read yet says not whose it is
    }  # fmt: skip
