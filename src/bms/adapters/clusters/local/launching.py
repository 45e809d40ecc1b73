"""Starts a workload's process: recorded, started up to its gate, limited, recorded again, released."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from bms.adapters.clusters.isolation import bootstrap
from bms.adapters.clusters.isolation.capabilities import IsolationMeans
from bms.adapters.clusters.isolation.cgroups import ControlGroups
from bms.adapters.clusters.local import directories
from bms.adapters.clusters.local import mounts as places
from bms.adapters.clusters.local import sandbox_plan as enclosing
from bms.adapters.clusters.local.records import Record, Records
from bms.adapters.clusters.local.workload_inputs import ResolvedInputs
from bms.adapters.clusters.log_files import WORKLOAD_LOG
from bms.adapters.clusters.resources import devices, limits, processes
from bms.adapters.clusters.resources.variables import environment_variables
from bms.control.platform.clusters import MAX_SEALED
from bms.core.errors import FailedPrecondition, ResourceExhausted
from bms.core.workloads.devices import Device
from bms.core.workloads.programs import Places

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})


class ProcessLauncher:
    """Starts processes so that a crash at any instant leaves neither a double start nor an unrecorded process.

    The record says `starting` before there is a process, and `running`, with the process's identity, before the
    process passes its gate. Whoever dies in between closes the gate's pipe, and the process ends by itself.
    """

    def __init__(self, records: Records, slim_path: str, home: Path, run_dir: Path, home_mark: str) -> None:
        self._records = records
        self._slim_path = slim_path
        self._hidden = (home, run_dir)
        self._home_mark = home_mark
        self._boot = processes.boot_id()
        self.means = IsolationMeans()  # until the machine was asked: nothing but what needs no asking
        self.groups = ControlGroups({}, home_mark)

    def launch(
        self, record: Record, supplied: ResolvedInputs, own: Places, gpus: Iterable[Device] = (), sealed: bytes = b""
    ) -> tuple[Record, int]:
        """Starts a workload, and returns its record with the process, and the process's pidfd; its directory and that
        of its socket are made, `sealed` waits in the process's standard input. Blocks for several fsyncs.

        Raises FailedPrecondition when it can't be started, ResourceExhausted when disk, memory or processes
        are used up; then nothing of it is left but its directories.
        """
        try:
            files = places.allowed(
                supplied,
                slim=self._slim_path,
                own=(Path(own.directory), Path(own.socket).parent),
                hidden=self._hidden,
                devices=devices.nodes(gpus),
            )
            directories.prepare(record.spec, own, enclosing.enclose(record.spec, self.means, files))
            self._records.save(record)
            try:
                return self._start(record, supplied.python, Path(own.directory), gpus, sealed)
            except BaseException:
                self._records.remove(record.spec.id)
                raise
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise ResourceExhausted(f"no room to start workload {record.spec.id}: {error.strerror}") from error
            raise FailedPrecondition(f"workload {record.spec.id} can't be started: {error}") from error

    def _start(
        self, record: Record, python: str, directory: Path, gpus: Iterable[Device], sealed: bytes
    ) -> tuple[Record, int]:
        environment = environment_variables(record.spec, python, directory, self._home_mark, gpus)
        pid, gate = _spawn(record.spec.program, python, directory, self._slim_path, environment, sealed)
        try:
            # Nobody waited for this child yet, so the pid is certainly its own, even if it ended already.
            pidfd = os.pidfd_open(pid)
            try:
                return self._let_go(record, pid, gate), pidfd
            except BaseException:
                os.close(pidfd)
                raise
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self.groups.remove(record.spec.id)
            raise
        finally:
            os.close(gate)

    def _let_go(self, record: Record, pid: int, gate: int) -> Record:
        ticks = processes.read_child(pid).identity.start_ticks
        record = msgspec.structs.replace(record, state="running", pid=pid, start_ticks=ticks, boot=self._boot)
        # One that failed at once is noticed through its pidfd, like any other end.
        with contextlib.suppress(ProcessLookupError):
            self._limit(pid, record)
        self._records.save(record)
        with contextlib.suppress(BrokenPipeError):
            os.write(gate, b"\n")
        return record

    def _limit(self, pid: int, record: Record) -> None:
        given = record.spec.resources
        limits.apply(pid, record.spec.kind, record.cores, given)
        self.groups.make(
            record.spec.id,
            pid,
            memory=limits.most_memory(given.memory),
            processes=limits.most_processes(given.processes),
            cpu=limits.fraction(given.cpu, record.cores),
        )


def _spawn(
    program: str, python: str, directory: Path, slim_path: str, environment: Mapping[str, str], sealed: bytes
) -> tuple[int, int]:
    """(pid, gate): one byte written to the gate lets the process run its program, closing it ends the process."""
    if not (os.path.isfile(python) and os.access(python, os.X_OK)):
        raise FailedPrecondition(f"{program} can't be started: {python} is no interpreter that can be run")
    log = os.open(directory / WORKLOAD_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        stdin = _holding(sealed)
    except BaseException:
        os.close(log)
        raise
    try:
        waits, gate = os.pipe()
    except OSError:
        os.close(log)
        os.close(stdin)
        raise
    walls, config = str(directory / directories.WALLS), str(directory / "config.json")
    first = [sys.executable, "-I", "-S", bootstrap.__file__, str(waits), walls]
    try:
        process = subprocess.Popen(
            [*first, python, slim_path, program, config],
            cwd=directory,
            env=environment,
            stdin=stdin,
            stdout=log,
            stderr=log,
            pass_fds=(waits,),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        os.close(gate)
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise
        raise FailedPrecondition(
            f"{program} can't be started with {python}: {error}; expected an interpreter that can be run"
        ) from error
    finally:
        os.close(waits)
        os.close(log)
        os.close(stdin)
    process.returncode = 0  # its end is noticed through a pidfd, so this object must neither wait nor warn
    return process.pid, gate


def _holding(sealed: bytes) -> int:
    """A descriptor from which `sealed` can be read, once; without any, the one that is always at its end."""
    if not sealed:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    if len(sealed) > MAX_SEALED:
        raise FailedPrecondition(f"{len(sealed)} bytes are to be handed over, at most {MAX_SEALED} can be")
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)  # where the user has many pipes, new ones hold less
        if os.write(writing, sealed) < len(sealed):
            raise BlockingIOError(errno.EAGAIN, "a pipe holds less than is to be handed over")
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return reading
