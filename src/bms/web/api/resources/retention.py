"""What is older than it is to be kept over HTTP, for the operator: look, remove."""

from bms.api_types.system import Retention
from bms.control.retention.service import MAY, RetentionService
from bms.web.api.endpoint import ApiCall, Endpoint
from bms.web.api.views import system as view


def endpoints(service: RetentionService) -> list[Endpoint]:
    async def expired(call: ApiCall[None]) -> Retention:
        return view.retention(await service.expired(call.principal))

    async def prune(call: ApiCall[None]) -> Retention:
        return view.retention(await service.prune(call.principal))

    return [
        Endpoint("GET", "/system/retention", MAY, expired, "What is older than it is to be kept", Retention),
        Endpoint("POST", "/system/retention/prune", MAY, prune, "Remove what is older", Retention),
    ]
