"""Runs a command and says what processor time it used, with everything it started, and on which tests.

    python3 tests/cpu_clock.py [--budget SECONDS] [--table FILE] COMMAND...

Processes that outlive their parents (platforms, database servers) are handed to this one (prctl(2),
PR_SET_CHILD_SUBREAPER), so that none goes uncounted; each is booked on the test that started it, whose name pytest
leaves in the environment. What tests used themselves they say by `tests/cpu_log.py`. Needs Python alone, and so also
counts what makes the environment.
"""

import argparse
import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

LOGS = "BMS_CPU_LOGS"  # names the folder where tests say what they used
SHOWN = 12  # files
_PR_SET_CHILD_SUBREAPER = 36
_LOOK_S = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")
_booked = 0.0


class Spent(NamedTuple):
    """What was used for `test` (pytest's name; "" where it is not known) or by a number of them."""

    test: str
    cpu_s: float
    wall_s: float
    tests: int


def used() -> float:
    """CPU-seconds of this process, of every child it has waited for, and of what was booked on it."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return _booked + sum(each.ru_utime + each.ru_stime for each in map(resource.getrusage, whose))


def book(seconds: float) -> None:
    """Counts the time of a process that ran for this one, but is not its child."""
    global _booked
    _booked += seconds


def write(folder: str, spent: Iterable[Spent]) -> None:
    """Adds to what this process has said."""
    with Path(folder, f"{os.getpid()}.jsonl").open("a") as log:
        log.writelines(json.dumps(each) + "\n" for each in spent)


def read(folder: str) -> list[Spent]:
    """All that was said."""
    return [Spent(*json.loads(line)) for path in Path(folder).iterdir() for line in path.read_text().splitlines()]


def main() -> int:
    """Runs the command and prints what it used; its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--budget", type=float, help="say so when it uses more CPU-seconds than these")
    parser.add_argument("--table", type=Path, help="write what each group of tests used, as Markdown, if all passed")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    words = " ".join(given.command)

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bms-cpu-") as folder:
        status = _run(given.command, folder)
        log = read(folder)
    tests = sum(each.tests for each in log)
    whole = Spent(words, used(), time.monotonic() - began, tests)

    for each in sums(log, file_of)[: SHOWN if tests else 0]:
        print(f"{each.cpu_s:8.1f} CPU-seconds of {each.tests:3} tests: {each.test or 'whose, is not known'}")
    print(f"{words}: {whole.cpu_s:.0f} CPU-seconds in {whole.wall_s:.0f} s", end="")
    print(f", of {given.budget:.0f} allowed" if given.budget else "", flush=True)
    if LOGS in os.environ:  # the folder of a clock around this one
        write(os.environ[LOGS], log)
    if given.table is not None and status == 0:
        given.table.write_text(table(log, whole))
    return status


def sums(log: Iterable[Spent], name_of: Callable[[str], str]) -> list[Spent]:
    """One of each name, the dearest first."""
    found: dict[str, Spent] = defaultdict(lambda: Spent("", 0.0, 0.0, 0))
    for each in log:
        name = name_of(each.test)
        _, cpu_s, wall_s, tests = found[name]
        found[name] = Spent(name, cpu_s + each.cpu_s, wall_s + each.wall_s, tests + each.tests)
    return sorted(found.values(), key=lambda each: -each.cpu_s)


def file_of(test: str) -> str:
    """The path of its file."""
    return test.partition("::")[0]


def group_of(test: str) -> str:
    """The folder below tests/; of the contracts and unit tests the one below that, too."""
    parts = file_of(test).split("/")[1:-1]
    return "/".join(parts[: 2 if parts[:1] in (["contract"], ["unit"]) else 1])


def table(log: list[Spent], whole: Spent) -> str:
    """A Markdown page."""
    rows = sorted(sums(log, group_of), key=lambda each: each.test)
    rest = whole.cpu_s - sum(each.cpu_s for each in rows)
    lines = [
        "# What the tests cost",
        "",
        f"`{whole.test}` on {time.strftime('%Y-%m-%d')}, {os.cpu_count()} processors, Python {sys.version.split()[0]}:",
        f"{whole.tests} tests, {whole.cpu_s:.0f} CPU-seconds, {whole.wall_s:.0f} s. The seconds of a group are those",
        "of its tests one after another; some tests run side by side.",
        "",
        "| group | tests | CPU s | s |",
        "|---|---:|---:|---:|",
        *(f"| {each.test or 'not known'} | {each.tests} | {each.cpu_s:.0f} | {each.wall_s:.0f} |" for each in rows),
        f"| starting, finding tests, coverage | | {rest:.0f} | |",
        f"| **all** | {whole.tests} | {whole.cpu_s:.0f} | {whole.wall_s:.0f} |",
    ]
    return "\n".join(lines) + "\n"


def _run(command: list[str], folder: str) -> int:
    """The command's exit status, as a shell says it, once all has ended that it started."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    first = subprocess.Popen(
        command,
        env={**os.environ, LOGS: folder},
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD}),
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(first.pid, number))
    orphans: list[Spent] = []
    names: dict[int, str] = {}
    status = None
    while status is None:
        signal.sigtimedwait({signal.SIGCHLD}, _LOOK_S)
        names |= {pid: _test_of(pid) for pid in _children() if not names.get(pid)}
        for pid, code, cpu_s in _ended():
            if pid == first.pid:
                status = code
            else:
                orphans.append(Spent(names.pop(pid, ""), cpu_s, 0.0, 0))
    for pid in _children():
        cpu_s, said = _so_far(pid)
        book(cpu_s)
        orphans.append(Spent(names.get(pid, ""), cpu_s, 0.0, 0))
        print(f"process {pid} was left running: {said}")
    write(folder, orphans)
    return status


def _ended() -> Iterator[tuple[int, int, float]]:
    """Children that have ended: pid, exit status, CPU-seconds with those of the children they waited for."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.wait4(-1, os.WNOHANG))[0]:
            pid, status, used = ended
            code = os.waitstatus_to_exitcode(status)
            yield pid, code if code >= 0 else 128 - code, used.ru_utime + used.ru_stime


def _children() -> Iterator[int]:
    for path in Path("/proc/self/task").glob("*/children"):
        yield from map(int, path.read_text().split())


def _test_of(pid: int) -> str:
    """The test that was running when the process was started; "" where it is not known."""
    with contextlib.suppress(OSError):
        for setting in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if setting.startswith(b"PYTEST_CURRENT_TEST="):
                return setting.decode(errors="replace").partition("=")[2].rpartition(" ")[0]
    return ""


def _so_far(pid: int) -> tuple[float, str]:
    """CPU-seconds of a running process and of the children it waited for, and its command line."""
    with contextlib.suppress(OSError):
        times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        said = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        return sum(map(int, times)) / _TICKS, said
    return 0.0, ""


if __name__ == "__main__":
    sys.exit(main())
