"""The tenants repository keeps its contract on both databases."""

from datetime import timedelta

import msgspec
import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.control.tenants.nouns import Key, Tenant, User
from bms.core.clock import ManualClock
from bms.core.errors import Aborted, AlreadyExists
from bms.core.pages import PageRequest, decode_cursor

Tenants = SqlStore[SqlTenants]


@pytest.fixture
def store(database: Database) -> Tenants:
    return SqlStore(database, SqlTenants)


async def _add(store: Tenants, clock: ManualClock, tenant: str = "acme") -> User:
    user = User(id=f"user_{tenant}", tenant=tenant, name="ann", role="owner", created_at=clock.now())
    async with store.write() as tx:
        await tx.add_tenant(Tenant(id=tenant, created_at=clock.now()))
        await tx.add_user(user)
    return user


async def test_nouns_come_back_as_they_were_stored(store: Tenants, clock: ManualClock) -> None:
    user = await _add(store, clock)
    key = Key(
        id="bmsk_1",
        tenant="acme",
        user=user.id,
        name="k",
        scopes=frozenset({"models:read"}),
        created_at=clock.now(),
        expires_at=clock.now() + timedelta(days=1, microseconds=7),
        rate_per_s=2.5,
    )
    async with store.write() as tx:
        await tx.add_key(key, b"d" * 32)
    async with store.read() as tx:
        assert await tx.key("acme", "bmsk_1") == key
        assert await tx.user_by_name("acme", "ann") == user
        assert await tx.key_for_authentication("bmsk_1") == (key, b"d" * 32, user)


async def test_another_tenant_sees_nothing(store: Tenants, clock: ManualClock) -> None:
    user = await _add(store, clock)
    await _add(store, clock, "other")
    async with store.read() as tx:
        assert await tx.user("other", user.id) is None
        assert [found.tenant for found in (await tx.users("other", PageRequest())).items] == ["other"]


async def test_a_taken_name_is_refused_and_the_rest_of_the_transaction_stands(
    store: Tenants, clock: ManualClock
) -> None:
    user = await _add(store, clock)
    async with store.write() as tx:
        with pytest.raises(AlreadyExists, match="'ann'"):
            await tx.add_user(msgspec.structs.replace(user, id="user_2"))
        await tx.add_user(msgspec.structs.replace(user, id="user_3", name="bob"))
    async with store.read() as tx:
        assert [found.name for found in (await tx.users("acme", PageRequest())).items] == ["bob", "ann"]


async def test_saving_over_a_newer_revision_is_aborted(store: Tenants, clock: ManualClock) -> None:
    user = await _add(store, clock)
    async with store.write() as tx:
        saved = await tx.save_user(msgspec.structs.replace(user, role="viewer"))
    assert saved.revision == 2
    with pytest.raises(Aborted, match="revision 1"):
        async with store.write() as tx:
            await tx.save_user(msgspec.structs.replace(user, role="admin"))
    async with store.read() as tx:
        assert (await tx.user("acme", user.id)) == saved


async def test_an_exception_rolls_everything_back(store: Tenants, clock: ManualClock) -> None:
    with pytest.raises(RuntimeError):
        async with store.write() as tx:
            await tx.add_tenant(Tenant(id="gone", created_at=clock.now()))
            raise RuntimeError("in the middle")
    async with store.read() as tx:
        assert await tx.tenant("gone") is None


async def test_pages_join_without_gap_or_double(store: Tenants, clock: ManualClock) -> None:
    for index in range(7):
        await _add(store, clock, f"t{index}")
    seen, after = [], None
    while True:
        async with store.read() as tx:
            page = await tx.tenants(PageRequest(limit=3, after=after))
        seen += [tenant.id for tenant in page.items]
        if page.next is None:
            break
        after = decode_cursor(page.next)
    assert seen == [f"t{index}" for index in range(7)]


async def test_live_keys_leave_out_revoked_ones_and_those_of_disabled_users(store: Tenants, clock: ManualClock) -> None:
    user = await _add(store, clock)
    off = User(id="user_off", tenant="acme", name="off", role="viewer", created_at=clock.now(), disabled=True)
    key = Key(id="k1", tenant="acme", user=user.id, name="k", scopes=frozenset(), created_at=clock.now())
    async with store.write() as tx:
        await tx.add_user(off)
        await tx.add_key(key, b"1")
        await tx.add_key(msgspec.structs.replace(key, id="k2", revoked_at=clock.now()), b"2")
        await tx.add_key(msgspec.structs.replace(key, id="k3", user=off.id), b"3")
    async with store.read() as tx:
        assert await tx.live_keys() == [(key, b"1", user)]
        assert await tx.live_keys({"k1", "k2"}) == [(key, b"1", user)]
        assert await tx.live_keys(of_users={user.id, off.id}) == [(key, b"1", user)]
        assert await tx.live_keys({"k2", "k3", "never"}, {off.id}) == []
