"""Tracks the revisions that connected gateways acknowledged, and gateways that may be back in a moment."""

RECONNECT_S = 2.0  # a gateway that lost its connection, to us or to our predecessor, may be back within this
UNKNOWN = -1  # whatever such a gateway routes by, it is not of ours


class Acknowledgements:
    """The acknowledged revisions. They are numbers of events (`SnapshotEntries`). Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._applied: dict[int, int] = {}  # by connection
        self._away: list[tuple[int, float]] = [
            (UNKNOWN, now + RECONNECT_S)
        ]  # revision, and until when it is waited for

    def connected(self, connection: int) -> None:
        self._applied[connection] = UNKNOWN

    def applied(self, connection: int, revision: int) -> None:
        """Records that the gateway of that connection routes by this revision now."""
        if connection in self._applied:
            self._applied[connection] = revision

    def gone(self, connection: int, now: float) -> None:
        if (applied := self._applied.pop(connection, None)) is not None:
            self._away.append((applied, now + RECONNECT_S))

    def all_applied(self, revision: int) -> bool:
        """Whether every connected gateway routes by `revision` or a later one."""
        return all(applied >= revision for applied in self._applied.values())

    def position(self, revision: int, last_event: int, now: float) -> int:
        """The number of the event up to which these gateways route, where `revision` is the newest and takes account of
        `last_event`."""
        self._away = [each for each in self._away if each[1] > now]
        behind = [*self._applied.values(), *(applied for applied, _ in self._away)]
        return min((applied for applied in behind if applied < revision), default=last_event)
