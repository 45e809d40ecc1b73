"""Recovery after a restart: which recorded workloads still run, which ended unseen, and which processes have no
record."""

import logging
import os
import select
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import msgspec

from bms.adapters.clusters.isolation.cgroups import ControlGroups, OomKills
from bms.adapters.clusters.local.records import Record, Records
from bms.adapters.clusters.resources import processes, verdicts
from bms.adapters.clusters.resources import resource_watcher as watching
from bms.adapters.clusters.resources.processes import Process, ProcessIdentity

KILL_PATIENCE_S = 10.0
GATE_PATIENCE_S = 10.0  # an interpreter that starts on a busy machine
_LOOK_MS = 10
EXECUTING_S = 0.02  # more than a process needs to become another program, during which it carries no mark
_log = logging.getLogger(__name__)


class Recovered(NamedTuple):
    """A workload as recovery found it; `pidfd` of its leader where it runs."""

    record: Record
    pidfd: int | None


def recover(
    records: Records, home_mark: str, now_ns: int, groups: ControlGroups, waits: Callable[[str], bool]
) -> list[Recovered]:
    """Adopts workloads that run, concludes those that ended, kills processes without a record. Nothing else may act on
    the home meanwhile.

    A record that is still `starting` belongs to a process that never passed its gate: it ran nothing, so both go and
    the workload may be started as if for the first time. So does one that is gone and, by `waits`, was never released,
    since its starter died between the record and the word.
    """
    records.prepare()
    boot = processes.boot_id()
    found = []
    for record in records.load():
        if record.state == "starting":
            records.remove(record.spec.id)
        elif record.state == "running":
            one = _adopt(records, record, boot, home_mark, now_ns, groups.hits(record.spec.id))
            if one.pidfd is not None and waits(record.spec.id):
                _await_gate(one.pidfd, partial(waits, record.spec.id))
                os.close(one.pidfd)
                one = _adopt(records, record, boot, home_mark, now_ns, groups.hits(record.spec.id))
            if one.pidfd is None and waits(record.spec.id):
                records.remove(record.spec.id)
            else:
                found.append(one)
        else:
            found.append(Recovered(record, None))
    _end_orphans(home_mark, frozenset(each.record.spec.id for each in found if each.pidfd is not None))
    return found


def conclude(
    records: Records,
    record: Record,
    home_mark: str,
    leader: ProcessIdentity | None,
    known: frozenset[ProcessIdentity],
    now_ns: int,
    hits: OomKills,
) -> Record:
    """Kills the processes that an ended leader left behind, and records how it ended.

    `leader` None: its pid may be another process's by now, so only the mark identifies what is left of the workload.
    `hits` are what the kernel had to refuse it.
    """
    exit_code, cpu_ns = None, record.cpu_ns
    if leader and (seen := processes.reap(leader.pid)):
        exit_code, cpu_ns = seen[0], max(cpu_ns, seen[1])
    left = processes.end_all(
        lambda: watching.belonging(home_mark, record.spec.id, leader, known), patience_s=KILL_PATIENCE_S
    )
    if left:
        _log.error("%d processes of workload %s can't be killed; they wait in the kernel", left, record.spec.id)
    verdict = record.verdict or verdicts.ending(record.spec.resources, exit_code, hits)
    ended = msgspec.structs.replace(
        record, state="ended", ended_at=now_ns, exit_code=exit_code, cpu_ns=cpu_ns, verdict=verdict
    )
    records.save(ended)
    return ended


def _await_gate(pidfd: int, waits: Callable[[], bool]) -> None:
    """Returns once the process went on, for it had been let go, or ended, for it will not be any more."""
    ended = select.poll()
    ended.register(pidfd, select.POLLIN)
    give_up = time.monotonic() + GATE_PATIENCE_S
    while waits() and time.monotonic() < give_up and not ended.poll(_LOOK_MS):
        pass


def _adopt(records: Records, record: Record, boot: str, home_mark: str, now_ns: int, hits: OomKills) -> Recovered:
    leader = ProcessIdentity(record.pid, record.start_ticks)
    pidfd = processes.open_pidfd(leader) if record.boot == boot else None
    if pidfd is None:
        return Recovered(conclude(records, record, home_mark, None, frozenset(), now_ns, hits), None)
    # Boot, pid and start time are proof enough; the mark is not asked for, since programs that rename
    # themselves write over the memory that it is read from.
    now = processes.read(leader.pid)
    if now is not None and now.alive:
        return Recovered(record, pidfd)
    os.close(pidfd)
    return Recovered(conclude(records, record, home_mark, leader, frozenset(), now_ns, hits), None)


def _end_orphans(home_mark: str, adopted: frozenset[str]) -> None:
    def orphans() -> list[Process]:
        found = watching.marked(home_mark, processes.table())
        return [process for workload, members in found.items() if workload not in adopted for process in members]

    first = orphans()
    if not first:
        time.sleep(EXECUTING_S)
        first = orphans()
    if first:
        _log.warning("ending %d processes of this home that no workload's record knows", len(first))
        if left := processes.end_all(orphans, patience_s=KILL_PATIENCE_S):
            _log.error("%d processes of this home can't be killed; they wait in the kernel", left)
