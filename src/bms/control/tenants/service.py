"""Use cases of tenants, users and keys. Nobody grants more than they hold."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from bms.control.platform.transactions import Store
from bms.control.tenants.events import KeyCreated, KeyRevoked, TenantCreated, UserChanged, UserCreated
from bms.control.tenants.last import refuse_last_key, refuse_last_owner
from bms.control.tenants.nouns import DEFAULT_TENANT, Key, NewKey, NewTenant, Tenant, User
from bms.control.tenants.ports import TenantsTx
from bms.core.access.credentials import new_key, secret_digest
from bms.core.access.principal import ROLES, Principal, Role, check_role, check_scopes
from bms.core.clock import Clock
from bms.core.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from bms.core.events import Event, Payload
from bms.core.ids import check_name, new_id
from bms.core.pages import Page, PageRequest

ADMIN = "admin"  # the operator's first owner


class TenantService:
    """Tenants with their users and keys. `pepper` keys the digests of secrets."""

    def __init__(self, store: Store[TenantsTx], clock: Clock, pepper: bytes) -> None:
        self._store = store
        self._clock = clock
        self._pepper = pepper

    async def bootstrap(self, keep: Callable[[NewTenant], None] = lambda _: None) -> NewTenant | None:
        """Makes the default tenant with an owner `admin` on the first start; None on every later one.

        `keep` puts the key where its owner finds it, before the commit: a crash in between leaves a file that the
        next start overwrites, never a tenant whose key nobody has.
        """
        async with self._store.write() as tx:
            if await tx.tenant(DEFAULT_TENANT):
                return None
            created = await self._create_tenant(tx, DEFAULT_TENANT, ADMIN, actor="system")
            keep(created)
            return created

    async def recover(self, keep: Callable[[NewKey], None] = lambda _: None) -> NewKey:
        """Makes a key for a person who has the machine and no key: of the operator's user `admin`, who becomes an owner
        again. `keep` as of `bootstrap`.

        Raises FailedPrecondition where no platform has begun.
        """
        async with self._store.write() as tx:
            if await tx.tenant(DEFAULT_TENANT) is None:
                raise FailedPrecondition("no platform was started here yet: `bms up` makes the first key")
            user = await tx.user_by_name(DEFAULT_TENANT, ADMIN)
            if user is None:
                now = self._clock.now()
                user = User(id=new_id("user"), tenant=DEFAULT_TENANT, name=ADMIN, role="owner", created_at=now)
                await tx.add_user(user)
                made_now = UserCreated(name=user.name, role=user.role)
                await tx.emit(self._event(made_now, user.tenant, user.id, "system"))
            elif user.disabled or user.role != "owner":
                user = await tx.save_user(msgspec.structs.replace(user, disabled=False, role="owner"))
                changed = UserChanged(role=user.role, disabled=user.disabled)
                await tx.emit(self._event(changed, user.tenant, user.id, "system"))
            made = await self._create_key(tx, user, "recovered", frozenset(), "system")
            keep(made)
            return made

    async def create_tenant(self, by: Principal, id: str, owner: str) -> NewTenant:
        """Creates a tenant. Raises AlreadyExists; PermissionDenied unless asked by the operator's tenant."""
        self._require_operator(by)
        check_name("tenant", id)
        check_name("user", owner)
        async with self._store.write() as tx:
            found = await tx.tenant(id)
            if found is not None and found.deleted_at is not None:
                raise AlreadyExists(f"a tenant named {id!r} was deleted, and its books stay: choose another name")
            return await self._create_tenant(tx, id, owner, actor=by.user)

    async def tenants(self, by: Principal, page: PageRequest, *, every: bool = False) -> Page[Tenant]:
        """All tenants for the operator, deleted ones too if `every`; for others, their own alone."""
        async with self._store.read() as tx:
            if by.tenant == DEFAULT_TENANT and by.may("tenants:write"):
                return await tx.tenants(page, every=every)
            own = await tx.tenant(by.tenant)
            return Page(items=[own] if own else [])

    async def create_user(self, by: Principal, name: str, role: str) -> User:
        check_name("user", name)
        granted = self._grantable(by, role)
        user = User(id=new_id("user"), tenant=by.tenant, name=name, role=granted, created_at=self._clock.now())
        async with self._store.write() as tx:
            await tx.add_user(user)
            await tx.emit(self._event(UserCreated(name=name, role=role), by.tenant, user.id, by.user))
        return user

    async def user(self, by: Principal, id_or_name: str) -> User:
        async with self._store.read() as tx:
            return await self._user(tx, by.tenant, id_or_name)

    async def users(self, by: Principal, page: PageRequest) -> Page[User]:
        async with self._store.read() as tx:
            return await tx.users(by.tenant, page)

    async def change_user(
        self,
        by: Principal,
        id_or_name: str,
        *,
        role: str | None,
        disabled: bool | None,
        revision: int | None = None,
        force: bool = False,
    ) -> User:
        """Changes a user. Raises PermissionDenied for a role above one's own, or to change somebody who stands above;
        and, unless `force`, FailedPrecondition where nobody could administer the tenant any more."""
        async with self._store.write() as tx:
            user = await self._user(tx, by.tenant, id_or_name)
            self._grantable(by, user.role)
            changed = msgspec.structs.replace(
                user,
                role=user.role if role is None else self._grantable(by, role),
                disabled=user.disabled if disabled is None else disabled,
                revision=user.revision if revision is None else revision,
            )
            if not force:
                refuse_last_owner(user, changed, *await tx.owners(by.tenant), self._clock.now())
            if changed == user:
                return user
            saved = await tx.save_user(changed)
            event = UserChanged(role=saved.role, disabled=saved.disabled, forced=force)
            await tx.emit(self._event(event, by.tenant, user.id, by.user))
        return saved

    async def create_key(
        self,
        by: Principal,
        name: str,
        *,
        user: str | None = None,
        scopes: frozenset[str] = frozenset(),
        expires_at: datetime | None = None,
        rate_per_s: float | None = None,
        burst: int | None = None,
    ) -> NewKey:
        """Creates a key for `user` (default: oneself). Raises PermissionDenied if it could do more than the asker
        may."""
        check_name("key", name)
        if expires_at is not None and expires_at.tzinfo is None:
            raise InvalidArgument("expires_at has no zone: write for example 2030-01-31T00:00:00Z")
        if expires_at is not None and expires_at <= self._clock.now():
            raise InvalidArgument(f"expires_at {expires_at.isoformat()} is in the past: choose a later time")
        if (rate_per_s is not None and not 1e-6 <= rate_per_s <= 1e9) or (
            burst is not None and not 1 <= burst <= 10**9
        ):
            raise InvalidArgument(
                "rate_per_s must be over 0 (0.000001 to 1e9) and burst at least 1 (to 1e9); leave them out for no limit"
            )
        async with self._store.write() as tx:
            owner = await self._user(tx, by.tenant, user or by.user)
            self._require_within(by, owner.role, check_scopes(scopes))
            return await self._create_key(
                tx, owner, name, scopes, by.user, expires_at=expires_at, rate_per_s=rate_per_s, burst=burst
            )

    async def key(self, by: Principal, id: str) -> Key:
        async with self._store.read() as tx:
            return await self._key(tx, by.tenant, id)

    async def keys(self, by: Principal, page: PageRequest, user: str | None = None) -> Page[Key]:
        async with self._store.read() as tx:
            return await tx.keys(by.tenant, page, user)

    async def revoke_key(self, by: Principal, id: str, *, force: bool = False) -> Key:
        """Revokes a key for good; a second time changes nothing. Raises FailedPrecondition, unless `force`, where
        nobody could administer the tenant any more."""
        async with self._store.write() as tx:
            key = await self._key(tx, by.tenant, id)
            if key.revoked_at is not None:
                return key
            if not force:
                refuse_last_key(key, *await tx.owners(by.tenant), self._clock.now())
            saved = await tx.save_key(msgspec.structs.replace(key, revoked_at=self._clock.now()))
            await tx.emit(self._event(KeyRevoked(forced=force), by.tenant, id, by.user))
        return saved

    async def _create_tenant(self, tx: TenantsTx, id: str, owner: str, actor: str) -> NewTenant:
        now = self._clock.now()
        tenant = Tenant(id=id, created_at=now)
        user = User(id=new_id("user"), tenant=id, name=owner, role="owner", created_at=now)
        await tx.add_tenant(tenant)
        await tx.add_user(user)
        await tx.emit(self._event(TenantCreated(), id, id, actor))
        await tx.emit(self._event(UserCreated(name=owner, role="owner"), id, user.id, actor))
        return NewTenant(tenant=tenant, owner=user, key=await self._create_key(tx, user, owner, frozenset(), actor))

    async def _create_key(
        self,
        tx: TenantsTx,
        owner: User,
        name: str,
        scopes: frozenset[str],
        actor: str,
        *,
        expires_at: datetime | None = None,
        rate_per_s: float | None = None,
        burst: int | None = None,
    ) -> NewKey:
        text = new_key()
        key = Key(
            id=text.key_id,
            tenant=owner.tenant,
            user=owner.id,
            name=name,
            scopes=scopes,
            created_at=self._clock.now(),
            expires_at=expires_at,
            rate_per_s=rate_per_s,
            burst=burst,
        )
        await tx.add_key(key, secret_digest(self._pepper, text.secret))
        await tx.emit(self._event(KeyCreated(name=name, user=owner.id), owner.tenant, key.id, actor))
        return NewKey(key=key, text=str(text))

    def _grantable(self, by: Principal, role: str) -> Role:
        wanted = check_role(role)
        if not ROLES[wanted] <= ROLES[by.role]:
            raise PermissionDenied(f"a key of role {by.role!r} may not give or change the role {wanted!r}")
        return wanted

    def _require_within(self, by: Principal, role: Role, scopes: frozenset[str]) -> None:
        wanted = ROLES[role] & scopes if scopes else ROLES[role]
        if beyond := sorted(wanted - by.permissions):
            raise PermissionDenied(
                f"the new key could do {', '.join(beyond)}, which your own key may not: narrow it with scopes"
            )

    def _require_operator(self, by: Principal) -> None:
        if by.tenant != DEFAULT_TENANT:
            raise PermissionDenied(
                f"only owners of the tenant {DEFAULT_TENANT!r}, who operate the platform, may do this"
            )

    async def _user(self, tx: TenantsTx, tenant: str, id_or_name: str) -> User:
        user = await tx.user(tenant, id_or_name) or await tx.user_by_name(tenant, id_or_name)
        if user is None:
            raise NotFound(f"no user {id_or_name!r} in this tenant: list them with `bms user list`")
        return user

    async def _key(self, tx: TenantsTx, tenant: str, id: str) -> Key:
        key = await tx.key(tenant, id)
        if key is None:
            raise NotFound(f"no key {id!r} in this tenant: list them with `bms key list`")
        return key

    def _event(self, payload: Payload, tenant: str, subject: str, actor: str) -> Event[Payload]:
        return Event(payload=payload, tenant=tenant, subject=subject, actor=actor, at=self._clock.now())
