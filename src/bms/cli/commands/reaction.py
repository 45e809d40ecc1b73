"""`bms reaction`: what was to follow from events and could not be done."""

import enum
from typing import Annotated

import typer

from bms.cli.command import CommandSession, command, noun

app = noun("What was to follow from events and could not be done yet, or at all. For the operator.")
Id = Annotated[str, typer.Argument(help="Its id, from `bms reaction list`.")]


class ReactionState(enum.StrEnum):
    waiting = enum.auto()
    dead = enum.auto()


@command(app, "list")
def list_(
    session: CommandSession, state: Annotated[ReactionState | None, typer.Option(help="Only these.")] = None
) -> None:
    """List what waits for another try, and dead letters, of all tenants."""
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
    """Try it now, and from then on until it is done."""
    again = session.client.reactions.retry(id)
    session.out.say(f"{again.handler} is tried again after event {again.number}, {again.event}", again)


@command(app)
def dismiss(session: CommandSession, id: Id) -> None:
    """Forget it: it is not tried any more, and what waits behind it goes on."""
    gone = session.client.reactions.dismiss(id)
    session.out.say(f"{gone.handler} is not tried any more after event {gone.number}, {gone.event}", gone)
