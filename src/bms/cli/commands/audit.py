"""`bms audit`: the audit log."""

import itertools
from typing import Annotated

import typer

from bms.cli.command import CommandSession, command

app = typer.Typer(add_completion=False)


@command(app)
def audit(
    session: CommandSession,
    name: Annotated[str | None, typer.Option(help="Only this, like key.revoked.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only of the thing with this id or name.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.")] = 50,
) -> None:
    """Show the audit log: who did what, newest first."""
    session.out.many(
        itertools.islice(session.client.audit.list(name=name, subject=subject), limit),
        {
            "WHEN": lambda entry: entry.at,
            "WHAT": lambda entry: entry.name,
            "TO": lambda entry: _named(entry.subject_name, entry.subject),
            "BY": lambda entry: _named(entry.actor_name, entry.actor),
            "DETAILS": lambda entry: entry.details,
        },
        "nothing happened yet",
    )


def _named(name: str, id: str) -> str:
    return f"{name} ({id})" if name else id
