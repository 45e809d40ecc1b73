"""`bms environment`: the Python environments of models and jobs."""

import sys
from typing import Annotated

import typer

from bms.cli.command import CommandSession, command, noun
from bms.cli.output.log_text import log_writer
from bms.core.errors import InvalidArgument
from bms.core.workloads.resources import size_text
from bms.sdk.environments import Environment

app = noun("The Python and packages of models and jobs.")
Digest = Annotated[str, typer.Argument(help="Its digest, or the beginning of it.")]
_SHOWN = 12  # digits of a digest


@command(app, "list")
def list_(session: CommandSession) -> None:
    """List the environments of your models and jobs: all for the operator."""
    session.out.many(
        session.client.environments.list(),
        {
            "DIGEST": lambda one: _short(one.digest),
            "STATE": lambda one: one.state,
            "PYTHON": lambda one: one.python,
            "SIZE": lambda one: size_text(one.size) if one.size else "",
            "BUILT IN": lambda one: f"{one.built_s:.1f} s" if one.built_s else "",
            "VERSIONS": lambda one: one.versions,
            "JOBS": lambda one: one.jobs,
            "REQUIREMENTS": _requirements_text,
        },
        "no environments: all runs in the platform's own",
    )


@command(app)
def show(session: CommandSession, digest: Digest) -> None:
    """Show one environment."""
    one = _find(session, digest)
    session.out.one(
        one,
        {
            "environment": one.digest,
            "state": one.state,
            "python": one.python,
            "requirements": _requirements_text(one),
            "index": one.index,
            "packages": one.packages or "",
            "resolved to": one.lock,
            "size": size_text(one.size) if one.size else "",
            "built in": f"{one.built_s:.1f} s" if one.built_s else "",
            "versions": one.versions,
            "jobs": one.jobs,
            "log": f"bms environment log {_short(one.digest)}",
        },
    )


@command(app)
def log(
    session: CommandSession,
    digest: Digest,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until the build has ended.")] = False,
) -> None:
    """Show the log of an environment's last build."""
    write = log_writer()
    for piece in session.client.environments.log(_find(session, digest).digest, follow=follow):
        write(piece)


@command(app)
def lock(session: CommandSession, digest: Digest) -> None:
    """Print the lock file that an environment was installed from: exact versions with their hashes."""
    sys.stdout.write(session.client.environments.lock(_find(session, digest).digest))


@command(app)
def prune(session: CommandSession) -> None:
    """Remove all environments that no servable version and no unfinished job needs. For the operator."""
    pruned = session.client.environments.prune()
    count = len(pruned.removed)
    session.out.say(f"{count} environment{'' if count == 1 else 's'} removed, {size_text(pruned.freed)} freed", pruned)


def _find(session: CommandSession, digest: str) -> Environment:
    """By the beginning of its digest. Raises InvalidArgument unless just one begins so."""
    wanted = "sha256:" + digest.removeprefix("sha256:")
    if len(wanted) == len("sha256:") + 64:
        return session.client.environments.get(wanted)
    found = [one for one in session.client.environments.list() if one.digest.startswith(wanted)]
    if len(found) != 1:
        raise InvalidArgument(
            f"{len(found) or 'no'} environments begin with {digest!r}: list them with `bms environment list`"
        )
    return found[0]


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_SHOWN]


def _requirements_text(one: Environment) -> str:
    said = ", ".join(one.requirements) + (" by a lock file" if one.locked else "")
    return (said if len(said) < 100 else f"{said[:99]}…").strip()
