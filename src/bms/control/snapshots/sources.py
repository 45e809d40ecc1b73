"""The port of the snapshot's sources: each feature that has something for gateways provides entries of one kind."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from bms.core.events import Recorded
from bms.core.serving.snapshot import Entry, EntryName

Entries = Mapping[EntryName, Entry]


class EntrySource(Protocol):
    """A feature's source of entries.

    1. `kind` is the tag of its entries' class, and no other source's. Each entry carries its tenant.
    2. A change that may make an entry another one is committed with an event, from which `changed` finds the entry.
    3. Neither method changes anything; both raise Unavailable when the store does not answer, and are asked again.
    """

    @property
    def kind(self) -> str: ...

    async def entries(self, among: Collection[str] | None = None) -> list[Entry]:
        """The entries that gateways are to have now: all, or those of these ids: the others of these are to be
        removed."""
        ...

    async def changed(self, events: Sequence[Recorded], before: Entries) -> Collection[str] | None:
        """Ids of the entries that these events may have changed, made, or ended. Too many are harmless, too few are
        not. None, which is all, after an event that the feature can't read. `before` are the entries until now, of all
        kinds."""
        ...
