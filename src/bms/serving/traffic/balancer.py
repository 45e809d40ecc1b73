"""Load balancing over a version's replicas: the less busy of two drawn at random (Mitzenmacher, 2001)."""

from collections.abc import Callable, Collection

from bms.core.serving.snapshot import ServedVersion
from bms.serving.traffic.replicas import ReplicaTable, RoutedReplica


def choose_replica(
    table: ReplicaTable, version: ServedVersion, tried: Collection[str], random: Callable[[], float]
) -> RoutedReplica | None:
    """Returns a usable replica that was not `tried` (ids), None where there is none. `random` is uniform in [0, 1)."""
    addresses = version.replicas
    if len(addresses) == 1 and not tried:
        only = table.get(addresses[0].id)
        return only if only is not None and only.link.usable else None
    usable = [
        replica
        for address in addresses
        if address.id not in tried and (replica := table.get(address.id)) is not None and replica.link.usable
    ]
    if len(usable) < 2:
        return usable[0] if usable else None
    first = int(random() * len(usable))
    second = int(random() * (len(usable) - 1))
    one, other = usable[first], usable[second if second < first else second + 1]
    return one if one.in_flight <= other.in_flight else other
