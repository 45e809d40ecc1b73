"""Events of tenants, users and keys."""

from bms.core.events import Payload


class OfUser(Payload, frozen=True, kw_only=True):
    """An event whose subject is a user's id."""


class OfKey(Payload, frozen=True, kw_only=True):
    """An event whose subject is a key's id."""


class TenantCreated(Payload, frozen=True, kw_only=True):
    """A tenant was made; the subject is its name."""

    EVENT = "tenant.created"


class TenantDeleted(Payload, frozen=True, kw_only=True):
    """A tenant was ended: told in its own log and in the operator's."""

    EVENT = "tenant.deleted"
    forced: bool


class UserCreated(OfUser, frozen=True, kw_only=True):
    """A user was made."""

    EVENT = "user.created"
    name: str
    role: str


class UserChanged(OfUser, frozen=True, kw_only=True):
    """A user got another role, was barred, or let in again."""

    EVENT = "user.changed"
    role: str
    disabled: bool
    forced: bool = False


class UserDeleted(OfUser, frozen=True, kw_only=True):
    """A user was ended with its keys."""

    EVENT = "user.deleted"
    name: str
    role: str
    keys: int
    forced: bool = False


class KeyCreated(OfKey, frozen=True, kw_only=True):
    """A key was made for a user."""

    EVENT = "key.created"
    name: str
    user: str


class KeyRevoked(OfKey, frozen=True, kw_only=True):
    """A key was ended for good."""

    EVENT = "key.revoked"
    forced: bool = False
