"""At which rates what a process was given is counted."""

from datetime import UTC, datetime, timedelta

import pytest

from bms.control.platform.allotments import compute_rates, milliseconds, smallest, storage_rates
from bms.core.meters import BY_NAME
from bms.core.workloads.devices import Device
from bms.core.workloads.resources import Resources

GIB = 2**30


@pytest.mark.parametrize(
    ("given", "cpu", "memory", "gpu"),
    [
        (Resources(), 1000, 2048, None),
        (Resources(cpu=0.1 + 0.2, memory=GIB), 300, 1024, None),
        (Resources(cpu=1e-9, memory=2**20), 1, 1, None),
        (Resources(cpu=1.0001, memory=GIB + 1), 1001, 1025, None),
        (Resources(gpu=2), 1000, 2048, 2000),
        (Resources(gpu=2, gpu_memory=20 * GIB), 1000, 2048, 500),
        (Resources(gpu=1, gpu_memory=1), 1000, 2048, 1),
        (Resources(gpu=1, gpu_memory=200 * GIB), 1000, 2048, 1000),
    ],
)
def test_what_is_given_is_counted_in_thousandths_and_mebibytes_and_nothing_is_free(
    given: Resources, cpu: int, memory: int, gpu: int | None
) -> None:
    rates = compute_rates("replicas", given, device_memory=80 * GIB)
    expected = {"replica_ms": 1000, "replica_cpu_ms": cpu, "replica_memory_mib_s": memory}
    assert rates == expected | ({} if gpu is None else {"replica_gpu_ms": gpu})
    assert set(compute_rates("jobs", given, device_memory=80 * GIB)) == {
        meter.replace("replica", "job") for meter in rates
    }
    assert {BY_NAME[meter].of for meter in rates} == {"replicas"}


def test_a_share_of_a_gpu_that_nobody_knows_is_a_whole_one() -> None:
    assert compute_rates("jobs", Resources(gpu=1, gpu_memory=GIB))["job_gpu_ms"] == 1000


def test_the_smallest_device_says_what_a_share_is() -> None:
    devices = [Device(index=place, uuid=str(place), name="g", memory=memory) for place, memory in enumerate((80, 40))]
    assert (smallest(devices), smallest([])) == (40, 0)


def test_no_bytes_are_at_no_rate() -> None:
    assert (storage_rates(0), storage_rates(5)) == ({}, {"storage_byte_s": 5})


def test_times_are_whole_milliseconds_exactly() -> None:
    time = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(microseconds=123_999)
    assert milliseconds(time) == 1_772_323_200_123
