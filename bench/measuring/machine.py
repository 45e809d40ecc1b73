"""This machine, and what its processes take of it: cores, CPU time, proportional memory, and whether others work."""

import os
import platform
import re
import signal
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

SERVER_CORE, LOAD_CORE = 0, 1
ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "tests" / "data" / "digits.onnx"
QUICK = os.environ.get("BMS_BENCH_QUICK", "") not in ("", "0")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_BUSY = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal of a line of /proc/stat (proc(5))


def describe() -> dict[str, str]:
    """What a reader must know to judge figures: processor, cores, memory, system, Python, date. No names of hosts."""
    return {
        "processor": _first("/proc/cpuinfo", "model name"),
        "cores": str(os.cpu_count()),
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def prepare() -> None:
    """What every program does first: SIGTERM ends it like Ctrl-C, so that what it started is ended, too.

    Servers and load must not share a core: ends the program where there is only one.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        sys.exit("this benchmark needs cores 0 and 1: one for the server, one for the load")


def pin(pid: int, *cores: int) -> None:
    """All threads a process has now, and those they will start."""
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            os.sched_setaffinity(int(task), cores)
        except ProcessLookupError:  # a thread that has ended since
            continue


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time that processes have used in all, to a hundredth of a second; those that have ended count nothing."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = text[text.rindex(")") + 2 :].split()
        total += int(fields[11]) + int(fields[12])
    return total * _TICK_S


class Ran(NamedTuple):
    """What processes have done in all: seconds of CPU time, to the nanosecond, and how often one of their threads was
    woken. Threads that have ended count nothing."""

    cpu_s: float
    wakes: int

    def since(self, before: "Ran") -> "Ran":
        return Ran(self.cpu_s - before.cpu_s, self.wakes - before.wakes)


def ran(pids: Iterable[int]) -> Ran:
    cpu_ns, wakes = 0, 0
    for task in (task for pid in pids for task in Path(f"/proc/{pid}/task").glob("*")):
        try:
            cpu_ns += int((task / "schedstat").read_text().split()[0])
            wakes += int(
                re.findall(r"^voluntary_ctxt_switches:\s*(\d+)", (task / "status").read_text(), re.MULTILINE)[0]
            )
        except (FileNotFoundError, ProcessLookupError):
            continue
    return Ran(cpu_ns / 1e9, wakes)


def busy_seconds() -> float:
    """CPU time that anybody has used since the machine started, the hypervisor's other guests included."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    return sum(int(fields[index]) for index in _BUSY) * _TICK_S


class Strangers:
    """How much of the machine was used by processes that do not belong to the measurement."""

    def __init__(self) -> None:
        self.worst = 0.0

    def note(self, seconds: float, busy_s: float, ours_s: float) -> float:
        """One measurement of `seconds` in which all processes used `busy_s` and ours `ours_s`; cores taken."""
        taken = max(0.0, busy_s - ours_s) / seconds
        self.saw(taken)
        return taken

    def saw(self, taken: float) -> None:
        """A measurement meanwhile others used `taken` cores."""
        self.worst = max(self.worst, taken)


def wait_quiet(patience_s: float = 10.0, limit: float = 0.08) -> float:
    """Waits until others use less than `limit` of a core for half a second; what they used last, in cores."""
    end = time.monotonic() + patience_s
    while True:
        before, began = busy_seconds() - _own(), time.monotonic()
        time.sleep(0.5)
        used = max(0.0, busy_seconds() - _own() - before) / (time.monotonic() - began)
        if used < limit or time.monotonic() > end:
            return used


def _own() -> float:
    times = os.times()
    return times.user + times.system


def _first(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"
