"""Records of workloads on disk, so that a restarted control knows what runs."""

import contextlib
import logging
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Literal

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.workloads.devices import DeviceShare
from bms.core.workloads.workload import WorkloadSpec, WorkloadStatus

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_log = logging.getLogger(__name__)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one workload.

    `starting` is written before its process exists, `running` before the process may run the program, so a
    process that passed its gate always has a record that names it. `start_ticks` and `boot` tell the process
    from a later one of the same pid. Those that former releases wrote can be read: their specs have paths beside, and
    neither environment nor trees.
    """

    spec: WorkloadSpec
    state: Literal["starting", "running", "ended"]
    pid: int = 0
    start_ticks: int = 0
    boot: str = ""
    started_at: int = 0  # Unix nanoseconds
    ended_at: int | None = None
    exit_code: int | None = None
    verdict: str = ""
    platform_stopped: bool = False  # whoever stopped the platform ended it, while nobody else could see that
    cores: tuple[int, ...] = ()
    shares: tuple[DeviceShare, ...] = ()  # of GPUs
    memory: int = 0
    cpu_ns: int = 0

    def status(self, node: str, endpoint: str) -> WorkloadStatus:
        return WorkloadStatus(
            id=self.spec.id,
            kind=self.spec.kind,
            tenant=self.spec.tenant,
            owner=self.spec.owner,
            epoch=self.spec.epoch,
            state="ended" if self.state == "ended" else "running",
            started_at=self.started_at,
            node=node,
            endpoint=endpoint,
            exit_code=self.exit_code,
            verdict=self.verdict,
            platform_stopped=self.platform_stopped,
            memory=self.memory,
            cpu_ns=self.cpu_ns,
            gpus=tuple(share.uuid for share in self.shares),
        )


def check_id(workload: str) -> str:
    """Checks that `workload` may become a file's name, and returns it. Raises InvalidArgument."""
    if not _ID.fullmatch(workload):
        raise InvalidArgument(f"workload id {workload[:80]!r} is not valid: use 1 to 64 letters, digits, '_' or '-'")
    return workload


class Records:
    """The records of one folder, as files `<id>.json`, each written atomically."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for unfinished in self._folder.glob("*.json.new"):
            unfinished.unlink()

    def save(self, record: Record) -> None:
        """Writes a record; durable when it returns: temporary file, fsync, rename, fsync of the folder."""
        target = self._folder / f"{check_id(record.spec.id)}.json"
        unfinished = target.with_name(target.name + ".new")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, msgspec.json.encode(record))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.replace(target)
        self._sync()

    def stopped_with_platform(self, workloads: Collection[str]) -> None:
        """Marks the running ones as stopped with the platform, for the control that starts next."""
        for record in self.load():
            if record.state == "running" and record.spec.id in workloads:
                self.save(msgspec.structs.replace(record, platform_stopped=True))

    def remove(self, workload: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self._folder / f"{check_id(workload)}.json").unlink()
            self._sync()

    def load(self) -> list[Record]:
        """Reads all records. One that can't be read is renamed to `.unreadable` and logged: one bad file must not keep
        the platform from starting."""
        records = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                records.append(msgspec.json.decode(path.read_bytes(), type=Record))
            except msgspec.DecodeError as error:
                _log.error("workload record %s can't be read (%s); it is kept as %s.unreadable", path, error, path.name)
                path.replace(path.with_name(path.name + ".unreadable"))
        return records

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
