"""/api/v1/users and /api/v1/whoami: users, and who a key acts as."""

from datetime import datetime
from typing import Annotated

import msgspec

Role = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["admin", "developer", "owner", "viewer"]})]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user of a tenant; `name` is unique there."""

    id: str
    tenant: str
    name: str
    role: Role
    created_at: datetime
    disabled: bool = False
    revision: int = 1


class CreateUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    role: str = "developer"


class ChangeUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to change a user. `force` also where nobody could administer the tenant any more."""

    role: str | None = None
    disabled: bool | None = None
    force: bool = False


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The user that a key acts as, within one tenant; empty `scopes`: all that the role allows."""

    tenant: str
    user: str
    key: str
    role: Role
    scopes: frozenset[str] = frozenset()
