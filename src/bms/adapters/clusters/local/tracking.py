"""The in-memory state of a workload, while it runs and until it is forgotten."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from bms.adapters.clusters.local.records import Record
from bms.adapters.clusters.resources.processes import ProcessIdentity
from bms.adapters.clusters.resources.resource_watcher import Watched


@dataclass(eq=False)
class Tracked:
    """A workload in memory. `record` is newer than its file in what the watch fills in; `pidfd` is of its leader while
    that runs."""

    record: Record
    pidfd: int | None
    known: frozenset[ProcessIdentity] = frozenset()
    verdict: str = ""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    _watched: Watched | None = None

    @property
    def id(self) -> str:
        return self.record.spec.id

    @property
    def leader(self) -> ProcessIdentity:
        return ProcessIdentity(self.record.pid, self.record.start_ticks)

    def watched(self, directory: str) -> Watched:
        """The same object until a workload begins or ends: it is asked for at every look."""
        if self._watched is None or self._watched.known is not self.known:
            self._watched = Watched(self.id, self.leader, self.known, self.record.spec.resources, Path(directory))
        return self._watched
