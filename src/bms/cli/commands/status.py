"""`bms status`: shows the state of the platform."""

import sys
from datetime import datetime

import msgspec
import typer

from bms.app.exit_codes import ExitCode
from bms.app.home.directory import Home
from bms.app.supervisor.memory import Resident, resident
from bms.cli.command import CommandSession, command
from bms.cli.output.printing import cell
from bms.core.errors import BmsError
from bms.core.workloads.isolation import words
from bms.core.workloads.resources import size_text
from bms.sdk.deployments import DeploymentStatus
from bms.sdk.system import ReactionsView, SystemStatus

app = typer.Typer(add_completion=False)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `bms status --json` prints. `processes` are this machine's, known only with --home."""

    url: str
    ready: bool
    system: SystemStatus
    processes: tuple[Resident, ...]
    deployments: tuple[DeploymentStatus, ...]


@command(app)
def status(session: CommandSession) -> None:
    """Show the state of the platform. Exit status 6 when it does not answer predictions."""
    client, connection = session.client, session.connection
    ready = _ready(session)
    report = Report(
        url=connection.url,
        ready=ready,
        system=client.system.status(),
        processes=resident(Home(connection.home)) if connection.home else (),
        deployments=tuple(client.deployments.status(each.name) for each in client.deployments.list()),
    )
    if session.out.json:
        session.out.raw(report)
    else:
        _show(session, report)
    if not ready:
        sys.exit(int(ExitCode.UNAVAILABLE))


def _ready(session: CommandSession) -> bool:
    try:
        return session.client.ready()
    except BmsError:
        return False


def _show(session: CommandSession, report: Report) -> None:
    out, system = session.out, report.system
    said = system.reactions or ReactionsView()
    memory = sum(process.memory for process in report.processes)
    out.one(
        report,
        {
            "url": report.url,
            "ready": report.ready,
            "version": system.version,
            "since": system.started_at,
            "home": session.connection.home,
            "database": system.database,
            "isolation": words(system.isolation),
            "not seen": system.unseen,
            "waiting": _counted(said.waiting, said.waiting_since),
            "dead letters": _counted(said.dead, said.dead_since),
            "memory": f"{size_text(memory)} in {len(report.processes)} processes" if report.processes else "",
        },
    )
    if system.gateways:
        out.say("")
        out.many(
            system.gateways,
            {
                "GATEWAY": lambda each: each.slot,
                "REQUESTS": lambda each: each.requests,
                "IN FLIGHT": lambda each: each.in_flight,
                "CONNECTIONS": lambda each: each.connections,
                "BEHIND": lambda each: system.snapshot - each.revision or "no",
            },
            "",
        )
    if system.unread_usage:
        out.say(f"\n{system.unread_usage} usage events were written by a later release: start that one to count them")
    if lacking := [each for each in system.isolation.protections if not each.on]:
        out.say("")
        out.many(lacking, {"NOT PROTECTED": lambda each: each.name, "WHY": lambda each: each.lacking}, "")
    if system.devices:
        out.say("")
        out.many(
            system.devices,
            {
                "GPU": lambda each: each.index,
                "NAME": lambda each: each.name,
                "MEMORY": lambda each: size_text(each.memory),
                "FREE": lambda each: size_text(each.free),
                "USED BY": lambda each: each.used_by,
            },
            "",
        )
    out.say("")
    out.many(
        report.deployments,
        {
            "DEPLOYMENT": lambda each: each.name,
            "STATE": lambda each: each.state,
            "SERVES": lambda each: [f"version {part.version} ({part.weight} %)" for part in each.traffic],
            "REPLICAS": lambda each: sum(replica.state == "ready" for replica in each.replicas),
            "MEMORY": lambda each: size_text(sum(replica.memory for replica in each.replicas)),
            "": lambda each: "" if each.state == "serving" else each.message,
        },
        "nothing is deployed yet: `bms deploy NAME`",
    )
    if jobs := [each for each in system.workloads if each.kind == "job" and each.state == "running"]:
        out.say(f"\n{len(jobs)} job{'s run' if len(jobs) > 1 else ' runs'}: `bms job list`")


def _counted(count: int, since: datetime | None) -> str:
    """Empty where there are none: rows without words are left out."""
    return f"{count}, the oldest {cell(since)}: `bms reaction list`" if count and since else ""
