"""Where processes run."""

from typing import Protocol

from bms.core.isolation import Isolation
from bms.core.workload import WorkloadSpec, WorkloadStatus


class Cluster(Protocol):
    """Contract, checked by one suite against every variant:

    1. `start` is idempotent by spec.id: a workload that runs or ran is not started again.
    2. Workloads outlive the process that started them; a new one sees them by `observe`.
    3. A workload is its whole process group and every descendant; `stop` leaves none of them.
    4. Limits are enforced and a verdict says so.
    5. `isolation` keeps every workload in; one that asks for more than that is refused.
    """

    @property
    def isolation(self) -> Isolation:
        """What keeps workloads from the platform and from one another."""
        ...

    async def start(self, spec: WorkloadSpec) -> WorkloadStatus:
        """Raises FailedPrecondition when the program can't be started or asks for more isolation than there is,
        ResourceExhausted without room."""
        ...

    async def observe(self) -> dict[str, WorkloadStatus]:
        """All known workloads by id, ended ones until they are forgotten."""
        ...

    async def stop(self, workload: str, grace_s: float | None = None) -> None:
        """Asks the workload to end (SIGTERM), insists after the grace (SIGKILL), returns when it is gone.
        Unknown or ended: does nothing."""
        ...

    async def forget(self, workload: str) -> None:
        """Removes an ended workload's record and directory. Raises FailedPrecondition while it runs."""
        ...

    def address(self, workload: str) -> str:
        """The socket path a workload of this id should listen on; short enough for AF_UNIX."""
        ...

    def directory(self, workload: str) -> str:
        """The workload's own directory, before, while and after it runs."""
        ...

    async def changed(self, timeout_s: float) -> None:
        """Returns when a workload ended, or after the timeout."""
        ...
