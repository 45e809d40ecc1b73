"""Cuts a large snapshot update into messages and joins them again, so that neither end is busy with it for long at a
time."""

from collections.abc import Iterator

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import SnapshotUpdate
from bms.protocols.snapshots.sharing import Sharing

PART = 50  # entries: at ten versions each, about a millisecond's work


def parts_of(update: SnapshotUpdate) -> Iterator[SnapshotUpdate]:
    """Cuts an update into messages of at most PART puts each."""
    if len(update.puts) <= PART:
        yield update
        return
    for start in range(0, len(update.puts), PART):
        first, last = start == 0, start + PART >= len(update.puts)
        yield SnapshotUpdate(
            revision=update.revision,
            full=update.full,
            puts=update.puts[start : start + PART],
            deletes=update.deletes if first else (),
            pepper=update.pepper if first else b"",
            more=not last,
        )


class PartsReader:
    """Joins the parts; equal members of their entries become one object."""

    def __init__(self) -> None:
        self._parts: list[SnapshotUpdate] = []
        self._sharing = Sharing()

    def feed(self, part: SnapshotUpdate) -> SnapshotUpdate | None:
        """Returns the whole update with its last part, None before. Raises InvalidArgument for parts of different
        ones."""
        if self._parts and (part.revision, part.full) != (self._parts[0].revision, self._parts[0].full):
            raise InvalidArgument(f"a part of update {part.revision} comes among those of {self._parts[0].revision}")
        entries = tuple([self._sharing.entry(entry) for entry in part.puts])
        self._parts.append(msgspec.structs.replace(part, puts=entries))
        if part.more:
            return None
        parts, self._parts = self._parts, []
        puts = tuple([entry for each in parts for entry in each.puts])
        return msgspec.structs.replace(parts[0], puts=puts, more=False)
