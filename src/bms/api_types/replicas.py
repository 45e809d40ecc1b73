"""/api/v1/deployments/NAME/replicas: the model servers of a deployment, present and past."""

from datetime import datetime
from typing import Annotated

import msgspec

ReplicaState = Annotated[
    str,
    msgspec.Meta(extra_json_schema={"enum": ["draining", "failed", "ready", "starting", "stopped"]}),
]
ENDED = frozenset({"stopped", "failed"})


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One replica; ended ones as far as they are remembered."""

    id: str
    version: int
    state: ReplicaState
    created_at: datetime
    ready_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""

    @property
    def ended(self) -> bool:
        return self.state in ENDED
