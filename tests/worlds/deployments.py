"""Deployments over a real database, with a cluster and model servers that do what a test says."""

import asyncio
from typing import Any

import msgspec

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.deployments import SqlDeployments
from bms.adapters.sql.events import SqlEventLog, SqlLeases
from bms.adapters.sql.models import SqlModels
from bms.adapters.sql.positions import SqlPositions
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.control.deployments.catalog import ModelCatalog
from bms.control.deployments.health import Health
from bms.control.deployments.nouns import DeploymentSpec, Replica, Target, TrafficRoute
from bms.control.deployments.reconciliation.failure_reports import FailureReports
from bms.control.deployments.reconciliation.reconciler import SUBJECT, Reconciler
from bms.control.deployments.reconciliation.replica_launcher import ReplicaLauncher
from bms.control.deployments.reconciliation.tokens import ReplicaTokens
from bms.control.deployments.service import DeploymentService
from bms.control.deployments.views.health_reports import HealthReports
from bms.control.deployments.views.snapshot_source import DeploymentEntries
from bms.control.models.events import AliasMoved, VersionOffline, VersionReady
from bms.control.models.nouns import Alias, Gate, Model, Version
from bms.control.platform.clusters import Tell
from bms.control.platform.leading import Leadership
from bms.control.secrets.sealing import NOTHING
from bms.control.snapshots.positions import OtherProcesses
from bms.control.snapshots.publisher import Publisher
from bms.control.tenants.nouns import NewTenant
from bms.control.tenants.service import TenantService
from bms.control.tenants.snapshot_entries import KeyEntries
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import FailedPrecondition, Unavailable
from bms.core.events import Event, Payload
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.programs import ServableStatus
from bms.core.workloads.workload import WorkloadSpec, WorkloadStatus

PEPPER = b"pepper of the tests"
TOKENS = ReplicaTokens(b"key of the tests")
SIGNATURE = Signature(
    inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 4)),),
    outputs=(TensorSpec(name="y", dtype="FP32", shape=(None, 3)),),
)


def principal(tenant: str = "default") -> Principal:
    return Principal(tenant=tenant, user="ann", key="k", role="owner", scopes=frozenset())


def follow(alias: str = "production", **more: object) -> DeploymentSpec:
    return DeploymentSpec(model="m", targets=(Target(alias=alias),), **more)  # type: ignore[arg-type]


class Registry:
    """Models, versions and aliases, put straight into the database with the events that tell of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.store = SqlStore(database, SqlModels)
        self._clock = clock

    async def add_model(self, name: str = "m", tenant: str = "default", *gates: Gate) -> None:
        async with self.store.write() as tx:
            await tx.add_model(
                Model(
                    id=f"model_{tenant}_{name}",
                    tenant=tenant,
                    name=name,
                    description="",
                    created_at=self._clock.now(),
                    gates=gates,
                )
            )

    async def add_version(self, number: int, model: str = "m", tenant: str = "default", **more: object) -> Version:
        plain = Version(
            id=f"ver_{tenant}_{model}_{number}",
            tenant=tenant,
            model=model,
            number=number,
            state="ready",
            runtime="onnx",
            artifact=f"sha256:{number:064x}",
            size=1,
            created_at=self._clock.now(),
            created_by="ann",
            signatures={"serving_default": SIGNATURE},
        )
        version = msgspec.structs.replace(plain, **more)
        async with self.store.write() as tx:
            await tx.add_version(version)
            await tx.emit(self._event(VersionReady(model=model, number=number), tenant, version.id))
        return version

    async def withdraw(self, version: Version) -> None:
        async with self.store.write() as tx:
            await tx.save_version(msgspec.structs.replace(version, state="offline"))
            await tx.emit(
                self._event(VersionOffline(model=version.model, number=version.number), version.tenant, version.id)
            )

    async def point(self, alias: str, number: int, model: str = "m", tenant: str = "default") -> None:
        async with self.store.write() as tx:
            found = await tx.alias(tenant, model, alias)
            if found is None:
                await tx.add_alias(
                    Alias(
                        tenant=tenant,
                        model=model,
                        name=alias,
                        version=number,
                        moved_at=self._clock.now(),
                        moved_by="ann",
                    )
                )
            else:
                await tx.save_alias(msgspec.structs.replace(found, version=number))
            await tx.emit(
                self._event(AliasMoved(alias=alias, version=number, previous=None, forced=False), tenant, model)
            )

    def _event(self, payload: Payload, tenant: str, subject: str) -> Event[Payload]:
        return Event(payload=payload, tenant=tenant, subject=subject, actor="ann", at=self._clock.now())


class ObedientCluster:
    """A `Cluster` whose model servers load at once unless their version is told to be broken or slow."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.workloads: dict[str, WorkloadStatus] = {}
        self.specs: dict[str, WorkloadSpec] = {}
        self.starts: list[str] = []
        self.stops: list[str] = []
        self.broken: set[int] = set()
        self.slow: set[int] = set()
        self.full = False
        self.blind = False
        self.hung: set[str] = set()
        self.moved: dict[str, str] = {}
        self.asked = 0
        self._changed = asyncio.Event()

    async def prepare(self, spec: WorkloadSpec, tell: Tell | None = None) -> None:
        """Everything is there already."""

    async def start(self, spec: WorkloadSpec, sealed: bytes = b"") -> WorkloadStatus:
        if self.full:
            raise FailedPrecondition("no room for it")
        if self.blind:
            raise Unavailable("the cluster does not answer")
        if spec.id in self.workloads:
            return self.workloads[spec.id]
        self.starts.append(spec.id)
        self.specs[spec.id] = spec
        self.workloads[spec.id] = status = WorkloadStatus(
            id=spec.id,
            kind=spec.kind,
            tenant=spec.tenant,
            owner=spec.owner,
            epoch=spec.epoch,
            state="running",
            started_at=int(self._clock.now().timestamp() * 1e9),
            node="here",
            endpoint=self.endpoint(spec.id),
        )
        if self.version(spec.id) in self.broken:
            self.end(spec.id, 1)
        return status

    async def observe(self) -> dict[str, WorkloadStatus]:
        if self.blind:
            raise Unavailable("the cluster does not answer")
        self._changed.clear()
        return {
            id: msgspec.structs.replace(status, endpoint=self.endpoint(id)) for id, status in self.workloads.items()
        }

    async def stop(self, workload: str, grace_s: float | None = None) -> None:
        self.stops.append(workload)
        if workload in self.workloads:
            self.end(workload, 0)

    async def forget(self, workload: str) -> None:
        self.workloads.pop(workload, None)

    def endpoint(self, workload: str) -> str:
        return self.moved.get(workload, f"unix:/run/{workload}.sock")

    async def changed(self, timeout_s: float) -> None:
        await asyncio.wait([asyncio.create_task(self._changed.wait())], timeout=timeout_s)

    async def status(self, replica: str, address: str) -> ServableStatus | None:
        """`ReplicaProbe`."""
        self.asked += 1
        workload = self.workloads.get(replica)
        if workload is None or workload.state == "ended" or replica in self.hung or address != self.endpoint(replica):
            return None
        loading = self.version(replica) in self.slow
        return ServableStatus(
            replica=replica, state="LOADING" if loading else "AVAILABLE", started_at=workload.started_at, requests=3
        )

    def let_go(self, replica: str) -> None:
        """`ReplicaProbe`."""

    def version(self, workload: str) -> int:
        servable = self.specs[workload].config["servable"]
        assert isinstance(servable, dict)
        return int(servable["version"])

    def end(self, workload: str, code: int | None) -> None:
        self.workloads[workload] = msgspec.structs.replace(self.workloads[workload], state="ended", exit_code=code)
        self._changed.set()

    def running(self, version: int) -> list[str]:
        return [
            id for id, status in self.workloads.items() if status.state == "running" and self.version(id) == version
        ]


class Deployed:
    """Everything of deployments that control holds, over one database; `again` is what a restart would make."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        cluster: Any,
        holder: str = "control",
        *,
        probe: Any = None,
        logs: Any = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.cluster = cluster
        self.events = SqlEventLog(database)
        self.registry = Registry(database, clock)
        self.store = SqlStore(database, SqlDeployments)
        self.tenant_store = SqlStore(database, SqlTenants)
        self.tenants = TenantService(self.tenant_store, clock, PEPPER)
        catalog = ModelCatalog(self.registry.store)
        self.catalog = catalog
        self.service = DeploymentService(self.store, catalog, clock)
        self.sources = (KeyEntries(self.tenant_store, clock), DeploymentEntries(self.store, catalog, TOKENS.of))
        self.others = OtherProcesses(SqlPositions(database, clock), holder)
        self.publisher = Publisher(self.sources, self.events, clock, PEPPER, self.others)
        self.health = Health(probe or cluster, clock)
        self.launcher = ReplicaLauncher(cluster, catalog, TOKENS, NOTHING)
        self.leadership = Leadership(SqlLeases(database, clock), clock, holder)
        self.reconciler = Reconciler(
            self.store,
            catalog,
            cluster,
            self.launcher,
            self.health,
            self.leadership.of(SUBJECT),
            self.events,
            clock,
            released=self.publisher.released,
            logs=logs,
        )
        self.reports = HealthReports(self.health, self.leadership.of(SUBJECT), lambda: probe or cluster)
        self.failure_reports = FailureReports(self.store, self.health, self.leadership.of(SUBJECT), clock)
        self.owner: NewTenant | None = None

    async def start(self, versions: int = 2) -> "Deployed":
        self.owner = await self.tenants.bootstrap()
        await self.registry.add_model()
        for number in range(1, versions + 1):
            await self.registry.add_version(number)
        await self.registry.point("production", 1)
        await self.publisher.start()
        return self

    def again(self, holder: str = "control") -> "Deployed":
        return Deployed(self.database, self.clock, self.cluster, holder)

    async def step(self) -> bool:
        """One round, with all it started done, and published."""
        active = await self.reconciler.step()
        await self.reconciler.idle()
        await self.publisher.refresh()
        return active

    async def settle(self, rounds: int = 40) -> None:
        """Rounds until nothing is under way any more."""
        for _ in range(rounds):
            if not await self.step():
                return
        raise AssertionError(f"still under way after {rounds} rounds")

    async def replicas(self, name: str = "digits", tenant: str = "default") -> list[Replica]:
        async with self.store.read() as tx:
            deployment = await tx.deployment(tenant, name)
            assert deployment is not None
            return await tx.replicas(deployment.id)

    async def route(self, name: str = "digits", tenant: str = "default") -> TrafficRoute:
        async with self.store.read() as tx:
            deployment = await tx.deployment(tenant, name)
            assert deployment is not None
            route = await tx.route(deployment.id)
            assert route is not None
            return route

    async def traffic(self, name: str = "digits") -> dict[int, int]:
        return {share.version: share.weight for share in (await self.route(name)).shares}
