"""Finds the trees whose files are read on this machine now, which pruning of the cache must spare."""

from bms.control.deployments.ports import DeploymentsTx
from bms.control.jobs.ports import JobsTx
from bms.control.models.ports import ModelsTx
from bms.control.platform.transactions import Store
from bms.core.clock import Clock

_LIVE = frozenset({"starting", "ready", "draining"})


class TreesInUse:
    """Collects the trees in use: artifacts of versions that replicas serve; code and inputs of jobs that run."""

    def __init__(
        self, deployments: Store[DeploymentsTx], models: Store[ModelsTx], jobs: Store[JobsTx], clock: Clock
    ) -> None:
        self._deployments = deployments
        self._models = models
        self._jobs = jobs
        self._clock = clock

    async def __call__(self) -> set[tuple[str, str]]:
        """The (tenant, digest) of each tree in use."""
        return await self._of_replicas() | await self._of_jobs()

    async def _of_replicas(self) -> set[tuple[str, str]]:
        async with self._deployments.read() as tx:
            model_of = {each.id: each.spec.model for each in await tx.active()}
            live = [replica for replica in await tx.all_replicas() if replica.state in _LIVE]
        served = {(each.tenant, model_of[each.deployment], each.version) for each in live}
        async with self._models.read() as tx:
            versions = [await tx.version(*each) for each in sorted(served)]
        return {(version.tenant, version.artifact) for version in versions if version is not None}

    async def _of_jobs(self) -> set[tuple[str, str]]:
        async with self._jobs.read() as tx:
            live = await tx.live(self._clock.now(), 0)
        trees = {(job.tenant, given.tree) for job in live for given in job.spec.inputs}
        return trees | {(job.tenant, job.spec.code) for job in live if job.spec.code is not None}
