"""Replica endpoints of a deployment: present and past replicas, and their logs."""

from starlette.responses import Response

from bms.api_types.replicas import Replica
from bms.control.deployments.logs import ReplicaLogService
from bms.web.api.endpoint import ApiCall, Endpoint
from bms.web.api.log_pieces import LogPlace, log_piece, offset_of
from bms.web.api.views.replicas import replica


def endpoints(service: ReplicaLogService) -> list[Endpoint]:
    async def replicas(call: ApiCall[None]) -> list[Replica]:
        found = await service.replicas(call.principal.tenant, call.path["deployment"])
        return [replica(each) for each in found]

    async def log(call: ApiCall[None]) -> Response:
        tenant, name = call.principal.tenant, call.path["deployment"]
        piece = await service.log(tenant, name, call.path["replica"], offset_of(call))
        return log_piece(piece.content, piece.next, replica_state=piece.state)

    those, read = "/deployments/{deployment}/replicas", "deployments:read"
    one = those + "/{replica}/log"
    return [
        Endpoint("GET", those, read, replicas, "Its replicas, and those it had lately", list[Replica]),
        Endpoint("GET", one, read, log, "A piece of what a replica wrote", bytes, query=LogPlace, media="text/plain"),
    ]
