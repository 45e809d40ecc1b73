"""Decides when a drained replica may be stopped: once no gateway sends to it any more.

A replica that drains is released when all gateways route by everything up to its draining. A gateway that says nothing
can hold it for a few seconds only: its requests are then sent back by the draining model server and retried elsewhere.
"""

from collections.abc import Collection

import msgspec

BOUND_S = 5.0  # after this long, no gateway is waited for
REMEMBERED_S = 60.0


class _Asked(msgspec.Struct):
    """The wait for one replica: the event to which gateways must have come, when this process had come there, when it
    was last asked."""

    number: int
    since: float | None
    at: float


class RolloutBarrier:
    """The replicas that drain, and what each waits for. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}

    def released(
        self, replicas: Collection[str], newest: int, last_event: int, position: int, now: float
    ) -> frozenset[str]:
        """The drained `replicas` that no gateway sends to any more.

        `newest` is the newest event, read after it was known that they drain; this process has come to `last_event`,
        and all gateways to `position`.
        """
        self._asked = {id: asked for id, asked in self._asked.items() if now - asked.at < REMEMBERED_S}
        found = set[str]()
        for replica in replicas:
            asked = self._asked.setdefault(replica, _Asked(newest, None, now))
            asked.at = now
            if asked.since is None and last_event >= asked.number:
                asked.since = now
            if position >= asked.number or (asked.since is not None and now - asked.since >= BOUND_S):
                found.add(replica)
        return frozenset(found)
