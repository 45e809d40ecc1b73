"""While workloads sleep, the cluster mostly glances, and needs no thread for that; who begins is looked at at once."""

from collections import Counter
from collections.abc import Iterable

import pytest

from bms.adapters.clusters.isolation.cgroups import ControlGroups
from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.resources import process_trees as families
from bms.adapters.clusters.resources.resource_watcher import ResourceSample, ResourceWatcher, Watched
from tests.contract.clusters.sights import MakeSpec, ready, until


async def test_one_tick_in_four_is_a_look_and_another_workload_is_looked_at_in_the_next(
    cluster: LocalCluster, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.start(make_spec())
    await ready(cluster, "wl_1")
    newest = families.newest_pid()
    monkeypatch.setattr(families, "newest_pid", lambda: newest)  # others on this machine begin processes all the time
    await until(lambda: cluster._looks._families._asleep)
    seen: Counter[str] = Counter()
    due, look = ResourceWatcher.due, ResourceWatcher.look

    def ticks(watch: ResourceWatcher) -> bool:
        seen["ticks"] += 1
        return due(watch)

    def looks(watch: ResourceWatcher, watched: Iterable[Watched], groups: ControlGroups) -> dict[str, ResourceSample]:
        running = list(watched)
        seen["looks"] += 1
        seen["looks at two"] += len(running) == 2
        return look(watch, running, groups)

    monkeypatch.setattr(ResourceWatcher, "due", ticks)
    monkeypatch.setattr(ResourceWatcher, "look", looks)
    await until(lambda: seen["ticks"] >= 40)
    assert seen["ticks"] // 4 - 1 <= seen["looks"] <= seen["ticks"] // 4 + 8, "it may have done something once"
    await cluster.start(make_spec("wl_2"))
    begun = seen["ticks"]
    await until(lambda: bool(seen["looks at two"]))
    assert seen["ticks"] <= begun + 2
