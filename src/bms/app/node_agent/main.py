"""The node agent: runs models and jobs on this machine for a platform elsewhere, which shares no disk with it.

    python -m bms.app.node_agent --home DIR [--listen HOST:PORT [--advertise HOST]] [--name NAME]
                                 [--require-isolation LEVEL]

Its home is its own: environments, trees, what runs. Whatever else a workload needs comes from a control by its digest.
SIGTERM or SIGINT ends the agent alone; workloads run on, and the next agent of the home adopts them. Packages
are installed from where the same environment variables as for `bms up` say (docs/environments.md).
"""

import argparse
import asyncio
import ipaddress
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from bms.adapters.clusters.local.cluster import LocalCluster
from bms.adapters.clusters.local.workload_inputs import WorkloadInputs
from bms.adapters.clusters.node_agent.identity import AgentIdentity
from bms.adapters.clusters.node_agent.kept import AgentCache
from bms.adapters.clusters.node_agent.objects import ControlsObjects
from bms.adapters.clusters.node_agent.server import AgentServer, Machine, Served
from bms.adapters.clusters.resources import processes
from bms.adapters.clusters.resources.devices import NvidiaDevices
from bms.adapters.environments.uv import UvEnvironments
from bms.adapters.jobs.tree_cache import LocalTreeCache
from bms.app.exit_codes import ExitCode, Refusal, exit_code_of
from bms.app.home.directory import Holder, Home
from bms.app.machine import machine
from bms.app.process.logs import log_to_stderr
from bms.app.settings import package_sources
from bms.app.supervisor.log_files import NODE_AGENT, cap
from bms.control.platform.environments import EnvironmentStore
from bms.core.clock import SystemClock
from bms.core.errors import BmsError, InvalidArgument
from bms.core.workloads.endpoints import Endpoint, TlsEndpoint, UnixEndpoint
from bms.core.workloads.isolation import LEVELS, Level, keeps_files

SOCKET = "agent.sock"
LOG_CAP_S = 60.0
_OF_A_PLATFORM = ("admin.key", "bms.db", "platform")


class AgentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a node agent. Without `host`: a Unix socket, for controls of this machine alone.

    `advertise` is the name or address by which others reach it, `host` where none is given; `node` names the machine.
    """

    home: str
    host: str = ""
    port: int = 0
    advertise: str = ""
    node: str = ""
    require_isolation: Level = "none"
    watch_s: float = 0.25

    def __post_init__(self) -> None:
        if self.host and not self.advertise and _is_any(self.host):
            raise InvalidArgument(
                f"{self.host} means all addresses of this machine: say by --advertise which one others reach"
            )


class AgentReady(msgspec.Struct, frozen=True, kw_only=True):
    """The announcement of an agent that accepts connections: its endpoint, and the path of the secret that clients
    need."""

    endpoint: Endpoint
    secret: Path


async def run(settings: AgentSettings, environments: EnvironmentStore, on_ready: Callable[[AgentReady], None]) -> None:
    """Serves until SIGTERM or SIGINT. The home is prepared and locked. Raises BmsError when it can't start."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    home = Home(Path(settings.home))
    identity = AgentIdentity(home.root / "secrets" / "node-agent")
    identity.prepare()
    objects = ControlsObjects()
    trees = LocalTreeCache.open(home.root / "cache" / "trees", objects)
    cluster = LocalCluster(
        home.root,
        home.run_dir(),
        WorkloadInputs(environments, trees, objects),
        SystemClock(),
        settings.watch_s,
        devices=NvidiaDevices(),
        require=settings.require_isolation,
        node=settings.node,
    )
    await cluster.open()
    if isinstance(environments, UvEnvironments):
        environments.links = keeps_files(cluster.isolation)
    kept = AgentCache(environments, trees, cluster.specs, time.monotonic)
    node = Machine(settings.node or os.uname().nodename, *machine())
    server = AgentServer(Served(cluster, kept, objects), node, identity)
    try:
        endpoint = await _listen(server, settings, home, identity)
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(work) for work in (server.watch(), kept.run(), _cap_log(home))]
            on_ready(AgentReady(endpoint=endpoint, secret=identity.path))
            await stopping.wait()
            for task in running:
                task.cancel()
    finally:
        await server.close()
        await cluster.close()


async def _listen(server: AgentServer, settings: AgentSettings, home: Home, identity: AgentIdentity) -> Endpoint:
    """Listens at the address. Raises Refusal when it can't be had."""
    if not settings.host:
        path = str(home.run_dir() / SOCKET)
        await server.listen_unix(path)
        return UnixEndpoint(path)
    try:
        port = await server.listen_tls(settings.host, settings.port, identity.context())
    except OSError as error:
        raise Refusal(
            ExitCode.PORT_IN_USE, f"can't listen on {settings.host}:{settings.port}: {error.strerror or error}"
        ) from None
    server.advertised = endpoint = TlsEndpoint(settings.advertise or settings.host, port, identity.fingerprint)
    return endpoint


async def _cap_log(home: Home) -> None:
    """Keeps the agent's own log within bounds, where it was started in background."""
    while True:
        await asyncio.sleep(LOG_CAP_S)
        await asyncio.to_thread(cap, home.logs / NODE_AGENT)


def hold(home: Home) -> int:
    """Makes the home and locks it. Raises Refusal where another agent has it, or it is a platform's."""
    for name in _OF_A_PLATFORM:
        if (home.root / name).exists():
            raise Refusal(
                ExitCode.USAGE, f"{home.root} is the home of a platform: a node agent needs one of its own, --home DIR"
            )
    home.prepare()
    lock = home.lock()
    own = processes.read(os.getpid())
    assert own is not None
    home.hold(lock, Holder(pid=own.identity.pid, start_ticks=own.identity.start_ticks))
    return lock


def parse_listen(text: str) -> tuple[str, int]:
    """(host, port) of "HOST:PORT"; empty for empty. Raises InvalidArgument."""
    if not text:
        return "", 0
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise InvalidArgument(f"--listen is {text[:100]!r}, expected HOST:PORT, such as 10.0.0.5:7443")
    return host.strip("[]"), int(port)


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _announce(home: Home, ready: AgentReady, ready_fd: int | None) -> None:
    """Prints how to use the agent, and reports readiness to a parent that waits for it on a pipe."""
    print(
        f"the node agent of {home.root} is ready\n"
        f"  endpoint  {ready.endpoint}\n"
        f"  secret    {ready.secret}\n"
        f"  platform  bms up --node-agent '{ready.endpoint}' --node-agent-secret {ready.secret}\n"
        f"  stop      bms node stop --home {home.root}",
        flush=True,
    )
    if ready_fd is not None:
        os.write(ready_fd, b"ready\n")
        os.close(ready_fd)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bms.app.node_agent", description="Runs models and jobs for a platform.")
    parser.add_argument("--home", required=True)
    parser.add_argument("--listen", default="", metavar="HOST:PORT", help="for controls of other machines, over TLS")
    parser.add_argument("--advertise", default="", metavar="HOST", help="how others reach it, where that is another")
    parser.add_argument("--name", default="", help="of this machine, its host name by default")
    parser.add_argument("--require-isolation", choices=LEVELS, default="none", help="refuse to start with less")
    parser.add_argument("--log-level", default="INFO")
    parser.add_argument("--ready-fd", type=int, help="a pipe that is told when the agent is ready")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    given = _arguments(argv)
    home = Home(Path(given.home))
    try:
        host, port = parse_listen(given.listen)
        settings = AgentSettings(
            home=str(home.root),
            host=host,
            port=port,
            advertise=given.advertise,
            node=given.name,
            require_isolation=given.require_isolation,
        )
        hold(home)
        log_to_stderr("node agent", given.log_level)
        environments = UvEnvironments(home.root, os.environ, sources=package_sources())
        uvloop.run(run(settings, environments, lambda ready: _announce(home, ready, given.ready_fd)))
    except BmsError as error:
        print(f"bms node agent: {error.message}", file=sys.stderr)
        return int(exit_code_of(error))
    return int(ExitCode.OK)
