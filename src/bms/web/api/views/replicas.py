"""Converts replicas into answers of the API."""

from bms.api_types.replicas import Replica
from bms.control.deployments.logs import LoggedReplica


def replica(one: LoggedReplica) -> Replica:
    return Replica(
        id=one.id,
        version=one.version,
        state=one.state,
        created_at=one.created_at,
        ready_at=one.ready_at,
        ended_at=one.ended_at,
        reason=one.reason,
    )
