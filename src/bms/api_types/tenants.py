"""/api/v1/tenants: isolated customers of the platform."""

from datetime import datetime

import msgspec

from bms.api_types.keys import NewKey
from bms.api_types.users import User


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant: an isolated customer. `id` is its name: it appears in paths and never changes.

    Since `deleted_at` nobody acts for it any more; since `removed_at` all that it owned is gone. Its name stays taken:
    its usage records are kept under it.
    """

    id: str
    created_at: datetime
    deleted_at: datetime | None = None
    removed_at: datetime | None = None
    revision: int = 1


class NewTenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant with its first owner and that owner's key."""

    tenant: Tenant
    owner: User
    key: NewKey


class CreateTenant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    owner: str = "admin"
