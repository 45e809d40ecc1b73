"""Principals and roles: an authenticated caller, whose role is a set of permissions that its key's scopes narrow.

A permission is written `noun:verb`. Deny by default: what no role names, nobody may do.
"""

from typing import Literal, get_args

import msgspec

from bms.core.errors import InvalidArgument, PermissionDenied

Role = Literal["owner", "admin", "developer", "viewer"]
Permission = str

READ: frozenset[Permission] = frozenset(
    f"{noun}:read"
    for noun in ("tenants", "datasets", "models", "jobs", "environments", "deployments", "usage", "system")
)
DEVELOP: frozenset[Permission] = frozenset(
    {
        *("datasets:write", "models:write", "jobs:write", "deployments:write", "inference:invoke", "blobs:write"),
        "secrets:read",  # names; nobody reads values
    }
)
BRING: frozenset[Permission] = frozenset({"datasets:write", "models:write", "jobs:write"})  # each implies blobs:write
ADMINISTER: frozenset[Permission] = frozenset(
    {
        *("users:read", "users:write", "keys:read", "keys:write", "audit:read", "environments:write"),
        "secrets:write",
    }
)
OWN: frozenset[Permission] = frozenset({"tenants:write"})

ROLES: dict[Role, frozenset[Permission]] = {
    "viewer": READ,
    "developer": READ | DEVELOP,
    "admin": READ | DEVELOP | ADMINISTER,
    "owner": READ | DEVELOP | ADMINISTER | OWN,
}
PERMISSIONS: frozenset[Permission] = ROLES["owner"]


def check_role(text: str) -> Role:
    for role in get_args(Role):
        if role == text:
            return role  # type: ignore[no-any-return]
    raise InvalidArgument(f"unknown role {text!r}: use one of {', '.join(get_args(Role))}")


def check_scopes(scopes: frozenset[str]) -> frozenset[Permission]:
    """Returns `scopes` if each is a permission. Raises InvalidArgument naming the unknown ones."""
    if unknown := sorted(scopes - PERMISSIONS):
        raise InvalidArgument(f"unknown scopes {', '.join(unknown)}: use some of {', '.join(sorted(PERMISSIONS))}")
    return scopes


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """One authenticated caller, within one tenant."""

    tenant: str
    user: str
    key: str
    role: Role
    scopes: frozenset[Permission]  # empty means: all that the role allows

    @property
    def permissions(self) -> frozenset[Permission]:
        granted = ROLES[self.role]
        if self.scopes:
            granted &= self.scopes
        return granted | {"blobs:write"} if granted & BRING else granted

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """Raises PermissionDenied unless allowed."""
        if not self.may(permission):
            raise PermissionDenied(
                f"this key may not do {permission!r}: its role is {self.role!r}"
                + (f" and its scopes are {', '.join(sorted(self.scopes))}" if self.scopes else "")
                + "; ask an admin of the tenant for a key that may"
            )
