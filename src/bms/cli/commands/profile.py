"""`bms profile`: the server and key that commands use by default."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from bms.app.home.directory import write_private
from bms.app.settings import client_settings
from bms.cli.command import noun
from bms.cli.connection import ServerConnection, key_of, of_home, read_profile
from bms.core.errors import InvalidArgument, NotFound
from bms.sdk.transport.addresses import check_url

app = noun("The server and key that commands use by default.")


@app.command("set")
def set_(
    url: Annotated[str | None, typer.Option(help="The server, like http://127.0.0.1:8000.")] = None,
    home: Annotated[str | None, typer.Option(help="Take address and key from the platform of this home.")] = None,
    key: Annotated[str | None, typer.Option(help="The key, or @FILE that holds it; asked for if left out.")] = None,
    ca: Annotated[Path | None, typer.Option(help="A file of authorities to believe over https, PEM.")] = None,
) -> None:
    """Keep a server's address and a key in the profile file, readable by you alone."""
    if (url is None) == (home is None):
        raise InvalidArgument("give --url or --home, exactly one of them")
    if home is not None:
        found = of_home(Path(home), key_of(key))
    else:
        found = ServerConnection(url=str(url), key=key_of(key or typer.prompt("key", hide_input=True)), ca=ca)
    path = client_settings().profile
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = "".join(f"{name} = {msgspec.json.encode(value).decode()}\n" for name, value in _lines(found))
    write_private(path, text.encode())
    typer.echo(f"kept in {path}")


@app.command()
def show() -> None:
    """Show where commands go by default. The key's secret half is not shown."""
    path = client_settings().profile
    profile = read_profile(path)
    if profile is None:
        raise NotFound(f"there is no profile {path}: make one with `bms profile set --url URL`")
    typer.echo(f"{path}\nurl  {profile.url}\nkey  {(profile.key or 'none').partition('.')[0]}")


def _lines(found: ServerConnection) -> list[tuple[str, str]]:
    files = {"ca": found.ca, "certificate": found.certificate}
    return [
        ("url", check_url(found.url)),
        *([("key", found.key)] if found.key else []),
        *((name, str(path.expanduser().absolute())) for name, path in files.items() if path is not None),
    ]
