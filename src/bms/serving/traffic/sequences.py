"""Routes the steps of a sequence to the one replica of one version that keeps its state.

Gateways agree without talking: a sequence goes to the replica that its name and the replica's draw highest for (Thaler
and Ravishankar, 1998), and a gateway that has sent a step of one there goes on so, whichever replicas come meanwhile.
"""

from bisect import bisect_right
from collections import OrderedDict
from hashlib import blake2b
from typing import NamedTuple

from bms.core.errors import Aborted
from bms.core.serving.snapshot import ServedVersion
from bms.core.tensors.sequences import SequenceId, SequenceStep
from bms.serving.traffic.replicas import ReplicaTable, RoutedReplica
from bms.serving.traffic.snapshot_index import DeploymentRoute, served

_MOST = 65_536  # sequences that one gateway remembers the place of; of others it draws it anew


class _Place(NamedTuple):
    version: int
    replica: str


class Sequences:
    """The routes of open sequences, by deployment and the id that its clients give."""

    def __init__(self) -> None:
        self._places: OrderedDict[tuple[str, SequenceId], _Place] = OrderedDict()

    def version(self, route: DeploymentRoute, step: SequenceStep) -> ServedVersion | None:
        """Returns the version that a step without one goes to; None where nothing takes traffic."""
        place = None if step.start else self._places.get((route.entry.id, step.id))
        if place is not None and (known := route.versions.get(place.version)) is not None and served(known):
            return known
        if not route.shares:
            return None
        return route.shares[bisect_right(route.bounds, _draw(step.id, route.entry.id) * route.total)]

    def replica(
        self, table: ReplicaTable, deployment: str, version: ServedVersion, step: SequenceStep, tried: tuple[str, ...]
    ) -> RoutedReplica | None:
        """Returns the usable replica that the step goes to; None where there is none. Raises Aborted where the one that
        the sequence began on is gone, and its state with it."""
        key = (deployment, step.id)
        place = None if step.start else self._places.get(key)
        if place is not None or (tried and not step.start):
            found = table.get(place.replica) if place is not None and place.replica not in tried else None
            if found is None or not found.link.usable:
                self._places.pop(key, None)
                raise Aborted(
                    f"sequence {step.id} is lost: the replica that it was on is gone, and what it kept; begin again "
                    "with sequence_start"
                )
        else:
            found = _highest(table, version, step.id, tried)
        if found is not None:
            self._note(key, _Place(version.number, found.id), step)
        return found

    def _note(self, key: tuple[str, SequenceId], place: _Place, step: SequenceStep) -> None:
        if step.end:
            self._places.pop(key, None)
            return
        self._places[key] = place
        self._places.move_to_end(key)
        if len(self._places) > _MOST:
            self._places.popitem(last=False)


def _highest(
    table: ReplicaTable, version: ServedVersion, id: SequenceId, tried: tuple[str, ...]
) -> RoutedReplica | None:
    best: tuple[float, RoutedReplica] | None = None
    for address in version.replicas:
        replica = table.get(address.id)
        if replica is not None and replica.link.usable and address.id not in tried:
            drawn = _draw(id, address.id)
            if best is None or drawn > best[0]:
                best = (drawn, replica)
    return None if best is None else best[1]


def _draw(id: SequenceId, other: str) -> float:
    """Returns a number in [0, 1), the same for the same two texts."""
    digest = blake2b(f"{type(id).__name__}:{id}\0{other}".encode(), digest_size=6).digest()
    return int.from_bytes(digest) / (1 << 48)
