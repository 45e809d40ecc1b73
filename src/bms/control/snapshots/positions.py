"""Shares how far gateways have come between control processes, through the store.

A gateway is connected to one process, and another one may lead the deployments: what that must know of all gateways
travels by the store. Gateways do not go back while they are connected, so a late report only delays.
"""

from collections.abc import Mapping
from typing import Protocol

from bms.control.platform.leading import LEASE_S, RENEW_S
from bms.control.snapshots.acknowledgements import UNKNOWN

LIVE_S, KEEP_S = LEASE_S, RENEW_S  # whoever has not written for so long has ended; how often it is written at least


class Positions(Protocol):
    """The repository of positions: for each process the number of the event up to which all of its gateways route."""

    async def keep(self, process: str, position: int, ttl_s: float) -> Mapping[str, int]:
        """Stores the position of `process`, which counts as live for `ttl_s` from now; returns those of all other live
        processes."""
        ...

    async def others(self, process: str) -> Mapping[str, int]:
        """The positions of all live processes but this one."""
        ...

    async def drop(self, process: str) -> None:
        """Deletes the position of a process that has ended, as have its gateways' connections."""
        ...


class OtherProcesses:
    """The positions of the other processes, as `process`, which is this one, sees them; a restart has the same name."""

    def __init__(self, positions: Positions, process: str) -> None:
        self._positions = positions
        self._process = process
        self.known = False
        """Whether there were any at the last time of writing."""

    async def begin(self) -> None:
        """Announces this process, before a gateway is let in: what is connected to it may route by anything."""
        await self.keep(UNKNOWN)

    async def keep(self, position: int) -> None:
        self.known = bool(await self._positions.keep(self._process, position, LIVE_S))

    async def behind(self, number: int) -> bool:
        """Whether gateways of another process may not route by everything up to this event."""
        position = await self.position()
        return position is not None and position < number

    async def position(self) -> int | None:
        """The event up to which all gateways of other processes route; None where there is no other process."""
        return min((await self._positions.others(self._process)).values(), default=None)

    async def end(self) -> None:
        await self._positions.drop(self._process)
