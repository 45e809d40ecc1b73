"""The snapshot's entries, and the number of the last event that they take account of."""

import asyncio
from collections.abc import Iterable

from bms.control.snapshots.sources import Entries
from bms.core.serving.snapshot import Entry, EntryName, name_of


class SnapshotEntries:
    """The entries as gateways are to have them. `last_event` is the number of the last event that was taken account of;
    `revision` is what `last_event` was when the entries last changed. So a revision means the same in every process,
    and gateways that have come to one know all before it."""

    def __init__(self) -> None:
        self._entries: dict[EntryName, Entry] = {}
        self.last_event = 0
        self.revision = 0
        self._news = asyncio.Event()

    @property
    def entries(self) -> Entries:
        return self._entries

    def change(self, found: Iterable[Entry], gone: Iterable[EntryName], number: int) -> frozenset[EntryName]:
        """Applies everything up to event `number`, all at once; returns the names of the entries that differ."""
        puts = {name: entry for entry in found if self._entries.get(name := name_of(entry)) != entry}
        deletes = [name for name in gone if name in self._entries]
        self._entries |= puts
        for name in deletes:
            del self._entries[name]
        self.last_event = max(self.last_event, number)
        changed = frozenset(puts).union(deletes)
        if changed:
            self.revision = self.last_event
            news, self._news = self._news, asyncio.Event()
            news.set()
        return changed

    async def news(self) -> None:
        """Waits until entries have changed again."""
        await self._news.wait()
