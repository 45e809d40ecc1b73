"""Tracks which processes belong to each running workload, reading on each look only what has changed.

A process that did anything shows it in its line of the process table: time it ran, pages it touched, threads it began.
A process that begins takes the machine's next number: where none was taken there is no new one, else only new ones are
read and joined to their parents, sessions and groups. Some time after one was taken, and where numbers can't be known,
all are read. While everybody has slept for long, most looks are a glance at the number, for which `due` needs no
thread.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterable

from bms.adapters.clusters.resources import processes
from bms.adapters.clusters.resources.processes import Process, ProcessIdentity

SWEEP_S = 10.0
_APPEARING = 4  # looks within which a process is in the table after its number was taken
_STILL = 8  # looks without a move, after which a family is looked at
_SELDOM = 4  # only every so many ticks: one that begins to move is noticed so much later; one that forks, at once
_HELD = 8  # members of a family whose lines are kept open; of a larger one the others' are opened for each look
_LINE = 1024  # bytes; more than there are


class Member:
    """One process of a workload, and what was last read of it."""

    __slots__ = ("_line", "_text", "process")

    def __init__(self, process: Process, *, held: bool) -> None:
        self.process = process
        self._text: bytes | None = None  # nothing was read yet
        self._line: int | None = None
        if held:
            try:
                self._line = os.open(f"/proc/{process.identity.pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return  # it has ended, or there are no more descriptors: then it is read by its number

    def close(self) -> None:
        if self._line is not None:
            os.close(self._line)
            self._line = None

    def moved(self) -> bool:
        """Whether the process did anything since this was last asked; ending counts."""
        pid = self.process.identity.pid
        if self._line is None:
            now = processes.read(pid)
        else:
            try:
                text = os.pread(self._line, _LINE, 0)
            except ProcessLookupError:
                text = b""
            if text == self._text:
                return False
            self._text = text
            now = processes.parsed(pid, text) if text else None
        if now is None or now.identity != self.process.identity:
            now = self.process._replace(alive=False)
        before, self.process = self.process, now
        return now != before


class ProcessTree:
    """The living processes of one workload. `moved`: one did something since the look before, began or ended."""

    def __init__(self, leader: ProcessIdentity) -> None:
        self.leader = leader
        self.moved = True
        self._still = 0  # looks in a row
        self._members: dict[int, Member] = {}

    @property
    def processes(self) -> list[Process]:
        return [self._members[pid].process for pid in sorted(self._members)]

    @property
    def pids(self) -> Iterable[int]:
        return self._members.keys()

    @property
    def led(self) -> bool:
        """Whether the leader lives; if not, its pid may be another process's."""
        return self.leader.pid in self._members

    @property
    def sleeps(self) -> bool:
        """Whether all its processes have been idle for long."""
        return self._still > _STILL and not self.moved

    def look(self, *, seldom: bool) -> None:
        """Reads the processes again; `seldom`: also those that sleep."""
        self._still = 0 if self.moved else self._still + 1
        self.moved = False
        if self.sleeps and not seldom:
            return
        for pid, member in list(self._members.items()):
            if member.moved():
                self.moved = True
            if not member.process.alive:
                self._drop(pid)

    def take(self, found: Iterable[Process]) -> None:
        """Replaces the processes by those that a full scan found."""
        table = {process.identity.pid: process for process in found}
        for pid in [pid for pid, member in self._members.items() if member.process.identity != _identity(table, pid)]:
            self._drop(pid)
        for process in table.values():
            if process.identity.pid not in self._members:
                self.add(process)

    def add(self, process: Process) -> None:
        self.moved = True
        self._members[process.identity.pid] = Member(process, held=len(self._members) < _HELD)

    def close(self) -> None:
        for pid in list(self._members):
            self._drop(pid)

    def _drop(self, pid: int) -> None:
        self.moved = True
        self._members.pop(pid).close()


class ProcessTrees:
    """The process trees of all running workloads, by the workload's id. To be used by one thread at a time."""

    def __init__(self) -> None:
        self._families: dict[str, ProcessTree] = {}
        self._ticks = 0
        self._asleep = False  # all of them
        self._newest: deque[int] = deque(maxlen=_APPEARING)  # the last number taken, at each of the last looks
        self._strangers: set[int] = set()  # processes of these looks that are nobody's
        self._pid_is_reliable = newest_pid_is_reliable()
        self._taken = False  # a number, since the table was last read
        self._sweep_at = 0.0

    def due(self) -> bool:
        """Whether a look is due, if the same workloads run as at the last one. To be asked at every tick; so cheap that
        it needs no thread."""
        self._ticks += 1
        if self._ticks % _SELDOM == 0 or not self._asleep or not self._pid_is_reliable:
            return True
        return newest_pid() != self._newest[0]

    def look(
        self, watched: Iterable[tuple[str, ProcessIdentity, frozenset[ProcessIdentity]]]
    ) -> dict[str, ProcessTree]:
        """Updates the trees: (id, leader, who was known to belong) of each workload that runs -> its tree as it is
        now."""
        given = {id: (leader, known) for id, leader, known in watched}
        for gone in [id for id, family in self._families.items() if id not in given or family.leader != given[id][0]]:
            self._families.pop(gone).close()
        seldom = self._ticks % _SELDOM == 0
        for family in self._families.values():
            family.look(seldom=seldom)
        newest = newest_pid()
        before = self._newest[0] if self._newest else None
        self._taken |= newest != before
        if (
            given.keys() != self._families.keys()
            or before is None
            or newest < before  # the numbers began anew
            or (self._taken and time.monotonic() >= self._sweep_at)
            or not self._pid_is_reliable
            or not all(family.led for family in self._families.values())
        ):
            self._sweep(given)
            self._taken = newest != before
        elif newest != before:
            self._join(before, newest)
        self._newest.append(newest)
        self._asleep = all(family.sleeps for family in self._families.values())
        return self._families

    def close(self) -> None:
        for family in self._families.values():
            family.close()
        self._families.clear()

    def _sweep(self, given: dict[str, tuple[ProcessIdentity, frozenset[ProcessIdentity]]]) -> None:
        kin = processes.Kin(processes.table())
        for id, (leader, known) in given.items():
            family = self._families.setdefault(id, ProcessTree(leader))
            seen = known | {process.identity for process in family.processes}
            family.take(kin.of(leader, seen))
        self._strangers.clear()
        self._sweep_at = time.monotonic() + SWEEP_S

    def _join(self, after: int, newest: int) -> None:
        """Adds new processes to the trees that they belong to."""
        owners = {pid: family for family in self._families.values() for pid in family.pids}
        leaders = {family.leader.pid: family for family in self._families.values()}
        self._strangers = {pid for pid in self._strangers if after < pid <= newest}
        numbers = (int(name) for name in os.listdir("/proc") if name.isdigit())
        fresh = [pid for pid in numbers if after < pid <= newest and pid not in owners and pid not in self._strangers]
        waiting = [process for pid in fresh if (process := processes.read(pid)) is not None and process.alive]
        while waiting:
            left = []
            for process in waiting:
                family = owners.get(process.parent) or leaders.get(process.group) or leaders.get(process.session)
                if family is None:
                    left.append(process)
                else:
                    family.add(process)
                    owners[process.identity.pid] = family
            if len(left) == len(waiting):
                break
            waiting = left
        self._strangers.update(process.identity.pid for process in waiting)


def newest_pid() -> int:
    """The pid or thread id that the kernel assigned last."""
    with open("/proc/loadavg", "rb") as file:
        return int(file.read().split()[-1])


def newest_pid_is_reliable() -> bool:
    """Whether `newest_pid` follows new processes. Where containers are shown a file of their own it may not."""
    trial = threading.Thread(target=lambda: None)
    trial.start()
    trial.join()
    return trial.native_id is not None and newest_pid() >= trial.native_id


def _identity(table: dict[int, Process], pid: int) -> ProcessIdentity | None:
    process = table.get(pid)
    return None if process is None else process.identity
