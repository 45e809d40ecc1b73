"""Replicas of a deployment over HTTP: which there are and were, and what each of them said."""

from starlette.responses import Response

from bms.control.deployments.logs import LoggedReplica, ReplicaLogService
from bms.web.api.endpoint import Call, Endpoint
from bms.web.api.log_pieces import LogPlace, log_piece, offset_of


def endpoints(service: ReplicaLogService) -> list[Endpoint]:
    async def replicas(call: Call[None]) -> list[LoggedReplica]:
        return await service.replicas(call.principal.tenant, call.path["deployment"])

    async def log(call: Call[None]) -> Response:
        tenant, name, replica = call.principal.tenant, call.path["deployment"], call.path["replica"]
        piece = await service.log(tenant, name, replica, offset_of(call))
        return log_piece(piece.content, piece.next, replica_state=piece.state)

    those, read = "/deployments/{deployment}/replicas", "deployments:read"
    one = those + "/{replica}/log"
    return [
        Endpoint("GET", those, read, replicas, "Its replicas, and those it had lately", list[LoggedReplica]),
        Endpoint("GET", one, read, log, "A piece of what a replica wrote", bytes, query=LogPlace, media="text/plain"),
    ]
