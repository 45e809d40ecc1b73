"""The snapshot as it should be, kept current by events, and a feed of updates for each connected gateway.

Only what events speak of is read again: one change costs as much among ten thousand deployments as alone.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from bms.control.deployments.adoption import Adoption
from bms.control.deployments.changes import Changes, changes_of
from bms.control.deployments.entries import Entries, EntryKey, deployment_entry, key_entry, key_of, shown_versions
from bms.control.deployments.ports import BulkCatalog, DeploymentsTx, Known
from bms.control.deployments.reading import Rows, in_parts
from bms.control.deployments.resolving import resolve
from bms.control.deployments.tokens import ReplicaTokens
from bms.control.models.nouns import Version, VersionFacts
from bms.control.platform.transactions import EventLog, Store
from bms.control.tenants.ports import TenantsTx
from bms.core.clock import Clock
from bms.core.errors import BmsError, NotFound
from bms.core.snapshot import DeploymentEntry, Entry, SnapshotUpdate
from bms.protocols.sharing import Sharing

log = logging.getLogger("bms.publisher")
COUNTER = "snapshot"
_RETRY_S = 0.2


class Publisher:
    """Revisions grow for ever: the number of this process's start above, a count below."""

    def __init__(
        self,
        tenants: Store[TenantsTx],
        deployments: Store[DeploymentsTx],
        catalog: BulkCatalog,
        events: EventLog,
        clock: Clock,
        pepper: bytes,
        tokens: ReplicaTokens,
    ) -> None:
        self._tenants = tenants
        self._deployments = deployments
        self._catalog = catalog
        self._events = events
        self._clock = clock
        self.pepper = pepper
        self._tokens = tokens
        self.adoption = Adoption(clock.monotonic())
        self._sharing = Sharing()
        self._entries: dict[EntryKey, Entry] = {}
        self._addresses: dict[EntryKey, frozenset[str]] = {}  # of entries that have replicas
        self._present: frozenset[str] = frozenset()
        self._feeds: dict[int, Feed] = {}
        self.revision = 0
        self.seen = 0  # number of the last event that the snapshot takes account of
        self._news = asyncio.Event()
        self._told = asyncio.Event()  # set, and replaced by another, when more may have been told to all gateways
        self._reading = asyncio.Lock()  # what was read first must not be published last
        self._connections = 0

    @property
    def entries(self) -> Entries:
        return self._entries

    async def start(self) -> None:
        """Reads everything; must have returned before a gateway is let in."""
        async with self._deployments.write() as tx:
            self.revision = await tx.raise_counter(COUNTER) << 32
        number = await self._events.last()  # before the state is read, so that nothing falls in between
        await self.refresh(keys=True, deployments=True)
        self.seen = number

    async def run(self) -> None:
        """Keeps current for ever; a change is published as soon as its event is committed."""
        while True:
            try:
                await self._events.wait(self.seen, 60.0)
                while batch := await self._events.since(self.seen):
                    async with self._reading:
                        await self._take(changes_of(event for _, event in batch))
                    self.seen = batch[-1][0]
                    self._ring_told()
            except BmsError as error:
                log.warning("the snapshot can't be brought up to date now: %s", error.message)
                await asyncio.sleep(_RETRY_S)

    async def refresh(self, *, keys: bool, deployments: bool) -> None:
        """Reads those parts anew and publishes what changed."""
        async with self._reading:
            await self._refresh(keys=keys, deployments=deployments)

    async def _refresh(self, *, keys: bool, deployments: bool) -> None:
        found: dict[EntryKey, Entry] = {}
        kinds: set[Literal["key", "deployment"]] = set()
        if keys:
            kinds.add("key")
            found |= await self._read_keys()
        if deployments:
            kinds.add("deployment")
            async with self._deployments.read() as tx:
                ids = await tx.active_ids()
            found |= {key_of(entry): entry for entry in await self._read_deployments(ids)}
        self._publish(found, [name for name in self._entries if name[0] in kinds and name not in found])

    async def _take(self, changes: Changes) -> None:
        """Reads again what may have changed, and publishes what did."""
        if changes.everything:
            await self._refresh(keys=True, deployments=True)
            return
        found: dict[EntryKey, Entry] = {}
        gone: list[EntryKey] = []
        if changes.keys or changes.users:
            found |= await self._read_keys(changes.keys, changes.users)
            asked: list[EntryKey] = [("key", id) for id in changes.keys]
            if changes.users:
                asked += [key for key, entry in self._entries.items() if _of_user(entry, changes.users)]
            gone += [key for key in asked if key not in found]
        if changes.deployments or changes.models:
            async with self._deployments.read() as tx:
                ids = await changes.affected(tx)
            found |= {key_of(entry): entry for entry in await self._read_deployments(ids)}
            gone += [("deployment", id) for id in ids if ("deployment", id) not in found]
        self._publish(found, gone)

    def _publish(self, found: Mapping[EntryKey, Entry], gone: Iterable[EntryKey]) -> None:
        """All at once, as far as it is news."""
        puts = {key: entry for key, entry in found.items() if self._entries.get(key) != entry}
        deletes = [key for key in gone if key in self._entries]
        if not puts and not deletes:
            return
        self._entries |= puts
        for key in deletes:
            del self._entries[key]
        self._note_addresses([*puts, *deletes])
        self.revision += 1
        self.adoption.published(self.revision, self._present, self._clock.monotonic())
        for feed in self._feeds.values():
            feed.changed(puts.keys(), deletes)
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _note_addresses(self, changed: Iterable[EntryKey]) -> None:
        before = {key: ids for key in changed if (ids := self._addresses.pop(key, None)) is not None}
        after = {key: ids for key in changed if (ids := _replicas(self._entries.get(key)))}
        self._addresses |= after
        if before != after:
            self._present = frozenset().union(*self._addresses.values())

    async def told(self, timeout_s: float) -> bool:
        """Returns when every connected gateway routes by all that is committed now; False when the time is up.

        So that who made a key can use it at once, and who revoked one knows it refused.
        """
        number = await self._events.last()
        try:
            async with asyncio.timeout(timeout_s):
                while self.seen < number or not self.adoption.all_applied(self.revision):
                    await self.acknowledged()
        except TimeoutError:
            return False
        return True

    async def acknowledged(self) -> None:
        """Returns when a gateway, or this snapshot itself, has become newer, or a gateway has gone."""
        await self._told.wait()

    def _ring_told(self) -> None:
        told, self._told = self._told, asyncio.Event()
        told.set()

    def connect(self) -> "Feed":
        """For one connection of a gateway; to be closed with it."""
        self._connections += 1
        self.adoption.connected(self._connections)
        feed = self._feeds[self._connections] = Feed(self, self._connections)
        return feed

    def released(self, replicas: Collection[str]) -> frozenset[str]:
        """Those of `replicas` that no gateway connected to this process sends to any more."""
        return self.adoption.released(replicas, self._clock.monotonic())

    def gone(self, connection: int) -> None:
        self._feeds.pop(connection, None)
        self.adoption.gone(connection, self._clock.monotonic())
        self._ring_told()

    def applied(self, connection: int, revision: int) -> None:
        """The gateway at the end of that connection routes by this revision now."""
        self.adoption.applied(connection, revision)
        self._ring_told()

    async def published(self, after: int) -> None:
        """Returns as soon as there is a revision over `after`."""
        while self.revision <= after:
            await self._news.wait()

    async def _read_keys(
        self, ids: Collection[str] | None = None, users: Collection[str] | None = None
    ) -> dict[EntryKey, Entry]:
        async with self._tenants.read() as tx:
            live = await tx.live_keys(ids, users)
        now = self._clock.now()
        made = [key_entry(key, digest, user, now) for key, digest, user in live]
        return {key_of(entry): entry for entry in made if entry is not None}

    async def _read_deployments(self, ids: list[str]) -> list[Entry]:
        entries: list[Entry] = []
        async for _, rows, known in in_parts(self._deployments, self._catalog, ids):
            for each in rows:
                entry = await _entry(each, known, self._tokens)
                if entry is not None:
                    entries.append(self._sharing.entry(entry))
        return entries


class Feed:
    """The updates for one gateway: first everything, then what changed. A slow one gets several changes in one step."""

    def __init__(self, publisher: Publisher, connection: int) -> None:
        self._publisher = publisher
        self._connection = connection
        self._begun = False
        self._changed: set[EntryKey] = set()  # since the last update
        self._revision = 0

    async def next(self) -> SnapshotUpdate:
        """The next update, as soon as there is one."""
        publisher = self._publisher
        await publisher.published(self._revision)
        self._revision, entries = publisher.revision, publisher.entries
        changed, self._changed = self._changed, set()
        if not self._begun:
            self._begun = True
            everything = tuple(entries.values())
            return SnapshotUpdate(revision=self._revision, full=True, puts=everything, pepper=publisher.pepper)
        puts = tuple(entries[key] for key in changed if key in entries)
        deletes = tuple(key for key in changed if key not in entries)
        return SnapshotUpdate(revision=self._revision, full=False, puts=puts, deletes=deletes)

    def changed(self, puts: Iterable[EntryKey], deletes: Iterable[EntryKey]) -> None:
        """The gateway is to hear of these."""
        self._changed.update(puts, deletes)

    def applied(self, revision: int) -> None:
        """The gateway routes by this revision now."""
        self._publisher.applied(self._connection, revision)

    def close(self) -> None:
        self._publisher.gone(self._connection)


async def _entry(rows: Rows, known: Known, tokens: ReplicaTokens) -> DeploymentEntry | None:
    deployment, route = rows.deployment, rows.route
    desired = await resolve(deployment, rows.revision, known)
    versions: dict[int, Version | VersionFacts] = {}
    for number in shown_versions(desired, route):
        try:
            versions[number] = await known.version(deployment.tenant, deployment.spec.model, number)
        except NotFound:
            continue
    return deployment_entry(deployment, desired, route, rows.replicas, versions, tokens.of)


def _of_user(entry: Entry, users: Collection[str]) -> bool:
    return not isinstance(entry, DeploymentEntry) and entry.user in users


def _replicas(entry: Entry | None) -> frozenset[str]:
    if not isinstance(entry, DeploymentEntry):
        return frozenset()
    return frozenset(replica.id for version in entry.versions for replica in version.replicas)
