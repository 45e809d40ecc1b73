"""The nouns Tenant, User and Key: customers, their members, and the members' API keys."""

from datetime import datetime

import msgspec

from bms.core.access.principal import Permission, Role

DEFAULT_TENANT = "default"  # made at first start; its owners operate the platform


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """An isolated customer. `id` is its name: it appears in paths and never changes.

    Since `deleted_at` nobody acts for it any more; since `removed_at` all that it owned is gone. Its name stays taken:
    its usage is kept under it.
    """

    id: str
    created_at: datetime
    deleted_at: datetime | None = None
    removed_at: datetime | None = None
    revision: int = 1


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A member of one tenant; `name` is unique there."""

    id: str
    tenant: str
    name: str
    role: Role
    created_at: datetime
    disabled: bool = False
    revision: int = 1


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, by which a program acts as a user. Its secret is not here: only its digest is stored, elsewhere."""

    id: str
    tenant: str
    user: str
    name: str
    scopes: frozenset[Permission]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    rate_per_s: float | None = None  # inference requests; None: unlimited
    burst: int | None = None
    revision: int = 1


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key with its full text `id.secret`, shown this once."""

    key: Key
    text: str


class NewTenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant with its first owner and that owner's key."""

    tenant: Tenant
    owner: User
    key: NewKey
