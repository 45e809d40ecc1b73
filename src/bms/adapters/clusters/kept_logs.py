"""What workloads wrote: read from their own directories while those are there, afterwards from copies that are kept."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Collection
from pathlib import Path

from bms.adapters.clusters import log_files
from bms.adapters.clusters.records import check_id
from bms.core.clock import Clock

KEPT = 2 * 2**20  # bytes of a copy; of a longer log the last half of that
KEPT_S = 7 * 86_400.0
KEPT_OF_ALL = 2**30  # bytes; the oldest go first
_SUFFIX = ".log"
_log = logging.getLogger(__name__)


class KeptLogs:
    """`directory_of` is the cluster's; copies lie in `folder`, one for each workload, named by its id."""

    def __init__(self, folder: Path, directory_of: Callable[[str], str], clock: Clock) -> None:
        self._folder = folder
        self._directory_of = directory_of
        self._clock = clock

    @classmethod
    def open(cls, folder: Path, directory_of: Callable[[str], str], clock: Clock) -> "KeptLogs":
        """Makes the folder, and removes what was left half written. Blocking; call it at start-up."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for unfinished in folder.glob("*.new"):
            unfinished.unlink()
        return cls(folder, directory_of, clock)

    async def read(self, workload: str, offset: int, limit: int) -> tuple[bytes, int] | None:
        """Up to `limit` bytes from place `offset` on, and where to read on; None where there is no log (any more)."""
        return await asyncio.to_thread(self._read, workload, offset, limit)

    async def keep(self, workload: str) -> None:
        """Copies the log of one that has ended, before its directory goes. A full disk does not stand in the way of
        that: then the log is lost, and the platform's own log says so."""
        await asyncio.to_thread(self._keep, workload)

    async def drop(self, workloads: Collection[str]) -> None:
        await asyncio.to_thread(self._drop, [self._copy(workload) for workload in workloads])

    async def sweep(self) -> None:
        """Removes copies that are over a week old, and the oldest where all together are over 1 GiB."""
        await asyncio.to_thread(self._sweep)

    def _read(self, workload: str, offset: int, limit: int) -> tuple[bytes, int] | None:
        for path in (self._own(workload), self._copy(workload)):
            with contextlib.suppress(FileNotFoundError):
                return log_files.read(path, offset, limit)
        return None

    def _keep(self, workload: str) -> None:
        own, copy = self._own(workload), self._copy(workload)
        unfinished = copy.with_suffix(".new")
        try:
            log_files.trim(own, KEPT)
            content, end = log_files.read(own, 0, KEPT)
            if end:
                descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                unfinished.replace(copy)
        except FileNotFoundError:
            return
        except OSError as error:
            _log.error("the log of workload %s can't be kept: %s", workload, error)
            unfinished.unlink(missing_ok=True)

    def _drop(self, copies: list[Path]) -> None:
        for copy in copies:
            copy.unlink(missing_ok=True)

    def _sweep(self) -> None:
        oldest = self._clock.now().timestamp() - KEPT_S
        copies = []
        for copy in self._folder.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):  # dropped meanwhile
                found = copy.stat()
                copies.append((found.st_mtime, found.st_size, copy))
        room = KEPT_OF_ALL
        for changed, size, copy in sorted(copies, reverse=True):
            room -= size
            if room < 0 or changed < oldest:
                copy.unlink(missing_ok=True)

    def _own(self, workload: str) -> Path:
        return Path(self._directory_of(workload)) / log_files.NAMES[0]

    def _copy(self, workload: str) -> Path:
        return self._folder / f"{check_id(workload)}{_SUFFIX}"
