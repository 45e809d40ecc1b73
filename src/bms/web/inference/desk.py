"""The one desk that every inference request passes, whatever protocol it came by: who, how fast, which version, and
where its end is written down."""

from collections.abc import Callable

from bms.core.errors import Unauthenticated
from bms.core.sequences import Step
from bms.core.snapshot import KeyEntry, ServedVersion
from bms.serving.traffic.admission import Admission
from bms.serving.traffic.dispatcher import Dispatcher
from bms.serving.traffic.keys import KeyCheck
from bms.serving.traffic.rate import RateLimits
from bms.serving.traffic.snapshot_index import Route, SnapshotIndex
from bms.serving.traffic.split import choose_version, find_route
from bms.web.inference.metrics import Metrics
from bms.web.inference.turn import Turn


class Desk:
    """What the doors of one gateway share. `monotonic` counts seconds, `unix_ns` nanoseconds, `random` is uniform in
    [0, 1)."""

    def __init__(
        self,
        *,
        index: Callable[[], SnapshotIndex],
        dispatcher: Dispatcher,
        turn: Turn,
        metrics: Metrics,
        monotonic: Callable[[], float],
        unix_ns: Callable[[], int],
        random: Callable[[], float],
    ) -> None:
        self.index = index
        self.dispatcher = dispatcher
        self.turn = turn
        self.metrics = metrics
        self.monotonic = monotonic
        self.unix_ns = unix_ns
        self.admission = Admission()
        self.rates = RateLimits()
        self._random = random
        self._keys = KeyCheck()

    def authenticate(self, authorization: bytes | None, api_key: bytes | None) -> KeyEntry:
        """The key of an `Authorization` value, or else of an `x-api-key` value.

        Raises Unauthenticated, or PermissionDenied for one that may not invoke inference.
        """
        return self._keys.check(self.index(), authorization, api_key, self.unix_ns())

    def take(self, key: KeyEntry) -> None:
        """Counts one request of a key that was found good in the present index. Raises Unauthenticated once it has
        expired, ResourceExhausted when it asks too often."""
        if key.expires_at is not None and key.expires_at <= self.unix_ns():
            raise Unauthenticated("this key has expired: ask an admin of the tenant for a new one")
        if key.rate_per_s is not None:
            self.rates.take(key, self.monotonic())

    def route(self, key: KeyEntry, model: str, number: int | None, alias: str | None) -> tuple[Route, ServedVersion]:
        """Where a request for this name goes. Raises NotFound, InvalidArgument, Unavailable as `split` does."""
        route = find_route(self.index(), key.tenant, model)
        if number is None and alias is None and len(route.shares) == 1:
            return route, route.shares[0]
        return route, choose_version(route, number, alias, self._random())

    def sequence_version(self, route: Route, drawn: ServedVersion, step: Step) -> ServedVersion:
        """Where a step goes that names no version: where its sequence does. `drawn` is one that it could go to."""
        return self.dispatcher.sequences.version(route, step) or drawn

    def deadline(self, route: Route, *asked: float | None) -> float:
        """Monotonic seconds: the least of what the deployment allows and what was `asked` for, in seconds from now."""
        allowed = route.entry.timeout_s
        for seconds in asked:
            if seconds is not None and seconds < allowed:
                allowed = seconds
        return self.monotonic() + allowed
