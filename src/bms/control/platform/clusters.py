"""The port to where processes run."""

from collections.abc import Callable, Sequence
from typing import Protocol

from bms.control.platform.workload_files import WorkloadFiles
from bms.core.workloads.devices import Device
from bms.core.workloads.isolation import Isolation
from bms.core.workloads.workload import WorkloadSpec, WorkloadStatus

MAX_SEALED = 60 << 10  # bytes; a pipe holds 64 KiB, so handing over never waits
Tell = Callable[[str], None]
"""Is told lines for people, from any thread."""


class Cluster(Protocol):
    """Runs workloads: processes of models and jobs, on this machine or another. Contract, checked by one suite against
    every variant:

    1. A spec's digests are resolved by the side that runs it: who asks for a workload need not share a disk with it.
    2. `start` is idempotent by spec.id: a workload that runs or ran is not started again.
    3. Workloads outlive the process that started them; a new one sees them by `observe`.
    4. A workload is its whole process group and every descendant; `stop` leaves none of them.
    5. Limits are enforced and a verdict says so.
    6. `isolation` keeps every workload in; one that asks for more than that is refused.
    7. `sealed` is what the program reads from its standard input, to the end. It is in no record, file, environment
       or command line; at most MAX_SEALED bytes.
    8. Who can't see raises Unavailable: absence from what `observe` says means that a workload is not there.
    """

    @property
    def isolation(self) -> Isolation:
        """The isolation of workloads from the platform and from one another."""
        ...

    @property
    def files(self) -> WorkloadFiles:
        """The files that workloads write."""
        ...

    def devices(self) -> Sequence[tuple[Device, int]]:
        """The cluster's GPUs, each with the bytes of its memory that nobody was given, as they were last seen."""
        ...

    async def prepare(self, spec: WorkloadSpec, tell: Tell | None = None) -> None:
        """Prepares what takes long, where the workload will run: its environment and its trees. Idempotent; what is not
        started soon may be removed again. `tell` receives the lines of the environment's build, also of one that
        another caller began.

        Raises what environments and trees raise, and FailedPrecondition when it asks for more isolation than there is.
        """
        ...

    async def start(self, spec: WorkloadSpec, sealed: bytes = b"") -> WorkloadStatus:
        """Starts the workload; what was not prepared, or is gone again, is prepared first.

        Raises what `prepare` raises, FailedPrecondition when the program can't be started, or a later epoch of its
        owner is known, and ResourceExhausted without room.
        """
        ...

    async def observe(self) -> dict[str, WorkloadStatus]:
        """All known workloads by id, ended ones until they are forgotten."""
        ...

    async def stop(self, workload: str, grace_s: float | None = None) -> None:
        """Asks the workload to end (SIGTERM), insists after the grace (SIGKILL), returns when it is gone.
        Unknown or ended: does nothing."""
        ...

    async def forget(self, workload: str) -> None:
        """Removes an ended workload's record and files. Raises FailedPrecondition while it runs."""
        ...

    async def changed(self, timeout_s: float) -> None:
        """Returns when a workload ended, or after the timeout."""
        ...
