"""Control groups (cgroups(7), versions 1 and 2): limits that the kernel itself keeps for a whole workload.

Standard library only: `probes` uses it too. Groups lie below this process's own, or beside it where version 2 forbids
groups below one that has processes: BASE/bms-MARK/WORKLOAD, one BASE per controller.
"""

import os
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

CONTROLLERS = ("memory", "pids", "cpu")
PERIOD_US = 20_000  # short, so that a fraction of a core pauses often rather than long
_REMOVING_S = 0.5  # how long a group of ended processes may take to be empty


class OomKills(NamedTuple):
    """Counts the processes that the kernel killed for lack of memory, and the `peak` of bytes then."""

    memory: int = 0
    peak: int = 0


def candidates(mounts: str, own: str) -> Iterator[dict[str, str]]:
    """Finds the cgroup bases that may be usable, by controller, best first, from the text of /proc/self/mounts and
    /proc/self/cgroup.

    Version 1 has one tree per controller; of version 2 all bases are the same, marked by the name "unified".
    """
    places: dict[str, str] = {}
    for line in own.splitlines():
        _, names, path = line.split(":", 2)
        places.update(dict.fromkeys(names.split(","), path))  # version 2 has no names
    first: dict[str, str] = {}
    for line in mounts.splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup":
            for name in CONTROLLERS:
                if name in options.split(",") and name in places:
                    first.setdefault(name, os.path.normpath(where + places[name]))
        elif kind == "cgroup2" and "" in places:
            below = os.path.normpath(where + places[""])
            yield {"unified": below}
            if places[""] != "/":
                yield {"unified": os.path.dirname(below)}
    if first:
        yield first


def remove_all(mark: str) -> None:
    """Removes a home's leftover groups, when nothing of it runs any more."""
    for bases in own_groups():
        ControlGroups(bases, mark).close()


def own_groups() -> list[dict[str, str]]:
    """The `candidates` of this process. Raises OSError without /proc."""
    with open("/proc/self/mounts") as mounts, open("/proc/self/cgroup") as own:
        return list(candidates(mounts.read(), own.read()))


class ControlGroups:
    """The control groups of one home's workloads. `bases` are as `candidates` gives them, of controllers that were
    tried."""

    def __init__(self, bases: Mapping[str, str], mark: str) -> None:
        self._roots = {name: f"{base}/bms-{mark}" for name, base in bases.items()}
        self._ready = False

    def make(self, workload: str, pid: int, *, memory: int, processes: int, cpu: float | None) -> None:
        """Puts a process, and all that it will start, into a group with these limits: bytes, processes and threads,
        and cores where they are not whole. Raises OSError."""
        self._prepare()
        limits = {"memory": _memory(memory), "pids": {"pids.max": str(processes)}, "cpu": _cpu(cpu) if cpu else {}}
        unified = {
            "unified": {
                "memory.max": str(memory),
                "memory.swap.max": "0",
                "memory.oom.group": "1",
                "pids.max": str(processes),
            }
            | ({"cpu.max": f"{int(cpu * PERIOD_US)} {PERIOD_US}"} if cpu else {})
        }
        for name, root in self._roots.items():
            written = (limits | unified)[name]
            if not written:
                continue
            group = f"{root}/{workload}"
            os.makedirs(group, exist_ok=True)
            for file, text in written.items():
                _write(f"{group}/{file}", text, optional=file in _OPTIONAL)
            _write(f"{group}/cgroup.procs", str(pid))

    def hits(self, workload: str) -> OomKills:
        """Reads the kernel's counters of refusals; nothing for a workload without a group."""
        for controller, events, peak in _OF_MEMORY:
            if controller in self._roots:
                group = f"{self._roots[controller]}/{workload}"
                killed = _counted(f"{group}/{events}", "oom_kill")
                return OomKills(killed, int(_read(f"{group}/{peak}") or 0)) if killed else OomKills()
        return OomKills()

    def remove(self, workload: str) -> None:
        """Removes a workload's group once its processes are gone."""
        deadline = time.monotonic() + _REMOVING_S
        for name in self._roots:
            if group := self._group(name, workload):
                _remove(group, deadline)

    def close(self, keep: frozenset[str] = frozenset()) -> None:
        """Removes empty groups: those of workloads that are not to be kept, and, without any, their roots."""
        deadline = time.monotonic() + _REMOVING_S
        for root in self._roots.values():
            if not os.path.isdir(root):
                continue
            for entry in os.scandir(root):
                if entry.is_dir() and entry.name not in keep:
                    _remove(entry.path, deadline)
            if not keep:
                _remove(root, deadline)
                self._ready = False

    def _prepare(self) -> None:
        if self._ready:
            return
        for name, root in self._roots.items():
            os.makedirs(root, exist_ok=True)
            if name == "unified":
                for controller in CONTROLLERS:
                    _write(f"{root}/cgroup.subtree_control", f"+{controller}", optional=controller == "cpu")
        self._ready = True

    def _group(self, name: str, workload: str) -> str:
        group = f"{self._roots[name]}/{workload}" if name in self._roots else ""
        return group if group and os.path.isdir(group) else ""


_OPTIONAL = frozenset({"memory.swap.max", "memory.oom.group", "memory.memsw.limit_in_bytes", "cpu.max"})
_OF_MEMORY = (
    ("unified", "memory.events", "memory.peak"),
    ("memory", "memory.oom_control", "memory.max_usage_in_bytes"),
)


def _memory(limit: int) -> dict[str, str]:
    return {"memory.limit_in_bytes": str(limit), "memory.memsw.limit_in_bytes": str(limit)}


def _cpu(cpu: float) -> dict[str, str]:
    return {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": str(int(cpu * PERIOD_US))}


def _remove(group: str, deadline: float) -> None:
    """A group whose last processes are just ending is busy for a moment; one that stays so is left."""
    while True:
        try:
            os.rmdir(group)
            return
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                return
            time.sleep(0.005)


def _write(path: str, text: str, *, optional: bool = False) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY)  # never O_CREAT: the kernel makes these files
    except OSError:
        if optional:
            return
        raise
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


def _counted(path: str, name: str) -> int:
    for line in _read(path).splitlines():
        word, _, number = line.partition(" ")
        if word == name:
            return int(number)
    return 0
