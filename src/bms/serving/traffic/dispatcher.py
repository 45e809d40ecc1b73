"""Dispatches admitted calls: to a replica, once more if that one fails, and to exactly one end."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from bms.core.errors import BmsError, DeadlineExceeded, LostInHand, Unavailable, from_code
from bms.core.retry_after import bounded_retry_after
from bms.core.serving.snapshot import ServedVersion
from bms.core.tensors.request import InferRequest
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerMeta, ErrorMeta
from bms.serving.traffic.balancer import choose_replica
from bms.serving.traffic.replicas import ReplicaTable, RoutedReplica
from bms.serving.traffic.retry import RetryBudget, may_retry
from bms.serving.traffic.sequences import Sequences
from bms.serving.traffic.snapshot_index import DeploymentRoute, SnapshotIndex
from bms.serving.traffic.split import choose_version


class DispatchedCall(ABC):
    """One call in flight, and the receiver of its answers: any number of them, the last one final, or one failure,
    and nothing after `ReplicaDispatcher.cancel`. Times are monotonic seconds. Whoever sends it has set what has no
    default."""

    dispatcher: "ReplicaDispatcher"
    request: InferRequest
    rows: int
    route: DeploymentRoute
    version: ServedVersion
    deadline: float
    number: int | None = None  # of the version that the caller named
    alias: str | None = None
    attempts = 0
    begun = False
    replica: RoutedReplica | None = None  # None: not with any replica, now or any more
    ticket: object = None  # what the replica's link knows it by
    tried: tuple[str, ...] = ()

    @abstractmethod
    def answered(self, meta: AnswerMeta, tensors: Sequence[Tensor]) -> None: ...

    @abstractmethod
    def failed(self, error: BmsError, compute_ns: int = 0) -> None:
        """`compute_ns` is what the model ran before it failed; 0: as far as is known it never ran."""
        ...

    @property
    def named(self) -> bool:
        """Whether the caller named the version."""
        return self.number is not None or self.alias is not None

    @property
    def pinned(self) -> bool:
        """Whether the version is fixed: the caller named it, or goes on with a sequence that it began."""
        step = self.request.sequence
        return self.named or (step is not None and not step.start)

    def on_answer(self, meta: AnswerMeta, tensors: Sequence[Tensor]) -> None:
        if self.replica is None:
            return
        self.begun = True
        if meta.final:
            self.dispatcher.release(self)
        self.answered(meta, tensors)

    def on_error(self, meta: ErrorMeta) -> None:
        if self.replica is not None:
            self.tried = (*self.tried, self.replica.id)
            self.dispatcher.release(self)
            self.dispatcher.on_error(self, meta)


class ReplicaDispatcher:
    """Sends calls to replicas and watches their deadlines. `index` gives the current snapshot, `random` is uniform in
    [0, 1), `watch` is called when the first call becomes active: `expire` must then be called until none is."""

    def __init__(
        self,
        table: ReplicaTable,
        index: Callable[[], SnapshotIndex],
        monotonic: Callable[[], float],
        random: Callable[[], float],
        watch: Callable[[], None],
    ) -> None:
        self._table = table
        self._watch = watch
        self._index = index
        self._monotonic = monotonic
        self._random = random
        self._budget = RetryBudget()
        self.active: set[DispatchedCall] = set()
        self.sequences = Sequences()

    def send(self, call: DispatchedCall) -> None:
        """Sends a call to a replica. Raises Unavailable where no replica of the version can be reached, Aborted where
        the one of its sequence is gone; then the call was never sent."""
        step = call.request.sequence
        if step is None:
            replica = choose_replica(self._table, call.version, call.tried, self._random)
        else:
            replica = self.sequences.replica(self._table, call.route.entry.id, call.version, step, call.tried)
        if replica is None:
            raise Unavailable(
                f"no replica of version {call.version.number} of {call.route.entry.name!r} can be reached: come again; "
                f"if they died, `bms logs {call.route.entry.name}` says why",
                retry_after_s=1.0,
            )
        request, version = call.request, call.version
        left = int((call.deadline - self._monotonic()) * 1e6)
        name = request.signature or ""
        call.ticket = replica.link.infer(
            call,
            name,
            request.inputs,
            left if left > 0 else 1,
            request.outputs,
            call.rows,
            version.max_rows if version.signatures[name].batched else 1,
            request.priority,
            step,
            request.params,
        )
        if not call.attempts:
            self._budget.earn()
        call.attempts += 1
        call.replica = replica
        replica.in_flight += 1
        if not self.active:
            self._watch()
        self.active.add(call)

    def cancel(self, call: DispatchedCall) -> None:
        """Cancels a call: the replica may stop, and nothing more is reported."""
        replica = call.replica
        if replica is not None:
            self.release(call)
            replica.link.cancel(call.ticket)

    def expire(self) -> None:
        """Ends every call whose deadline has passed; to be called every few milliseconds while any is active."""
        now = self._monotonic()
        for call in [call for call in self.active if call.deadline <= now]:
            self.cancel(call)
            call.failed(DeadlineExceeded("the model did not answer in time: allow more, or send fewer rows"))

    def release(self, call: DispatchedCall) -> None:
        if call.replica is not None:
            call.replica.in_flight -= 1
            call.replica = None
            self.active.discard(call)

    def on_error(self, call: DispatchedCall, meta: ErrorMeta) -> None:
        """Retries a call that a replica failed, or reports the failure. What went down with its replica is tried
        once more, too: one that dies harms nobody while another lives, and what kills its replica can't kill more
        than two."""
        repeat = may_retry(
            retryable=meta.retry or meta.lost,
            attempts=call.attempts,
            begun=call.begun,
            now=self._monotonic(),
            deadline=call.deadline,
        )
        if repeat and self._budget.spend() and self._retry(call):
            return
        if meta.lost:
            call.failed(LostInHand(_died(call.route.entry.name)))
        else:
            call.failed(from_code(meta.code, meta.message, _wait_s(meta)), meta.compute_ns)

    def _retry(self, call: DispatchedCall) -> bool:
        """Sends a call to another replica; False where there is none, and the first failure is then reported."""
        try:
            self._reroute(call)
            self.send(call)
        except BmsError:
            return False
        return True

    def _reroute(self, call: DispatchedCall) -> None:
        """Looks the version's replicas up anew; where it is served no more and was not asked for by name, takes another
        version of the same signature."""
        route = self._index().by_id.get(call.route.entry.id)
        if route is None:
            return
        version = route.versions.get(call.version.number)
        if version is None or choose_replica(self._table, version, call.tried, self._random) is None:
            if call.pinned:
                return
            other = choose_version(route, None, None, self._random())
            name = call.request.signature or ""
            if other.signatures.get(name) != call.version.signatures.get(name):
                return
            version = other
        call.route, call.version = route, version


def _wait_s(meta: ErrorMeta) -> float | None:
    if meta.wait_ms:
        return bounded_retry_after(meta.wait_ms / 1000)
    return 1.0 if meta.retry else None


def _died(name: str) -> str:
    return (
        "the model server died while it had this request, which is not tried again, since it may be what killed it: "
        f"`bms logs {name}` says why; if other requests are to blame, ask again"
    )
