"""Who is the last owner, and which is the last key, that may not go unasked."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bms.control.tenants.last import opens, refuse_last_key, refuse_last_owner
from bms.control.tenants.nouns import Key, User
from bms.core.errors import FailedPrecondition

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER, BEFORE = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


def user(name: str, role: str = "owner", *, disabled: bool = False) -> User:
    return msgspec.convert(
        {"id": name, "tenant": "acme", "name": name, "role": role, "disabled": disabled, "created_at": NOW}, User
    )


def key(id: str, of: str, *scopes: str, expires: datetime | None = None, revoked: datetime | None = None) -> Key:
    return Key(
        id=id,
        tenant="acme",
        user=of,
        name=id,
        scopes=frozenset(scopes),
        created_at=NOW,
        expires_at=expires,
        revoked_at=revoked,
    )


ANN, BEN = user("ann"), user("ben")


@pytest.mark.parametrize(
    ("keys", "owners", "words"),
    [
        ([key("a", "ann")], [ANN], "ann is the last owner of this tenant: make another one first"),
        ([key("a", "ann")], [ANN, BEN], "no other owner than ann has a key that may do everything"),
        ([key("a", "ann"), key("b", "ben", "models:read")], [ANN, BEN], "no other owner than ann has a key"),
        ([key("a", "ann"), key("b", "ben", expires=BEFORE)], [ANN, BEN], "no other owner than ann has a key"),
        ([key("a", "ann"), key("b", "ben", expires=LATER)], [ANN, BEN], "does not expire sooner"),
        ([key("a", "ann"), key("b", "ben", "keys:write", "users:write")], [ANN, BEN], "without scopes"),
        ([key("a", "ann", expires=LATER), key("b", "ben", expires=LATER)], [ANN, BEN], ""),
        ([key("a", "ann"), key("b", "ben")], [ANN, BEN], ""),
    ],
)
def test_the_last_owner_who_has_a_key_is_kept(keys: list[Key], owners: list[User], words: str) -> None:
    for changed in (user("ann", "admin"), user("ann", disabled=True)):
        if words:
            with pytest.raises(FailedPrecondition, match=words) as refused:
                refuse_last_owner(ANN, changed, owners, keys, NOW)
            assert "--force" in refused.value.message
        else:
            refuse_last_owner(ANN, changed, owners, keys, NOW)


def test_changes_that_take_no_owner_away_pass() -> None:
    refuse_last_owner(ANN, ANN, [ANN], [], NOW)
    refuse_last_owner(user("eve", "viewer"), user("eve", "viewer", disabled=True), [ANN], [], NOW)
    refuse_last_owner(user("ann", disabled=True), user("ann", "viewer", disabled=True), [], [], NOW)


@pytest.mark.parametrize(
    ("others", "refused"),
    [
        ([], True),
        ([key("b", "eve")], True),
        ([key("b", "ann", "keys:write")], True),
        ([key("b", "ann", revoked=BEFORE)], True),
        ([key("b", "ann", "keys:write", "users:write")], True),
        ([key("b", "ben", expires=LATER)], True),
        ([key("b", "ann")], False),
        ([key("b", "ben")], False),
    ],
)
def test_the_last_key_of_an_owner_that_opens_everything_is_kept(others: list[Key], refused: bool) -> None:
    last = key("a", "ann")
    if refused:
        with pytest.raises(
            FailedPrecondition, match=r"a is the last key of an owner .* Make another without scopes first"
        ):
            refuse_last_key(last, [ANN, BEN], [last, *others], NOW)
    else:
        refuse_last_key(last, [ANN, BEN], [last, *others], NOW)


def test_a_key_that_expires_may_go_where_another_lasts_as_long() -> None:
    last = key("a", "ann", expires=LATER)
    refuse_last_key(last, [ANN, BEN], [last, key("b", "ben", expires=LATER)], NOW)
    with pytest.raises(FailedPrecondition, match="when those that expire have"):
        refuse_last_key(last, [ANN, BEN], [last, key("b", "ben", expires=LATER - timedelta(minutes=1))], NOW)


def test_keys_that_open_little_or_nothing_any_more_may_go() -> None:
    for each in (key("a", "ann", "models:read"), key("a", "ann", expires=BEFORE), key("a", "eve")):
        refuse_last_key(each, [ANN], [each], NOW)
    assert not opens(key("a", "ann", revoked=BEFORE), NOW)
