"""The ObjectStore contract, on every variant."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import pytest

from bms.adapters.objects.local import LocalObjectStore
from bms.adapters.objects.memory import MemoryObjectStore
from bms.control.platform.objects import ObjectStore
from bms.core.clock import ManualClock
from bms.core.digest import of_bytes
from bms.core.errors import BmsError, DataLoss, InvalidArgument, NotFound
from tests.cancelling import PLANS, LateThreads, Plan, every_await, open_below

MIB = 1 << 20
Damage = Callable[[str, str, bytes], None]


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> ObjectStore:
    if request.param == "local":
        return LocalObjectStore.open(tmp_path / "objects", clock)
    return MemoryObjectStore(clock)


@pytest.fixture
def damage(store: ObjectStore, tmp_path: Path) -> Damage:
    """Changes a stored blob behind the store's back."""

    def change(tenant: str, digest: str, content: bytes) -> None:
        if isinstance(store, MemoryObjectStore):
            store._tenants[tenant][digest] = (content, 0.0)
            return
        name = digest.removeprefix("sha256:")
        path = tmp_path / "objects" / tenant / "sha256" / name[:2] / name
        path.chmod(0o600)
        path.write_bytes(content)

    return change


async def stream(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


async def content_of(store: ObjectStore, tenant: str, digest: str, offset: int = 0) -> bytes:
    return b"".join([chunk async for chunk in store.read(tenant, digest, offset)])


async def listed(store: ObjectStore, tenant: str) -> list[str]:
    return [blob.digest async for blob in store.blobs(tenant)]


@pytest.mark.parametrize(
    "pieces",
    [[], [b""], [b"one"], [b"a", b"bc", b"def"], [os.urandom(3 * MIB + 17)], [os.urandom(1000)] * 2500],
    ids=["nothing", "an empty piece", "one piece", "small pieces", "one large piece", "many pieces"],
)
async def test_what_was_put_is_read_back(store: ObjectStore, pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    blob = await store.put("acme", stream(pieces))
    assert (blob.digest, blob.size) == (of_bytes(whole), len(whole))
    assert await store.stat("acme", blob.digest) == blob
    assert await content_of(store, "acme", blob.digest) == whole


async def test_reading_may_begin_anywhere_inside(store: ObjectStore) -> None:
    whole = os.urandom(2 * MIB + 5)
    digest = (await store.put("acme", stream([whole]))).digest
    for offset in (0, 1, MIB, 2 * MIB + 4, 2 * MIB + 5):
        assert await content_of(store, "acme", digest, offset) == whole[offset:]
    for offset in (-1, 2 * MIB + 6):
        with pytest.raises(InvalidArgument, match="outside"):
            await content_of(store, "acme", digest, offset)


async def test_an_unexpected_content_is_refused_and_not_kept(store: ObjectStore) -> None:
    with pytest.raises(InvalidArgument, match=r"not the expected .* send it again"):
        await store.put("acme", stream([b"other"]), expected=of_bytes(b"this"))
    assert await listed(store, "acme") == []
    assert (await store.put("acme", stream([b"this"]), expected=of_bytes(b"this"))).size == 4


async def test_a_source_that_fails_leaves_nothing(store: ObjectStore) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"x" * (2 * MIB)
        raise ConnectionResetError("the client went away")

    with pytest.raises(ConnectionResetError):
        await store.put("acme", failing())
    assert await listed(store, "acme") == []


async def test_a_cancelled_put_leaves_nothing(store: ObjectStore) -> None:
    waiting = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * (2 * MIB)
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(store.put("acme", endless()))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await listed(store, "acme") == []


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_a_put_may_be_cancelled_at_every_await(store: ObjectStore, tmp_path: Path, plan: Plan) -> None:
    threads = LateThreads()

    async def put(number: int) -> None:
        await store.put("acme", stream([b"%d" % number, b"x" * (2 * MIB)]))

    async def check(number: int, cancelled: bool) -> None:
        whole = b"%d" % number + b"x" * (2 * MIB)
        found = await listed(store, "acme")
        assert found == [of_bytes(whole)] or (cancelled and found == [])
        assert open_below(tmp_path) == []
        assert list(tmp_path.glob("objects/acme/tmp/*")) == []

    async def reset() -> None:
        await store.sweep("acme", frozenset(), -10)

    assert await every_await(put, plan, check, threads, reset) > 1


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_a_copy_may_be_cancelled_at_every_await(store: ObjectStore, tmp_path: Path, plan: Plan) -> None:
    threads, whole = LateThreads(), os.urandom(2 * MIB)
    digest = (await store.put("acme", stream([whole]))).digest
    target = tmp_path / "copies" / "copy"

    async def copy(_number: int) -> None:
        await store.materialize("acme", digest, target)

    async def check(_number: int, cancelled: bool) -> None:
        assert target.exists() or cancelled
        assert not target.exists() or target.read_bytes() == whole
        assert list(target.parent.glob(".*.part")) == []

    async def reset() -> None:
        target.unlink(missing_ok=True)

    assert await every_await(copy, plan, check, threads, reset) >= 1


async def test_a_blob_is_invisible_until_it_is_whole(store: ObjectStore) -> None:
    whole = os.urandom(2 * MIB)
    seen: list[object] = []

    async def watched() -> AsyncIterator[bytes]:
        yield whole[:MIB]
        seen.append(await store.stat("acme", of_bytes(whole)))
        seen.extend(await listed(store, "acme"))
        yield whole[MIB:]

    blob = await store.put("acme", watched())
    assert seen == [None]
    assert await listed(store, "acme") == [blob.digest]


async def test_twice_put_is_one_blob(store: ObjectStore) -> None:
    first = await store.put("acme", stream([b"same"]))
    assert await store.put("acme", stream([b"sa", b"me"])) == first
    assert await listed(store, "acme") == [first.digest]


async def test_many_put_the_same_at_once(store: ObjectStore) -> None:
    whole = os.urandom(MIB + 1)
    blobs = await asyncio.gather(*(store.put("acme", stream([whole[:9], whole[9:]])) for _ in range(20)))
    assert {blob.digest for blob in blobs} == {of_bytes(whole)}
    assert await listed(store, "acme") == [of_bytes(whole)]
    assert await content_of(store, "acme", of_bytes(whole)) == whole


async def test_putting_again_heals_a_damaged_blob(store: ObjectStore, damage: Damage) -> None:
    digest = (await store.put("acme", stream([b"good"]))).digest
    damage("acme", digest, b"evil")
    await store.put("acme", stream([b"good"]))
    assert await content_of(store, "acme", digest) == b"good"


@pytest.mark.parametrize("damaged", [b"evil", b"goo", b"good and more", b""])
async def test_damage_is_noticed_on_a_whole_read_and_on_a_copy(
    store: ObjectStore, damage: Damage, tmp_path: Path, damaged: bytes
) -> None:
    digest = (await store.put("acme", stream([b"good"]))).digest
    damage("acme", digest, damaged)
    with pytest.raises(DataLoss, match="no longer matches"):
        await content_of(store, "acme", digest)
    with pytest.raises(DataLoss, match="not copied"):
        await store.materialize("acme", digest, tmp_path / "copies" / "copy")
    assert list((tmp_path / "copies").iterdir()) == []


async def test_tenants_do_not_see_one_another(store: ObjectStore, tmp_path: Path) -> None:
    digest = (await store.put("acme", stream([b"secret"]))).digest
    assert await store.stat("rival", digest) is None
    assert await listed(store, "rival") == []
    with pytest.raises(NotFound, match="rival"):
        await content_of(store, "rival", digest)
    with pytest.raises(NotFound, match="rival"):
        await store.materialize("rival", digest, tmp_path / "copy")
    assert await store.sweep("rival", frozenset(), 0.0) == []
    assert await content_of(store, "acme", digest) == b"secret"


async def test_a_materialized_copy_is_private(store: ObjectStore, tmp_path: Path) -> None:
    whole = os.urandom(MIB + 3)
    digest = (await store.put("acme", stream([whole]))).digest
    target = tmp_path / "new" / "copy"
    await store.materialize("acme", digest, target)
    assert target.read_bytes() == whole
    with target.open("r+b") as file:
        file.write(b"changed")
    assert await content_of(store, "acme", digest) == whole
    await store.materialize("acme", digest, target)
    assert target.read_bytes() == whole
    assert [path.name for path in target.parent.iterdir()] == ["copy"]


async def test_what_is_shared_is_verified_and_nobodys_but_the_tenants(
    store: ObjectStore, damage: Damage, tmp_path: Path
) -> None:
    whole = os.urandom(MIB + 3)
    digest = (await store.put("acme", stream([whole]))).digest
    target = tmp_path / "new" / "shared"
    for _ in range(2):
        await store.share("acme", digest, target)
        assert target.read_bytes() == whole
    assert [path.name for path in target.parent.iterdir()] == ["shared"]
    with pytest.raises(NotFound, match="rival"):
        await store.share("rival", digest, tmp_path / "copy")
    target.unlink()
    damage("acme", digest, b"bad")
    with pytest.raises(DataLoss, match="not copied"):
        await store.share("acme", digest, target)
    assert list(target.parent.iterdir()) == []


BAD_TENANTS = ["", "..", ".", "../acme", "a/b", "/etc", "a\x00b", "Acme", "a" * 64, "acme\n", "ac me"]
BAD_DIGESTS = ["", "sha256:", "sha256:../../../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "a" * 32, "a" * 64]


@pytest.mark.parametrize("tenant", BAD_TENANTS)
async def test_a_bad_tenant_never_becomes_a_path(store: ObjectStore, tmp_path: Path, tenant: str) -> None:
    digest = of_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    attempts = [
        store.put(tenant, stream([b"x"])),
        store.stat(tenant, digest),
        content_of(store, tenant, digest),
        store.materialize(tenant, digest, tmp_path / "copy"),
        listed(store, tenant),
        store.sweep(tenant, frozenset(), 0.0),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidArgument, match="tenant name"):
            await attempt
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("digest", BAD_DIGESTS)
async def test_a_bad_digest_never_becomes_a_path(store: ObjectStore, tmp_path: Path, digest: str) -> None:
    for attempt in (
        store.put("acme", stream([b"x"]), digest),
        store.stat("acme", digest),
        content_of(store, "acme", digest),
        store.materialize("acme", digest, tmp_path / "copy"),
    ):
        with pytest.raises(InvalidArgument, match="is not a digest"):
            await attempt


async def test_sweep_removes_what_is_old_and_unreferenced(store: ObjectStore, clock: ManualClock) -> None:
    named = await store.put("acme", stream([b"named"]))
    lost = await store.put("acme", stream([b"lost"]))
    clock.advance(3600)
    fresh = await store.put("acme", stream([b"fresh"]))
    keep = frozenset({named.digest})
    assert await store.sweep("acme", keep, 7200) == []
    assert await store.sweep("acme", keep, 600) == [lost]
    assert await listed(store, "acme") == sorted([named.digest, fresh.digest])
    assert await store.stat("acme", lost.digest) is None
    assert await store.sweep("acme", keep, 600) == []


async def test_putting_again_renews_a_blobs_age(store: ObjectStore, clock: ManualClock) -> None:
    blob = await store.put("acme", stream([b"content"]))
    clock.advance(3600)
    await store.put("acme", stream([b"content"]))
    assert await store.sweep("acme", frozenset(), 600) == []
    clock.advance(601)
    assert await store.sweep("acme", frozenset(), 600) == [blob]


async def test_a_swept_blob_can_be_put_again(store: ObjectStore, clock: ManualClock) -> None:
    blob = await store.put("acme", stream([b"content"]))
    clock.advance(10)
    assert await store.sweep("acme", frozenset(), 1) == [blob]
    assert await store.put("acme", stream([b"content"])) == blob
    assert await content_of(store, "acme", blob.digest) == b"content"


async def test_sweeping_while_the_same_is_put_never_loses_an_acknowledged_blob(
    store: ObjectStore, clock: ManualClock
) -> None:
    whole = b"contended"
    for _ in range(30):
        await store.put("acme", stream([whole]))
        clock.advance(100)
        _, *puts = await asyncio.gather(
            store.sweep("acme", frozenset(), 50), *(store.put("acme", stream([whole])) for _ in range(4))
        )
        assert await content_of(store, "acme", puts[0].digest) == whole


async def test_unknown_blobs_are_not_found(store: ObjectStore, tmp_path: Path) -> None:
    digest = of_bytes(b"never stored")
    assert await store.stat("acme", digest) is None
    errors: list[BmsError] = []
    for attempt in (content_of(store, "acme", digest), store.materialize("acme", digest, tmp_path / "copy")):
        with pytest.raises(NotFound) as raised:
            await attempt
        errors.append(raised.value)
    assert all(digest in error.message for error in errors)
    assert not (tmp_path / "copy").exists()
