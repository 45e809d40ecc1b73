"""Allotments: what a replica, a job's attempt or a stored artifact holds, at which rate it is billed, and since when.

An allotment is opened in the transaction in which something begins to be held, and closed in the one in which that
ends, so that neither can be lost without the other. Billing charges the time between.
"""

import math
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from bms.core.meters import STORAGE, Held
from bms.core.workloads.devices import Device
from bms.core.workloads.resources import Resources

DeviceMemory = Callable[[], int]
"""Bytes of memory of the smallest GPU that is given away; 0 where there is none."""
_MIB = 2**20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Allotment(msgspec.Struct, frozen=True, kw_only=True):
    """Resources held over time. `subject` is the id of the holder: a replica, an attempt's workload, a version, a data
    set's version, or a job for its output. `rates` are by meter, in the meter's unit a second."""

    of: Held
    subject: str
    tenant: str
    deployment: str = ""  # id
    model: str = ""
    version: int = 0
    rates: dict[str, int]


class AllotmentSink(Protocol):
    """Opens and closes allotments inside a service's own transaction."""

    async def open_allotment(self, allotment: Allotment, at: datetime) -> None:
        """Opens the allotment; changes nothing while one of the same subject is open."""
        ...

    async def close_allotment(self, tenant: str, of: Held, subject: str, at: datetime) -> None:
        """Closes the subject's allotment; changes nothing where none is open."""
        ...


def compute_rates(of: Held, given: Resources, device_memory: int = 0) -> dict[str, int]:
    """The rates of a process: thousandths of cores and GPUs, and MiB, each rounded up, so that nothing that is given is
    free. A share of a GPU is its share of a device with `device_memory` bytes; where that is not known, a whole one.

    A share of a GPU is its share of a device with `device_memory` bytes; where that is not known, a whole one.
    """
    name = {"replicas": "replica", "jobs": "job"}[of]
    share = 1000
    if given.gpu_memory and device_memory:
        share = min(1000, -(-1000 * given.gpu_memory // device_memory))
    rates = {
        f"{name}_ms": 1000,
        f"{name}_cpu_ms": math.ceil(given.cpu * 1000 - 1e-6) or 1,
        f"{name}_memory_mib_s": -(-given.memory // _MIB),
        f"{name}_gpu_ms": given.gpu * share,
    }
    return {meter: rate for meter, rate in rates.items() if rate}


def storage_rates(size: int) -> dict[str, int]:
    """The rates of `size` stored bytes; empty for none."""
    return {STORAGE: size} if size else {}


def milliseconds(time: datetime) -> int:
    """The time in milliseconds since 1970, rounded down."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def smallest(devices: Collection[Device]) -> int:
    """The `DeviceMemory` of these devices: that of the smallest."""
    return min((device.memory for device in devices), default=0)


def no_devices() -> int:
    """The `DeviceMemory` where no GPU is given away."""
    return 0
