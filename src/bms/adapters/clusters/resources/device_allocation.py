"""Allocates a cluster's cores and GPUs to workloads."""

from collections.abc import Iterable, Sequence

from bms.adapters.clusters.resources import limits
from bms.core.workloads.devices import Device, DeviceShare, assign, free_memory
from bms.core.workloads.resources import Resources


class DeviceAllocations:
    """The allocated cores and GPU memory; in memory only, since the workloads' records hold the same, so that `take`
    restores it after a restart."""

    def __init__(self, cores: Iterable[int]) -> None:
        self._all_cores = frozenset(cores)
        self.devices: Sequence[Device] = ()
        self._cores: dict[str, tuple[int, ...]] = {}
        self._shares: dict[str, tuple[DeviceShare, ...]] = {}

    def choose(self, workload: str, wanted: Resources) -> tuple[tuple[int, ...], tuple[DeviceShare, ...]]:
        """Allocates cores and shares of GPUs to a workload. Raises ResourceExhausted when no GPU is free."""
        taken = (share for shares in self._shares.values() for share in shares)
        shares = assign(self.devices, taken, wanted.gpu, wanted.gpu_memory) if wanted.gpu else ()
        cores = limits.choose_cores(wanted.cpu, self._all_cores, self._cores.values())
        self.take(workload, cores, shares)
        return cores, shares

    def take(self, workload: str, cores: tuple[int, ...], shares: tuple[DeviceShare, ...]) -> None:
        self._cores[workload] = cores
        if shares:
            self._shares[workload] = shares

    def release(self, workload: str) -> None:
        self._cores.pop(workload, None)
        self._shares.pop(workload, None)

    def of(self, shares: Iterable[DeviceShare]) -> tuple[Device, ...]:
        named = {share.uuid for share in shares}
        return tuple(device for device in self.devices if device.uuid in named)

    def free(self) -> list[tuple[Device, int]]:
        """Every device with its unallocated memory in bytes."""
        left = free_memory(self.devices, (share for shares in self._shares.values() for share in shares))
        return [(device, left[device.uuid]) for device in self.devices]
