"""What a gateway's snapshot costs inside it, measured in this process on the state that a gateway wrote down.

Nothing is connected here, so every version gets the address of a replica: the look-up then draws among all of them.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from bms.adapters.snapshots.state_file import load_state
from bms.core.serving.snapshot import DeploymentEntry, KeyEntry, ReplicaAddress, SnapshotState, SnapshotUpdate
from bms.serving.traffic.snapshot_index import SnapshotIndex
from bms.serving.traffic.split import choose_version, find_route

CALLS = 20_000


class Costs(NamedTuple):
    """Microseconds for each of many calls in turn, milliseconds for a whole step."""

    by_weight_us: float
    by_number_us: float
    one_change_ms: float
    everything_ms: float


def measure(path: Path) -> Costs:
    """Raises RuntimeError where there is no good state at `path`."""
    state = load_state(path)
    if state is None:
        raise RuntimeError(f"{path} holds no snapshot")
    began = time.perf_counter()
    empty = SnapshotIndex.of_state(state)
    everything = time.perf_counter() - began
    index = SnapshotIndex.of_state(_reachable(state))
    names = random.Random(1).choices(
        [(route.entry.tenant, route.entry.name) for route in index.by_id.values()], k=CALLS
    )
    draws = [random.random() for _ in names]

    def by_weight() -> None:
        for (tenant, name), draw in zip(names, draws, strict=True):
            choose_version(find_route(index, tenant, name), None, None, draw)

    def by_number() -> None:
        for tenant, name in names:
            choose_version(find_route(index, tenant, name), 1, None, 0.5)

    some = next(iter(empty.by_id.values())).entry
    step = SnapshotUpdate(revision=1, full=False, puts=(msgspec.structs.replace(some, max_in_flight=1),))
    return Costs(
        _best(by_weight) / CALLS * 1e6,
        _best(by_number) / CALLS * 1e6,
        _best(lambda: empty.apply(step)) * 1e3,
        everything * 1e3,
    )


def _best(work: Callable[[], object], times: int = 5) -> float:
    """Seconds, the least of some: what is above it is others' work."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def _reachable(state: SnapshotState) -> SnapshotState:
    entries = tuple(entry if isinstance(entry, KeyEntry) else _served(entry) for entry in state.entries)
    return msgspec.structs.replace(state, entries=entries)


def _served(entry: DeploymentEntry) -> DeploymentEntry:
    versions = tuple(
        msgspec.structs.replace(
            version,
            state="AVAILABLE",
            weight=10,
            replicas=(ReplicaAddress(id=f"{entry.id}.{version.number}", address="unix:/nowhere"),),
        )
        for version in entry.versions
    )
    return msgspec.structs.replace(entry, versions=versions)
