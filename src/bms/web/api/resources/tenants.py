"""Endpoints of tenants, users and keys."""

from collections.abc import Awaitable, Callable

import msgspec

from bms.api_types.keys import CreateKey, Key, NewKey
from bms.api_types.pages import Page
from bms.api_types.tenants import CreateTenant, NewTenant, Tenant
from bms.api_types.users import ChangeUser, CreateUser, Identity, User
from bms.control.tenants.deletion import TenantDeletion
from bms.control.tenants.service import TenantService
from bms.web.api.endpoint import ApiCall, Endpoint, Listing, listing
from bms.web.api.views import tenants as view
from bms.web.api.views.pages import page


class TenantListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters. Deleted tenants are left out unless `all` asks for them."""

    all: bool = False


class Deleting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters: `force` ends what serves and runs, and removes even the last user who could administer a
    tenant."""

    force: bool = False


class Revocation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters: `force` revokes also the last key with which anybody could administer the tenant."""

    force: bool = False


class KeyListing(Listing, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Query parameters of a listing of keys."""

    user: str | None = None


Told = Callable[[], Awaitable[object]]
"""Returns when all gateways know what was committed, or soon in any case."""


async def _nobody_to_tell() -> None:
    """Does nothing: there are no gateways to wait for."""


def _nothing() -> None:
    """Does nothing: no other feature has to remove what a tenant owned."""


def endpoints(
    service: TenantService,
    deletion: TenantDeletion,
    told: Told = _nobody_to_tell,
    deleted: Callable[[], None] = _nothing,
) -> list[Endpoint]:
    """Returns the endpoints; `deleted` is called when a tenant is to be removed."""

    async def who(call: ApiCall[None]) -> Identity:
        return view.identity(call.principal)

    async def create_tenant(call: ApiCall[CreateTenant]) -> NewTenant:
        return view.new_tenant(await service.create_tenant(call.principal, call.body.id, call.body.owner))

    async def tenants(call: ApiCall[None]) -> Page[Tenant]:
        return page(await service.tenants(call.principal, listing(call), every=call.query.all), view.tenant)

    async def tenant(call: ApiCall[None]) -> Tenant:
        return view.tenant(await deletion.tenant(call.principal, call.path["tenant"]))

    async def delete_tenant(call: ApiCall[None]) -> Tenant:
        gone = await deletion.delete_tenant(call.principal, call.path["tenant"], force=call.query.force)
        deleted()
        await told()
        return view.tenant(gone)

    async def create_user(call: ApiCall[CreateUser]) -> User:
        return view.user(await service.create_user(call.principal, call.body.name, call.body.role))

    async def users(call: ApiCall[None]) -> Page[User]:
        return page(await service.users(call.principal, listing(call)), view.user)

    async def user(call: ApiCall[None]) -> User:
        return view.user(await service.user(call.principal, call.path["user"]))

    async def change_user(call: ApiCall[ChangeUser]) -> User:
        body = call.body
        changed = await service.change_user(
            call.principal,
            call.path["user"],
            role=body.role,
            disabled=body.disabled,
            revision=call.if_match,
            force=body.force,
        )
        return view.user(changed)

    async def delete_user(call: ApiCall[None]) -> User:
        gone = await deletion.delete_user(call.principal, call.path["user"], force=call.query.force)
        await told()
        return view.user(gone)

    async def create_key(call: ApiCall[CreateKey]) -> NewKey:
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
        return view.new_key(made)

    async def keys(call: ApiCall[None]) -> Page[Key]:
        return page(await service.keys(call.principal, listing(call), call.query.user), view.key)

    async def key(call: ApiCall[None]) -> Key:
        return view.key(await service.key(call.principal, call.path["key"]))

    async def revoke_key(call: ApiCall[None]) -> Key:
        revoked = await service.revoke_key(call.principal, call.path["key"], force=call.query.force)
        await told()
        return view.key(revoked)

    return [
        Endpoint("GET", "/whoami", "tenants:read", who, "Who this key acts as", Identity),
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
