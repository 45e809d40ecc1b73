"""The cluster of this machine: each workload is a process in a session of its own, recorded on disk, watched and
limited."""

import asyncio
import contextlib
import hashlib
import logging
import os
import signal
from collections.abc import Coroutine
from pathlib import Path

import msgspec

from bms.adapters.clusters import log_files
from bms.adapters.clusters.isolation import capabilities as probing
from bms.adapters.clusters.isolation.cgroups import ControlGroups
from bms.adapters.clusters.local import directories, recovery
from bms.adapters.clusters.local import sandbox_plan as enclosing
from bms.adapters.clusters.local.ending_counter import EndingCounter
from bms.adapters.clusters.local.launching import ProcessLauncher
from bms.adapters.clusters.local.records import Record, Records, check_id
from bms.adapters.clusters.local.tracking import Tracked
from bms.adapters.clusters.local.workload_files import LocalWorkloadFiles
from bms.adapters.clusters.local.workload_inputs import ResolvedInputs, WorkloadInputs
from bms.adapters.clusters.resources import processes
from bms.adapters.clusters.resources import resource_watcher as watching
from bms.adapters.clusters.resources.device_allocation import DeviceAllocations
from bms.adapters.clusters.resources.processes import Process
from bms.adapters.clusters.resources.resource_watcher import ResourceWatcher
from bms.control.platform.clusters import Tell
from bms.core.cancellation import in_thread
from bms.core.clock import Clock
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.ticks import until_tick
from bms.core.workloads.devices import Device, Devices
from bms.core.workloads.endpoints import UnixEndpoint
from bms.core.workloads.isolation import Isolation, Level, reaches, shortfall
from bms.core.workloads.programs import Places
from bms.core.workloads.workload import WorkloadSpec, WorkloadStatus

SOCKET_PATH_LIMIT = 107  # bytes of sun_path in unix(7), less its final zero
_log = logging.getLogger(__name__)


class LocalCluster:
    """The `Cluster` of one machine and one home; exactly one may be open on a home at a time.

    Records and directories lie in HOME/run/workloads; sockets in `run_dir`, which is short and private, each in a
    directory of its own. Workloads are kept in by what the kernel offers: `isolation` says what, and `open` refuses
    where that is less than `require`. `supplies` has what specs name by digests; `devices` lists GPUs to give away;
    `node` is the name of this machine, its host name where none is given. `close` leaves workloads running.
    """

    def __init__(
        self,
        home: Path,
        run_dir: Path,
        supplies: WorkloadInputs,
        clock: Clock,
        watch_s: float = 0.25,
        *,
        devices: Devices | None = None,
        require: Level = "none",
        node: str = "",
    ) -> None:
        self._folder = home.resolve() / "run" / "workloads"
        self._run_dir = run_dir.resolve()
        self._supplies = supplies
        self._clock = clock
        self._watch_s = watch_s
        self._home_mark = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]
        self._records = Records(self._folder)
        self._allotments = DeviceAllocations(os.sched_getaffinity(0))
        self._devices = devices
        self._require = require
        self._node = node or os.uname().nodename
        self._isolation = Isolation()
        self._looks = ResourceWatcher()
        self._some_run = asyncio.Event()
        slim_path = supplies.environments.slim_path()
        self._launcher = ProcessLauncher(self._records, slim_path, home.resolve(), self._run_dir, self._home_mark)
        self._tracked: dict[str, Tracked] = {}
        self._starts: dict[str, asyncio.Task[WorkloadStatus]] = {}
        self._supplying: dict[str, asyncio.Task[ResolvedInputs]] = {}  # of the starts, what some still wait for
        self._background: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._changes = EndingCounter()
        self.files = LocalWorkloadFiles(self.directory, supplies.objects)
        if len(os.fsencode(self.socket("x"))) > SOCKET_PATH_LIMIT:
            raise InvalidArgument(f"{run_dir} is too long for sockets: give a directory of at most 80 bytes")

    async def open(self) -> None:
        """Probes the isolation, adopts workloads that run, records those that ended meanwhile, kills processes without
        a record. Raises FailedPrecondition where less keeps them in than is required."""
        self._run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._ask_the_machine()
        groups = self._launcher.groups
        found = await asyncio.to_thread(
            recovery.recover, self._records, self._home_mark, self._now_ns(), groups, self._waits
        )
        for each in found:
            if each.pidfd is not None:
                self._track(each.record, each.pidfd)
            else:
                self._tracked[each.record.spec.id] = ended = Tracked(each.record, None)
                ended.gone.set()
        living = {Path(self.socket(each.record.spec.id)).parent.name for each in found if each.pidfd is not None}
        await asyncio.to_thread(directories.remove_sockets, self._run_dir, living)
        await asyncio.to_thread(groups.close, self._living())
        self._watch = asyncio.create_task(self._watch_all())

    async def close(self) -> None:
        """Stops watching; workloads run on. A start that still waits for its environment or trees is given up."""
        for supplying in self._supplying.values():
            supplying.cancel()
        await asyncio.gather(*self._starts.values(), return_exceptions=True)
        if self._watch:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        self._looks.close()
        await asyncio.gather(*self._background, return_exceptions=True)
        await asyncio.to_thread(self._launcher.groups.close, self._living())
        for tracked in self._tracked.values():
            self._let_go(tracked)

    async def prepare(self, spec: WorkloadSpec, tell: Tell | None = None) -> None:
        check_id(spec.id)
        enclosing.refuse(spec, self._isolation)
        if spec.id not in self._tracked:
            await self._supplies.get(spec, tell)

    async def start(self, spec: WorkloadSpec, sealed: bytes = b"") -> WorkloadStatus:
        check_id(spec.id)
        if tracked := self._tracked.get(spec.id):
            return self._status(tracked)
        if spec.id not in self._starts:
            self._refuse_impossible(spec)
            task = self._starts[spec.id] = asyncio.create_task(self._start(spec, sealed))
            task.add_done_callback(lambda _: self._starts.pop(spec.id))
        # A caller that goes away must not leave a process half started.
        return await asyncio.shield(self._starts[spec.id])

    async def observe(self) -> dict[str, WorkloadStatus]:
        self._changes.seen()
        return {workload: self._status(tracked) for workload, tracked in self._tracked.items()}

    async def stop(self, workload: str, grace_s: float | None = None) -> None:
        if starting_now := self._starts.get(workload):
            if supplying := self._supplying.get(workload):
                supplying.cancel()
            await asyncio.wait([starting_now])
        tracked = self._tracked.get(workload)
        if tracked is None or tracked.gone.is_set():
            return
        grace = tracked.record.spec.stop_grace_s if grace_s is None else grace_s
        await asyncio.to_thread(self._ask_to_end, tracked)
        try:
            async with asyncio.timeout(grace):
                await tracked.gone.wait()
        except TimeoutError:
            await self._kill(tracked, f"killed: it did not end within {grace:g} s of being asked to")
            await tracked.gone.wait()

    async def stop_all(self, grace_s: float | None = None) -> None:
        """Stops every workload at once; for the end of tests."""
        await asyncio.gather(*(self.stop(workload, grace_s) for workload in [*self._starts, *self._tracked]))

    async def forget(self, workload: str) -> None:
        tracked = self._tracked.get(check_id(workload))
        if workload in self._starts or (tracked and not tracked.gone.is_set()):
            raise FailedPrecondition(f"workload {workload} still runs: stop it before forgetting it")
        # The directory goes first: while the record is there, a crash in between only means forgetting again.
        await asyncio.to_thread(directories.remove, Path(self.directory(workload)))
        await asyncio.to_thread(self._records.remove, workload)
        self._tracked.pop(workload, None)

    def socket(self, workload: str) -> str:
        """The socket path of a model server of this id; short enough for AF_UNIX."""
        return str(self._run_dir / hashlib.sha256(workload.encode()).hexdigest()[:16] / "s")

    def directory(self, workload: str) -> str:
        """The workload's own directory, before, while and after it runs."""
        return str(self._folder / check_id(workload))

    def specs(self) -> list[WorkloadSpec]:
        """The specs of all known workloads."""
        return [tracked.record.spec for tracked in self._tracked.values()]

    def _waits(self, workload: str) -> bool:
        """Whether its process never came past its gate, from where on there is no `walls.json`."""
        return os.path.exists(os.path.join(self.directory(workload), directories.WALLS))

    @property
    def isolation(self) -> Isolation:
        """The isolation of workloads from the platform and from one another; known once the cluster is open."""
        return self._isolation

    def devices(self) -> list[tuple[Device, int]]:
        """The machine's GPUs, each with its unallocated memory in bytes."""
        return self._allotments.free()

    async def changed(self, timeout_s: float) -> None:
        await self._changes.wait(timeout_s)

    def _refuse_impossible(self, spec: WorkloadSpec) -> None:
        enclosing.refuse(spec, self._isolation)
        for tracked in self._tracked.values():
            other = tracked.record.spec
            if (other.kind, other.tenant, other.owner) == (spec.kind, spec.tenant, spec.owner) and (
                other.epoch > spec.epoch
            ):
                raise FailedPrecondition(
                    f"{spec.owner} is at epoch {other.epoch} already: a start for epoch {spec.epoch} comes too late"
                )

    async def _start(self, spec: WorkloadSpec, sealed: bytes) -> WorkloadStatus:
        supplied = await self._supplied(spec)
        cores, shares = self._allotments.choose(spec.id, spec.resources)
        record = Record(spec=spec, state="starting", started_at=self._now_ns(), cores=cores, shares=shares)
        try:
            socket = self.socket(spec.id)
            own = Places(directory=self.directory(spec.id), socket=socket, trees=dict(supplied.trees))
            gpus = self._allotments.of(shares)
            record, pidfd = await asyncio.to_thread(self._launcher.launch, record, supplied, own, gpus, sealed)
        except BaseException:
            self._allotments.release(spec.id)
            raise
        return self._status(self._track(record, pidfd))

    async def _supplied(self, spec: WorkloadSpec) -> ResolvedInputs:
        """As a rule everything is there, since `prepare` came before. Raises FailedPrecondition when it is given up."""
        supplying = self._supplying[spec.id] = asyncio.create_task(self._supplies.get(spec))
        try:
            supplied = await supplying
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            raise FailedPrecondition(f"workload {spec.id} was given up before it began") from None
        finally:
            del self._supplying[spec.id]
        self._refuse_impossible(spec)  # once more: a later epoch may have come meanwhile
        return supplied

    def _track(self, record: Record, pidfd: int) -> Tracked:
        tracked = self._tracked[record.spec.id] = Tracked(record, pidfd)
        self._allotments.take(record.spec.id, record.cores, record.shares)
        self._some_run.set()
        self._looks.begin()
        asyncio.get_running_loop().add_reader(pidfd, self._on_end, tracked)
        return tracked

    def _on_end(self, tracked: Tracked) -> None:
        self._let_go(tracked)
        self._in_background(self._finish(tracked))

    def _let_go(self, tracked: Tracked) -> None:
        if tracked.pidfd is not None:
            asyncio.get_running_loop().remove_reader(tracked.pidfd)
            os.close(tracked.pidfd)
            tracked.pidfd = None

    async def _finish(self, tracked: Tracked) -> None:
        record = msgspec.structs.replace(tracked.record, verdict=tracked.verdict)
        try:
            tracked.record = await asyncio.to_thread(self._conclude, record, tracked)
        except OSError as error:
            # It has ended whether or not the disk can hold that; a restart finds its process gone and says so again.
            _log.error("the end of workload %s can't be written down: %s", record.spec.id, error)
            tracked.record = msgspec.structs.replace(record, state="ended", ended_at=self._now_ns())
        self._allotments.release(record.spec.id)
        tracked.gone.set()
        self._changes.notify()

    def _conclude(self, record: Record, tracked: Tracked) -> Record:
        workload, directory = record.spec.id, Path(self.directory(record.spec.id))
        hits = self._launcher.groups.hits(workload)
        ended = recovery.conclude(
            self._records, record, self._home_mark, tracked.leader, tracked.known, self._now_ns(), hits
        )
        self._launcher.groups.remove(workload)
        self._looks.forget(directory)
        for name in log_files.NAMES:
            log_files.trim(directory / name)
        directories.remove(Path(self.socket(workload)).parent)
        return ended

    async def _watch_all(self) -> None:
        folder, loop = str(self._folder), asyncio.get_running_loop()
        while True:
            await self._some_run.wait()
            await asyncio.sleep(until_tick(loop.time(), self._watch_s))
            try:
                if not self._looks.due():
                    continue
                watched = [
                    tracked.watched(f"{folder}/{tracked.id}")
                    for tracked in self._tracked.values()
                    if tracked.pidfd is not None
                ]
                if not watched:
                    self._some_run.clear()
                sights = await in_thread(self._looks.look, watched, self._launcher.groups)
            except OSError as error:  # out of descriptors, say; the next look may do better
                _log.error("running workloads can't be looked at: %s", error)
                continue
            for workload, sight in sights.items():
                if (tracked := self._tracked.get(workload)) is not None:
                    self._note(tracked, sight)

    def _note(self, tracked: Tracked, sight: watching.ResourceSample) -> None:
        if tracked.pidfd is None:  # it ended while it was looked at
            return
        if sight.family != tracked.known:
            tracked.known = sight.family
        tracked.record = msgspec.structs.replace(tracked.record, memory=sight.memory, cpu_ns=sight.cpu_ns)
        if sight.over and not tracked.verdict:
            self._in_background(self._kill(tracked, sight.over))

    async def _kill(self, tracked: Tracked, verdict: str) -> None:
        tracked.verdict = tracked.verdict or verdict
        workload = tracked.id
        await asyncio.to_thread(processes.kill_group, tracked.leader)
        await asyncio.to_thread(
            processes.end_all,
            lambda: watching.belonging(self._home_mark, workload, tracked.leader, tracked.known),
            recovery.KILL_PATIENCE_S,
        )

    def _ask_to_end(self, tracked: Tracked) -> None:
        table = processes.table()
        # Who its end will orphan is known afterwards only by having been seen before.
        tracked.known |= {process.identity for process in processes.family(tracked.leader, table, tracked.known)}
        group: list[Process] = [process for process in table.values() if process.group == tracked.record.pid]
        for process in group:
            processes.send(process.identity, signal.SIGTERM)

    def _status(self, tracked: Tracked) -> WorkloadStatus:
        spec = tracked.record.spec
        endpoint = str(UnixEndpoint(self.socket(spec.id))) if spec.kind == "model_server" else ""
        return tracked.record.status(self._node, endpoint)

    async def _ask_the_machine(self) -> None:
        means = await asyncio.to_thread(probing.probe)
        self._isolation = probing.describe(means)
        if not reaches(self._isolation, self._require):
            raise FailedPrecondition(shortfall(self._isolation, self._require))
        if self._devices is not None:
            self._allotments.devices = await asyncio.to_thread(self._devices.list)
        self._launcher.means = means
        self._launcher.groups = ControlGroups(means.cgroups, self._home_mark)

    def _living(self) -> frozenset[str]:
        return frozenset(workload for workload, tracked in self._tracked.items() if tracked.pidfd is not None)

    def _in_background(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _now_ns(self) -> int:
        return int(self._clock.now().timestamp() * 1e9)
