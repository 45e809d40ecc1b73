"""What all peers share: an environment of their own, a server or several on the server's core, the models by name."""

import json
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring.models import MODELS
from measuring.platform import free_port
from measuring.requests import Target

from systems.environment import environment
from systems.process import Server

APPS = Path(__file__).parent / "apps"
_VERSIONS = (
    "import json,sys;from importlib.metadata import version as v;print(json.dumps([v(n) for n in sys.argv[1:]]))"
)


class Peer:
    """A subclass says what to install (`requirements`), how to start (`command`) and what to send (`targets`)."""

    name: str
    requirements: tuple[str, ...]
    shown: tuple[str, ...]  # packages whose versions are reported
    shares = ""  # the name of the environment, where several have one
    settings: str  # how it is set up, and what it does not do that a reader may expect

    def start(self) -> None:
        self.python = environment(self.shares or self.name, self.requirements)
        self.port, self.grpc_port = free_port(), free_port()
        self.servers = [Server(self.command(), self.port, self.name, self.environment())]

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Where the app finds the models (apps/bench_models.py) and itself; one thread for whatever has a pool."""
        models = {model.name: str(model.path) for model in MODELS}
        return {
            "BENCH_MODELS": json.dumps(models),
            "PYTHONPATH": str(APPS),
            "OMP_NUM_THREADS": "1",
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "VIRTUAL_ENV": str(self.python.parent.parent),
        }

    def targets(self) -> Mapping[str, Target]:
        raise NotImplementedError

    def missing(self) -> Mapping[str, str]:
        return {}

    def alive(self) -> bool:
        return all(server.alive() for server in self.servers)

    def pids(self) -> Mapping[str, list[int]]:
        return {"server": [pid for server in self.servers for pid in server.pids()]}

    def memory(self) -> int:
        return sum(server.memory() for server in self.servers)

    def facts(self) -> str:
        said = subprocess.run(
            [str(self.python), "-c", _VERSIONS, *self.shown], capture_output=True, text=True, check=True
        ).stdout
        versions = ", ".join(f"{name} {version}" for name, version in zip(self.shown, json.loads(said), strict=True))
        return f"{versions}; {self.settings}"

    def pause(self) -> None:
        for server in self.servers:
            server.signal(signal.SIGSTOP)

    def resume(self) -> None:
        for server in self.servers:
            server.signal(signal.SIGCONT)

    def stop(self) -> None:
        for server in self.servers:
            server.stop()

    def folder(self, name: str) -> Path:
        """A folder of its own beside its environment, made when needed."""
        path = self.python.parent.parent / name
        path.mkdir(exist_ok=True)
        return path
