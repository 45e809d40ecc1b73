"""`bms disk`: what takes room, and what frees it."""

import typer

from bms.cli.command import CommandSession, command
from bms.core.workloads.resources import size_text

app = typer.Typer(add_completion=False)


@command(app)
def disk(session: CommandSession) -> None:
    """What takes room in the platform's home, by kind and tenant, and what frees some of it. For the operator."""
    found = session.client.system.disk()
    if session.out.json:
        session.out.raw(found)
        return
    session.out.many(
        found.uses,
        {
            "KIND": lambda use: use.kind,
            "TENANT": lambda use: use.tenant,
            "FILES": lambda use: use.files,
            "SIZE": lambda use: size_text(use.bytes),
            "FREED": lambda use: f"about {size_text(use.freeable)}" if use.freeable else "",
            "BY": lambda use: use.command,
        },
        "nothing",
    )
    session.out.say(
        f"\n{size_text(found.bytes)} in all; {size_text(found.free)} of {size_text(found.size)} are free on this disk"
    )
