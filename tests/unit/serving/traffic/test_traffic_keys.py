from base64 import b64encode

import pytest

from bms.core.access.credentials import new_key, secret_digest
from bms.core.errors import PermissionDenied, Unauthenticated
from bms.core.serving.snapshot import KeyEntry, SnapshotUpdate
from bms.serving.traffic.keys import KeyCheck
from bms.serving.traffic.snapshot_index import SnapshotIndex

PEPPER = b"p" * 32
KEY = new_key()
BEARER = f"Bearer {KEY}".encode()


def index(**changes: object) -> SnapshotIndex:
    fields: dict[str, object] = {
        "id": KEY.key_id,
        "tenant": "a",
        "user": "u",
        "role": "developer",
        "scopes": frozenset(),
        "digest": secret_digest(PEPPER, KEY.secret),
    }
    entry = KeyEntry(**{**fields, **changes})  # type: ignore[arg-type]
    return SnapshotIndex().apply(SnapshotUpdate(revision=1, full=True, puts=(entry,), pepper=PEPPER))


def basic(text: str) -> bytes:
    return b"Basic " + b64encode(text.encode())


@pytest.mark.parametrize(
    "presented",
    [
        (BEARER, None),
        (None, str(KEY).encode()),
        (f"bearer  {KEY} ".encode(), None),
        (basic(f"any:{KEY}"), None),
        (basic(f"{KEY}:"), None),
    ],
)
def test_a_live_key_is_known_by_either_header(presented: tuple[bytes | None, bytes | None]) -> None:
    assert KeyCheck().check(index(), *presented, 0).id == KEY.key_id


@pytest.mark.parametrize(
    "presented",
    [
        (None, None),
        (b"", None),
        (b"Bearer", None),
        (b"Basic abc", None),
        (f"Basic {KEY}".encode(), None),
        (basic(str(KEY)), None),
        (basic(f"{KEY}:nonsense"), None),
        (basic("any:nonsense"), None),
        (f"Bearer {KEY.key_id}.{'A' * 43}".encode(), None),
        (f"Bearer {new_key()}".encode(), None),
        (None, b"\xff\xfe"),
        (b"Bearer nonsense", str(KEY).encode()),
    ],
)
def test_no_key_a_wrong_one_and_an_unknown_one_are_refused(presented: tuple[bytes | None, bytes | None]) -> None:
    with pytest.raises(Unauthenticated):
        KeyCheck().check(index(), *presented, 0)


def test_a_revoked_key_is_refused_with_the_next_index() -> None:
    check, before = KeyCheck(), index()
    check.check(before, BEARER, None, 0)
    after = before.apply(SnapshotUpdate(revision=2, full=False, deletes=(("key", KEY.key_id),)))
    with pytest.raises(Unauthenticated):
        check.check(after, BEARER, None, 0)


def test_a_key_expires_at_its_instant_even_when_it_is_remembered() -> None:
    check, known = KeyCheck(), index(expires_at=1000)
    assert check.check(known, BEARER, None, 999)
    for _ in range(2):
        with pytest.raises(Unauthenticated, match="expired"):
            check.check(known, BEARER, None, 1000)


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "viewer"},
        {"scopes": frozenset({"models:read"})},
        {"role": "viewer", "scopes": frozenset({"inference:invoke"})},
    ],
)
def test_a_key_that_may_not_invoke_is_refused_every_time(changes: dict[str, object]) -> None:
    check, known = KeyCheck(), index(**changes)
    for _ in range(2):
        with pytest.raises(PermissionDenied, match="inference:invoke"):
            check.check(known, BEARER, None, 0)


def test_what_is_remembered_is_bounded() -> None:
    check, known = KeyCheck(), index()
    for n in range(5000):
        check.check(known, BEARER, b"%d" % n, 0)
    assert len(check._good) <= 4096
