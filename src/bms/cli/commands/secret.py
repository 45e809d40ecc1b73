"""`bms secret`: values that models send to their upstreams."""

import sys
from typing import Annotated

import typer

from bms.cli.command import CommandSession, command, noun

app = noun("Values that models send to their upstreams, such as keys.")
Name = Annotated[str, typer.Argument(help="The secret's name.")]


@command(app, "set")
def set_(
    session: CommandSession,
    name: Name,
    host: Annotated[
        list[str] | None, typer.Option(help="Send it to this host alone, like api.example.com; repeatable.")
    ] = None,
) -> None:
    """Set or replace a secret: you are asked for it without echo, or it is the first line of the standard input.

    Replicas that run keep the former value until they are started again.
    """
    made = session.client.secrets.set(name, _value(name), hosts=host or ())
    session.out.say(f"set {made.name}", made)


@command(app, "list")
def list_(session: CommandSession) -> None:
    """List secrets, without their values."""
    session.out.many(
        session.client.secrets.list(),
        {
            "NAME": lambda secret: secret.name,
            "HOSTS": lambda secret: secret.hosts or "any",
            "SET": lambda secret: secret.set_at,
            "BY": lambda secret: secret.set_by,
            "STATE": lambda secret: "good" if secret.usable else "its key is missing: set it again",
        },
        "no secrets",
    )


@command(app)
def delete(session: CommandSession, name: Name) -> None:
    """Delete a secret. Replicas that run keep it until they end."""
    session.client.secrets.delete(name)
    session.out.say(f"deleted {name}", {"deleted": name})


def _value(name: str) -> str:
    """Never from the command line, which everybody on the machine can read."""
    if sys.stdin.isatty():
        return str(typer.prompt(f"Value of {name}", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")
