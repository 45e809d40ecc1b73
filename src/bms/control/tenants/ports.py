"""The repository that tenants need."""

from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from bms.control.tenants.nouns import Key, Tenant, User
from bms.core.events import EventSink
from bms.core.pages import Page, PageRequest

AtWork = Callable[[str], Awaitable[list[str]]]
"""(tenant) -> what serves or runs for it, in words for people ("deployment 'digits'")."""


class TenantsTx(EventSink, Protocol):
    """Repository of tenants, users and keys inside one transaction.

    `add_*` raises AlreadyExists for a name in use; `save_*` writes the noun with its revision raised by one
    and raises Aborted when the stored revision is not the noun's (someone else saved first).
    """

    async def tenant(self, tenant: str) -> Tenant | None:
        """The tenant, deleted ones, too."""
        ...

    async def tenants(self, page: PageRequest, *, every: bool = False) -> Page[Tenant]:
        """Tenants by id; `every`: deleted ones, too."""
        ...

    async def deleted_tenants(self, *, removed: bool) -> list[Tenant]:
        """Deleted tenants of which something may be left; `removed`: also those of which nothing should be."""
        ...

    async def add_tenant(self, tenant: Tenant) -> None: ...
    async def save_tenant(self, tenant: Tenant) -> Tenant: ...

    async def user(self, tenant: str, id: str) -> User | None: ...
    async def user_by_name(self, tenant: str, name: str) -> User | None: ...
    async def users(self, tenant: str, page: PageRequest) -> Page[User]: ...
    async def add_user(self, user: User) -> None: ...
    async def save_user(self, user: User) -> User: ...
    async def all_users(self, tenant: str) -> list[User]: ...
    async def remove_user(self, user: User) -> int:
        """Deletes a user with all its keys; returns how many of these were not revoked."""
        ...

    async def key(self, tenant: str, id: str) -> Key | None: ...
    async def keys(self, tenant: str, page: PageRequest, user: str | None = None) -> Page[Key]: ...
    async def add_key(self, key: Key, digest: bytes) -> None: ...
    async def save_key(self, key: Key) -> Key: ...
    async def owners(self, tenant: str) -> tuple[list[User], list[Key]]:
        """The tenant's owners that are not disabled, and their keys that are not revoked; held until the transaction
        ends, so that of two that would go at once one sees the other gone."""
        ...

    async def key_for_authentication(self, id: str) -> tuple[Key, bytes, User] | None:
        """The key of that id: the one look-up that finds the tenant instead of being given it."""
        ...

    async def live_keys(
        self, ids: Collection[str] | None = None, of_users: Collection[str] | None = None
    ) -> list[tuple[Key, bytes, User]]:
        """All keys of all tenants that are not revoked, of users not disabled: for the gateways' snapshot. Where either
        is given, only keys of these ids, and of users of these ids."""
        ...
