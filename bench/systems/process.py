"""A server and all processes that it starts, on the server's core, until it listens."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring.machine import ROOT, SERVER_CORE
from measuring.platform import quiet_environment

from bms.adapters.clusters.resources.processes import proportional
from systems import Missing

GRACE_S = 5.0
LOGS = ROOT / "build" / "bench" / "logs"


class Server:
    """A command that listens on `port`; its output goes to build/bench/logs. Raises Missing where it does not start."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        name: str,
        environment: Mapping[str, str] | None = None,
        patience_s: float = 60.0,
    ) -> None:
        self.port = port
        self.name = name
        LOGS.mkdir(parents=True, exist_ok=True)
        self._log = LOGS / f"{name.replace(' ', '-')}.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                env={**quiet_environment(), **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
            )
        self._seen: dict[int, str] = {}  # with the time of its start: a number may be used again
        try:
            self._await(patience_s)
        except BaseException:
            self.stop()
            raise

    def pids(self) -> list[int]:
        """The process while it lives, its descendants, and whoever else is of its session."""
        first = self._process.pid
        parents: dict[int, tuple[int, int]] = {}
        starts: dict[int, str] = {}
        found = {first} if self.alive() else set()
        for name in os.listdir("/proc"):
            if name.isdigit() and (fields := _stat(int(name))):
                parents[int(name)], starts[int(name)] = (int(fields[1]), int(fields[3])), fields[19]
        grown = True
        while grown:
            more = {pid for pid, (parent, session) in parents.items() if parent in found or session == first} - found
            found |= more
            grown = bool(more)
        self._seen.update({pid: starts[pid] for pid in found if pid in starts})
        return sorted(found)

    def alive(self) -> bool:
        return self._process.poll() is None

    def words(self) -> str:
        """The end of what it printed, in one line."""
        return _last_words(self._log)

    def memory(self) -> int:
        return sum(proportional(pid) or 0 for pid in self.pids())

    def signal(self, which: signal.Signals) -> None:
        for pid in self.pids():
            _kill(pid, which)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for all that is left after GRACE_S of what it ever was seen to start."""
        self.signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.pids()
        for pid, start in self._seen.items():
            if (fields := _stat(pid)) and fields[19] == start:
                _kill(pid, signal.SIGKILL)
        self._process.wait()

    def _await(self, patience_s: float) -> None:
        end = time.monotonic() + patience_s
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except (ConnectionRefusedError, TimeoutError):
                if self._process.poll() is not None or time.monotonic() > end:
                    raise Missing(f"{self.name} did not start: {self.words()}") from None
                time.sleep(0.05)


def _last_words(log: Path) -> str:
    return " ".join(log.read_text(errors="replace").split())[-400:]


def _stat(pid: int) -> list[str]:
    """State, parent, group, session, … (proc(5)); nothing for a process that has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text[text.rindex(")") + 2 :].split()


def _kill(pid: int, which: signal.Signals) -> None:
    try:
        os.kill(pid, which)
    except ProcessLookupError:
        pass
