"""`bms tenant`: isolated customers of the platform."""

from typing import Annotated

import typer

from bms.cli.commands import Session, command, noun

app = noun("Isolated customers of the platform.")


@command(app)
def create(
    session: Session,
    id: Annotated[str, typer.Argument(help="Its name, for good.")],
    owner: Annotated[str, typer.Option(help="Name of its first user.")] = "admin",
) -> None:
    """Make a tenant with an owner. The owner's key is shown this once."""
    made = session.client.tenants.create(id, owner=owner)
    session.out.one(made, {"tenant": made.tenant.id, "owner": made.owner.name, "key": made.key.text})
    session.out.say("Keep the key now: it is not shown again.")


@command(app, "list")
def list_(session: Session) -> None:
    """List tenants: all for the operator, one's own for others."""
    columns = {"TENANT": lambda tenant: tenant.id, "MADE": lambda tenant: tenant.created_at}
    session.out.many(session.client.tenants.list(), columns, "no tenants")


@command(app)
def whoami(session: Session) -> None:
    """Who the key acts as."""
    me = session.client.tenants.whoami()
    scopes = sorted(me.scopes) or "all of the role"
    session.out.one(me, {"tenant": me.tenant, "user": me.user, "role": me.role, "key": me.key, "scopes": scopes})
