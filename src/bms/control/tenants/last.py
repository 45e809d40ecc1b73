"""Protects the last access to a tenant: its last owner, and the last key that may do everything. Pure."""

from collections.abc import Iterable
from datetime import datetime

from bms.control.tenants.nouns import Key, User
from bms.core.errors import FailedPrecondition


def refuse_last_owner(user: User, changed: User, owners: Iterable[User], keys: Iterable[Key], now: datetime) -> None:
    """Protects the last owner: raises FailedPrecondition where nobody but `user` could administer the tenant, and
    `changed` could not any more. `owners` and `keys` are those of the tenant."""
    if _owns(changed) or not _owns(user):
        return
    others = {owner.id for owner in owners if _owns(owner) and owner.id != user.id}
    if not others:
        raise FailedPrecondition(
            f"{user.name} is the last owner of this tenant: make another one first (`bms user create NAME --role "
            "owner`, `bms key create --user NAME`), or insist with `force` (`--force`)"
        )
    keys = list(keys)
    going = [key for key in keys if key.user == user.id and opens(key, now)]
    if not any(key.user in others and opens(key, now) and _lasts(key, going) for key in keys):
        raise FailedPrecondition(
            f"no other owner than {user.name} has a key that may do everything (one without scopes) and does not "
            "expire sooner: make one first (`bms key create --user NAME`), or insist with `force` (`--force`)"
        )


def refuse_last_key(key: Key, owners: Iterable[User], keys: Iterable[Key], now: datetime) -> None:
    """Protects the last key: raises FailedPrecondition where no other key of an owner may do everything, for at least
    as long."""
    owning = {owner.id for owner in owners if _owns(owner)}
    if key.user not in owning or not opens(key, now):
        return
    others = (each for each in keys if each.id != key.id and each.user in owning and opens(each, now))
    if not any(_lasts(each, [key]) for each in others):
        raise FailedPrecondition(
            f"{key.id} is the last key of an owner that may do everything: without it nobody could administer this "
            "tenant, at once or when those that expire have. Make another without scopes first (`bms key create`), or "
            "insist with `force` (`--force`)"
        )


def opens(key: Key, now: datetime) -> bool:
    """Whether the key is valid, and may do everything that its user may: no key makes another that may do more than
    itself, so one with scopes never leads back to what they leave out."""
    good = key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
    return good and not key.scopes


def _lasts(key: Key, going: Iterable[Key]) -> bool:
    """Whether the key is valid for at least as long as each that goes."""
    return key.expires_at is None or all(
        each.expires_at is not None and each.expires_at <= key.expires_at for each in going
    )


def _owns(user: User) -> bool:
    return user.role == "owner" and not user.disabled
