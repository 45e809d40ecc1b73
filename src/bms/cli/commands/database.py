"""`bms database`: shows which database holds a home's data, and moves it to another."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from bms.app.home.directory import Home
from bms.app.settings import DEFAULT_HOME, database_url
from bms.cli.command import noun
from bms.cli.output.printing import CommandOutput
from bms.core.errors import InvalidArgument

app = noun("The database that holds a home's data.")
HomeOption = Annotated[Path, typer.Option(help="The home on this machine.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def show(home: HomeOption = DEFAULT_HOME, json: Json = False) -> None:
    """Show which database a home uses, and the platform's identity, which both record."""
    from bms.app.home.database_move import look

    found = look(home.expanduser().resolve())
    CommandOutput(json).one(
        found,
        {"home": found.home, "database": found.database, "platform": found.platform, "schema": found.schema},
    )


@app.command()
def move(
    home: HomeOption = DEFAULT_HOME,
    sqlite: Annotated[bool, typer.Option("--sqlite", help="Back to SQLite in the home.")] = False,
    json: Json = False,
) -> None:
    """Move a home's data to an empty database, which it uses from then on. Nothing may run on the home.

    BMS_DATABASE_URL names it: postgresql://USER:PASSWORD@HOST:PORT/NAME. What there was is kept: a database elsewhere
    as it is, but no home starts with it any more; SQLite in the home as bms.db.moved.
    """
    from bms.app.home.database_move import move as moved

    target = database_url()
    if bool(target) == sqlite:
        raise InvalidArgument("say where to: set BMS_DATABASE_URL to the new database, or give --sqlite, not both")
    root = home.expanduser().resolve()
    lock = Home(root).lock() if root.is_dir() else None
    try:
        copied = asyncio.run(moved(root, target))
    finally:
        if lock is not None:
            os.close(lock)
    out = CommandOutput(json)
    rows = sum(copied.values())
    out.say(f"moved {rows} rows of {len(copied)} tables; start it as before", {"rows": rows, "tables": copied})
