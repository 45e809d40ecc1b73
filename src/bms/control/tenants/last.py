"""The last way into a tenant: its last owner, and the last key that may make others. Pure."""

from collections.abc import Iterable
from datetime import datetime

from bms.control.tenants.nouns import Key, User
from bms.core.errors import FailedPrecondition

NEEDED = frozenset({"keys:write", "users:write"})  # with which everything else can be had again


def refuse_last_owner(user: User, changed: User, owners: Iterable[User], keys: Iterable[Key], now: datetime) -> None:
    """Raises FailedPrecondition where nobody but `user` could administer the tenant, and `changed` could not any more.
    `owners` and `keys` are those of the tenant."""
    if _owns(changed) or not _owns(user):
        return
    others = {owner.id for owner in owners if _owns(owner) and owner.id != user.id}
    if not others:
        raise FailedPrecondition(
            f"{user.name} is the last owner of this tenant: make another one first (`bms user create NAME --role "
            "owner`, `bms key create --user NAME`), or insist with `force` (`--force`)"
        )
    if not any(key.user in others and opens(key, now) for key in keys):
        raise FailedPrecondition(
            f"no other owner than {user.name} has a key that may make keys and users: make one first "
            "(`bms key create --user NAME`), or insist with `force` (`--force`)"
        )


def refuse_last_key(key: Key, owners: Iterable[User], keys: Iterable[Key], now: datetime) -> None:
    """Raises FailedPrecondition where no other key of an owner may make keys and users."""
    owning = {owner.id for owner in owners if _owns(owner)}
    if key.user not in owning or not opens(key, now):
        return
    if not any(each.id != key.id and each.user in owning and opens(each, now) for each in keys):
        raise FailedPrecondition(
            f"{key.id} is the last key of an owner that may make keys and users: without it nobody could administer "
            "this tenant. Make another first (`bms key create`), or insist with `force` (`--force`)"
        )


def opens(key: Key, now: datetime) -> bool:
    """Whether it is good, and may make keys and users, as far as its user may."""
    good = key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
    return good and (not key.scopes or key.scopes >= NEEDED)


def _owns(user: User) -> bool:
    return user.role == "owner" and not user.disabled
