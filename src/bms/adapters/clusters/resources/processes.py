"""Linux processes: reads /proc as data, and signals exactly the process that is meant."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class ProcessIdentity(NamedTuple):
    """The identity of a process: a pid is used again, a pid with its start time (clock ticks since boot) is not."""

    pid: int
    start_ticks: int


class Process(NamedTuple):
    """One process as /proc/PID/stat shows it (proc(5))."""

    identity: ProcessIdentity
    parent: int
    group: int
    session: int
    alive: bool  # false: a zombie, which only waits for its parent to look
    resident: int  # bytes
    cpu_ns: int  # its own and its waited-for children's, user and system
    threads: int = 1


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def read(pid: int) -> Process | None:
    """Reads the process of this pid, None where there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return parsed(pid, text)


def parsed(pid: int, text: bytes) -> Process:
    """Parses a process's line of /proc/PID/stat."""
    fields = text[text.rindex(b")") + 2 :].split()  # the name before it may hold anything
    return Process(
        identity=ProcessIdentity(pid, int(fields[19])),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        alive=fields[0] not in (b"Z", b"X"),
        resident=int(fields[21]) * PAGE,
        cpu_ns=sum(map(int, fields[11:15])) * TICK_NS,
        threads=int(fields[17]),
    )


def read_child(pid: int) -> Process:
    """Reads a child process that nobody has waited for, which stays in the table even when it has ended."""
    if (found := read(pid)) is None:
        raise ProcessLookupError(f"no process {pid}; it is not a child that nobody has waited for")
    return found


def table() -> dict[int, Process]:
    """Reads all visible processes, by pid."""
    found = (read(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {process.identity.pid: process for process in found if process is not None}


def environment(pid: int) -> dict[str, str]:
    """Reads the environment that the process was started with; empty for one that is gone or another user's."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    pairs = (part.partition("=") for part in text.decode(errors="replace").split("\0"))
    return {name: value for name, _, value in pairs}


def proportional(pid: int) -> int | None:
    """Reads the resident bytes, with pages that n processes share counted as 1/n (PSS). None where it can't be read."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return None


def family(
    leader: ProcessIdentity, processes: dict[int, Process], known: Iterable[ProcessIdentity] = ()
) -> list[Process]:
    """Finds the living processes that belong to `leader`: its session, its group, all their descendants, and those of
    `known` that still live, whose parents may be gone."""
    return Kin(processes).of(leader, known)


class Kin:
    """The relations of a process table, indexed once for any number of look-ups."""

    def __init__(self, processes: dict[int, Process]) -> None:
        self._processes = processes
        self._children: dict[int, list[int]] = {}
        self._led: dict[int, list[int]] = {}  # by the number of their group or session
        for pid, process in processes.items():
            self._children.setdefault(process.parent, []).append(pid)
            for leader in {process.group, process.session}:
                self._led.setdefault(leader, []).append(pid)

    def of(self, leader: ProcessIdentity, known: Iterable[ProcessIdentity] = ()) -> list[Process]:
        """The `family` of a leader."""
        table = self._processes
        now = table.get(leader.pid)
        members = {identity.pid for identity in known if (p := table.get(identity.pid)) and p.identity == identity}
        # The kernel gives a pid to no one while a group or session has that number: a stranger means ours are gone.
        if now is None or now.identity == leader:
            members.update(self._led.get(leader.pid, ()))
            if now is not None:
                members.add(leader.pid)
        waiting = list(members)
        while waiting:
            for child in self._children.get(waiting.pop(), ()):
                if child not in members:
                    members.add(child)
                    waiting.append(child)
        return [table[pid] for pid in sorted(members) if table[pid].alive]


def open_pidfd(identity: ProcessIdentity) -> int | None:
    """Opens a descriptor that becomes readable when exactly this process ends; None if it is gone."""
    try:
        descriptor = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    now = read(identity.pid)  # looked at after opening, so the descriptor is surely of the process that was seen
    if now is None or now.identity != identity:
        os.close(descriptor)
        return None
    return descriptor


def send(identity: ProcessIdentity, number: signal.Signals) -> None:
    """Signals exactly this process; does nothing when it is gone."""
    descriptor = open_pidfd(identity)
    if descriptor is None:
        return
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def kill_group(leader: ProcessIdentity) -> None:
    """Kills the leader's group in one call, which no process of it outruns by starting others."""
    now = read(leader.pid)
    if now is not None and now.identity == leader and now.group == leader.pid:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)


def reap(pid: int) -> tuple[int, int] | None:
    """Waits for an ended child of ours: (exit code, CPU nanoseconds); None when it is not our child or still runs."""
    try:
        waited, status, usage = os.wait4(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    if waited == 0:
        return None
    return os.waitstatus_to_exitcode(status), int((usage.ru_utime + usage.ru_stime) * 1e9)


def end_all(find: Callable[[], list[Process]], patience_s: float) -> int:
    """Kills what `find` finds until it finds nothing; returns how many did not die within `patience_s` (a process in an
    uninterruptible read of a dead disk, for example).

    What was found once is followed to its end: while a process executes another program, its mark can't be read.
    """
    deadline = time.monotonic() + patience_s
    pause = 0.002
    left: set[ProcessIdentity] = set()
    while True:
        left = {process.identity for process in find()} | {each for each in left if _lives(each)}
        if not left:
            return 0
        if time.monotonic() > deadline:
            return len(left)
        for identity in left:
            send(identity, signal.SIGKILL)
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def _lives(identity: ProcessIdentity) -> bool:
    now = read(identity.pid)
    return now is not None and now.identity == identity and now.alive
