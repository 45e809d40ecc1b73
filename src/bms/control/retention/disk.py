"""What the platform takes of the disk, for the operator."""

import asyncio

import msgspec

from bms.control.environments.service import EnvironmentService
from bms.control.retention.nouns import DiskUse, DiskView
from bms.control.retention.ports import DatabaseMeter, DiskMeter
from bms.core.access.principal import Principal
from bms.core.errors import PermissionDenied

PRUNE_ENVIRONMENTS = "bms environment prune"


class DiskService:
    """`operator` is the tenant that may see what all tenants take."""

    def __init__(
        self, meter: DiskMeter, database: DatabaseMeter, environments: EnvironmentService, *, operator: str
    ) -> None:
        self._meter = meter
        self._database = database
        self._environments = environments
        self._operator = operator
        self._measuring = asyncio.Lock()

    async def view(self, by: Principal) -> DiskView:
        """Measures it now, one at a time. Raises PermissionDenied."""
        if by.tenant != self._operator:
            raise PermissionDenied("only the operator's tenant may see what the disk holds: all tenants share it")
        elsewhere = await self._database.size()
        async with self._measuring:
            uses = await self._meter.uses()
            system = await self._meter.file_system()
        # Where workloads run elsewhere, the environments are there, too, and need not be asked for.
        here = any(use.kind == "environments" for use in uses)
        unneeded = await self._environments.unneeded() if here else 0
        taken = sum(use.bytes for use in uses)
        if elsewhere is not None:
            uses.append(DiskUse(kind="database", bytes=elsewhere))
        shown = tuple(_with_command(use, unneeded) for use in uses)
        return DiskView(uses=shown, bytes=taken, size=system.size, free=system.free)


def _with_command(use: DiskUse, unneeded: int) -> DiskUse:
    """`unneeded`: bytes of environments that nobody needs; what others hold of them, too, frees nothing."""
    if use.kind != "environments" or not unneeded:
        return use
    return msgspec.structs.replace(use, freeable=min(unneeded, use.bytes), command=PRUNE_ENVIRONMENTS)
