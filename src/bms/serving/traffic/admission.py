"""Admission control: how many requests of one deployment may be in flight at once in one gateway."""

from bms.core.errors import ResourceExhausted
from bms.core.serving.snapshot import DeploymentEntry


class Admission:
    """Counts requests in flight by deployment."""

    def __init__(self) -> None:
        self._in_flight: dict[str, int] = {}
        self.total = 0

    def enter(self, entry: DeploymentEntry) -> None:
        """Counts a request in. Raises ResourceExhausted where the deployment is full; every success needs one
        `leave`."""
        now = self._in_flight.get(entry.id, 0)
        if now >= entry.max_in_flight:
            raise ResourceExhausted(
                f"{entry.name!r} has {now} requests in flight, as many as it may: come again shortly", retry_after_s=1.0
            )
        self._in_flight[entry.id] = now + 1
        self.total += 1

    def leave(self, entry: DeploymentEntry) -> None:
        left = self._in_flight[entry.id] - 1
        if left:
            self._in_flight[entry.id] = left
        else:
            del self._in_flight[entry.id]
        self.total -= 1

    def in_flight(self, deployment: str) -> int:
        return self._in_flight.get(deployment, 0)
