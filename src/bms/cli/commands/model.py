"""`bms model`: pushes, lists, converts and evaluates models' versions, and moves aliases."""

from pathlib import Path
from typing import Annotated

import typer

from bms.cli.command import CommandSession, command, noun
from bms.cli.confirmation import Yes, be_sure
from bms.cli.options.gates import FORM, gate_of, gate_text, matches_gate, value_text
from bms.cli.options.version import (
    AllowPickle,
    Batched,
    Columns,
    Example,
    Format,
    Image,
    Index,
    Input,
    Label,
    Lock,
    MaxBatchSize,
    Output,
    Python,
    Requirement,
    RequirementsFile,
    Runtime,
    Text,
    VersionOptions,
    name_for,
)
from bms.cli.output.log_text import log_writer
from bms.cli.output.writing import write_pieces
from bms.cli.pages.gate_table import measured, show_gates
from bms.cli.pages.version_page import show_version, version_meant
from bms.cli.pushing import VerificationLog, newest_ready, push
from bms.core.errors import InvalidArgument
from bms.core.workloads.resources import size_text
from bms.sdk.models import Version

app = noun("Models, their versions and aliases.")
Name = Annotated[str, typer.Argument(help="The model's name.")]
Number = Annotated[int, typer.Argument(help="The version's number.")]
NameOf = Annotated[str, typer.Argument(help="The model's name, or NAME@ALIAS.")]
NumberOrNewest = Annotated[int | None, typer.Argument(help="The version's number; by default the newest.")]
GateOption = Annotated[list[str] | None, typer.Option("--gate", help=f"{FORM}: what an alias demands; repeatable.")]


@command(app, "push")
def push_(
    session: CommandSession,
    path: Annotated[Path, typer.Argument(help="A file, a directory, or an archive (zip, tar).")],
    name: Annotated[
        str | None, typer.Option(help="The model, made if there is none; by default the file's name.")
    ] = None,
    runtime: Runtime = "",
    requirement: Requirement = None,
    requirements_file: RequirementsFile = None,
    lock: Lock = None,
    index: Index = "",
    python: Python = None,
    input: Input = None,
    output: Output = None,
    column: Columns = None,
    example: Example = None,
    batched: Batched = None,
    max_batch_size: MaxBatchSize = None,
    format: Format = None,
    image: Image = None,
    text: Text = None,
    label: Label = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="A metric to store with the version, NAME=NUMBER; repeatable.")
    ] = None,
    note: Annotated[
        list[str] | None, typer.Option(help="A note to store with the version, NAME=TEXT; repeatable.")
    ] = None,
    allow_pickle: AllowPickle = False,
    alias: Annotated[str | None, typer.Option(help="Point this alias at the new version.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is verified.")] = True,
) -> None:
    """Upload the next version of a model: its format is detected, and it is run once before anybody may use it."""
    options = VersionOptions(
        runtime=runtime,
        requirement=requirement,
        requirements_file=requirements_file,
        lock=lock,
        index=index,
        python=python,
        input=input,
        output=output,
        column=column,
        example=example,
        batched=batched,
        max_batch_size=max_batch_size,
        format=format,
        image=image,
        text=text,
        label=label,
        metric=metric,
        note=note,
        allow_pickle=allow_pickle,
    )
    model = name or name_for(path)
    version = push(session, path, model, options, wait=wait or alias is not None)
    if alias is not None:
        measured(session, model, version.number)
        session.client.models.move_alias(model, alias, version.number)
    show_version(session, version)


@command(app)
def create(
    session: CommandSession,
    name: Name,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    gate: GateOption = None,
) -> None:
    """Create a model without versions."""
    model = session.client.models.create(name, description=description, gates=[gate_of(text) for text in gate or ()])
    session.out.say(f"made model {model.name}", model)


@command(app, "list")
def list_(
    session: CommandSession, search: Annotated[str | None, typer.Option(help="In names and descriptions.")] = None
) -> None:
    """List models."""
    session.out.many(
        session.client.models.list(search=search),
        {
            "NAME": lambda model: model.name,
            "NEWEST": lambda model: model.newest.number if model.newest else "",
            "STATE": lambda model: model.newest.state if model.newest else "no version",
            "GATES": lambda model: [gate_text(gate) for gate in model.gates],
            "MADE": lambda model: model.created_at,
            "DESCRIPTION": lambda model: model.description,
        },
        "no models: `bms model push PATH --name NAME`",
    )


@command(app)
def versions(session: CommandSession, name: Name) -> None:
    """List a model's versions, newest first."""
    gates = session.client.models.get(name).gates
    aliases: dict[int, list[str]] = {}
    for alias in session.client.models.aliases(name):
        aliases.setdefault(alias.version, []).append(alias.name)
    session.out.many(
        session.client.models.versions(name),
        {
            "VERSION": lambda version: version.number,
            "STATE": lambda version: version.state,
            "ALIASES": lambda version: aliases.get(version.number, ()),
            "RUNTIME": lambda version: version.runtime,
            "SIZE": lambda version: size_text(version.size),
            "METRICS": lambda version: version.metrics,
            "GATES": lambda version: [
                f"{one.metric} {value_text(one)}" for one in version.gate_results if matches_gate(one, gates)
            ],
            "MADE": lambda version: version.created_at,
            "": lambda version: version.reason,
        },
        "no versions",
    )


@command(app)
def show(session: CommandSession, name: NameOf, version: NumberOrNewest = None) -> None:
    """Show everything about a version: the newest, unless one is named by its number or by an alias."""
    show_version(session, version_meant(session, name, version))


@command(app)
def log(
    session: CommandSession,
    name: NameOf,
    version: NumberOrNewest = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it is verified.")] = False,
) -> None:
    """Print the log of a version's verification: how its environment was built, how it loaded, why it was refused."""
    models = session.client.models
    meant = version_meant(session, name, version)
    said = VerificationLog(session, meant)

    write = log_writer()

    def tell(_: Version) -> None:
        write(said.news())

    if follow:
        models.wait_version(meant.model, meant.number, tell, timeout_s=None)
    else:
        tell(meant)


@command(app)
def alias(
    session: CommandSession,
    name: Name,
    alias: Annotated[str, typer.Argument(help="The alias.")],
    version: Annotated[int | None, typer.Argument(help="The version to point it at; left out: show the alias.")] = None,
    force: Annotated[bool, typer.Option(help="Ignore the model's gates; admins only.")] = False,
    delete: Annotated[bool, typer.Option(help="Delete the alias.")] = False,
) -> None:
    """Show, move or delete an alias: what deployments that follow it serve."""
    models = session.client.models
    if delete:
        models.delete_alias(name, alias)
        session.out.say(f"deleted alias {alias} of {name}", {})
        return
    if version is not None and not force:
        measured(session, name, version)
    found = models.alias(name, alias) if version is None else models.move_alias(name, alias, version, force=force)
    fields = {"alias": found.name, "version": found.version, "before": found.previous, "moved": found.moved_at}
    session.out.one(found, fields)


@command(app)
def convert(
    session: CommandSession,
    name: Name,
    version: Number,
    to: Annotated[str, typer.Option(help="The format.")] = "onnx",
    tolerance: Annotated[float | None, typer.Option(help="Largest difference allowed between outputs.")] = None,
) -> None:
    """Start a job that makes a child version in another format, proved equal to its parent in every output.

    `bms job show` says what was compared; a refused child leaves a note on its parent: see docs/conversion.md.
    """
    job = session.client.models.convert(name, version, to, tolerance=tolerance)
    session.out.say(f"job {job.id} does the conversion: `bms job wait {job.id}`", job)


@command(app)
def evaluate(
    session: CommandSession,
    name: Name,
    version: Number,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait, and show the results.")] = False,
) -> None:
    """Start the jobs that measure a model's gates on a version; what is being measured already is not begun again."""
    jobs = list(session.client.models.evaluate(name, version))
    if wait:
        for job in jobs:
            if job.ran_already:
                session.out.say(f"job {job.id} already measures this: waiting for it")
        return show_gates(session, name, measured(session, name, version, [job.id for job in jobs]))
    columns = {
        "JOB": lambda job: job.id,
        "STATE": lambda job: job.state,
        "": lambda job: "was begun before: none is begun beside it" if job.ran_already else "",
    }
    return session.out.many(jobs, columns, "the model has no gates")


@command(app)
def gates(
    session: CommandSession,
    name: Name,
    version: Annotated[int | None, typer.Argument(help="The version; by default the newest ready one.")] = None,
    set: Annotated[list[str] | None, typer.Option(help=f"{FORM}: instead of those there are; repeatable.")] = None,
    clear: Annotated[bool, typer.Option(help="Remove all gates.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait while some are being measured.")] = False,
) -> None:
    """Show whether a version passes its model's gates, or, with --set, change the gates.

    Versions that are ready already are measured on new gates by `bms model evaluate`.
    """
    models = session.client.models
    if set or clear:
        if version is not None or (set and clear):
            raise InvalidArgument("gates are of the model and not of a version: give --set or --clear alone")
        changed = models.change(name, gates=[gate_of(text) for text in set or ()])
        wanted = ", ".join(map(gate_text, changed.gates))
        how = f"\nversions that are ready already are measured on them by `bms model evaluate {name} VERSION`"
        return session.out.say(f"{name} has gates {wanted}{how}" if wanted else f"{name} has no gates", changed)
    number = version if version is not None else newest_ready(session, name)
    return show_gates(session, name, measured(session, name, number) if wait else models.gates(name, number))


@command(app)
def offline(session: CommandSession, name: Name, version: Number) -> None:
    """Take a version out of use; it may be published again."""
    session.out.say(f"version {version} of {name} is offline", session.client.models.take_offline(name, version))


@command(app)
def publish(session: CommandSession, name: Name, version: Number) -> None:
    """Make an offline version available again."""
    session.out.say(f"version {version} of {name} is ready", session.client.models.publish(name, version))


@command(app)
def download(
    session: CommandSession,
    name: Name,
    version: Number,
    to: Annotated[Path, typer.Option(help="The directory to write to.")] = Path(),
) -> None:
    """Write a version's files to a directory."""
    files = session.client.models.files(name, version)
    with session.out.progress("downloading") as bar:
        for index, file in enumerate(files):
            bar(index / len(files), file.path)
            write_pieces(to / file.path, session.client.models.download(name, version, file.path))
    session.out.say(f"{len(files)} files in {to}", files)


@command(app)
def delete(
    session: CommandSession,
    name: Name,
    version: Annotated[int | None, typer.Argument(help="Only this version.")] = None,
    yes: Yes = False,
) -> None:
    """Delete a model, or one version of it."""
    if version is None:
        be_sure(f"This deletes the model {name} with all its versions", yes)
        session.client.models.delete(name)
        session.out.say(f"deleted {name}", {})
    else:
        session.client.models.delete_version(name, version)
        session.out.say(f"deleted version {version} of {name}", {})
