"""Converts tenants, users and keys into answers of the API."""

from bms.api_types import keys, tenants, users
from bms.control.tenants.nouns import Key, NewKey, NewTenant, Tenant, User
from bms.core.access.principal import Principal


def tenant(one: Tenant) -> tenants.Tenant:
    return tenants.Tenant(
        id=one.id,
        created_at=one.created_at,
        deleted_at=one.deleted_at,
        removed_at=one.removed_at,
        revision=one.revision,
    )


def user(one: User) -> users.User:
    return users.User(
        id=one.id,
        tenant=one.tenant,
        name=one.name,
        role=one.role,
        created_at=one.created_at,
        disabled=one.disabled,
        revision=one.revision,
    )


def key(one: Key) -> keys.Key:
    return keys.Key(
        id=one.id,
        tenant=one.tenant,
        user=one.user,
        name=one.name,
        scopes=one.scopes,
        created_at=one.created_at,
        expires_at=one.expires_at,
        revoked_at=one.revoked_at,
        rate_per_s=one.rate_per_s,
        burst=one.burst,
        revision=one.revision,
    )


def new_key(one: NewKey) -> keys.NewKey:
    return keys.NewKey(key=key(one.key), text=one.text)


def new_tenant(one: NewTenant) -> tenants.NewTenant:
    return tenants.NewTenant(tenant=tenant(one.tenant), owner=user(one.owner), key=new_key(one.key))


def identity(one: Principal) -> users.Identity:
    return users.Identity(tenant=one.tenant, user=one.user, key=one.key, role=one.role, scopes=one.scopes)
