"""`bms node`: runs this machine as a node of a platform elsewhere."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bms.app.home.directory import Home
from bms.app.settings import DEFAULT_NODE_HOME
from bms.app.supervisor.log_files import NODE_AGENT
from bms.app.supervisor.stopping import end_holder
from bms.app.supervisor.stopping import stop as stop_home
from bms.cli.command import noun
from bms.cli.commands.up import Isolated
from bms.cli.detaching import detached
from bms.core.errors import NotFound

app = noun("Machines that run models and jobs of a platform elsewhere.")
HomeOption = Annotated[Path, typer.Option(help="Where the agent keeps everything; made if missing.")]


@app.command()
def start(
    home: HomeOption = DEFAULT_NODE_HOME,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT for platforms of other machines; left out: a socket of this one.")
    ] = "",
    advertise: Annotated[str, typer.Option(help="The name or address by which others reach this machine.")] = "",
    name: Annotated[str, typer.Option(help="The machine's name; by default its host name.")] = "",
    require_isolation: Annotated[
        Isolated,
        typer.Option(
            help="Refuse to start where this machine offers less isolation than this level: docs/isolation.md."
        ),
    ] = Isolated.none,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background; return when ready.")] = False,
) -> None:
    """Run this machine's node agent, and print what `bms up` must be given.

    Package indexes are set by BMS_INDEX_URL and its like, as for `bms up`. An agent that ends leaves models and jobs
    running for the next one of the home; `bms node stop` ends them, too.
    """
    root = home.expanduser().resolve()
    command = [sys.executable, "-P", "-m", "bms.app.node_agent", "--home", str(root)]
    for option, value in (("--listen", listen), ("--advertise", advertise), ("--name", name)):
        if value:
            command += [option, value]
    if require_isolation is not Isolated.none:
        command += ["--require-isolation", require_isolation.value]
    if not detach:
        sys.stdout.flush()
        os.execv(sys.executable, command)  # noqa: S606 - in our place, as `bms up` does
    Home(root).prepare()
    detached(command, Home(root).logs / NODE_AGENT)


@app.command()
def stop(
    home: HomeOption = DEFAULT_NODE_HOME,
    patience: Annotated[float, typer.Option(help="Seconds to wait for the agent before killing it.")] = 60.0,
    agent_only: Annotated[
        bool, typer.Option("--agent-only", help="Leave models and jobs running, for the next agent of the home.")
    ] = False,
) -> None:
    """Stop the node agent of a home, and every model and job that it runs."""
    root = home.expanduser().resolve()
    if not root.is_dir():
        raise NotFound(f"there is no home {root}")
    ended = end_holder(Home(root), patience) if agent_only else stop_home(Home(root), patience)
    typer.echo(f"stopped {root}" if ended else f"nothing ran on {root}")
