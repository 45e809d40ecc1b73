"""Starts a replica's process: the slow part, done outside transactions and safe to repeat."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from bms.control.deployments.batching import within
from bms.control.deployments.nouns import DeploymentSpec, Replica
from bms.control.deployments.planning.plan import MARGIN_S
from bms.control.deployments.ports import Catalog
from bms.control.deployments.reconciliation.tokens import ReplicaTokens
from bms.control.deployments.signatures import loaded
from bms.control.models.nouns import Version
from bms.control.platform.allotments import Allotment, compute_rates
from bms.control.platform.clusters import Cluster
from bms.control.secrets.sealing import SecretEncryption, encode_sealed
from bms.core.errors import FailedPrecondition
from bms.core.workloads.programs import ARTIFACT, ModelServerConfig, ServableConfig, StdinSecrets
from bms.core.workloads.workload import WorkloadSpec

PROGRAM = "bms.app.model_server"
LONGEST_LINE = 200  # characters of a build's last line that a status shows


def workload_spec(
    replica: Replica, spec: DeploymentSpec, version: Version, *, epoch: int, network: bool = False
) -> WorkloadSpec:
    """The workload that runs `replica`; `epoch` is the leader's fencing token."""
    config = ModelServerConfig(
        replica=replica.id,
        servable=ServableConfig(
            runtime=version.runtime,
            model=version.model,
            version=version.number,
            signatures=loaded(version),
            proved=True,
            preprocess=version.preprocess,
            threads=math.ceil(spec.resources.cpu),
            allow_pickle=version.allow_pickle,
            share_weights=spec.share_weights and spec.replicas > 1,
        ),
        batching=within(spec.batching, version.signatures),
        drain_s=spec.drain_s,
    )
    return WorkloadSpec(
        id=replica.id,
        kind="model_server",
        tenant=replica.tenant,
        owner=replica.id,
        epoch=epoch,
        program=PROGRAM,
        config=msgspec.to_builtins(config),
        resources=spec.resources,
        environment=version.environment,
        trees={ARTIFACT: version.artifact},
        network=network,
        stop_grace_s=spec.drain_s + MARGIN_S,
    )


def held_by(replica: Replica, spec: DeploymentSpec, device_memory: int = 0) -> Allotment:
    """The allotment of `replica`, which it holds from its start to its end."""
    return Allotment(
        of="replicas",
        subject=replica.id,
        tenant=replica.tenant,
        deployment=replica.deployment,
        model=spec.model,
        version=replica.version,
        rates=compute_rates("replicas", spec.resources, device_memory),
    )


class PreparedProcess(NamedTuple):
    """A process that can be started, with the secrets that it is handed at its start."""

    spec: WorkloadSpec
    sealed: StdinSecrets


class ReplicaLauncher:
    """Prepares and starts the processes of recorded replicas."""

    def __init__(
        self,
        cluster: Cluster,
        catalog: Catalog,
        tokens: ReplicaTokens,
        sealing: SecretEncryption,
    ) -> None:
        self._cluster = cluster
        self._catalog = catalog
        self._tokens = tokens
        self._sealing = sealing
        self._preparing: dict[str, str] = {}

    @property
    def preparing(self) -> Mapping[str, str]:
        """By replica, the last line of the build of its environment that goes on now."""
        return self._preparing

    async def prepare(self, replica: Replica, spec: DeploymentSpec, epoch: int) -> PreparedProcess:
        """Prepares the process to start: its environment and files.

        Raises what clusters and sealing raise, and FailedPrecondition for a version that may not run.
        """
        version = await self._catalog.version(replica.tenant, spec.model, replica.version)
        if version.state != "ready":
            raise FailedPrecondition(f"version {version.number} is {version.state}: only ready versions are started")
        sealed = await self._sealing.of(replica.tenant, version.artifact, version.environment)
        workload = workload_spec(replica, spec, version, epoch=epoch, network=sealed.network)
        await self._make_ready(workload)
        return PreparedProcess(workload, msgspec.structs.replace(sealed, token=self._tokens.of(replica.id)))

    async def _make_ready(self, workload: WorkloadSpec) -> None:
        def tell(line: str) -> None:
            if line.strip():
                self._preparing[workload.id] = line.strip()[:LONGEST_LINE]

        try:
            await self._cluster.prepare(workload, tell)
        finally:
            self._preparing.pop(workload.id, None)

    async def start(self, prepared: PreparedProcess) -> None:
        """Starts the prepared process. Raises what clusters raise."""
        await self._cluster.start(prepared.spec, encode_sealed(prepared.sealed))
