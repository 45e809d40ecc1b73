"""The snapshot as it should be, kept current by events, and a feed of updates for each connected gateway."""

import asyncio
import logging
from collections.abc import Collection

from bms.control.deployments.adoption import Adoption
from bms.control.deployments.catalog import RememberingCatalog
from bms.control.deployments.entries import (
    Entries,
    EntryKey,
    deployment_entry,
    difference,
    key_entry,
    key_of,
    shown_versions,
)
from bms.control.deployments.ports import DeploymentsTx
from bms.control.deployments.reading import read_active
from bms.control.deployments.resolving import resolve
from bms.control.models.nouns import Version
from bms.control.platform.transactions import EventLog, Store
from bms.control.tenants.ports import TenantsTx
from bms.core.clock import Clock
from bms.core.errors import BmsError, NotFound
from bms.core.snapshot import DeploymentEntry, Entry, SnapshotUpdate

log = logging.getLogger("bms.publisher")
COUNTER = "snapshot"
_KEYS = ("key.", "user.", "tenant.")
_DEPLOYMENTS = ("deployment.", "replica.", "alias.", "version.", "model.")
_RETRY_S = 0.2
_LOOK_S = 0.005  # how often it is looked whether all gateways were told


class Publisher:
    """Revisions grow for ever: the number of this process's start above, a count below."""

    def __init__(
        self,
        tenants: Store[TenantsTx],
        deployments: Store[DeploymentsTx],
        catalog: RememberingCatalog,
        events: EventLog,
        clock: Clock,
        pepper: bytes,
    ) -> None:
        self._tenants = tenants
        self._deployments = deployments
        self._catalog = catalog
        self._events = events
        self._clock = clock
        self.pepper = pepper
        self.adoption = Adoption(clock.monotonic())
        self._keys: Entries = {}
        self._served: Entries = {}
        self.entries: Entries = {}
        self.revision = 0
        self.seen = 0  # number of the last event that the snapshot takes account of
        self._news = asyncio.Event()
        self._connections = 0

    async def start(self) -> None:
        """Reads everything; must have returned before a gateway is let in."""
        async with self._deployments.write() as tx:
            self.revision = await tx.raise_counter(COUNTER) << 32
        await self.refresh(keys=True, deployments=True)

    async def run(self) -> None:
        """Keeps current for ever; a change is published as soon as its event is committed."""
        number = await self._position()
        keys = deployments = True
        while True:
            try:
                await self.refresh(keys=keys, deployments=deployments)
                self.seen = number
                keys = deployments = False
                await self._events.wait(number, 60.0)
                for at, event in await self._events.since(number):
                    number = at
                    keys |= event.name.startswith(_KEYS)
                    deployments |= event.name.startswith(_DEPLOYMENTS)
            except BmsError as error:
                log.warning("the snapshot can't be brought up to date now: %s", error.message)
                await asyncio.sleep(_RETRY_S)

    async def refresh(self, *, keys: bool, deployments: bool) -> None:
        """Reads those parts anew and publishes what changed."""
        if keys:
            self._keys = await self._read_keys()
        if deployments:
            self._served = await self._read_deployments()
        if not (keys or deployments):
            return
        entries = {**self._keys, **self._served}
        puts, deletes = difference(self.entries, entries)
        if not puts and not deletes:
            return
        self.entries = entries
        self.revision += 1
        self.adoption.published(self.revision, _addresses(self._served), self._clock.monotonic())
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def told(self, timeout_s: float) -> bool:
        """Returns when every connected gateway routes by all that is committed now; False when the time is up.

        So that who made a key can use it at once, and who revoked one knows it refused.
        """
        number = await self._events.last()
        give_up = self._clock.monotonic() + timeout_s
        while self.seen < number or not self.adoption.all_applied(self.revision):
            if self._clock.monotonic() > give_up:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    def connect(self) -> "Feed":
        """For one connection of a gateway; to be closed with it."""
        self._connections += 1
        self.adoption.connected(self._connections)
        return Feed(self, self._connections)

    def released(self, replicas: Collection[str]) -> frozenset[str]:
        """Those of `replicas` that no gateway connected to this process sends to any more."""
        return self.adoption.released(replicas, self._clock.monotonic())

    def gone(self, connection: int) -> None:
        self.adoption.gone(connection, self._clock.monotonic())

    async def published(self, after: int) -> None:
        """Returns as soon as there is a revision over `after`."""
        while self.revision <= after:
            await self._news.wait()

    async def _position(self) -> int:
        """Taken before the state is read, so that nothing falls in between."""
        while True:
            try:
                return await self._events.last()
            except BmsError as error:
                log.warning("the events can't be read now: %s", error.message)
                await asyncio.sleep(_RETRY_S)

    async def _read_keys(self) -> dict[EntryKey, Entry]:
        async with self._tenants.read() as tx:
            found = await tx.live_keys()
        now = self._clock.now()
        made = [key_entry(key, digest, user, now) for key, digest, user in found]
        return {key_of(entry): entry for entry in made if entry is not None}

    async def _read_deployments(self) -> dict[EntryKey, Entry]:
        async with self._deployments.read() as tx:
            active = await read_active(tx)
        await self._catalog.refresh()
        entries: dict[EntryKey, Entry] = {}
        for rows in active:
            deployment, route = rows.deployment, rows.route
            desired = await resolve(deployment, rows.revision, self._catalog)
            versions = {
                number: version
                for number in shown_versions(desired, route)
                if (version := await self._version(deployment.tenant, deployment.spec.model, number)) is not None
            }
            entry = deployment_entry(deployment, desired, route, rows.replicas, versions)
            if entry is not None:
                entries[key_of(entry)] = entry
        return entries

    async def _version(self, tenant: str, model: str, number: int) -> Version | None:
        try:
            return await self._catalog.version(tenant, model, number)
        except NotFound:
            return None


class Feed:
    """The updates for one gateway: first everything, then what changed. A slow one gets several changes in one step."""

    def __init__(self, publisher: Publisher, connection: int) -> None:
        self._publisher = publisher
        self._connection = connection
        self._sent: Entries | None = None
        self._revision = 0

    async def next(self) -> SnapshotUpdate:
        """The next update, as soon as there is one."""
        await self._publisher.published(self._revision)
        before, self._sent, self._revision = self._sent, self._publisher.entries, self._publisher.revision
        if before is None:
            everything = tuple(self._sent.values())
            return SnapshotUpdate(revision=self._revision, full=True, puts=everything, pepper=self._publisher.pepper)
        puts, deletes = difference(before, self._sent)
        return SnapshotUpdate(revision=self._revision, full=False, puts=puts, deletes=deletes)

    def applied(self, revision: int) -> None:
        """The gateway routes by this revision now."""
        self._publisher.adoption.applied(self._connection, revision)

    def close(self) -> None:
        self._publisher.gone(self._connection)


def _addresses(entries: Entries) -> frozenset[str]:
    return frozenset(
        replica.id
        for entry in entries.values()
        if isinstance(entry, DeploymentEntry)
        for version in entry.versions
        for replica in version.replicas
    )
