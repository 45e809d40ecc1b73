"""Limits how many model servers load at once: after a restart of the machine all want to, and none would get ready."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from bms.control.deployments.nouns import Replica
from bms.core.workloads.workload import WorkloadStatus

AT_ONCE, AT_ONCE_PER_TENANT = 16, 4


class LoadLimiter:
    """The model servers that load now. A tenant whose models load slowly leaves room for the others."""

    def __init__(
        self,
        replicas: Iterable[Replica],
        workloads: Mapping[str, WorkloadStatus],
        launching: Collection[str],
    ) -> None:
        self._tenants = Counter(
            replica.tenant
            for replica in replicas
            if replica.state == "starting"
            and (replica.id in launching or (replica.id in workloads and workloads[replica.id].state == "running"))
        )

    def may_begin(self, tenant: str) -> bool:
        return self._tenants.total() < AT_ONCE and self._tenants[tenant] < AT_ONCE_PER_TENANT

    def begin(self, tenant: str) -> None:
        self._tenants[tenant] += 1
