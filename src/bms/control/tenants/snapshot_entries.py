"""Builds the snapshot entries by which gateways check keys: one per live key."""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from bms.control.platform.transactions import Store
from bms.control.tenants import events as of_tenants
from bms.control.tenants.events import OfKey, OfUser
from bms.control.tenants.nouns import Key, User
from bms.control.tenants.ports import TenantsTx
from bms.core.clock import Clock
from bms.core.event_catalogue import Catalogue, UnreadableEvent
from bms.core.events import Recorded
from bms.core.serving.snapshot import Entry, EntryName, KeyEntry

log = logging.getLogger("bms.tenants")
_CATALOGUE = Catalogue([of_tenants])


class KeyEntries:
    """The source (`control.snapshots.sources`) of keys' entries."""

    kind = "key"

    def __init__(self, store: Store[TenantsTx], clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def entries(self, among: Collection[str] | None = None) -> list[Entry]:
        async with self._store.read() as tx:
            live = await tx.live_keys(among)
        now = self._clock.now()
        made = [key_entry(key, digest, user, now) for key, digest, user in live]
        return [entry for entry in made if entry is not None]

    async def changed(self, events: Sequence[Recorded], before: Mapping[EntryName, Entry]) -> Collection[str] | None:
        keys, users = set[str](), set[str]()
        try:
            for event in _CATALOGUE.read_among(events):
                match event.payload:
                    case OfKey():
                        keys.add(event.subject)
                    case OfUser():
                        users.add(event.subject)
        except UnreadableEvent as error:
            log.warning("every key is read again: %s", error.message)
            return None
        if users:
            async with self._store.read() as tx:
                keys |= {key.id for key, _, _ in await tx.live_keys((), users)}
            keys |= {entry.id for entry in before.values() if isinstance(entry, KeyEntry) and entry.user in users}
        return keys


def key_entry(key: Key, digest: bytes, user: User, now: datetime) -> KeyEntry | None:
    """The entry of a key; None for one that has expired. One that may not invoke inference has an entry, too, so that
    gateways know what to answer to it."""
    if key.expires_at is not None and key.expires_at <= now:
        return None
    return KeyEntry(
        id=key.id,
        tenant=key.tenant,
        user=user.id,
        role=user.role,
        scopes=key.scopes,
        digest=digest,
        expires_at=None if key.expires_at is None else round(key.expires_at.timestamp() * 1e9),
        rate_per_s=key.rate_per_s,
        burst=key.burst,
    )
