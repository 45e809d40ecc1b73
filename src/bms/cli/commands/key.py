"""`bms key`: creates, lists and revokes API keys."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from bms.app.settings import DEFAULT_HOME, database_url
from bms.cli.command import CommandSession, command, noun
from bms.cli.options.durations import parse_duration
from bms.cli.output.printing import CommandOutput
from bms.sdk.tenants import Key

app = noun("API keys, with which programs act as a user.")


@command(app)
def create(
    session: CommandSession,
    name: Annotated[str, typer.Argument(help="What to call it.")] = "key",
    user: Annotated[str | None, typer.Option(help="The user that the key acts as; by default your own.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="Allow only this, like inference:invoke; repeatable.")] = None,
    expires: Annotated[str | None, typer.Option(help="How long the key is valid, like 12h or 30d.")] = None,
    rate: Annotated[float | None, typer.Option(help="Predictions per second at most.")] = None,
    burst: Annotated[int | None, typer.Option(help="Predictions at once above that rate.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the key alone, for scripts.")] = False,
) -> None:
    """Create an API key. Its text is shown this once."""
    ends = None if expires is None else datetime.now(UTC) + timedelta(seconds=parse_duration(expires))
    made = session.client.keys.create(
        name, user=user, scopes=frozenset(scope or ()), expires_at=ends, rate_per_s=rate, burst=burst
    )
    if quiet:
        print(made.text)
        return
    session.out.one(made, {"key": made.text, "id": made.key.id, "scopes": made.key.scopes, "expires": ends})
    session.out.say("Keep it now: it is not shown again.")


@command(app, "list")
def list_(session: CommandSession, user: Annotated[str | None, typer.Option(help="Only this user's.")] = None) -> None:
    """List API keys, without their secrets."""
    session.out.many(
        session.client.keys.list(user=user),
        {
            "ID": lambda key: key.id,
            "NAME": lambda key: key.name,
            "USER": lambda key: key.user,
            "STATE": _state,
            "SCOPES": lambda key: sorted(key.scopes) or "all of the role",
            "MADE": lambda key: key.created_at,
            "EXPIRES": lambda key: key.expires_at,
        },
        "no keys",
    )


@command(app)
def revoke(
    session: CommandSession,
    id: Annotated[str, typer.Argument(help="The key's id.")],
    force: Annotated[bool, typer.Option(help="Even the last key that can administer the tenant.")] = False,
) -> None:
    """Revoke a key for good, everywhere within a second."""
    key = session.client.keys.revoke(id, force=force)
    session.out.say(f"revoked {key.id}", key)


@app.command()
def recover(
    home: Annotated[Path, typer.Option(help="The home on this machine whose key was lost.")] = DEFAULT_HOME,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Create a new admin key for a home on this machine, whether its platform runs or not.

    Whoever may read the home's files may do this. The key becomes HOME/admin.key; the user `admin` is an enabled owner
    again. Keys that were lost stay good until they are revoked.
    """
    from bms.app.control.admin_key import (
        recover as recovered,  # with the database, which no other command of this file needs
    )

    root = home.expanduser().resolve()
    made = asyncio.run(recovered(root, database_url()))
    out = CommandOutput(json)
    out.one({"key_id": made.key.id, "file": str(root / "admin.key")}, {"id": made.key.id, "file": root / "admin.key"})
    out.say("Revoke what was lost: `bms key list`, `bms key revoke ID`.")


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
        return "expired"
    return "good"
