"""`bms user`: creates, changes and deletes users of a tenant."""

from typing import Annotated

import typer

from bms.cli.command import CommandSession, command, noun

app = noun("Users of a tenant: people and programs.")
Role = Annotated[str, typer.Option(help="owner, admin, developer or viewer.")]


@command(app)
def create(session: CommandSession, name: str, role: Role = "developer") -> None:
    """Create a user. It can do nothing before it has a key: `bms key create --user NAME`."""
    user = session.client.users.create(name, role=role)
    session.out.one(user, {"user": user.name, "role": user.role, "id": user.id})


@command(app, "list")
def list_(session: CommandSession) -> None:
    """List users."""
    session.out.many(
        session.client.users.list(),
        {
            "NAME": lambda user: user.name,
            "ROLE": lambda user: user.role,
            "STATE": lambda user: "disabled" if user.disabled else "active",
            "MADE": lambda user: user.created_at,
            "ID": lambda user: user.id,
        },
        "no users",
    )


@command(app)
def change(
    session: CommandSession,
    user: Annotated[str, typer.Argument(help="Name or id.")],
    role: Annotated[str | None, typer.Option(help="owner, admin, developer or viewer.")] = None,
    disabled: Annotated[bool | None, typer.Option("--disable/--enable", help="Whether its keys work.")] = None,
    force: Annotated[bool, typer.Option(help="Even the last owner, or the last one who has a key.")] = False,
) -> None:
    """Change a user's role, or disable or enable it."""
    changed = session.client.users.change(user, role=role, disabled=disabled, force=force)
    session.out.one(changed, {"user": changed.name, "role": changed.role, "disabled": changed.disabled})


@command(app)
def delete(
    session: CommandSession,
    user: Annotated[str, typer.Argument(help="Name or id.")],
    force: Annotated[bool, typer.Option(help="Even the last owner who has a key.")] = False,
) -> None:
    """Delete a user and all its keys, which are refused within a second.

    What it made stays, and the audit keeps its name. `bms user change NAME --disable` only bars it.
    """
    session.client.users.delete(user, force=force)
    session.out.say(f"deleted {user} and its keys", {})
