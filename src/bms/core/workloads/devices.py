"""GPUs of a machine and their allocation to workloads: by count and by memory, shared where the memory asked for allows
it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from bms.core.errors import ResourceExhausted
from bms.core.workloads.resources import size_text


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """`uuid` names it for ever, `index` until the next boot; memory in bytes. `nodes` are its files below /dev."""

    index: int
    uuid: str
    name: str
    memory: int
    nodes: tuple[str, ...] = ()


class Devices(Protocol):
    """The port to the list of a machine's GPUs."""

    def list(self) -> Sequence[Device]:
        """Returns every device that may be allocated, by index; none where there is none."""
        ...


class DeviceShare(msgspec.Struct, frozen=True, kw_only=True):
    """A part of one device: bytes of its memory."""

    uuid: str
    memory: int


def assign(devices: Sequence[Device], taken: Iterable[DeviceShare], count: int, memory: int) -> tuple[DeviceShare, ...]:
    """Chooses `count` different devices with `memory` bytes of each; 0: all of its memory, shared with nobody.

    Those with the least room that is enough come first, so that whole devices stay free. Raises ResourceExhausted.
    """
    free = free_memory(devices, taken)
    fits = [each for each in devices if (memory or each.memory) <= free[each.uuid] and free[each.uuid] > 0]
    if len(fits) < count:
        raise ResourceExhausted(_refusal(devices, free, count, memory, len(fits)))
    chosen = sorted(fits, key=lambda each: (free[each.uuid], each.index))[:count]
    return tuple(DeviceShare(uuid=each.uuid, memory=memory or each.memory) for each in chosen)


def free_memory(devices: Sequence[Device], taken: Iterable[DeviceShare]) -> Mapping[str, int]:
    """Returns the unallocated bytes by device."""
    free = {each.uuid: each.memory for each in devices}
    for share in taken:
        if share.uuid in free:
            free[share.uuid] -= share.memory
    return free


def _refusal(devices: Sequence[Device], free: Mapping[str, int], count: int, memory: int, fits: int) -> str:
    wanted = f"{count} GPU{'s' if count > 1 else ''}" + (f" with {size_text(memory)} free" if memory else " to itself")
    if not devices:
        return f"{wanted} asked for and this machine's cluster offers no GPU: ask for gpu=0, or use one that has some"
    room = ", ".join(f"{each.index}: {size_text(free[each.uuid])} of {size_text(each.memory)}" for each in devices)
    return f"{wanted} asked for and {fits or 'none'} can be given now (free memory by device: {room})"
