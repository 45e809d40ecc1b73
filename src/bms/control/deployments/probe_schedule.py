"""Decides when each model server is probed next. Pure."""

from collections.abc import Container, Mapping

from bms.control.deployments.nouns import Replica

STARTING_S, READY_S = 0.1, 2.0  # between two questions
A_SECOND = 5  # questions to ready ones, in all: many are asked more seldom, but for those that did not answer
EARLY_S, AT_ONCE = READY_S / 2, 10  # where one's turn has come, others are asked so much earlier with it, up to so many


class ProbeSchedule:
    """The times of the last probes, in monotonic seconds."""

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}

    def forget(self, replica: str) -> None:
        """Forgets the replica: it is gone, or is to be probed at once."""
        self._asked.pop(replica, None)

    def take(
        self, replicas: Mapping[str, Replica], troubled: Container[str], now: float
    ) -> tuple[list[Replica], float]:
        """The `replicas`, by id, that are due for a probe, which counts as made with that; and the seconds until the
        next one is due, at least STARTING_S. Those that are `troubled` did not answer."""
        if not replicas:
            return [], READY_S
        seldom = max(READY_S, len(replicas) / A_SECOND)
        pauses = {
            id: STARTING_S if replica.state != "ready" else READY_S if id in troubled else seldom
            for id, replica in replicas.items()
        }
        left = {id: self._asked.get(id, now - pause) + pause - now for id, pause in pauses.items()}
        due = [id for id in replicas if left[id] <= 0]
        if any(pauses[id] >= READY_S for id in due):
            soon = [id for id in replicas if 0 < left[id] <= EARLY_S and pauses[id] >= READY_S]
            due += sorted(soon, key=left.__getitem__)[: max(0, AT_ONCE - len(due))]
        for id in due:
            self._asked[id], left[id] = now, pauses[id]
        return [replicas[id] for id in due], max(STARTING_S, min(left.values()))
