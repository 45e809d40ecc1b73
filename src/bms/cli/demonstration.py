"""`bms demo`: the demonstration, as a command."""

from pathlib import Path
from typing import Annotated

import typer

from bms.cli.demo.command import run

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    home: Annotated[Path | None, typer.Option(help="The home to use; by default a temporary one.")] = None,
    port: Annotated[int, typer.Option(help="The port to listen on; 0: any free one.")] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the platform running afterwards.")] = False,
) -> None:
    """Watch data become a trained, converted, served, metered model, in a few minutes."""
    run(home, port, keep)
