"""Allotments: what a replica, a job's attempt or something stored holds, at which rate it is counted, and since when.

Whoever starts to hold something opens an allotment in the same transaction, whoever ends it closes it in that
transaction, so that neither can be lost without the other. Billing books the time between.
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
    """`subject` is the id of what holds: a replica's, an attempt's workload's, a version's, a data set version's, a
    job's for its output. `rates` are by meter, in the meter's unit a second."""

    of: Held
    subject: str
    tenant: str
    deployment: str = ""  # id
    model: str = ""
    version: int = 0
    rates: dict[str, int]


class AllotmentSink(Protocol):
    """Where a service tells, inside its own transaction, what begins and what ceases to be held."""

    async def open_allotment(self, allotment: Allotment, at: datetime) -> None:
        """Changes nothing while one of the same subject is open."""
        ...

    async def close_allotment(self, tenant: str, of: Held, subject: str, at: datetime) -> None:
        """Changes nothing where none is open."""
        ...


def compute_rates(of: Held, given: Resources, device_memory: int = 0) -> dict[str, int]:
    """Of a process: thousandths of cores and GPUs, and MiB, each rounded up, so that nothing that is given is free.

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
    """Of `size` bytes that are kept; empty for none."""
    return {STORAGE: size} if size else {}


def milliseconds(time: datetime) -> int:
    """Since 1970, rounded down."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def smallest(devices: Collection[Device]) -> int:
    """`DeviceMemory` of these."""
    return min((device.memory for device in devices), default=0)


def no_devices() -> int:
    """`DeviceMemory` where no GPU is given away."""
    return 0
