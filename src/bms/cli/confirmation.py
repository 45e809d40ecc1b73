"""Asks for confirmation before what can't be undone, on a terminal."""

import sys
from typing import Annotated

import typer

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask; without a terminal it is never asked.")]


def be_sure(what: str, yes: bool) -> None:
    """Ends the command unless the person at the terminal says yes; goes on where there is none, as in scripts."""
    if not yes and sys.stdin.isatty():
        typer.confirm(f"{what}. It can't be undone. Are you sure?", abort=True, err=True)
