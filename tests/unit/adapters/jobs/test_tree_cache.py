"""A cached tree is there whole or not at all, once, read-only, and only for its tenant."""

import asyncio
import os
from collections import Counter
from pathlib import Path, PurePath

import pytest

from bms.adapters.jobs.tree_cache import LocalTreeCache
from bms.adapters.objects.local import LocalObjectStore
from bms.adapters.objects.memory import MemoryObjectStore
from bms.core.errors import InvalidArgument, NotFound
from tests.cancelling import PLANS, LateThreads, Plan, every_await
from tests.worlds.jobs import put_files


class CountingObjects(MemoryObjectStore):
    """Counts what is written out; waits in between while `slow` is set, and fails when told."""

    def __init__(self) -> None:
        super().__init__()
        self.written: Counter[str] = Counter()
        self.failing = False

    async def materialize(self, tenant: str, digest: str, target: PurePath) -> None:
        self.written[target.name] += 1
        await asyncio.sleep(0)
        if self.failing and target.name == "b":
            raise OSError(28, "No space left on device")
        await super().materialize(tenant, digest, target)


@pytest.fixture
def objects() -> CountingObjects:
    return CountingObjects()


def _left(root: Path) -> list[str]:
    return os.listdir(root / ".building")


async def test_a_tree_is_written_once_and_read_only(tmp_path: Path, objects: CountingObjects) -> None:
    digest = await put_files(objects, "acme", {"a/x": b"1", "b": b"2"})
    caches = [LocalTreeCache.open(tmp_path, objects) for _ in range(2)]  # as two processes have
    found = set(await asyncio.gather(*(caches[n % 2].path("acme", digest) for n in range(6))))
    assert len(found) == 1
    directory = Path(found.pop())
    assert (directory / "a" / "x").read_bytes() == b"1"
    assert max(objects.written.values()) <= 2, "once per process at most"
    for path in (directory, directory / "a", directory / "b", directory / "a" / "x"):
        assert path.stat().st_mode & 0o222 == 0
    again = objects.written.copy()
    assert await caches[0].path("acme", digest) == str(directory)
    assert objects.written == again
    assert _left(tmp_path) == []


async def test_tenants_share_nothing(tmp_path: Path, objects: CountingObjects) -> None:
    cache = LocalTreeCache.open(tmp_path, objects)
    digest = await put_files(objects, "acme", {"a": b"1"})
    await cache.path("acme", digest)
    with pytest.raises(NotFound):
        await cache.path("other", digest)
    assert await put_files(objects, "other", {"a": b"1"}) == digest
    assert await cache.path("other", digest) != await cache.path("acme", digest)
    for tenant, wrong in (("../acme", digest), ("acme", "../x"), (".building", digest)):
        with pytest.raises(InvalidArgument):
            await cache.path(tenant, wrong)


async def test_a_failure_leaves_nothing_and_the_next_try_succeeds(tmp_path: Path, objects: CountingObjects) -> None:
    cache = LocalTreeCache.open(tmp_path, objects)
    digest = await put_files(objects, "acme", {"a": b"1", "b": b"2"})
    objects.failing = True
    with pytest.raises(OSError, match="No space"):
        await cache.path("acme", digest)
    assert _left(tmp_path) == []
    assert not list(tmp_path.glob("acme/*"))
    objects.failing = False
    assert (Path(await cache.path("acme", digest)) / "b").read_bytes() == b"2"


async def test_what_a_killed_process_left_is_removed_and_what_a_living_one_builds_is_not(
    tmp_path: Path, objects: CountingObjects
) -> None:
    building = tmp_path / ".building"
    (building / "dead" / "sub").mkdir(parents=True)
    (building / "dead" / "sub" / "x").write_bytes(b"")
    (building / "dead" / "sub").chmod(0o500)
    (building / "dead.lock").write_bytes(b"")
    digest = await put_files(objects, "acme", {"a": b"1", "b": b"2"})
    cache = LocalTreeCache.open(tmp_path, objects)
    assert _left(tmp_path) == []
    busy = asyncio.create_task(cache.path("acme", digest))
    while not list(building.glob("*/a")):
        await asyncio.sleep(0)
    LocalTreeCache.open(tmp_path, objects)
    assert (Path(await busy) / "a").read_bytes() == b"1"


async def test_pruning_spares_what_is_named(tmp_path: Path, objects: CountingObjects) -> None:
    cache = LocalTreeCache.open(tmp_path, objects)
    keep, drop = [await put_files(objects, "acme", {"d/a": content}) for content in (b"1", b"2")]
    kept, dropped = await cache.path("acme", keep), await cache.path("acme", drop)
    other = await put_files(objects, "other", {"b": b"3"})
    theirs = await cache.path("other", other)
    assert await cache.prune((), 3600) == [], "all were asked for a moment ago"
    os.utime(dropped, (0, 0))
    assert await cache.path("acme", drop) == dropped
    assert await cache.prune((), 3600) == [], "and so was that one"
    assert await cache.prune([("acme", keep)], 0, tenant="acme") == [("acme", drop)]
    assert Path(theirs).is_dir()
    assert Path(kept).is_dir()
    assert not Path(dropped).exists()
    assert await cache.path("acme", drop) == dropped
    assert _left(tmp_path) == []


async def test_trees_of_links_take_no_room_of_their_own_and_stand_beside_copies(tmp_path: Path) -> None:
    objects = LocalObjectStore.open(tmp_path / "objects")
    digest = await put_files(objects, "acme", {"a": b"1" * 5000, "d/b": b"2" * 5000})
    linked, copied = (LocalTreeCache.open(tmp_path / "cache", objects, links=links) for links in (True, False))
    there, apart = Path(await linked.path("acme", digest)), Path(await copied.path("acme", digest))
    assert there != apart
    for name, content in (("a", b"1" * 5000), ("d/b", b"2" * 5000)):
        assert (there / name).read_bytes() == (apart / name).read_bytes() == content
        assert ((there / name).stat().st_nlink, (apart / name).stat().st_nlink) == (2, 1)
        assert (there / name).stat().st_mode & 0o777 == 0o400
    assert await linked.prune([("acme", digest)], 0) == []
    await objects.sweep("acme", frozenset(), -1)
    assert (there / "a").read_bytes() == b"1" * 5000, "who reads it is not disturbed"
    assert await linked.prune((), 0) == [("acme", digest)] * 2
    assert _left(tmp_path / "cache") == []


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_who_asks_for_a_tree_may_be_cancelled_at_every_await(tmp_path: Path, plan: Plan) -> None:
    threads, objects = LateThreads(), LocalObjectStore.open(tmp_path / "objects")
    files = {"a/x": b"1" * 3_000_000, "b": b"2"}
    digest = await put_files(objects, "acme", files)
    cache = LocalTreeCache.open(tmp_path / "cache", objects)

    async def ask(_number: int) -> None:
        await cache.path("acme", digest)

    async def check(_number: int, cancelled: bool) -> None:
        assert _left(tmp_path / "cache") == []
        built = list((tmp_path / "cache").glob("acme/*"))
        assert cancelled or built, "it is there when it was given"
        for directory in built:
            assert {name: (directory / name).read_bytes() for name in files} == files, "whole or not at all"

    async def reset() -> None:
        await cache.prune([], 0)

    assert await every_await(ask, plan, check, threads, reset) > 6
