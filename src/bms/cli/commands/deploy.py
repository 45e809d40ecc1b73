"""`bms deploy`: serves a model, or a model file, under a name with one command."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bms.cli.command import CommandSession, command
from bms.cli.options.batching import Batch, BatchObjective, BatchPolicy, BatchSizes, BatchWait
from bms.cli.options.resources import Cpu, Gpu, GpuMemory, Memory
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
    detected,
    name_for,
)
from bms.cli.pages.gate_table import measured
from bms.cli.pushing import push, servable
from bms.cli.serving import DialectOption, Force, SpecOptions, apply, show_status
from bms.core.errors import InvalidArgument, NotFound
from bms.sdk.deployments import Target

app = typer.Typer(add_completion=False)


@command(app)
def deploy(
    session: CommandSession,
    what: Annotated[str, typer.Argument(metavar="NAME|PATH", help="A model's name, or a file or directory to push.")],
    name: Annotated[str | None, typer.Option(help="The name clients call; by default the model's.")] = None,
    version: Annotated[int | None, typer.Option(help="Serve this version; by default the newest ready one.")] = None,
    alias: Annotated[
        str | None, typer.Option(help="Serve the version that this alias points at, and follow it when it moves.")
    ] = None,
    replicas: Annotated[int | None, typer.Option(help="Model servers per version.")] = None,
    cpu: Cpu = None,
    memory: Memory = None,
    gpu: Gpu = None,
    gpu_memory: GpuMemory = None,
    batch: Batch = None,
    batch_policy: BatchPolicy = None,
    batch_wait_ms: BatchWait = None,
    batch_objective_ms: BatchObjective = None,
    batch_sizes: BatchSizes = None,
    dialect: DialectOption = None,
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
    allow_pickle: AllowPickle = False,
    force: Force = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it answers.")] = True,
) -> None:
    """Serve a model, or a file, under a name; once more: serve its newest version, without a failed request.

    What has a "/" in it, or is a file, or a folder and no model's name, is a path. It is pushed first, as a version of
    the model --name (by default the file's name), and what it was recognised as is printed. The options from --runtime
    to --allow-pickle are for such a push. A model's gates are waited for, and must be passed.
    """
    if version is not None and alias is not None:
        raise InvalidArgument("give --version or --alias, not both")
    said = VersionOptions(
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
        allow_pickle=allow_pickle,
    )
    model = what
    if _is_path(session, what):
        path = Path(what)
        model = name or name_for(path)
        made = push(session, path, model, said)
        session.out.say(f"version {made.number} of {model}: {detected(made)}")
        version = made.number
    elif said != VersionOptions():
        raise InvalidArgument(_no_push(what))
    elif Path(what).is_dir():
        session.out.say(f"{what!r} is the model that was pushed before; {_folder(what)}")
    if alias is not None:
        target = Target(alias=alias)
    else:
        number = servable(session, model, version)
        if not force:
            measured(session, model, number)
        target = Target(version=number)
    options = SpecOptions(
        replicas=replicas,
        cpu=cpu,
        memory=memory,
        gpu=gpu,
        gpu_memory=gpu_memory,
        batch=batch,
        batch_policy=batch_policy,
        batch_wait_ms=batch_wait_ms,
        batch_objective_ms=batch_objective_ms,
        batch_sizes=batch_sizes,
        dialect=dialect,
    )
    status = apply(session, name or model, model, (target,), options, wait=wait, force=force)
    show_status(session, status)


def _no_push(model: str) -> str:
    taken = f"{model!r} is taken for the model that was pushed before, which the options of a push don't fit"
    if Path(model).is_dir():
        return f"{taken}; {_folder(model)}"
    return f"{taken}, and there is no file or folder of that name"


def _folder(name: str) -> str:
    return f"for the folder of that name write {os.path.join(os.curdir, name)!r}"


def _is_path(session: CommandSession, what: str) -> bool:
    """A folder of the same name as a model that is there already is meant as the model."""
    if os.sep in what or Path(what).is_file():
        return True
    if not Path(what).is_dir():
        return False
    try:
        session.client.models.get(what)
    except (NotFound, InvalidArgument):
        return True
    return False
