"""A node agent for end-to-end tests: `bms node start` on a home of its own, killed, started again, stopped whole."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from bms.adapters.clusters.resources import processes
from bms.app.home.directory import Home
from tests.worlds.homes import prepare_node
from tests.worlds.platforms import bms
from tests.worlds.whole_platform import until

# Its sitecustomize.py writes down what is opened below a folder.
HOOK = Path(__file__).parent.parent / "planted" / "opens"


class NodeAgent:
    """`listen` says whether it is reached over TLS, as from another machine, or by a Unix socket. What its process
    opens below `forbidden` is written down in `opened`; `watched` are the variables that make it so."""

    def __init__(self, folder: Path, forbidden: Path, *, listen: bool = True) -> None:
        self.home = folder / "node"
        self.opened = folder / "opened"
        path = os.pathsep.join(filter(None, (str(HOOK), os.environ.get("PYTHONPATH"))))
        self.watched = {"PYTHONPATH": path, "OF_TEST_FORBIDDEN": str(forbidden), "OF_TEST_OPENED": str(self.opened)}
        self._listen = ["--listen", "127.0.0.1:0"] if listen else []
        self.endpoint = ""
        self.secret = ""

    @property
    def options(self) -> tuple[str, ...]:
        """Of `bms up`."""
        return "--node-agent", self.endpoint, "--node-agent-secret", self.secret

    @property
    def pid(self) -> int:
        holder = Home(self.home).holder()
        assert holder is not None
        return holder.pid

    def start(self) -> None:
        ran = bms("node", "start", "--home", str(self.home), "--name", "far", "--detach", *self._listen, **self.watched)
        assert ran.status == 0, ran.errors
        said = dict(line.split(maxsplit=1) for line in ran.out.splitlines() if line.startswith("  "))
        self.endpoint, self.secret = said["endpoint"], said["secret"]
        if self._listen:  # where it is, it is the next time
            self._listen = ["--listen", self.endpoint.removeprefix("tcp+tls:").partition("#")[0]]

    def kill(self) -> None:
        """kill -9 of the agent alone."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: not _alive(pid), f"the end of process {pid}")

    def stop(self) -> None:
        """`bms node stop`, and nothing of it is left."""
        ended = bms("node", "stop", "--home", str(self.home))
        assert ended.status == 0, ended.errors
        assert self.workloads() == {}

    def workloads(self) -> dict[str, int]:
        """By id, the processes that lead the workloads of this home."""
        found = {}
        for pid, process in processes.table().items():
            environment = processes.environment(pid)
            if process.alive and environment.get("BMS_HOME_MARK") == Home(self.home).mark and process.group == pid:
                found[environment["BMS_WORKLOAD"]] = pid
        return found

    def mentions(self, path: Path) -> list[str]:
        """Records, configs and walls of its workloads that name `path`."""
        text, files = os.fsencode(path), (self.home / "run").rglob("*.json")
        return [str(file) for file in files if file.is_file() and text in file.read_bytes()]

    def holds(self, path: Path) -> list[str]:
        """What it and its workloads have open or mapped below `path`."""
        found = []
        for pid in (self.pid, *self.workloads().values()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                names = [os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")]
                names += Path(f"/proc/{pid}/maps").read_text().splitlines()
                found += [name for name in names if str(path) in name]
        return found


@contextlib.contextmanager
def node_agent(folder: Path, forbidden: Path, *, listen: bool = True) -> Iterator[NodeAgent]:
    agent = NodeAgent(folder, forbidden, listen=listen)
    prepare_node(agent.home)
    agent.start()
    try:
        yield agent
    finally:
        agent.stop()


def _alive(pid: int) -> bool:
    process = processes.read(pid)
    return process is not None and process.alive
