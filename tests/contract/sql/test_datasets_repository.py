"""The datasets repository keeps its contract on both databases."""

import asyncio

import msgspec
import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.datasets import SqlDatasets
from bms.adapters.sql.store import SqlStore
from bms.control.datasets.nouns import Dataset, DatasetVersion, ImportRequest, Source, Split
from bms.core.clock import ManualClock
from bms.core.errors import Aborted, AlreadyExists
from bms.core.latest import Newest
from bms.core.pages import PageRequest, decode_cursor
from tests.worlds.jobs import add_tenant

Datasets = SqlStore[SqlDatasets]
REQUEST = ImportRequest(source=Source(tree="sha256:s", format="csv"), label="class", split={"train": 1.0}, seed=2**62)


@pytest.fixture
async def store(database: Database, clock: ManualClock) -> Datasets:
    await add_tenant(database, clock)
    await add_tenant(database, clock, "other")
    return SqlStore(database, SqlDatasets)


def version(clock: ManualClock, number: int, **fields: object) -> DatasetVersion:
    given: dict[str, object] = {
        "id": f"v{number}",
        "tenant": "acme",
        "dataset": "digits",
        "state": "importing",
        "request": REQUEST,
        **fields,
    }
    return DatasetVersion(number=number, created_at=clock.now(), created_by="ann", **given)  # type: ignore[arg-type]


async def test_nouns_come_back_as_they_were_stored(store: Datasets, clock: ManualClock) -> None:
    made = Dataset(id="d1", tenant="acme", name="digits", description="handwritten", created_at=clock.now())
    full = version(
        clock,
        1,
        state="ready",
        job="job_1",
        tree="sha256:t",
        size=2**40,
        splits={"train": Split(rows=3, files=("train-0.tfrecord",))},
        labels=("0", "1"),
    )
    async with store.write() as tx:
        await tx.add_dataset(made)
        await tx.add_version(full)
    async with store.read() as tx:
        assert await tx.dataset("acme", "digits") == made
        assert await tx.version("acme", "digits", 1) == full
        assert await tx.version_by_id("acme", full.id) == full
        assert await tx.newest_ready("acme", "digits") == full
        assert await tx.trees("acme") == {"sha256:t", "sha256:s"}


async def test_another_tenant_sees_nothing_and_may_use_the_same_name(store: Datasets, clock: ManualClock) -> None:
    for tenant in ("acme", "other"):
        async with store.write() as tx:
            await tx.add_dataset(
                Dataset(id=tenant, tenant=tenant, name="digits", description="", created_at=clock.now())
            )
            await tx.add_version(version(clock, 1, id=tenant, tenant=tenant))
    async with store.read() as tx:
        assert await tx.version_by_id("other", "acme") is None
        assert [found.id for found in (await tx.datasets("other", PageRequest())).items] == ["other"]
        assert [found.id for found in (await tx.versions("acme", "digits", PageRequest())).items] == ["acme"]
        found = await tx.version("other", "digits", 1)
        assert found is not None
        assert found.id == "other"
        assert await tx.newest_ready("acme", "digits") is None
        assert await tx.newest("acme", ["digits", "absent"]) == {"digits": Newest(number=1, state="importing")}
        assert await tx.trees("nobody") == frozenset()


async def test_names_and_numbers_are_used_once(store: Datasets, clock: ManualClock) -> None:
    made = Dataset(id="d1", tenant="acme", name="digits", description="", created_at=clock.now())
    async with store.write() as tx:
        await tx.add_dataset(made)
        await tx.add_version(version(clock, 1))
        with pytest.raises(AlreadyExists, match="'digits'"):
            await tx.add_dataset(msgspec.structs.replace(made, id="d2"))
        with pytest.raises(AlreadyExists, match="digits@1"):
            await tx.add_version(version(clock, 1, id="again"))


async def test_versions_made_at_once_get_different_numbers(store: Datasets, clock: ManualClock) -> None:
    async with store.write() as tx:
        await tx.add_dataset(Dataset(id="d1", tenant="acme", name="digits", description="", created_at=clock.now()))

    async def make(index: int) -> int:
        async with store.write() as tx:
            number = await tx.next_number("acme", "digits")
            await tx.add_version(version(clock, number, id=f"v{index}"))
        return number

    assert sorted(await asyncio.gather(*(make(index) for index in range(6)))) == [1, 2, 3, 4, 5, 6]


async def test_the_newest_ready_version_is_not_the_newest(store: Datasets, clock: ManualClock) -> None:
    async with store.write() as tx:
        for number, state in enumerate(("ready", "ready", "failed", "importing"), 1):
            await tx.add_version(version(clock, number, state=state))
    async with store.read() as tx:
        newest = await tx.newest_ready("acme", "digits")
    assert newest is not None
    assert newest.number == 2


async def test_saving_over_a_newer_revision_is_aborted(store: Datasets, clock: ManualClock) -> None:
    old = version(clock, 1)
    async with store.write() as tx:
        await tx.add_version(old)
        assert (await tx.save_version(old)).revision == 2
        with pytest.raises(Aborted):
            await tx.save_version(old)


async def test_pages_join_newest_first(store: Datasets, clock: ManualClock) -> None:
    async with store.write() as tx:
        for number in range(1, 13):
            await tx.add_version(version(clock, number))
    seen, after = [], None
    while True:
        async with store.read() as tx:
            page = await tx.versions("acme", "digits", PageRequest(limit=5, after=after))
        seen += [found.number for found in page.items]
        if page.next is None:
            break
        after = decode_cursor(page.next)
    assert seen == list(range(12, 0, -1))
