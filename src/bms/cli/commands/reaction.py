"""`bms reaction`: event handlers' work that failed."""

import enum
from typing import Annotated

import typer

from bms.cli.command import CommandSession, command, noun

app = noun("Failed reactions to events, to retry or to drop. For the operator.")
Id = Annotated[str, typer.Argument(help="Its id, from `bms reaction list`.")]


class ReactionState(enum.StrEnum):
    waiting = enum.auto()
    dead = enum.auto()


@command(app, "list")
def list_(
    session: CommandSession, state: Annotated[ReactionState | None, typer.Option(help="Only these.")] = None
) -> None:
    """List failed reactions that wait for a retry, and those that were given up, of all tenants."""
    session.out.many(
        session.client.reactions.list(state=state.value if state else None),
        {
            "ID": lambda one: one.id,
            "STATE": lambda one: one.state,
            "TENANT": lambda one: one.tenant,
            "EVENT": lambda one: f"{one.number} {one.event}",
            "ABOUT": lambda one: one.about,
            "TO DO": lambda one: one.handler,
            "TRIES": lambda one: one.tries,
            "SINCE": lambda one: one.since,
            "NEXT TRY": lambda one: one.due_at if one.state == "waiting" and one.tries else "",
            "WHY": lambda one: one.error,
        },
        "nothing waits, and there are no dead letters",
    )


@command(app)
def retry(session: CommandSession, id: Id) -> None:
    """Retry a reaction now, and from then on until it is done."""
    again = session.client.reactions.retry(id)
    session.out.say(f"{again.handler} is tried again after event {again.number}, {again.event}", again)


@command(app)
def dismiss(session: CommandSession, id: Id) -> None:
    """Drop a reaction: it is not tried any more, and what waits behind it goes on."""
    gone = session.client.reactions.dismiss(id)
    session.out.say(f"{gone.handler} is not tried any more after event {gone.number}, {gone.event}", gone)
