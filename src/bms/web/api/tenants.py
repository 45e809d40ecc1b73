"""Tenants, users and keys over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from bms.control.tenants.deletion import TenantDeletion
from bms.control.tenants.nouns import Key, NewKey, NewTenant, Tenant, User
from bms.control.tenants.service import TenantService
from bms.core.pages import Page
from bms.core.principal import Principal
from bms.web.api.endpoint import Call, Endpoint, Listing, listing


class CreateTenant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    owner: str = "admin"


class CreateUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    role: str = "developer"


class ChangeUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`force` also where nobody could administer the tenant any more."""

    role: str | None = None
    disabled: bool | None = None
    force: bool = False


class CreateKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`user` is an id or name, by default the asker; empty `scopes` mean all that the user's role allows."""

    name: str
    user: str | None = None
    scopes: frozenset[str] = frozenset()
    expires_at: datetime | None = None
    rate_per_s: float | None = None
    burst: int | None = None


class TenantListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deleted tenants are left out unless `all` asks for them."""

    all: bool = False


class Deleting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`force` ends what serves and runs, and takes even the last who could administer a tenant."""

    force: bool = False


class Revocation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`force` also where it is the last key with which anybody could administer the tenant."""

    force: bool = False


class KeyListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user: str | None = None


Told = Callable[[], Awaitable[object]]
"""Returns when all gateways know what was committed, or soon in any case."""


async def _nobody_to_tell() -> None:
    """Where there are no gateways."""


def _nothing() -> None:
    """Where nobody removes what a tenant owned."""


def endpoints(
    service: TenantService,
    deletion: TenantDeletion,
    told: Told = _nobody_to_tell,
    deleted: Callable[[], None] = _nothing,
) -> list[Endpoint]:
    """`deleted` is told when there is a tenant to be removed."""

    async def who(call: Call[None]) -> Principal:
        return call.principal

    async def create_tenant(call: Call[CreateTenant]) -> NewTenant:
        return await service.create_tenant(call.principal, call.body.id, call.body.owner)

    async def tenants(call: Call[None]) -> Page[Tenant]:
        return await service.tenants(call.principal, listing(call), every=call.query.all)

    async def tenant(call: Call[None]) -> Tenant:
        return await deletion.tenant(call.principal, call.path["tenant"])

    async def delete_tenant(call: Call[None]) -> Tenant:
        gone = await deletion.delete_tenant(call.principal, call.path["tenant"], force=call.query.force)
        deleted()
        await told()
        return gone

    async def create_user(call: Call[CreateUser]) -> User:
        return await service.create_user(call.principal, call.body.name, call.body.role)

    async def users(call: Call[None]) -> Page[User]:
        return await service.users(call.principal, listing(call))

    async def user(call: Call[None]) -> User:
        return await service.user(call.principal, call.path["user"])

    async def change_user(call: Call[ChangeUser]) -> User:
        body = call.body
        return await service.change_user(
            call.principal,
            call.path["user"],
            role=body.role,
            disabled=body.disabled,
            revision=call.if_match,
            force=body.force,
        )

    async def delete_user(call: Call[None]) -> User:
        gone = await deletion.delete_user(call.principal, call.path["user"], force=call.query.force)
        await told()
        return gone

    async def create_key(call: Call[CreateKey]) -> NewKey:
        body = call.body
        made = await service.create_key(
            call.principal,
            body.name,
            user=body.user,
            scopes=body.scopes,
            expires_at=body.expires_at,
            rate_per_s=body.rate_per_s,
            burst=body.burst,
        )
        await told()
        return made

    async def keys(call: Call[None]) -> Page[Key]:
        return await service.keys(call.principal, listing(call), call.query.user)

    async def key(call: Call[None]) -> Key:
        return await service.key(call.principal, call.path["key"])

    async def revoke_key(call: Call[None]) -> Key:
        revoked = await service.revoke_key(call.principal, call.path["key"], force=call.query.force)
        await told()
        return revoked

    return [
        Endpoint("GET", "/whoami", "tenants:read", who, "Who this key acts as", Principal),
        Endpoint(
            "POST",
            "/tenants",
            "tenants:write",
            create_tenant,
            "Make a tenant",
            NewTenant,
            CreateTenant,
            status=201,
            shown_once=True,
        ),
        Endpoint("GET", "/tenants", "tenants:read", tenants, "List tenants", Page[Tenant], query=TenantListing),
        Endpoint("GET", "/tenants/{tenant}", "tenants:read", tenant, "One tenant", Tenant),
        Endpoint(
            "DELETE", "/tenants/{tenant}", "tenants:write", delete_tenant, "Delete a tenant", Tenant, query=Deleting
        ),
        Endpoint("POST", "/users", "users:write", create_user, "Make a user", User, CreateUser, status=201),
        Endpoint("GET", "/users", "users:read", users, "List users", Page[User], query=Listing),
        Endpoint("GET", "/users/{user}", "users:read", user, "One user, by id or name", User),
        Endpoint("PATCH", "/users/{user}", "users:write", change_user, "Change a role, disable", User, ChangeUser),
        Endpoint(
            "DELETE", "/users/{user}", "users:write", delete_user, "Delete a user and its keys", User, query=Deleting
        ),
        Endpoint(
            "POST",
            "/keys",
            "keys:write",
            create_key,
            "Make a key, shown once",
            NewKey,
            CreateKey,
            status=201,
            shown_once=True,
        ),
        Endpoint("GET", "/keys", "keys:read", keys, "List keys", Page[Key], query=KeyListing),
        Endpoint("GET", "/keys/{key}", "keys:read", key, "One key", Key),
        Endpoint("POST", "/keys/{key}/revoke", "keys:write", revoke_key, "End a key at once", Key, query=Revocation),
    ]
