"""`bms down`: stops the platform of a home, and everything it runs."""

from pathlib import Path
from typing import Annotated

import typer

from bms.app.home.directory import Home
from bms.app.settings import DEFAULT_HOME
from bms.app.supervisor.stopping import stop
from bms.core.errors import NotFound

app = typer.Typer(add_completion=False)


@app.command()
def down(
    home: Annotated[Path, typer.Option(help="The home to stop.")] = DEFAULT_HOME,
    patience: Annotated[float, typer.Option(help="Seconds to wait for requests in progress before killing.")] = 60.0,
) -> None:
    """Stop the platform of a home: gateways finish what they have accepted, then everything ends."""
    root = home.expanduser().resolve()
    if not root.is_dir():
        raise NotFound(f"there is no home {root}")
    ended = stop(Home(root), patience)
    typer.echo(f"stopped {root}" if ended else f"nothing ran on {root}")
