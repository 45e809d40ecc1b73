"""Tenants, users and keys in SQL."""

from collections.abc import Collection
from typing import cast

from sqlalchemy import delete, func, select

from bms.adapters.sql.store import Repository, noun
from bms.adapters.sql.tables.tenants import keys, tenants, users
from bms.control.tenants.nouns import Key, Tenant, User
from bms.core.pages import Page, PageRequest


class SqlTenants(Repository):
    """`TenantsTx` on SQL."""

    async def tenant(self, tenant: str) -> Tenant | None:
        return await self._one(Tenant, select(tenants).where(tenants.c.id == tenant))

    async def tenants(self, page: PageRequest, *, every: bool = False) -> Page[Tenant]:
        return await self._page(Tenant, tenants, "id", page, *([] if every else [tenants.c.deleted_at.is_(None)]))

    async def deleted_tenants(self, *, removed: bool) -> list[Tenant]:
        query = select(tenants).where(tenants.c.deleted_at.is_not(None)).order_by(tenants.c.id)
        return await self._all(Tenant, query if removed else query.where(tenants.c.removed_at.is_(None)))

    async def add_tenant(self, tenant: Tenant) -> None:
        await self._insert(tenants, tenant, f"a tenant named {tenant.id!r} exists already: choose another name")

    async def save_tenant(self, tenant: Tenant) -> Tenant:
        return await self._save(tenants, tenant, tenants.c.id == tenant.id)

    async def user(self, tenant: str, id: str) -> User | None:
        return await self._one(User, select(users).where(users.c.tenant == tenant, users.c.id == id))

    async def user_by_name(self, tenant: str, name: str) -> User | None:
        return await self._one(User, select(users).where(users.c.tenant == tenant, users.c.name == name))

    async def users(self, tenant: str, page: PageRequest) -> Page[User]:
        return await self._page(User, users, "id", page, users.c.tenant == tenant)

    async def add_user(self, user: User) -> None:
        await self._insert(users, user, f"a user named {user.name!r} exists already in this tenant")

    async def save_user(self, user: User) -> User:
        return await self._save(users, user, users.c.tenant == user.tenant, users.c.id == user.id)

    async def all_users(self, tenant: str) -> list[User]:
        return await self._all(User, select(users).where(users.c.tenant == tenant).order_by(users.c.id))

    async def remove_user(self, user: User) -> int:
        mine = (keys.c.tenant == user.tenant, keys.c.user == user.id)
        live = select(func.count()).select_from(keys).where(*mine, keys.c.revoked_at.is_(None))
        ended = (await self._connection.execute(live)).scalar_one()
        await self._connection.execute(delete(keys).where(*mine))
        await self._connection.execute(delete(users).where(users.c.tenant == user.tenant, users.c.id == user.id))
        return int(ended)

    async def key(self, tenant: str, id: str) -> Key | None:
        return await self._one(Key, select(keys).where(keys.c.tenant == tenant, keys.c.id == id))

    async def keys(self, tenant: str, page: PageRequest, user: str | None = None) -> Page[Key]:
        mine = [keys.c.tenant == tenant] + ([keys.c.user == user] if user else [])
        return await self._page(Key, keys, "id", page, *mine)

    async def add_key(self, key: Key, digest: bytes) -> None:
        await self._insert(keys, key, f"a key {key.id!r} exists already", digest=digest)

    async def save_key(self, key: Key) -> Key:
        return await self._save(keys, key, keys.c.tenant == key.tenant, keys.c.id == key.id)

    async def owners(self, tenant: str) -> tuple[list[User], list[Key]]:
        enabled = (users.c.tenant == tenant, users.c.role == "owner", users.c.disabled.is_(False))
        owners = await self._all(User, select(users).where(*enabled).order_by(users.c.id).with_for_update())
        mine = (keys.c.tenant == tenant, keys.c.revoked_at.is_(None), keys.c.user.in_([owner.id for owner in owners]))
        return owners, await self._all(Key, select(keys).where(*mine).order_by(keys.c.id))

    async def key_for_authentication(self, id: str) -> tuple[Key, bytes, User] | None:
        row = (await self._connection.execute(select(keys).where(keys.c.id == id))).mappings().first()
        if row is None:
            return None
        key = noun(Key, row)
        return key, row["digest"], cast(User, await self.user(key.tenant, key.user))

    async def live_keys(
        self, ids: Collection[str] | None = None, of_users: Collection[str] | None = None
    ) -> list[tuple[Key, bytes, User]]:
        query = select(keys).where(keys.c.revoked_at.is_(None)).order_by(keys.c.id)
        if ids is not None or of_users is not None:
            query = query.where(keys.c.id.in_(ids or ()) | keys.c.user.in_(of_users or ()))
        rows = (await self._connection.execute(query)).mappings().all()
        owners = select(users).where(users.c.disabled.is_(False))
        if ids is not None or of_users is not None:
            owners = owners.where(users.c.id.in_({row["user"] for row in rows}))
        active = {user.id: user for user in await self._all(User, owners)}
        return [(noun(Key, row), row["digest"], active[row["user"]]) for row in rows if row["user"] in active]
