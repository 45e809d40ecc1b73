"""What running workloads do is seen at the next look, and what does nothing is not read."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bms.adapters.clusters.isolation.cgroups import ControlGroups
from bms.adapters.clusters.resources import process_trees as families
from bms.adapters.clusters.resources import processes
from bms.adapters.clusters.resources import resource_watcher as watching
from bms.adapters.clusters.resources.process_trees import ProcessTree, ProcessTrees
from bms.adapters.clusters.resources.processes import ProcessIdentity
from bms.adapters.clusters.resources.resource_watcher import ResourceSample, ResourceWatcher, Watched
from bms.core.workloads.resources import Resources

MB = 1_000_000
OBEYS = """
import os, subprocess, sys, threading, time
kept = []
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""
SLEEPER = "subprocess.Popen(['sleep', '20'], stdout=subprocess.DEVNULL, start_new_session={})"


class Obedient:
    """A leader that does what it is told."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OBEYS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self.do("time.sleep(0)")

    def do(self, line: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"done\n"

    @property
    def leader(self) -> ProcessIdentity:
        return processes.read_child(self.process.pid).identity


@pytest.fixture
def obedient() -> Iterator[Obedient]:
    started = Obedient()
    yield started
    for process in processes.family(started.leader, processes.table()):
        processes.send(process.identity, processes.signal.SIGKILL)
    started.process.communicate()


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the whole table was read."""
    times: list[float] = []
    table = processes.table

    def counted() -> dict[int, processes.Process]:
        times.append(time.monotonic())
        return table()

    monkeypatch.setattr(processes, "table", counted)
    return times


def _looks(obedient: Obedient) -> tuple[ProcessTrees, Callable[[], ProcessTree]]:
    looking, leader = ProcessTrees(), obedient.leader

    def look() -> ProcessTree:
        looking.due()
        return looking.look([("wl", leader, frozenset())])["wl"]

    assert look().moved, "it is new"
    quiet = time.monotonic() + 10
    while look().moved:
        assert time.monotonic() < quiet
        time.sleep(0.05)
    return looking, look


def test_what_sleeps_is_not_read_and_what_it_does_is_seen(obedient: Obedient, swept: list[float]) -> None:
    looking, look = _looks(obedient)
    assert [look().moved for _ in range(5)] == [False] * 5
    before = sum(process.resident for process in look().processes)
    obedient.do("kept.append(b'x' * 50_000_000)")
    assert look().moved
    assert sum(process.resident for process in look().processes) > before + 40 * MB
    obedient.do("[threading.Thread(target=time.sleep, args=(60,), daemon=True).start() for _ in range(5)]")
    assert look().moved
    assert sum(process.threads for process in look().processes) >= 6
    assert len(swept) == 1
    looking.close()


def test_what_has_slept_for_long_is_looked_at_seldom_and_seen_all_the_same(
    obedient: Obedient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, look = _looks(obedient)
    asked: list[bool] = []
    moved = families.Member.moved

    def counted(member: families.Member) -> bool:
        asked.append(True)
        return moved(member)

    monkeypatch.setattr(families.Member, "moved", counted)
    for _ in range(families._STILL + 10 * families._SELDOM):
        look()
    assert 10 <= len(asked) <= families._STILL + 12
    assert look().sleeps
    obedient.do("kept.append(b'x' * 50_000_000)")
    assert any(look().moved for _ in range(families._SELDOM)), "what it does is seen in time"
    assert not look().sleeps, "and from then on at every look"
    obedient.do(SLEEPER.format(True))
    assert look().moved, "who begins another process, at once"
    looking.close()


def test_while_all_sleep_and_nobody_is_born_one_look_in_four_is_due(
    obedient: Obedient, swept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families, "SWEEP_S", 0.0)
    looking, look = _looks(obedient)
    while not look().sleeps:
        pass
    newest = families.newest_pid()
    monkeypatch.setattr(families, "newest_pid", lambda: newest)  # others on this machine begin processes all the time
    for _ in range(2 * families._APPEARING):
        look()
    swept.clear()
    due = [looking.due() for _ in range(10 * families._SELDOM)]
    assert due.count(True) == 10
    for _ in range(10 * families._SELDOM):
        look()
    assert swept == [], "where nobody is born, the table says nothing new, however long ago it was read"
    newest += 1
    assert looking.due(), "a number was taken"
    look()
    assert swept
    looking.close()


def test_a_look_is_due_for_as_long_as_a_number_that_was_taken_may_still_appear(
    obedient: Obedient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, look = _looks(obedient)
    while not look().sleeps:
        pass
    newest = families.newest_pid()
    monkeypatch.setattr(families, "newest_pid", lambda: newest)
    for _ in range(2 * families._APPEARING):
        look()
    newest += 1
    due = 0
    while looking.due() and due < 100:
        looking.look([("wl", obedient.leader, frozenset())])
        due += 1
    assert families._APPEARING <= due <= families._APPEARING + 1
    looking.close()


def test_who_moves_makes_every_look_due(obedient: Obedient) -> None:
    looking, look = _looks(obedient)
    assert all(looking.due() and look() for _ in range(3))
    while not look().sleeps:
        pass
    obedient.do("kept.append(b'x' * 50_000_000)")
    while not look().moved:
        pass
    assert [looking.due() for _ in range(families._SELDOM)] == [True] * families._SELDOM
    looking.close()


@pytest.mark.parametrize("session", [False, True])
def test_a_child_is_found_at_the_next_look_and_its_children_too(
    obedient: Obedient, swept: list[float], session: bool
) -> None:
    looking, look = _looks(obedient)
    obedient.do(SLEEPER.format(session))
    family = look()
    assert (family.moved, len(family.processes)) == (True, 2)
    child = "import subprocess; subprocess.Popen(['sleep', '20'], start_new_session=True).wait()"
    command = f"[sys.executable, '-c', {child!r}], stdout=subprocess.DEVNULL, start_new_session={session}"
    obedient.do(f"kept.append(subprocess.Popen({command}))")
    found, until = 0, time.monotonic() + 10
    while found < 4 and time.monotonic() < until:
        time.sleep(0.05)
        found = len(look().processes)
    assert found == 4
    obedient.do("kept[-1].kill()")
    obedient.do("kept[-1].wait()")
    assert len(look().processes) == 3, "who is orphaned belongs to it still"
    assert len(swept) == 1
    looking.close()


def test_who_was_not_in_the_table_yet_when_its_number_was_taken_is_found_later(
    obedient: Obedient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, look = _looks(obedient)
    listed = families.os.listdir
    obedient.do(SLEEPER.format(True))
    monkeypatch.setattr(families.os, "listdir", lambda path: [] if path == "/proc" else listed(path))
    assert len(look().processes) == 1
    monkeypatch.setattr(families.os, "listdir", listed)
    assert len(look().processes) == 2
    looking.close()


def test_where_numbers_are_not_told_the_whole_table_is_read_each_time(
    obedient: Obedient, swept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert families.newest_pid_is_reliable()
    monkeypatch.setattr(families, "newest_pid", lambda: 1)
    looking, look = _looks(obedient)
    before = len(swept)
    obedient.do(SLEEPER.format(True))
    assert len(look().processes) == 2
    assert len(swept) == before + 1
    looking.close()


def test_who_ended_is_no_member_and_holds_no_descriptor(obedient: Obedient) -> None:
    looking, look = _looks(obedient)
    held = len(families.os.listdir("/proc/self/fd"))
    obedient.do("kept.append(subprocess.Popen(['sleep', '20']))")
    assert len(look().processes) == 2
    obedient.do("kept[-1].kill(); kept[-1].wait()")
    assert len(look().processes) == 1
    assert len(families.os.listdir("/proc/self/fd")) == held
    assert looking.look([]) == {}
    assert len(families.os.listdir("/proc/self/fd")) == held - 1


def _weighing(obedient: Obedient, directory: Path, **limits: int) -> Callable[[], dict[str, ResourceSample]]:
    watch, groups = ResourceWatcher(), ControlGroups({}, "mark")
    given = Watched("wl", obedient.leader, frozenset(), Resources(**limits), directory)  # type: ignore[arg-type]

    def look() -> dict[str, ResourceSample]:
        return watch.look([given], groups)

    assert look()["wl"].over == ""
    quiet = time.monotonic() + 10
    while look():
        assert time.monotonic() < quiet
        time.sleep(0.05)
    return look


def test_a_workload_that_does_nothing_is_not_weighed_until_long_after(
    obedient: Obedient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = _weighing(obedient, tmp_path)
    assert [look() for _ in range(5)] == [{}] * 5
    monkeypatch.setattr(watching, "CHECK_S", 0.0)
    assert look().keys() == {"wl"}


def test_what_it_writes_is_measured_at_the_next_look(obedient: Obedient, tmp_path: Path) -> None:
    look = _weighing(obedient, tmp_path, disk=30 * MB)
    obedient.do(f"open({str(tmp_path / 'large')!r}, 'wb').write(b'x' * 40_000_000)")
    until = time.monotonic() + 5
    over = ""
    while not over and time.monotonic() < until:
        time.sleep(0.02)
        over = "".join(sight.over for sight in look().values())
    assert over.startswith("killed: wrote ")
