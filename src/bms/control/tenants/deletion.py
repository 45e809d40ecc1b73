"""Deletes users and tenants: from that moment on nobody can act for them."""

import msgspec

from bms.control.platform.transactions import Store
from bms.control.tenants.events import TenantDeleted, UserDeleted
from bms.control.tenants.last import refuse_last_owner
from bms.control.tenants.nouns import DEFAULT_TENANT, Tenant, User
from bms.control.tenants.ports import AtWork, TenantsTx
from bms.core.access.principal import ROLES, Principal
from bms.core.clock import Clock
from bms.core.errors import FailedPrecondition, NotFound, PermissionDenied
from bms.core.events import Event, Payload

_TOLD = 5  # of what serves or runs


class TenantDeletion:
    """Deletes users and tenants. Emits `user.deleted`, and `tenant.deleted` in the tenant's own log and in the
    operator's. `at_work` says what of a tenant serves or runs."""

    def __init__(self, store: Store[TenantsTx], clock: Clock, at_work: AtWork) -> None:
        self._store = store
        self._clock = clock
        self._at_work = at_work

    async def delete_user(self, by: Principal, id_or_name: str, *, force: bool = False) -> User:
        """Deletes a user and all its keys for good. What it made stays, and the audit keeps its id and name.

        Raises PermissionDenied for somebody who stands above, FailedPrecondition for oneself, and, unless `force`,
        where nobody could administer the tenant any more.
        """
        async with self._store.write() as tx:
            user = await tx.user(by.tenant, id_or_name) or await tx.user_by_name(by.tenant, id_or_name)
            if user is None:
                raise NotFound(f"no user {id_or_name[:80]!r} in this tenant: list them with `bms user list`")
            if not ROLES[user.role] <= ROLES[by.role]:
                raise PermissionDenied(f"a key of role {by.role!r} may not delete a user of role {user.role!r}")
            if user.id == by.user:
                raise FailedPrecondition(
                    f"{user.name!r} is the user whose key asks: let another owner or admin of the tenant delete it"
                )
            if not force:
                gone = msgspec.structs.replace(user, disabled=True)
                refuse_last_owner(user, gone, *await tx.owners(by.tenant), self._clock.now())
            await self._end(tx, user, by, forced=force)
        return user

    async def delete_tenant(self, by: Principal, id: str, *, force: bool = False) -> Tenant:
        """Deletes a tenant: its users and keys at once, and all that it owns as soon as what serves and runs has
        stopped (`bms.control.offboarding`). Its usage stays. A second time changes nothing.

        Raises PermissionDenied unless asked by the operator's tenant, FailedPrecondition for that one, and, unless
        `force`, while any deployment of it serves or a job runs.
        """
        if by.tenant != DEFAULT_TENANT:
            raise PermissionDenied(f"only owners of the tenant {DEFAULT_TENANT!r}, the operator's, may do this")
        if id == DEFAULT_TENANT:
            raise FailedPrecondition(f"the tenant {DEFAULT_TENANT!r} operates the platform: it can't be deleted")
        async with self._store.read() as tx:
            _found(await tx.tenant(id), id)
        if not force and (working := await self._at_work(id)):
            raise FailedPrecondition(
                f"the tenant {id!r} is at work: {_some(working)}. Stop and delete what is needed no more, or force it "
                "(`--force`), which ends all of it"
            )
        async with self._store.write() as tx:
            tenant = _found(await tx.tenant(id), id)
            if tenant.deleted_at is not None:
                return tenant
            for user in await tx.all_users(id):
                await self._end(tx, user, by)
            saved = await tx.save_tenant(msgspec.structs.replace(tenant, deleted_at=self._clock.now()))
            for log in (id, DEFAULT_TENANT):
                await tx.emit(self._event(TenantDeleted(forced=force), log, id, by))
        return saved

    async def tenant(self, by: Principal, id: str) -> Tenant:
        """The tenant: any, deleted ones too, for the operator's owners; for others, their own alone."""
        if id != by.tenant and not (by.tenant == DEFAULT_TENANT and by.may("tenants:write")):
            raise NotFound(f"no tenant {id[:80]!r}: list them with `bms tenant list`")
        async with self._store.read() as tx:
            return _found(await tx.tenant(id), id)

    async def _end(self, tx: TenantsTx, user: User, by: Principal, *, forced: bool = False) -> None:
        keys = await tx.remove_user(user)
        event = UserDeleted(name=user.name, role=user.role, keys=keys, forced=forced)
        await tx.emit(self._event(event, user.tenant, user.id, by))

    def _event(self, payload: Payload, tenant: str, subject: str, by: Principal) -> Event[Payload]:
        return Event(payload=payload, tenant=tenant, subject=subject, actor=by.user, at=self._clock.now())


def _found(tenant: Tenant | None, id: str) -> Tenant:
    if tenant is None:
        raise NotFound(f"no tenant {id[:80]!r}: list them with `bms tenant list`")
    return tenant


def _some(things: list[str]) -> str:
    more = len(things) - _TOLD
    return ", ".join(things[:_TOLD]) + (f" and {more} more" if more > 0 else "")
