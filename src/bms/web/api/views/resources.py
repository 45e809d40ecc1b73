"""Converts limits of workloads into answers of the API."""

from bms.api_types import resources
from bms.core.workloads.resources import Resources


def limits(one: Resources) -> resources.Resources:
    return resources.Resources(
        cpu=one.cpu,
        memory=one.memory,
        gpu=one.gpu,
        gpu_memory=one.gpu_memory,
        processes=one.processes,
        disk=one.disk,
    )
