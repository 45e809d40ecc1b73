"""`bms`: the list of commands, and how errors are shown on a terminal."""

import importlib
import io
import os
import platform
import sys
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from bms import __version__
from bms.app.exit_codes import MEANING, ExitCode, exit_code_of
from bms.cli.output.visible import visible
from bms.core.errors import BmsError


class Entry(NamedTuple):
    """A command that is imported only when it runs, so that `bms --help` is quick."""

    module: str
    help: str


COMMANDS: dict[str, Entry] = {
    "up": Entry("commands.up", "Run the platform on this machine."),
    "down": Entry("commands.down", "Stop the platform of a home, and everything it runs."),
    "status": Entry("commands.status", "Show the state of the platform."),
    "demo": Entry("demonstration", "Watch data become a trained, served and metered model."),
    "model": Entry("commands.model", "Models, their versions and aliases."),
    "deploy": Entry("commands.deploy", "Serve a model, or a model file, with one command."),
    "deployment": Entry("commands.deployment", "Which versions are served under which name."),
    "logs": Entry("commands.logs", "Print the logs of a deployment's replicas."),
    "predict": Entry("predict.command", "Send a prediction to a served model."),
    "dataset": Entry("commands.dataset", "Data sets and their versions."),
    "job": Entry("commands.job", "Training and other programs that run to completion."),
    "environment": Entry("commands.environment", "The Python and packages of models and jobs."),
    "tenant": Entry("commands.tenant", "Tenants: isolated customers of the platform."),
    "user": Entry("commands.user", "Users of a tenant: people and programs."),
    "key": Entry("commands.key", "API keys, with which programs act as a user."),
    "secret": Entry("commands.secret", "Values that models send to their upstreams."),
    "usage": Entry("commands.usage", "Show usage, summed up."),
    "audit": Entry("commands.audit", "Show the audit log: who did what."),
    "reaction": Entry("commands.reaction", "Failed reactions to events: retry or drop them."),
    "node": Entry("commands.node", "Machines that run models and jobs of a platform elsewhere."),
    "database": Entry("commands.database", "The database that holds a home's data."),
    "profile": Entry("commands.profile", "The server and key that commands use by default."),
}
_EPILOG = "Exit status: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANING.items()) + "."


class LazyGroup(TyperGroup):
    """A command group that imports a command only when it is called."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name, entry in COMMANDS.items():
            self.commands[name] = TyperCommand(name=name, help=entry.help, callback=lambda: None)

    def resolve_command(self, ctx: typer.Context, args: list[str]):  # type: ignore[no-untyped-def, override]
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(str(name)), rest


def load(name: str) -> TyperCommand | TyperGroup:
    """Imports the command `name` with all its options."""
    module = importlib.import_module(f"bms.cli.{COMMANDS[name].module}")
    command = typer.main.get_command(module.app)
    command.name = name
    assert isinstance(command, TyperCommand | TyperGroup)
    return command


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"bms {__version__} (Python {platform.python_version()})")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """BMS: from data to a trained model to a fast, governed, metered REST service."""


def run() -> None:
    """The console script. Ends the process with a status of `exit_codes`."""
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a letter shows its number
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except BmsError as error:
        typer.echo(f"bms: {visible(error.message)}", err=True)
        sys.exit(int(exit_code_of(error)))
    except BrokenPipeError:
        # Whoever read our output has seen enough (`bms job log … | head`); Python must not complain at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(int(ExitCode.OK))


if __name__ == "__main__":
    run()
