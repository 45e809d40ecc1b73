"""`bms logs`: prints the logs of a deployment's replicas, ended ones included."""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import msgspec
import typer

from bms.cli.command import CommandSession, command
from bms.cli.output.visible import visible
from bms.sdk.replica_logs import LogPiece, Replica

app = typer.Typer(add_completion=False)


@command(app)
def logs(
    session: CommandSession,
    name: Annotated[str, typer.Argument(help="The deployment's name.")],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written from now on, also by later replicas.")
    ] = False,
    replica: Annotated[
        str | None, typer.Option(help="Only this one, running or ended: `bms deployment replicas NAME`.")
    ] = None,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Of the last replica that ended, such as one that crashed.")
    ] = False,
) -> None:
    """Print what the replicas of a deployment write: prints, warnings, errors with their traces.

    Without more, of those that run; where none does, of the last that ended. Where there are several, each line begins
    with its replica. A log that grew over 16 MiB begins with a line that says how much is gone; of ended replicas the
    last 1 to 2 MiB are kept, for a week at most. With --json each line is an object, with the line as it was written.
    A terminal is shown control characters; none is done there.
    """
    lines = Lines(_as_json(session) if session.out.json else _as_text)
    heard = False
    try:
        for piece in session.client.deployments.logs(name, replica=replica, previous=previous, follow=follow):
            heard = True
            lines.add(piece)
            sys.stdout.flush()
    except KeyboardInterrupt:  # the way to end --follow
        pass
    lines.end()
    sys.stdout.flush()
    if not heard:
        _tell_why(session, name, replica)


class Lines:
    """Joins pieces of logs to whole lines, separately for each replica; `write` gets the replica, the line without its
    end, and whether lines of several replicas are interleaved."""

    def __init__(self, write: Callable[[Replica, str, bool], None]) -> None:
        self._write = write
        self._begun: dict[str, bytes] = {}
        self._replicas: dict[str, Replica] = {}

    def add(self, piece: LogPiece) -> None:
        self._replicas[piece.replica.id] = piece.replica
        *whole, rest = (self._begun.get(piece.replica.id, b"") + piece.content).split(b"\n")
        self._begun[piece.replica.id] = rest
        for line in whole:
            self._say(piece.replica, line)

    def end(self) -> None:
        for id, rest in self._begun.items():
            if rest:
                self._say(self._replicas[id], rest)

    def _say(self, replica: Replica, line: bytes) -> None:
        self._write(replica, line.decode(errors="replace"), len(self._replicas) > 1)


def _as_text(replica: Replica, line: str, several: bool) -> None:
    shown = readable(line)
    if sys.stdout.isatty():
        shown = [visible(each.removesuffix("\r")) for each in shown]
    for each in shown:
        print(f"{replica.id} v{replica.version} | {each}" if several else each)


class _Said(msgspec.Struct):
    """A structured log line (JSON) of the model server."""

    at: datetime
    level: str
    event: str
    reason: str = ""
    trace: str = ""


def readable(line: str) -> list[str]:
    """Formats a model server's JSON log line for people, its trace in lines of their own; any other line as it is."""
    try:
        said = msgspec.json.decode(line, type=_Said)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return [line]
    words = f"{said.event}: {said.reason}" if said.reason else said.event
    told = [f"{said.at:%Y-%m-%d %H:%M:%S} {said.level}: {words}", *said.trace.splitlines()]
    return [visible(each) for each in told]


def _as_json(session: CommandSession) -> Callable[[Replica, str, bool], None]:
    def write(replica: Replica, line: str, _: bool) -> None:
        session.out.raw({"replica": replica.id, "version": replica.version, "line": line})

    return write


def _tell_why(session: CommandSession, name: str, replica: str | None) -> None:
    """On stderr, why there is nothing."""
    found = [one for one in session.client.deployments.replicas(name) if replica in (None, one.id)]
    if not found:
        said = f"{name} has had no replica yet: `bms deployment status {name}` says why"
    else:
        last = found[-1]
        said = f"replica {last.id} of version {last.version} ({last.state}) has written nothing"
        if last.reason:
            said += f": {last.reason}"
    typer.echo(f"bms: {said}", err=True)
