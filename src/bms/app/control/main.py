"""The control process: serves the API, feeds the gateways, and runs the loops that bring about the desired state.

`python -m bms.app.launch bms.app.control CONFIG.json`. Reading order: ControlConfig, `run`, then
`bms.app.control.assembly` (how its parts are made) and `bms.app.control.loops` (the tasks that drive them).
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec
import uvloop

from bms.adapters.sql.database.migrate import NewerSchema
from bms.adapters.sql.database.opening import greet, open_database
from bms.app.control.adoption import watch_supervisor
from bms.app.control.api_server import ApiServer
from bms.app.control.assembly import make_control_plane
from bms.app.control.loops import run_loops
from bms.app.exit_codes import ExitCode, exit_code_of
from bms.app.home import node_agent as home_node_agent
from bms.app.home.database import OWN, remember, shown
from bms.app.home.directory import Home
from bms.app.home.opening import open_own
from bms.app.process.logs import log_to_stderr
from bms.app.rules import WorkloadRules
from bms.core.errors import BmsError


class ControlConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of a control process. Paths are absolute; sockets are in a short directory that only the owner
    can enter.

    `name` tells it from the other controls of its home, each of which has sockets of its own; they need a node agent,
    since a home's own workloads have one control. Empty for the one that a supervisor keeps.
    """

    home: str
    run_dir: str
    database_url: str  # "sqlite:////…/bms.db" or "postgresql://…"
    control_socket: str
    bus_socket: str
    bus_token: str  # the secret that gateways show
    listen_fd: int | None = None  # the gateways' listening socket, kept to hand on to a new supervisor
    supervisor_pid: int | None = None
    supervisor_command: tuple[str, ...] = ()  # starts a new supervisor that adopts what lives
    name: str = ""
    max_jobs: int = 2
    rules: WorkloadRules = WorkloadRules()
    log_level: str = "INFO"


async def run(config: ControlConfig) -> None:
    """Serves until SIGTERM. Raises BmsError when control can't start."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    database = open_database(config.database_url)
    async with contextlib.AsyncExitStack() as cleanup:
        cleanup.push_async_callback(database.close)
        home = Path(config.home)
        url = OWN if config.database_url == Home(home).database_url else config.database_url
        await greet(database, shown(url))
        await open_own(database, home, url)
        control_plane = await make_control_plane(
            database,
            home,
            Path(config.run_dir),
            config.bus_socket,
            config.max_jobs,
            bus_token=config.bus_token,
            rules=config.rules,
            name=config.name,
        )
        cleanup.push_async_callback(control_plane.close)
        remember(home, url)
        home_node_agent.remember(home, config.rules.node_agent, config.rules.node_agent_secret)
        async with asyncio.TaskGroup() as tasks:
            server = ApiServer(control_plane.api)
            running = [
                tasks.create_task(server.run_on(_listen(config.control_socket)), name="api"),
                tasks.create_task(run_loops(control_plane), name="loops"),
            ]
            if config.supervisor_pid is not None:
                fds = () if config.listen_fd is None else (config.listen_fd,)
                watching = watch_supervisor(config.supervisor_pid, config.supervisor_command, fds)
                running.append(tasks.create_task(watching, name="supervisor"))
            await stopping.wait()
            server.stop()
            for task in running[1:]:
                task.cancel()


def _listen(path: str) -> socket.socket:
    """Listens on the private Unix socket, to which only the owner of the home may connect."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old = os.umask(0o177)
    try:
        listening.bind(path)
    finally:
        os.umask(old)
    listening.listen(256)
    return listening


def main(argv: list[str]) -> int:
    config = msgspec.json.decode(Path(argv[1]).read_bytes(), type=ControlConfig)
    log_to_stderr("control", config.log_level)
    try:
        uvloop.run(run(config))
    except BmsError as error:
        print(f"bms control: {error.message}", file=sys.stderr)
        return int(ExitCode.NEWER_SCHEMA if isinstance(error, NewerSchema) else exit_code_of(error))
    return 0
