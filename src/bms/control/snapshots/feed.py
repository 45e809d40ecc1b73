"""Feeds updates to one gateway: first everything, then what changed. A slow one gets several changes in one update."""

from collections.abc import Callable, Iterable

from bms.control.snapshots.state import SnapshotEntries
from bms.core.serving.snapshot import EntryName, SnapshotUpdate


class SnapshotFeed:
    """The feed of one connection. `applied` is called with the revision by which the gateway routes, `closed` at its
    end."""

    def __init__(
        self, state: SnapshotEntries, pepper: bytes, applied: Callable[[int], None], closed: Callable[[], None]
    ) -> None:
        self._state = state
        self._pepper = pepper
        self._begun = False
        self._changed: set[EntryName] = set()  # since the last update
        self.applied = applied
        self.close = closed

    async def next(self) -> SnapshotUpdate:
        """Waits for the next update."""
        while self._begun and not self._changed:
            await self._state.news()
        revision, entries = self._state.revision, self._state.entries
        changed, self._changed = self._changed, set()
        if not self._begun:
            self._begun = True
            return SnapshotUpdate(revision=revision, full=True, puts=tuple(entries.values()), pepper=self._pepper)
        puts = tuple(entries[name] for name in changed if name in entries)
        deletes = tuple(name for name in changed if name not in entries)
        return SnapshotUpdate(revision=revision, full=False, puts=puts, deletes=deletes)

    def changed(self, names: Iterable[EntryName]) -> None:
        """Adds these entries to the next update."""
        self._changed.update(names)
