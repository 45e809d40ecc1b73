"""Control and gateways as processes: started, adopted, watched, signalled."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bms.adapters.clusters.resources import processes
from bms.adapters.clusters.resources.processes import ProcessIdentity
from bms.app.home.directory import write_private
from bms.app.supervisor.log_files import open_log


class ServiceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record of a living service, for the next supervisor. `started_at` is Unix time in seconds."""

    name: str
    pid: int
    start_ticks: int
    started_at: float


@dataclass(frozen=True)
class Service:
    """A service to start: `program` is the interpreter's arguments, `config` is written to `config_path` for it."""

    name: str
    program: tuple[str, ...]
    config: dict[str, object]
    config_path: Path
    log: Path
    fds: tuple[int, ...] = ()


@dataclass
class Child:
    """One process of a service. `process` is None for one that another supervisor started."""

    identity: ProcessIdentity
    pidfd: int
    started_at: float
    process: subprocess.Popen[bytes] | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self) -> None:
        """Sets `gone` when the process ends, from now on; call once, on the event loop."""
        asyncio.get_running_loop().add_reader(self.pidfd, self._ended)

    def send(self, number: signal.Signals) -> None:
        """Signals exactly this process; does nothing when it is gone."""
        if not self.gone.is_set():
            processes.send(self.identity, number)

    def status(self) -> int | None:
        """The exit status: minus the signal's number where one ended it, None for an adopted process."""
        return None if self.process is None else self.process.wait()

    def record(self, name: str) -> ServiceRecord:
        pid, ticks = self.identity
        return ServiceRecord(name=name, pid=pid, start_ticks=ticks, started_at=self.started_at)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self.pidfd)
        os.close(self.pidfd)
        self.gone.set()


def start(service: Service, environment: dict[str, str], directory: Path) -> Child:
    """Starts the service in a session of its own, so that neither Ctrl-C nor our end reaches it. Raises OSError."""
    write_private(service.config_path, msgspec.json.encode(service.config))
    log = open_log(service.log)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", *service.program, str(service.config_path)],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=service.fds,
            start_new_session=True,
            umask=0o077,  # SQLite and libraries make files with what this leaves
        )
    finally:
        os.close(log)
    pidfd = os.pidfd_open(process.pid)
    seen = processes.read(process.pid)
    assert seen is not None  # a child of ours stays visible until it is waited for
    return Child(seen.identity, pidfd, time.time(), process)


def adopt(record: ServiceRecord) -> Child | None:
    """Adopts the process of the record, if it still lives."""
    identity = ProcessIdentity(record.pid, record.start_ticks)
    pidfd = processes.open_pidfd(identity)
    if pidfd is None:
        return None
    seen = processes.read(record.pid)
    if seen is None or not seen.alive:
        os.close(pidfd)
        return None
    return Child(identity, pidfd, record.started_at)
