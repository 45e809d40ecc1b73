"""Samples running workloads: which processes belong to each, what they use, and which limits they exceed."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bms.adapters.clusters import log_files
from bms.adapters.clusters.isolation.cgroups import ControlGroups
from bms.adapters.clusters.resources import processes, variables, verdicts
from bms.adapters.clusters.resources.disk_usage import DiskUsage
from bms.adapters.clusters.resources.process_trees import ProcessTrees
from bms.adapters.clusters.resources.processes import Process, ProcessIdentity
from bms.core.workloads.resources import Resources

CHECK_S = 30.0  # how often a workload is weighed that does nothing that shows: a hundredth of a second of CPU does


class Watched(NamedTuple):
    """A running workload, as the watcher needs it."""

    id: str
    leader: ProcessIdentity
    known: frozenset[ProcessIdentity]  # who belonged to it at the last look
    limits: Resources
    directory: Path


class ResourceSample(NamedTuple):
    """The measured use of one workload: `memory` is the resident bytes of its process tree; `over` is the verdict where
    it exceeds a limit."""

    family: frozenset[ProcessIdentity]
    memory: int
    cpu_ns: int
    over: str


class ResourceWatcher:
    """Samples all running workloads, one after another."""

    def __init__(self) -> None:
        self._families = ProcessTrees()
        self._footprints = DiskUsage()
        self._checked: dict[str, float] = {}  # when each was last weighed
        self._unmeasured: set[str] = set()  # did something since its directory was last measured
        self._begun = False

    def begin(self) -> None:
        """Adds a workload."""
        self._begun = True

    def due(self) -> bool:
        """Whether a look is due now. To be asked at every tick, between looks; it needs no thread."""
        begun, self._begun = self._begun, False
        return self._families.due() or begun or bool(self._unmeasured)

    def look(self, watched: Iterable[Watched], groups: ControlGroups) -> dict[str, ResourceSample]:
        """Samples the workloads that did something since the last look, or were not measured for long, by id; also cuts
        their logs. Reads /proc, so it belongs in a thread, in one at a time."""
        running = {each.id: each for each in watched}
        families = self._families.look((each.id, each.leader, each.known) for each in running.values())
        now = time.monotonic()
        sights = {}
        for id, each in running.items():
            if families[id].moved:
                self._unmeasured.add(id)
            elif now < self._checked.get(id, now - CHECK_S) + CHECK_S and not self._measures(each):
                continue
            self._checked[id] = now
            sights[id] = self._weighed(each, families[id].processes, groups)
        for gone in self._checked.keys() - running.keys():
            del self._checked[gone]
            self._unmeasured.discard(gone)
        return sights

    def forget(self, directory: Path) -> None:
        """Removes a workload that ended."""
        self._footprints.forget(directory)

    def close(self) -> None:
        self._families.close()

    def _measures(self, each: Watched) -> bool:
        """Whether its directory, too large to be measured at each look, is to be measured now."""
        return each.id in self._unmeasured and self._footprints.due(each.directory)

    def _weighed(self, each: Watched, members: list[Process], groups: ControlGroups) -> ResourceSample:
        if self._footprints.due(each.directory):
            self._unmeasured.discard(each.id)
        memory = _memory(members, each.limits.memory)
        sight = ResourceSample(
            family=frozenset(member.identity for member in members),
            memory=memory,
            cpu_ns=sum(member.cpu_ns for member in members),
            over=verdicts.over(
                each.limits,
                memory=memory,
                processes=sum(member.threads for member in members),
                disk=self._footprints.of(each.directory),
                hits=groups.hits(each.id),
            ),
        )
        for name in log_files.NAMES:
            log_files.trim(f"{each.directory}/{name}")
        return sight


def belonging(
    home_mark: str, workload: str, leader: ProcessIdentity | None, known: Iterable[ProcessIdentity]
) -> list[Process]:
    """Finds every living process of the workload: its leader's process tree, and whatever carries its mark."""
    table = processes.table()
    family = processes.family(leader, table, known) if leader else []
    carriers = marked(home_mark, table).get(workload, [])
    return list({process.identity: process for process in (*family, *carriers)}.values())


def marked(home_mark: str, table: dict[int, Process]) -> dict[str, list[Process]]:
    """Finds living processes that carry this home's mark, by the id of their workload."""
    found: dict[str, list[Process]] = {}
    for pid, process in table.items():
        started_with = processes.environment(pid) if process.alive else {}
        if started_with.get(variables.MARK_HOME) == home_mark:
            found.setdefault(started_with.get(variables.MARK_WORKLOAD, ""), []).append(process)
    return found


def _memory(members: list[Process], limit: int) -> int:
    """Resident bytes of all. The quick sum counts shared pages once per process; only when it is over the
    limit are the pages weighed properly, which walks every page table."""
    quick = sum(member.resident for member in members)
    if quick <= limit:
        return quick
    weighed = (processes.proportional(member.identity.pid) for member in members)
    return sum(member.resident if share is None else share for member, share in zip(members, weighed, strict=True))
