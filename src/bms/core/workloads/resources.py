"""Limits of the resources that a workload may use."""

import re

import msgspec

from bms.core.errors import InvalidArgument

_UNITS = {
    "": 1,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)\s*([KMGT]i?)?B?")


class Resources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one workload: CPU in cores, memory in bytes (resident, of all its processes), `processes` with their
    threads, `disk` in bytes of its own directory; `gpu` devices, with `gpu_memory` bytes of each (0: all of it)."""

    cpu: float = 1.0
    memory: int = 2 * 2**30
    gpu: int = 0
    gpu_memory: int = 0
    processes: int = 512
    disk: int = 64 * 2**30

    def __post_init__(self) -> None:
        if not 0 < self.cpu <= 1024:
            raise InvalidArgument(f"cpu is {self.cpu}, expected more than 0 and at most 1024 cores")
        if not 2**20 <= self.memory <= 2**50:
            raise InvalidArgument(f"memory is {self.memory} bytes, expected at least 1 MiB")
        if not 0 <= self.gpu <= 64:
            raise InvalidArgument(f"gpu is {self.gpu}, expected 0 to 64 devices")
        if not 0 <= self.gpu_memory <= 2**50:
            raise InvalidArgument(f"gpu_memory is {self.gpu_memory} bytes, expected 0 (all of a device) or more")
        if self.gpu_memory and not self.gpu:
            raise InvalidArgument("gpu_memory is given without gpu: say how many devices, for example gpu=1")
        if not 1 <= self.processes <= 2**20:
            raise InvalidArgument(f"processes is {self.processes}, expected 1 to {2**20}")
        if not 2**20 <= self.disk <= 2**50:
            raise InvalidArgument(f"disk is {self.disk} bytes, expected at least 1 MiB")


def parse_size(text: str) -> int:
    """Parses a size as people and Kubernetes write it: `512Mi`, `2G`, `1.5GiB`, `4096`. Returns bytes."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise InvalidArgument(f"{text!r} is not a size: write for example 512Mi, 2G or a number of bytes")
    return int(float(found[1]) * _UNITS[found[2] or ""])


def size_text(size: float) -> str:
    """Formats a size for people: `2.1 GB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(size) < 1000 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")
