"""`bms usage`: sums of usage, by key, model, day and more."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

import typer

from bms.cli.command import CommandSession, command
from bms.cli.options.durations import parse_duration
from bms.core.meters import BY_NAME, INPUT_TOKENS, OUTPUT_TOKENS, STORAGE
from bms.core.workloads.resources import size_text

app = typer.Typer(add_completion=False)
SUMS: dict[str, Callable[[Any], object]] = {
    "REQUESTS": lambda row: row.requests,
    "ERRORS": lambda row: row.errors,
    "ROWS": lambda row: row.rows,
    "IN": lambda row: size_text(row.bytes_in),
    "OUT": lambda row: size_text(row.bytes_out),
    "COMPUTE": lambda row: f"{row.compute_ns / 1e9:.3f} s",
}
_GROUPS: dict[str, Callable[[Any], object]] = {
    "key": lambda row: row.key,
    "deployment": lambda row: row.deployment,  # its id: a name may pass to another one
    "model": lambda row: row.model,
    "version": lambda row: row.version,
    "revision": lambda row: row.revision,  # of the deployment's route
    "day": lambda row: row.day.date().isoformat() if row.day else "",
    "hour": lambda row: row.hour.isoformat(timespec="minutes") if row.hour else "",
    "meter": lambda row: row.meter,
}


class _Line(NamedTuple):
    """One printed row: the usage of one meter by one group."""

    row: Any
    meter: str
    amount: int


_METERS: dict[str, Callable[[Any], object]] = {
    "METER": lambda line: line.meter,
    "QUANTITY": lambda line: line.amount,
    "UNIT": lambda line: BY_NAME[line.meter].unit if line.meter in BY_NAME else "",
}
_SELDOM: dict[str, tuple[str, Callable[[int], object]]] = {  # columns that are shown where there is anything in them
    "TOKENS IN": (INPUT_TOKENS, int),
    "TOKENS OUT": (OUTPUT_TOKENS, int),
    "REPLICAS": ("replica_ms", lambda held: f"{held / 3_600_000:.3f} h"),
    "JOBS": ("job_ms", lambda held: f"{held / 3_600_000:.3f} h"),
    "STORED": (STORAGE, lambda held: f"{size_text(held / 3600)} × h"),
}


@command(app)
def usage(
    session: CommandSession,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Some of key, deployment, model, version, revision, day, hour, meter; deployment,version unless said."
        ),
    ] = None,
    of_key: Annotated[str | None, typer.Option("--of-key", help="Only this key's, by its id.")] = None,
    deployment: Annotated[str | None, typer.Option(help="Only of this deployment.")] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Another tenant's, also a deleted one's, for operators.")] = None,
    since: Annotated[str | None, typer.Option(help="Only of the last 1h, 7d …")] = None,
    meters: Annotated[bool, typer.Option("--meters", help="Every meter on a line of its own, with its unit.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Single events as CSV, for spreadsheets.")] = False,
) -> None:
    """Show usage, summed up."""
    start = None if since is None else datetime.now(UTC) - timedelta(seconds=parse_duration(since))
    names = _deployment_names(session)
    if deployment is not None:
        deployment = next((id for id, name in names.items() if name == deployment), deployment)
    if csv:
        for piece in session.client.usage.export(
            tenant=tenant, key=of_key, deployment=deployment, model=model, start=start
        ):
            sys.stdout.buffer.write(piece)
        return
    groups = [name.strip() for each in by or ["deployment,version"] for name in each.split(",") if name.strip()]
    sums = session.client.usage.summary(
        group_by=groups, tenant=tenant, key=of_key, deployment=deployment, model=model, start=start
    )
    columns = {name.upper(): read for name, read in _GROUPS.items() if name in groups}
    if "deployment" in groups:
        columns["DEPLOYMENT"] = lambda row: names.get(row.deployment, row.deployment)
    if (meters or "meter" in groups) and not session.out.json:
        columns.pop("METER", None)  # it is one of those that follow
        lines = [_Line(row, meter, amount) for row in sums for meter, amount in row.quantities.items()]
        named = {name: _of_row(read) for name, read in columns.items()}
        session.out.many(lines, {**named, **_METERS}, "nothing was used yet")
        return
    seldom = {
        name: _of_meter(meter, shown)
        for name, (meter, shown) in _SELDOM.items()
        if any(row.quantities.get(meter) for row in sums)
    }
    session.out.many(sums, {**columns, **SUMS, **seldom}, "nothing was used yet")


def _of_meter(meter: str, shown: Callable[[int], object]) -> Callable[[Any], object]:
    return lambda row: shown(row.quantities.get(meter, 0))


def _of_row(read: Callable[[Any], object]) -> Callable[[Any], object]:
    return lambda line: read(line.row)


def _deployment_names(session: CommandSession) -> dict[str, str]:
    """Names of the deployments that there are, by id."""
    return {each.id: each.name for each in session.client.deployments.list()}
