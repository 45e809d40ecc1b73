"""The actions that `plan` returns. Each is safe to repeat, and says all that is needed to carry it out."""

import msgspec

from bms.control.deployments.nouns import TrafficRoute


class StartReplica(msgspec.Struct, frozen=True):
    """Record a new replica; its process is launched in a later step."""

    version: int
    restarts: int = 0


class Launch(msgspec.Struct, frozen=True):
    """Prepare what the replica's process needs, and start it: slow work, outside transactions."""

    replica: str


class MarkReady(msgspec.Struct, frozen=True):
    """Record that the replica answers at `address`; gateways are told."""

    replica: str
    address: str


class Move(msgspec.Struct, frozen=True):
    """Record another address of a ready replica: the machine that it runs on is reached by another port, say."""

    replica: str
    address: str


class MarkFailed(msgspec.Struct, frozen=True):
    replica: str
    reason: str


class SetRoute(msgspec.Struct, frozen=True):
    """Move the traffic; gateways hear of it in the snapshot."""

    route: TrafficRoute


class Drain(msgspec.Struct, frozen=True):
    """Take a ready replica out of the snapshot; it goes on answering until it is stopped."""

    replica: str
    reason: str


class StopReplica(msgspec.Struct, frozen=True):
    """Record the end of a replica that nobody sends to; its process is ended by a later step."""

    replica: str
    reason: str = ""


class EndWorkload(msgspec.Struct, frozen=True):
    """Ask the process of an ended replica to finish what is in flight, and kill it after the grace."""

    workload: str
    grace_s: float


class ForgetWorkload(msgspec.Struct, frozen=True):
    """Remove what an ended process left behind."""

    workload: str


RecordAction = StartReplica | MarkReady | Move | MarkFailed | SetRoute | Drain | StopReplica
WorkloadAction = Launch | EndWorkload | ForgetWorkload
Action = RecordAction | WorkloadAction
