"""`bms tenant`: creates, lists and deletes tenants."""

from collections.abc import Callable
from typing import Annotated

import typer

from bms.cli.command import CommandSession, command, noun
from bms.cli.confirmation import Yes, be_sure
from bms.sdk.tenants import Tenant

app = noun("Tenants: isolated customers of the platform.")


@command(app)
def create(
    session: CommandSession,
    id: Annotated[str, typer.Argument(help="Its name, for good.")],
    owner: Annotated[str, typer.Option(help="Name of its first user.")] = "admin",
) -> None:
    """Create a tenant with an owner. The owner's key is shown this once."""
    made = session.client.tenants.create(id, owner=owner)
    session.out.one(made, {"tenant": made.tenant.id, "owner": made.owner.name, "key": made.key.text})
    session.out.say("Keep the key now: it is not shown again.")


@command(app, "list")
def list_(
    session: CommandSession, all: Annotated[bool, typer.Option("--all", help="Include deleted ones.")] = False
) -> None:
    """List tenants: all for the operator, your own for others."""
    columns: dict[str, Callable[[Tenant], object]] = {
        "TENANT": lambda tenant: tenant.id,
        "STATE": _state,
        "MADE": lambda tenant: tenant.created_at,
        "DELETED": lambda tenant: tenant.deleted_at,
    }
    session.out.many(session.client.tenants.list(all=all), columns, "no tenants")


@command(app)
def delete(
    session: CommandSession,
    id: Annotated[str, typer.Argument(help="The tenant's name.")],
    force: Annotated[bool, typer.Option("--force", help="Also while it serves or runs jobs.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until everything it owned is gone.")] = True,
    yes: Yes = False,
) -> None:
    """Delete a tenant with all it owns. Its books are kept, and its name stays taken.

    Its keys are refused at once; what serves and runs is ended, then its models, data sets, jobs, deployments, secrets
    and files go. It can't be undone. Refused while a deployment of it serves or a job runs, unless forced.
    """
    be_sure(f"This deletes the tenant {id} with all it owns", yes)
    gone = session.client.tenants.delete(id, force=force)
    if wait:
        with session.out.progress("removing") as bar:
            bar(None, "ending what runs")
            gone = session.client.tenants.wait_removed(id)
    session.out.say(f"deleted {id}" if wait else f"deleted {id}: what it owned is being removed", gone)


@command(app)
def whoami(session: CommandSession) -> None:
    """Show whom the key acts as."""
    me = session.client.tenants.whoami()
    scopes = sorted(me.scopes) or "all of the role"
    session.out.one(me, {"tenant": me.tenant, "user": me.user, "role": me.role, "key": me.key, "scopes": scopes})


def _state(tenant: Tenant) -> str:
    if tenant.deleted_at is None:
        return "active"
    return "being removed" if tenant.removed_at is None else "deleted"
