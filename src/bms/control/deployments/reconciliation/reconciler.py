"""Reconciles deployments: observes, plans, records, acts. It remembers only tasks and health; any restart recovers.

One process leads at a time, by a lease; every write is fenced by the lease's token. Slow work (environments, files,
starting and stopping processes) goes on beside the loop, outside transactions.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial

import msgspec

from bms.control.deployments.health import Health
from bms.control.deployments.logs import NoLogs, ReplicaLogSource
from bms.control.deployments.nouns import Deployment, Replica
from bms.control.deployments.planning.actions import Action, EndWorkload, ForgetWorkload, Launch
from bms.control.deployments.planning.loading import LoadLimiter
from bms.control.deployments.planning.observed_state import ObservedDeployment
from bms.control.deployments.planning.plan import plan
from bms.control.deployments.planning.records import ENDED, forgettable, rests
from bms.control.deployments.ports import BulkCatalog, DeploymentsTx, ExitReason, Known, no_exit_reason
from bms.control.deployments.reconciliation.alias_tracking import follow
from bms.control.deployments.reconciliation.recorder import Recorder
from bms.control.deployments.reconciliation.replica_launcher import ReplicaLauncher, held_by
from bms.control.deployments.reconciliation.work_queue import Sight, WorkQueue
from bms.control.deployments.resolving import resolve
from bms.control.deployments.rows import DeploymentRows, in_parts
from bms.control.platform.allotments import DeviceMemory, no_devices
from bms.control.platform.clusters import Cluster
from bms.control.platform.keyed_tasks import KeyedTasks
from bms.control.platform.leading import Leader
from bms.control.platform.transactions import EventLog, Store
from bms.core.clock import Clock
from bms.core.errors import Aborted, BmsError, Unavailable
from bms.core.workloads.workload import WorkloadStatus

log = logging.getLogger("bms.deployments")
SUBJECT = "deployments"
"""What the loop must lead, of `Leadership`."""
# Until the next round in any case: everything that a round waits for tells of itself, but for the time.
AGAIN_S, WAITING_S, AWAKE_S, REST_S = 0.05, 0.5, 1.0, 30.0
_LAUNCH, _END, _FORGET = "launch ", "end ", "forget "
Workloads = Mapping[str, WorkloadStatus]
Released = Callable[[Collection[str]], Awaitable[frozenset[str]]]
"""(draining replicas) -> those that no live gateway sends to any more."""


class Reconciler:
    """The reconciler of all deployments. It does nothing while its process does not lead."""

    def __init__(
        self,
        store: Store[DeploymentsTx],
        catalog: BulkCatalog,
        cluster: Cluster,
        launcher: ReplicaLauncher,
        health: Health,
        leader: Leader,
        events: EventLog,
        clock: Clock,
        *,
        released: Released,
        exit_reason: ExitReason = no_exit_reason,
        logs: ReplicaLogSource | None = None,
        device_memory: DeviceMemory = no_devices,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._cluster = cluster
        self._launcher = launcher
        self.health = health
        self._leader = leader
        self.attention = WorkQueue(store, events, clock)
        self._clock = clock
        self._released = released
        self._exit_reason = exit_reason
        self._logs = logs or NoLogs()
        self._device_memory = device_memory
        self.tasks = KeyedTasks()
        self._launch_errors: dict[str, str] = {}
        self._loading = LoadLimiter((), {}, ())
        self._sights: dict[str, Sight] = {}
        self._token: int | None = None
        self._unseen = ""  # why the cluster could not be observed the last time
        self.looked = False
        """Whether rows were compared with what runs since this process began: before, they tell of the last one."""
        self.pause_s = AWAKE_S
        """When the next round is due, after the last one, if nothing happens."""
        self.draining = False
        """Whether the last round left replicas that gateways may still send to."""

    async def step(self) -> bool:
        """Runs one round; returns whether anything is under way that the next round should look at soon."""
        self.pause_s, self.draining = AWAKE_S, False
        self._token = token = await self._leader.lead()
        if token is None:
            return False
        workloads = await self._observe()  # before the rows are read: every process has its record first
        if workloads is None:
            self.health.reset_silence()
        await self.attention.listen(token)
        async with self._store.read() as tx:
            replicas = await tx.replicas_at_work(workloads or ())
        self.health.watch(_probed(replicas, workloads))
        for replica in self.attention.suspected():
            self.health.probe_now(replica)
        self._loading = LoadLimiter(replicas, workloads or {}, self._launching)
        self._sights = self._mutable_state(replicas, workloads)
        ids = self.attention.wanted(self._sights)
        if active := self.attention.more:
            self._again_in(AGAIN_S)
        known = {replica.id for replica in replicas if replica.state not in ENDED}
        async for some, rows, catalog in in_parts(self._store, self._catalog, ids):
            if await self._leader.lead() != token:
                self._again_in(AGAIN_S)
                return True
            for id in set(some) - {each.deployment.id for each in rows}:
                self.attention.rest(id)
            for each in rows:
                known |= {replica.id for replica in each.replicas}
                active |= await self._tried(each, catalog, workloads, token)
        if workloads is not None:
            self._end_orphans(known, workloads)
            self.looked = True
        if not active and not self.attention.awake and workloads is not None:
            self.pause_s = REST_S
        return active

    async def keep(self) -> bool:
        """Renews the lease where that is due, which needs no round; returns whether a round is due after all."""
        token = self._token
        return token is None or await self._leader.lead() != token

    @property
    def keep_in_s(self) -> float:
        """Seconds until `keep` has something to do."""
        return self._leader.ask_in_s

    async def idle(self) -> None:
        """Waits until no slow work and no probe is under way."""
        await self.tasks.idle()
        await self.health.idle()

    async def close(self) -> None:
        """Gives up slow work and the lease; processes run on."""
        await self.tasks.close()
        await self.health.close()
        await self._leader.resign()

    @property
    def _launching(self) -> frozenset[str]:
        return frozenset(key.removeprefix(_LAUNCH) for key in self.tasks.busy if key.startswith(_LAUNCH))

    async def _observe(self) -> Workloads | None:
        try:
            seen = await self._cluster.observe()
        except BmsError as error:
            if error.message != self._unseen:
                log.warning("the cluster can't be observed, so nothing is stopped: %s", error.message)
            self._unseen = error.message
            return None
        self._unseen = ""
        return {id: status for id, status in seen.items() if status.kind == "model_server"}

    def _mutable_state(self, replicas: Sequence[Replica], workloads: Workloads | None) -> dict[str, Sight]:
        """By deployment, all observed state of its replicas at work that may change without an event."""
        silent, statuses = self.health.silent(), self.health.statuses
        sights: dict[str, Sight] = {}
        for replica in replicas:
            workload = (workloads or {}).get(replica.id)
            status = statuses.get(replica.id)
            sights[replica.deployment] = (
                *sights.get(replica.deployment, ()),
                replica.id,
                replica.state,
                workload and (workload.state, workload.endpoint),
                status and status.state,
                replica.id in silent,
            )
        return sights

    async def _tried(self, rows: DeploymentRows, catalog: Known, workloads: Workloads | None, token: int) -> bool:
        try:
            return await self._one(rows, catalog, workloads, token)
        except BmsError as error:
            log.warning("deployment %s is left for the next round: %s", rows.deployment.name, error.message)
            if isinstance(error, Aborted):
                self._leader.doubt()
            self._again_in(AGAIN_S)
            return True

    async def _one(self, rows: DeploymentRows, catalog: Known, workloads: Workloads | None, token: int) -> bool:
        desired = await resolve(rows.deployment, rows.revision, catalog)
        followed = follow(rows.deployment, rows.revision, desired, self._clock.now())
        if followed is not None:
            async with self._store.write() as tx:
                await self._leader.fence(tx, token)
                await followed.record(tx)
            desired = msgspec.structs.replace(desired, since=followed.revision.at)
        observed = await self._observed(rows, workloads)
        now = self._clock.now()
        actions = plan(desired, observed, now)
        recorder = Recorder(rows.deployment, desired, rows.route, rows.replicas, now)
        if any(not isinstance(action, Launch | EndWorkload | ForgetWorkload) for action in actions):
            async with self._store.write() as tx:
                await self._leader.fence(tx, token)
                await recorder.record(tx, actions)
            self._again_in(AGAIN_S)
        await self._forget(rows, workloads)
        self._act(rows, actions, token)
        if not actions and rests(rows.route, rows.replicas):
            self.attention.rest(rows.deployment.id, self._sights.get(rows.deployment.id))
        self.draining |= any(replica.state == "draining" for replica in rows.replicas)
        if active := bool(actions) or any(replica.state in ("starting", "draining") for replica in rows.replicas):
            self._again_in(WAITING_S)
        return active

    def _again_in(self, seconds: float) -> None:
        self.pause_s = min(self.pause_s, seconds)

    async def _observed(self, rows: DeploymentRows, workloads: Workloads | None) -> ObservedDeployment:
        live = [replica for replica in rows.replicas if replica.state not in ENDED]
        words = {
            replica.id: await self._exit_reason(replica.id)
            for replica in live
            if workloads and replica.id in workloads and workloads[replica.id].state == "ended"
        }
        starting = {replica.id for replica in rows.replicas if replica.state == "starting"}
        for replica in rows.replicas:
            if replica.id not in starting:
                self._launch_errors.pop(replica.id, None)
        draining = [replica.id for replica in rows.replicas if replica.state == "draining"]
        return ObservedDeployment(
            replicas=rows.replicas,
            route=rows.route,
            workloads=workloads,
            statuses=self.health.statuses,
            launching=self._launching,
            launch_errors=dict(self._launch_errors),
            exit_reasons=words,
            silent=self.health.silent(),
            released=await self._released(draining) if draining else frozenset(),
        )

    async def _forget(self, rows: DeploymentRows, workloads: Workloads | None) -> None:
        if rows.deployment.deleted:  # nobody may ask for what they said any more
            await self._logs.drop([replica.id for replica in rows.replicas if replica.state in ENDED])
        if workloads is None or not (ids := forgettable(rows.replicas, frozenset(workloads))):
            return
        async with self._store.write() as tx:
            await tx.forget_replicas(ids)
        await self._logs.drop(ids)

    def _act(self, rows: DeploymentRows, actions: Sequence[Action], token: int) -> None:
        replicas = {replica.id: replica for replica in rows.replicas}
        for action in actions:
            match action:
                case Launch(id) if self._loading.may_begin(rows.deployment.tenant):
                    self._loading.begin(rows.deployment.tenant)
                    self.tasks.start(_LAUNCH + id, partial(self._launch, replicas[id], rows.deployment, token))
                case EndWorkload(id, grace_s):
                    self.tasks.start(_END + id, partial(self._cluster.stop, id, grace_s))
                case ForgetWorkload(id):
                    self.tasks.start(_FORGET + id, partial(self._forget_ended, id, keep=not rows.deployment.deleted))
        for replica in rows.replicas:
            if replica.state in ENDED:
                self.tasks.interrupt(_LAUNCH + replica.id)

    async def _forget_ended(self, replica: str, *, keep: bool) -> None:
        """Forgets an ended process, and keeps its log."""
        if keep:
            await self._logs.keep(replica)
        await self._cluster.forget(replica)

    def _end_orphans(self, known: set[str], workloads: Workloads) -> None:
        """Ends processes without a record: nobody will ever ask for them again."""
        for id, status in workloads.items():
            if id in known:
                continue
            if status.state == "running":
                self.tasks.start(_END + id, partial(self._cluster.stop, id))
            else:
                self.tasks.start(_FORGET + id, partial(self._cluster.forget, id))

    async def _launch(self, replica: Replica, deployment: Deployment, token: int) -> None:
        try:
            prepared = await self._launcher.prepare(replica, deployment.spec, token)
            async with self._store.write() as tx:
                await self._leader.fence(tx, token)
                found = await tx.replica(replica.id)
                if found is None or found.state != "starting":
                    return
                # From here on it is paid for: durable before the process is, so that none runs that nobody counts.
                held = held_by(replica, deployment.spec, self._device_memory())
                await tx.open_allotment(held, self._clock.now())
            await self._launcher.start(prepared)
        except Aborted as error:
            log.info("replica %s is not launched by this process: %s", replica.id, error.message)
        except Unavailable as error:
            # Whether it was started is not known, and starting again does no harm: a later round does.
            log.warning("replica %s can't be launched now: %s", replica.id, error.message)
        except BmsError as error:
            self._launch_errors[replica.id] = error.message


def _probed(replicas: Sequence[Replica], workloads: Workloads | None) -> list[Replica]:
    """The replicas that can be probed, each with the address at which it runs now."""
    probed = []
    for replica in replicas:
        if replica.state not in ("starting", "ready"):
            continue
        if workloads is not None:
            workload = workloads.get(replica.id)
            if workload is None or workload.state != "running":
                continue
            if workload.endpoint != replica.address:
                replica = msgspec.structs.replace(replica, address=workload.endpoint)
        if replica.address:
            probed.append(replica)
    return probed
