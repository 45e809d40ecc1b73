"""What gateways are told about keys."""

from datetime import timedelta

import msgspec
import pytest

from bms.control.tenants.nouns import Key, User
from bms.control.tenants.snapshot_entries import key_entry
from bms.core.clock import ManualClock

NOW = ManualClock().now()


def _key(**more: object) -> Key:
    plain = Key(id="bmsk_1", tenant="t", user="u", name="k", scopes=frozenset(), created_at=NOW)
    return msgspec.structs.replace(plain, **more)


@pytest.mark.parametrize(
    ("role", "key", "told"),
    [
        ("developer", _key(), True),
        ("developer", _key(scopes=frozenset({"inference:invoke"})), True),
        ("developer", _key(scopes=frozenset({"models:read"})), True),
        ("viewer", _key(), True),
        ("viewer", _key(scopes=frozenset({"inference:invoke"})), True),
        ("owner", _key(expires_at=NOW), False),
        ("owner", _key(expires_at=NOW + timedelta(seconds=1)), True),
    ],
)
def test_live_keys_are_told_also_those_that_may_not_invoke(role: str, key: Key, told: bool) -> None:
    user = User(id="u", tenant="t", name="ann", role=role, created_at=NOW)  # type: ignore[arg-type]
    assert (key_entry(key, b"d", user, NOW) is not None) is told


def test_expiry_is_told_in_unix_nanoseconds() -> None:
    user = User(id="u", tenant="t", name="ann", role="owner", created_at=NOW)
    entry = key_entry(_key(expires_at=NOW + timedelta(seconds=2)), b"d", user, NOW)
    assert entry is not None
    assert entry.expires_at == (int(NOW.timestamp()) + 2) * 10**9
