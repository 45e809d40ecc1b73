"""Which replicas a gateway may still send to: the memory that lets a drained replica be stopped in safety.

A replica is released when every connected gateway routes by a revision without it. A gateway that says nothing can
hold it for a few seconds only: its requests are then sent back by the draining model server and retried elsewhere.
"""

from collections.abc import Collection

BOUND_S = 5.0  # after this long, no gateway is waited for
RECONNECT_S = 2.0  # a gateway that lost its connection, to us or to our predecessor, may be back within this


class Adoption:
    """Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._revision = 0
        self._present: frozenset[str] = frozenset()
        self._absent: dict[str, tuple[int, float]] = {}  # since which revision, and when that was published
        self._applied: dict[int, int] = {}  # by connection
        self._quiet_after = now + RECONNECT_S

    def published(self, revision: int, replicas: frozenset[str], now: float) -> None:
        """From `revision` on, gateways may send to exactly these replicas."""
        for replica in self._present - replicas:
            self._absent[replica] = (revision, now)
        self._absent = {
            replica: since for replica, since in self._absent.items() if replica not in replicas and now - since[1] < 60
        }
        self._revision = revision
        self._present = replicas

    def connected(self, connection: int) -> None:
        self._applied[connection] = -1  # whatever it knows, it is not of ours

    def applied(self, connection: int, revision: int) -> None:
        if connection in self._applied:
            self._applied[connection] = revision

    def all_applied(self, revision: int) -> bool:
        """Whether every connected gateway routes by `revision` or a later one."""
        return all(applied >= revision for applied in self._applied.values())

    def gone(self, connection: int, now: float) -> None:
        if self._applied.pop(connection, None) is not None:
            self._quiet_after = max(self._quiet_after, now + RECONNECT_S)

    def released(self, replicas: Collection[str], now: float) -> frozenset[str]:
        """Those of `replicas` that no live gateway sends to any more."""
        return frozenset(replica for replica in replicas if self._is_released(replica, now))

    def _is_released(self, replica: str, now: float) -> bool:
        if replica in self._present:
            return False
        revision, since = self._absent.setdefault(replica, (self._revision, now))
        if now - since >= BOUND_S:
            return True
        return now >= self._quiet_after and all(applied >= revision for applied in self._applied.values())
