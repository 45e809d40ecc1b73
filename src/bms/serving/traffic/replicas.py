"""The table of replicas that a gateway may send to: one link each, for as long as the snapshot names the replica."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from bms.core.serving.snapshot import DeploymentEntry, ReplicaAddress
from bms.core.tensors.sequences import SequenceStep
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerMeta, ErrorMeta


class AnswerSink(Protocol):
    """Receives what comes of one call: answers until one is final, or one error. Nothing after `Link.cancel`."""

    def on_answer(self, meta: AnswerMeta, tensors: Sequence[Tensor]) -> None: ...

    def on_error(self, meta: ErrorMeta) -> None:
        """Receives a failure, also of a lost connection: `lost` for what was sent, else UNAVAILABLE, and worth a
        retry."""
        ...


class Link(Protocol):
    """The connection to one model server. It reconnects by itself until closed; it never blocks."""

    @property
    def usable(self) -> bool:
        """Whether to send more: not broken, not going away."""
        ...

    def infer(
        self,
        sink: AnswerSink,
        signature: str,
        tensors: list[Tensor],
        timeout_us: int,
        outputs: tuple[str, ...],
        rows: int,
        most: int,
        priority: int,
        sequence: SequenceStep | None = None,
        params: bytes = b"",
    ) -> object:
        """Sends a call of `rows` rows; the server may run it together with others, up to `most` rows (1: alone). A step
        of a `sequence` runs alone, after those that were sent before it. With `params`, as `chosen_parameters` writes
        them, it does not travel with others.

        What is given back names it in `cancel`.
        """
        ...

    def cancel(self, call: Any) -> None: ...

    def retire(self) -> None:
        """Sends no more, closes once nothing is in flight."""
        ...


class RoutedReplica:
    """One replica and how many calls of this gateway it is working on."""

    __slots__ = ("address", "id", "in_flight", "link")

    def __init__(self, address: ReplicaAddress, link: Link) -> None:
        self.id = address.id
        self.address = address.address
        self.link = link
        self.in_flight = 0


class ReplicaTable:
    """All replicas that any deployment names, by id."""

    def __init__(self, connect: Callable[[ReplicaAddress], Link]) -> None:
        self._connect = connect
        self._by_id: dict[str, RoutedReplica] = {}
        self._owners: dict[str, set[str]] = {}

    def get(self, id: str) -> RoutedReplica | None:
        return self._by_id.get(id)

    def __len__(self) -> int:
        return len(self._by_id)

    def update(self, before: DeploymentEntry | None, after: DeploymentEntry | None) -> None:
        """Opens links to replicas that a deployment newly names, retires those that no deployment names any more."""
        new = {address.id: address for address in _addresses(after)}
        for address in new.values():
            known = self._by_id.get(address.id)
            if known is None or known.address != address.address:
                if known is not None:
                    known.link.retire()
                self._by_id[address.id] = RoutedReplica(address, self._connect(address))
            if after is not None:
                self._owners.setdefault(address.id, set()).add(after.id)
        for old in _addresses(before):
            if before is None or old.id in new:
                continue
            owners = self._owners.get(old.id, set())
            owners.discard(before.id)
            if not owners:
                self._owners.pop(old.id, None)
                gone = self._by_id.pop(old.id, None)
                if gone is not None:
                    gone.link.retire()

    def retire_all(self) -> None:
        for replica in self._by_id.values():
            replica.link.retire()
        self._by_id.clear()
        self._owners.clear()


def _addresses(entry: DeploymentEntry | None) -> Iterable[ReplicaAddress]:
    return () if entry is None else (address for version in entry.versions for address in version.replicas)
