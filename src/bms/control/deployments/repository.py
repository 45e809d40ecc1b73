"""Loads and unloads models by name: the model repository extension of the Open Inference Protocol.

Loading a name starts its deployment. Where there is none, but a model of that name, the model's alias `production` is
deployed under it. Unloading stops the deployment, which keeps its name and settings.
"""

from bms.control.deployments.nouns import DeploymentSpec, Target
from bms.control.deployments.service import DeploymentService
from bms.control.deployments.views.service import DeploymentViews
from bms.control.deployments.views.status import DeploymentStatus
from bms.control.platform.transactions import EventLog
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import DeadlineExceeded, FailedPrecondition, NotFound

USUAL_ALIAS = "production"
_LOOK_S = 0.5  # events tell of everything but of gateways that have heard of it


class ModelRepository:
    """Loads and unloads models; a call returns once that is done, as clients of the protocol expect."""

    def __init__(self, deployments: DeploymentService, views: DeploymentViews, events: EventLog, clock: Clock) -> None:
        self._deployments = deployments
        self._events = events
        self._views = views
        self._clock = clock

    async def load(self, by: Principal, name: str, wait_s: float) -> DeploymentStatus:
        """Loads the model, and returns when every gateway routes to it.

        Raises NotFound where there is neither a deployment nor a model of that name, FailedPrecondition with the
        reason when it can't be served, DeadlineExceeded when that takes more than `wait_s` seconds; it goes on then.
        """
        try:
            await self._deployments.start(by, name)
        except NotFound:
            usual = DeploymentSpec(model=name, targets=(Target(alias=USUAL_ALIAS),))
            await self._deployments.deploy(by, name, usual)
        seen = await self._wait_settled(by, name, wait_s)
        if seen.state not in ("serving", "degraded"):
            raise FailedPrecondition(f"{name!r} is {seen.state}: {seen.message}")
        return seen

    async def unload(self, by: Principal, name: str, wait_s: float) -> DeploymentStatus:
        """Unloads the model, and returns when no gateway routes to it any more. Raises NotFound, DeadlineExceeded as
        `load` does."""
        await self._deployments.stop(by, name)
        return await self._wait_settled(by, name, wait_s, stopping=True)

    async def _wait_settled(
        self, by: Principal, name: str, wait_s: float, *, stopping: bool = False
    ) -> DeploymentStatus:
        give_up = self._clock.monotonic() + wait_s
        while True:
            number = await self._events.last()
            seen = await self._views.status(by.tenant, name)
            running = any(replica.state in ("starting", "ready") for replica in seen.replicas)
            unsettled = running if stopping else seen.state in ("starting", "rolling")
            if not unsettled and (seen.state == "serving" or await self._views.applied()):
                return seen
            if self._clock.monotonic() >= give_up:
                raise DeadlineExceeded(
                    f"{name!r} is still {seen.state} after {wait_s:g} s ({seen.message}): it goes on, ask again"
                )
            await self._events.wait(number, _LOOK_S)
