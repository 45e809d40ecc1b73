"""Authenticates, admits, routes, decodes and sends every inference request, in this order, whatever protocol it came
by.

    admit       key and rate limit                       by the head alone, before a body is there
    prepare     find the deployment           Step.admit
                choose its version            Step.choose
                decode the body for it        Step.choose_decoded, and decoded again if that is another
                set the deadline
    send        from a cache                  Step.answer                   `exchange.py`
                or to a replica               Step.sent; Step.fall_back where that fails
    answered    meter, measure, encode, send  Step.answered, Step.ended

Steps of a deployment's own are made when its entry changes, and cost those that have none nothing.
"""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Protocol

from bms.core.errors import DeadlineExceeded, Unauthenticated
from bms.core.serving.snapshot import KeyEntry, ServedVersion
from bms.serving.pipeline.exchange import Exchange, GatewayContext
from bms.serving.pipeline.metrics import GatewayMetrics
from bms.serving.pipeline.step import PipelineStep, StepMaker
from bms.serving.pipeline.write_batch import WriteBatch
from bms.serving.traffic.admission import Admission
from bms.serving.traffic.dispatcher import ReplicaDispatcher
from bms.serving.traffic.keys import KeyCheck
from bms.serving.traffic.rate import RateLimits
from bms.serving.traffic.snapshot_index import DeploymentRoute, SnapshotIndex
from bms.serving.traffic.split import choose_version, find_route


class PresentedKey(Protocol):
    """A request head that may carry an API key. Equal heads are the same object, so what it was found to mean is kept
    in its `memory`."""

    memory: object

    @property
    def authorization(self) -> bytes | None: ...

    @property
    def api_key(self) -> bytes | None: ...


class _Known:
    """The key that a head was found to carry, valid for as long as the index is the same."""

    __slots__ = ("index", "key")

    def __init__(self, index: SnapshotIndex, key: KeyEntry) -> None:
        self.index = index
        self.key = key


class Pipeline:
    """The pipeline of one gateway, which all its handlers share. `monotonic` counts seconds, `unix_ns` nanoseconds,
    `random` is uniform in [0, 1). `monotonic` counts seconds, `unix_ns` nanoseconds, `random` is uniform in [0, 1).
    `steps` make what deployments ask for, in the order in which a request takes them."""

    def __init__(
        self,
        *,
        dispatcher: ReplicaDispatcher,
        write_batch: WriteBatch,
        metrics: GatewayMetrics,
        monotonic: Callable[[], float],
        unix_ns: Callable[[], int],
        random: Callable[[], float],
        steps: Sequence[StepMaker] = (),
    ) -> None:
        self.index = SnapshotIndex()
        self.metrics = metrics
        self.monotonic = monotonic
        self.unix_ns = unix_ns
        self.admission = Admission()
        self.rates = RateLimits()
        self._shared = GatewayContext(dispatcher, self.admission, write_batch, metrics, unix_ns)
        self._random = random
        self._keys = KeyCheck()
        self._makers = steps
        self._steps: dict[str, tuple[PipelineStep, ...]] = {}  # by deployment, of those that have any

    def update(self, index: SnapshotIndex) -> None:
        """Routes requests by `index` from now on."""
        self.index = index
        for id in index.changed:
            route = index.by_id.get(id)
            made = () if route is None else [maker(route.entry) for maker in self._makers]
            steps = tuple(step for step in made if step is not None)
            if steps:
                self._steps[id] = steps
            else:
                self._steps.pop(id, None)

    # --- with the head alone ---

    def caller(self, head: PresentedKey) -> KeyEntry:
        """Returns the key of an `Authorization` value, or else of an `x-api-key` value, checked against the snapshot.

        Raises Unauthenticated, or PermissionDenied for one that may not invoke inference.
        """
        key = self._keys.check(self.index, head.authorization, head.api_key, self.unix_ns())
        head.memory = _Known(self.index, key)
        return key

    def admit(self, head: PresentedKey) -> KeyEntry:
        """Authenticates as `caller` does, and counts one request of that key. Raises ResourceExhausted when it asks too
        often."""
        known = head.memory
        if isinstance(known, _Known) and known.index is self.index:
            key = known.key
            if key.expires_at is not None and key.expires_at <= self.unix_ns():
                raise Unauthenticated("this key has expired: ask an admin of the tenant for a new one")
        else:
            key = self.caller(head)
        if key.rate_per_s is not None:
            self.rates.take(key, self.monotonic())
        return key

    # --- once the body is there ---

    def run(self, call: Exchange) -> None:
        """Prepares a request and sends it to a replica. Raises BmsError where it is refused; then nothing is metered,
        and the handler reports the error to its client."""
        try:
            self.prepare(call)
            call.send()
        except Exception as error:
            call.drop(error)
            raise

    def prepare(self, call: Exchange) -> None:
        """Routes and decodes a request and sets its deadline. Whoever calls this and not `run` must `send` it, and
        `drop` it where either raises: NotFound, InvalidArgument, Unavailable, DeadlineExceeded, and what steps
        raise."""
        shared = call.shared = self._shared
        call.dispatcher = shared.dispatcher

        tenant, name = call.key.tenant, call.model
        route = call.route = self.index.routes.get((tenant, name)) or find_route(self.index, tenant, name)
        steps = self._steps.get(route.entry.id) if self._steps else None
        if steps is not None:
            call.enter(steps)

        if steps is None and len(route.shares) == 1 and call.number is None and call.alias is None:
            version = route.shares[0]  # as nearly always
        else:
            version = self._version(call, route)
        call.version = version

        call.decode(version.signatures)
        if steps is not None and not call.named:
            _choose_decoded(call)

        allowed = route.entry.timeout_s
        if call.timeout_s is not None or call.request.timeout_s is not None:
            allowed = _allowed_s(allowed, call.timeout_s, call.request.timeout_s)
        call.deadline = self.monotonic() + allowed
        call.parsed = perf_counter()

    # --- for descriptions of what is served ---

    def route(
        self, key: KeyEntry, model: str, number: int | None, alias: str | None
    ) -> tuple[DeploymentRoute, ServedVersion]:
        """Returns the route and version that a request for this name would get, for descriptions of what is served.
        Raises NotFound, InvalidArgument, Unavailable as `split` does."""
        route = find_route(self.index, key.tenant, model)
        return route, choose_version(route, number, alias, self._random())

    # --- parts ---

    def _version(self, call: Exchange, route: DeploymentRoute) -> ServedVersion:
        if not call.named:
            for step in call.steps:
                chosen = step.choose(call)
                if chosen is not None:
                    return chosen
        return choose_version(route, call.number, call.alias, self._random())


def _choose_decoded(call: Exchange) -> None:
    for step in call.steps:
        chosen = step.choose_decoded(call)
        if chosen is not None:
            if chosen is not call.version:
                before, call.version = call.version, chosen
                if chosen.signatures != before.signatures:
                    call.decode(chosen.signatures)
            return


def _allowed_s(allowed: float, by_head: float | None, by_request: float | None) -> float:
    """Returns seconds: the least of what the deployment, the client's head and the request itself allow."""
    if by_request is not None and by_request < allowed:
        allowed = by_request
    if by_head is not None and by_head < allowed:
        if by_head <= 0:
            raise DeadlineExceeded("the time that this request allows was over before it was read")
        allowed = by_head
    return allowed
