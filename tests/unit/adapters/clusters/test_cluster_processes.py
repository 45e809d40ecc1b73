"""Families of processes as the table shows them, and signals that hit no stranger."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bms.adapters.clusters.resources import processes
from bms.adapters.clusters.resources.processes import Process, ProcessIdentity


def process(pid: int, parent: int, group: int, session: int, ticks: int = 1, alive: bool = True) -> Process:
    return Process(ProcessIdentity(pid, ticks), parent, group, session, alive, resident=0, cpu_ns=0)


def pids(members: list[Process]) -> list[int]:
    return [member.identity.pid for member in members]


TABLE = {
    p.identity.pid: p
    for p in (
        process(1, 0, 1, 1),
        process(10, 1, 10, 10),  # the leader
        process(11, 10, 10, 10),  # its child
        process(12, 11, 12, 12),  # a grandchild in a session of its own
        process(13, 1, 10, 10),  # a child whose parent ended
        process(14, 1, 14, 10),  # the same, in another group of the session
        process(15, 1, 15, 15, ticks=7),  # escaped entirely
        process(16, 10, 10, 10, alive=False),
        process(20, 1, 20, 20),  # a stranger
    )
}


def test_a_family_is_session_group_and_descendants() -> None:
    assert pids(processes.family(ProcessIdentity(10, 1), TABLE)) == [10, 11, 12, 13, 14]


def test_known_members_stay_members_after_their_parents_end() -> None:
    assert 15 in pids(processes.family(ProcessIdentity(10, 1), TABLE, known=[ProcessIdentity(15, 7)]))
    assert 15 not in pids(processes.family(ProcessIdentity(10, 1), TABLE, known=[ProcessIdentity(15, 6)]))


def test_the_family_outlives_its_leader() -> None:
    without = {pid: p for pid, p in TABLE.items() if pid != 10}
    assert pids(processes.family(ProcessIdentity(10, 1), without)) == [11, 12, 13, 14]


def test_a_stranger_with_the_leaders_pid_has_no_family_of_ours() -> None:
    assert processes.family(ProcessIdentity(10, 99), TABLE) == []


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        yield running
        running.kill()


def test_a_signal_reaches_exactly_the_process_meant(child: subprocess.Popen[bytes]) -> None:
    found = processes.read(child.pid)
    assert found is not None
    assert found.alive
    assert found.parent == os.getpid()
    processes.send(ProcessIdentity(child.pid, found.identity.start_ticks + 1), signal.SIGKILL)
    assert processes.open_pidfd(ProcessIdentity(child.pid, found.identity.start_ticks + 1)) is None
    assert child.poll() is None
    processes.send(found.identity, signal.SIGKILL)
    assert child.wait(30) == -9
    processes.send(found.identity, signal.SIGKILL)


def test_what_is_gone_reads_as_nothing() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert processes.read(gone.pid) is None
    assert processes.environment(gone.pid) == {}
    assert processes.proportional(gone.pid) is None
    assert processes.reap(gone.pid) is None


def test_proportional_memory_is_at_most_the_resident(child: subprocess.Popen[bytes]) -> None:
    own = processes.read(os.getpid())
    share = processes.proportional(os.getpid())
    assert own is not None
    assert share is not None
    assert 2**20 < share <= own.resident * 1.5


def test_what_does_not_die_is_counted_and_not_waited_for_for_ever() -> None:
    immortal = process(2**30, 1, 1, 1)
    assert processes.end_all(lambda: [immortal], patience_s=0) == 1
    assert processes.end_all(list, patience_s=0) == 0
