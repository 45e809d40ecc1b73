"""The audit knows users and keys by their names, also those that are gone."""

from bms.adapters.sql.audit import SqlAudit
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.control.audit.service import AuditService
from bms.control.tenants.deletion import TenantDeletion
from bms.control.tenants.service import TenantService
from bms.core.access.principal import Principal
from bms.core.clock import ManualClock
from bms.core.pages import PageRequest


async def nothing(tenant: str) -> list[str]:
    return []


async def test_users_and_keys_are_found_by_name_when_they_are_deleted_too(
    database: Database, clock: ManualClock
) -> None:
    store = SqlStore(database, SqlTenants)
    tenants = TenantService(store, clock, b"p" * 32)
    first = await tenants.bootstrap()
    assert first is not None
    by = Principal(tenant="default", user=first.owner.id, key="k", role="owner", scopes=frozenset())
    eve = await tenants.create_user(by, "eve", "viewer")
    made = await tenants.create_key(by, "laptop", user="eve")
    audit = AuditService(SqlStore(database, SqlAudit))

    async def told(subject: str) -> list[tuple[str, str, str]]:
        page = await audit.entries("default", PageRequest(), subject=subject)
        return [(each.name, each.subject_name, each.actor_name) for each in page.items]

    assert await told("laptop") == [("key.created", "laptop", "admin")]
    await TenantDeletion(store, clock, nothing).delete_user(by, "eve")
    assert await told("eve") == [("user.deleted", "eve", "admin"), ("user.created", "eve", "admin")]
    assert await told(made.key.id) == await told("laptop") == [("key.created", "laptop", "admin")]
    assert await told(eve.id) == await told("eve")
    assert (await audit.entries("acme", PageRequest(), subject="eve")).items == []
