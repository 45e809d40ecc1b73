"""`bms profile`: the server and key that commands use unless told otherwise."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from bms.app.home import write_private
from bms.app.settings import client_settings
from bms.cli.commands import noun
from bms.cli.connection import of_home, read_profile
from bms.core.errors import InvalidArgument, NotFound
from bms.sdk.addresses import check_url

app = noun("The server and key that commands use unless told otherwise.")


@app.command("set")
def set_(
    url: Annotated[str | None, typer.Option(help="The server, like http://127.0.0.1:8000.")] = None,
    home: Annotated[str | None, typer.Option(help="Take both from the platform of this home.")] = None,
    key: Annotated[str | None, typer.Option(help="The key; asked for if left out.")] = None,
) -> None:
    """Keep a server's address and a key in the profile file, readable by you alone."""
    if (url is None) == (home is None):
        raise InvalidArgument("give --url or --home, exactly one of them")
    if home is not None:
        found = of_home(Path(home), key)
        url, key = found.url, found.key
    elif key is None:
        key = typer.prompt("key", hide_input=True)
    path = client_settings().profile
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = "".join(f"{name} = {msgspec.json.encode(value).decode()}\n" for name, value in _lines(str(url), key))
    write_private(path, text.encode())
    typer.echo(f"kept in {path}")


@app.command()
def show() -> None:
    """Where commands go unless told otherwise. The key's secret half is not shown."""
    path = client_settings().profile
    profile = read_profile(path)
    if profile is None:
        raise NotFound(f"there is no profile {path}: make one with `bms profile set --url URL`")
    typer.echo(f"{path}\nurl  {profile.url}\nkey  {(profile.key or 'none').partition('.')[0]}")


def _lines(url: str, key: str | None) -> list[tuple[str, str]]:
    return [("url", check_url(url)), *([("key", key)] if key else [])]
