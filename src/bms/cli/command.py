"""Declares commands: gives each function a `CommandSession`, and every command the options for the server and
--json."""

import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Concatenate, ParamSpec, Self

import typer

from bms.app.exit_codes import exit_code_of
from bms.app.settings import client_settings
from bms.cli.connection import ServerConnection, find
from bms.cli.output.printing import CommandOutput
from bms.core.errors import BmsError
from bms.sdk import Client

P = ParamSpec("P")
Url = Annotated[str | None, typer.Option("--url", help="The server, like http://127.0.0.1:8000. [env: BMS_URL]")]
Key = Annotated[str | None, typer.Option("--key", help="The key, or @FILE that holds it. [env: BMS_KEY]")]
Ca = Annotated[
    Path | None, typer.Option("--ca", help="A file of authorities to believe over https, PEM. [env: BMS_CA]")
]
HomeOption = Annotated[Path | None, typer.Option("--home", help="Use the platform of this home and its admin key.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class CommandSession:
    """One run of a command: the client, made when it is first needed, and where the answer goes.

    `connected_by` are the options that name the server, so that suggested commands lead there, too; never the text of a
    key.
    """

    def __init__(self, url: str | None, key: str | None, home: Path | None, json: bool, ca: Path | None = None) -> None:
        self._given = (url, key, home, ca)
        said = {"--url": url, "--home": home, "--ca": ca, "--key": key if key is not None and key[:1] == "@" else None}
        self.connected_by = [word for name, value in said.items() if value is not None for word in (name, str(value))]
        self._client: Client | None = None
        self.out = CommandOutput(json)

    @functools.cached_property
    def connection(self) -> ServerConnection:
        url, key, home, ca = self._given
        return find(url, key, home, client_settings(), ca)

    @property
    def client(self) -> Client:
        if self._client is None:
            self._client = self.connection.client()
        return self._client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()


def command(
    app: typer.Typer, name: str | None = None
) -> Callable[[Callable[Concatenate[CommandSession, P], None]], Callable[Concatenate[CommandSession, P], None]]:
    """Decorator that makes a function a command of `app`, with --url, --key, --ca, --home and --json added."""

    def declare(
        function: Callable[Concatenate[CommandSession, P], None],
    ) -> Callable[Concatenate[CommandSession, P], None]:
        def with_session(**given: Any) -> None:
            url, key, home, ca = (given.pop(name) for name in ("url", "key", "home", "ca"))
            session = CommandSession(url, key, home, given.pop("json"), ca)
            with session:
                try:
                    function(session, **given)  # type: ignore[call-arg]
                except BmsError as error:
                    if not session.out.json:
                        raise
                    session.out.error(error)
                    sys.exit(int(exit_code_of(error)))

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        kinds = {"url": Url, "key": Key, "ca": Ca, "home": HomeOption, "json": Json}
        shared = [
            inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=False if option == "json" else None
            )
            for option, kind in kinds.items()
        ]
        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + shared
        with_session.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_session.__annotations__ = {each.name: each.annotation for each in parameters}
        with_session.__doc__ = function.__doc__
        with_session.__name__ = function.__name__
        app.command(name)(with_session)
        return function

    return declare


def noun(help: str) -> typer.Typer:
    """Makes a group of commands about one noun."""
    app = typer.Typer(help=help, no_args_is_help=True)
    app.callback()(lambda: None)
    return app
