"""What the platform takes of the disk over HTTP, for the operator."""

from bms.api_types.system import Disk
from bms.control.retention.disk import DiskService
from bms.web.api.endpoint import ApiCall, Endpoint
from bms.web.api.views import system as view


def endpoints(service: DiskService) -> list[Endpoint]:
    async def disk(call: ApiCall[None]) -> Disk:
        return view.disk(await service.view(call.principal))

    return [Endpoint("GET", "/system/disk", "system:read", disk, "What takes room in the home", Disk)]
