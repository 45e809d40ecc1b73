"""A feature that has something to tell gateways adds a source: publisher, feeds and gateways stay as they are."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import msgspec
import pytest

from bms.adapters.sql.database.engine import Database
from bms.control.snapshots.feed import SnapshotFeed
from bms.control.snapshots.publisher import Publisher
from bms.control.tenants.snapshot_entries import KeyEntries
from bms.core.clock import ManualClock
from bms.core.events import Event, Payload, Recorded
from bms.core.serving.snapshot import Entry, EntryName, KeyEntry, SnapshotUpdate
from bms.protocols import bus
from bms.protocols.lengths import LENGTH
from bms.serving.traffic.snapshot_index import SnapshotIndex
from tests.worlds.deployments import PEPPER, Deployed, ObedientCluster, principal

BY = principal()


class QuotaEntry(msgspec.Struct, frozen=True, kw_only=True, tag="quota"):
    """A third kind, which no gateway knows."""

    id: str
    tenant: str
    limit: int


class QuotaChanged(Payload, frozen=True, kw_only=True):
    """The limit of a tenant was moved; the subject is the tenant."""

    EVENT = "quota.changed"


class Quotas:
    """The third source: limits by tenant."""

    kind = "quota"

    def __init__(self) -> None:
        self.limits: dict[str, int] = {}
        self.read: list[Collection[str] | None] = []

    async def entries(self, among: Collection[str] | None = None) -> list[Entry]:
        self.read.append(among)
        made = [QuotaEntry(id=id, tenant=id, limit=limit) for id, limit in self.limits.items()]
        return [entry for entry in made if among is None or entry.id in among]  # type: ignore[misc]

    async def changed(self, events: Sequence[Recorded], told: Mapping[EntryName, Entry]) -> Collection[str] | None:
        return (
            None
            if any(event.version > 1 for event in events)
            else {event.subject for event in events if event.name == QuotaChanged.EVENT}
        )


class Platform:
    """A publisher of three kinds over a real store, running."""

    def __init__(self, deployed: Deployed) -> None:
        self.deployed = deployed
        self.quotas = Quotas()
        sources = (*deployed.sources, self.quotas)
        self.publisher = Publisher(sources, deployed.events, deployed.clock, PEPPER, deployed.others)

    async def limit(self, tenant: str, limit: int | None) -> None:
        if limit is None:
            del self.quotas.limits[tenant]
        else:
            self.quotas.limits[tenant] = limit
        async with self.deployed.store.write() as tx:
            at = self.deployed.clock.now()
            await tx.emit(Event(payload=QuotaChanged(), tenant=tenant, subject=tenant, actor="ann", at=at))


@pytest.fixture
async def platform(sqlite: Database, clock: ManualClock) -> AsyncIterator[Platform]:
    platform = Platform(await Deployed(sqlite, clock, ObedientCluster(clock)).start())
    platform.quotas.limits["default"] = 5
    await platform.publisher.start()
    task = asyncio.create_task(platform.publisher.run())
    yield platform
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _next(feed: SnapshotFeed) -> SnapshotUpdate:
    async with asyncio.timeout(20):
        return await feed.next()


async def test_entries_of_a_third_source_reach_a_feed_when_its_events_say_so(platform: Platform) -> None:
    feed = platform.publisher.connect()
    first = await _next(feed)
    assert [entry for entry in first.puts if not isinstance(entry, KeyEntry)] == [
        QuotaEntry(id="default", tenant="default", limit=5)
    ]
    await platform.limit("default", 7)
    assert (await _next(feed)).puts == (QuotaEntry(id="default", tenant="default", limit=7),)
    await platform.limit("default", None)
    update = await _next(feed)
    assert (update.puts, update.deletes) == ((), (("quota", "default"),))
    assert platform.quotas.read == [None, {"default"}, {"default"}]


async def test_a_source_is_not_asked_for_entries_that_no_event_speaks_of(platform: Platform) -> None:
    feed = platform.publisher.connect()
    await _next(feed)
    made = await platform.deployed.tenants.create_key(BY, "k", user="admin")
    assert [entry.id for entry in (await _next(feed)).puts] == [made.key.id]
    assert platform.quotas.read == [None]


async def test_a_gateway_that_does_not_know_the_kind_routes_by_the_others_and_acknowledges(platform: Platform) -> None:
    feed = platform.publisher.connect()
    index = SnapshotIndex()
    made = await platform.deployed.tenants.create_key(BY, "k", user="admin")
    await platform.limit("other", 9)
    number = await platform.deployed.events.last()
    while index.revision < number:
        update = bus.to_gateway.decode(bus.encode(await _next(feed))[LENGTH.size :])
        assert isinstance(update, SnapshotUpdate)
        index = index.apply(update)
        feed.applied(update.revision)
    assert made.key.id in index.keys
    assert {type(entry) for entry in index.state().entries} == {KeyEntry}
    assert await platform.publisher.wait_applied(20)


async def test_a_source_that_cannot_read_an_event_reads_its_entries_alone_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = platform.publisher.connect()
    before = {entry.id for entry in (await _next(feed)).puts}
    platform.quotas.limits = {"other": 1}  # whose event nobody here can read
    monkeypatch.setattr(QuotaChanged, "VERSION", 2)
    async with platform.deployed.store.write() as tx:
        at = platform.deployed.clock.now()
        await tx.emit(Event(payload=QuotaChanged(), tenant="t", subject="t", actor="ann", at=at))
    update = await _next(feed)
    assert ([entry.id for entry in update.puts], update.deletes) == (["other"], (("quota", "default"),))
    assert "default" in before


async def test_two_sources_of_one_kind_do_not_start(sqlite: Database, clock: ManualClock) -> None:
    deployed = Deployed(sqlite, clock, ObedientCluster(clock))
    keys = KeyEntries(deployed.tenant_store, clock)
    with pytest.raises(TypeError, match="every kind of entry has one source, but these have: key, key"):
        Publisher([keys, keys], deployed.events, clock, PEPPER, deployed.others)


async def test_the_source_of_keys_finds_those_of_a_user_who_is_let_in_again(platform: Platform) -> None:
    deployed = platform.deployed
    source = deployed.sources[0]
    await deployed.tenants.create_user(BY, "dev", "developer")
    key = await deployed.tenants.create_key(BY, "k", user="dev")
    await deployed.tenants.change_user(BY, "dev", role=None, disabled=True)
    assert key.key.id not in {entry.id for entry in await source.entries()}
    number = await deployed.events.last()
    await deployed.tenants.change_user(BY, "dev", role=None, disabled=False)
    news = [event for _, event in await deployed.events.since(number)]
    assert await source.changed(news, {}) == {key.key.id}
    assert [entry.id for entry in await source.entries({key.key.id})] == [key.key.id]


async def test_the_source_of_keys_reads_all_after_an_event_that_it_cannot_read(platform: Platform) -> None:
    deployed = platform.deployed
    number = await deployed.events.last()
    await deployed.tenants.create_key(BY, "k", user="admin")
    news = [event for _, event in await deployed.events.since(number)]
    newer = [msgspec.structs.replace(event, version=99) for event in news]
    assert await deployed.sources[0].changed(newer, {}) is None
