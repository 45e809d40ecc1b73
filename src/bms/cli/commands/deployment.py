"""`bms deployment`: creates, changes, lists and stops deployments."""

from typing import Annotated

import typer

from bms.cli.command import CommandSession, command, noun
from bms.cli.options.batching import Batch, BatchObjective, BatchPolicy, BatchSizes, BatchWait
from bms.cli.options.resources import Cpu, Gpu, GpuMemory, Memory
from bms.cli.pages.gate_table import measured
from bms.cli.serving import DialectOption, Force, SpecOptions, apply, parse_targets, show_status, wait_until_serving
from bms.core.errors import InvalidArgument, NotFound
from bms.core.formats.shortening import shortened
from bms.sdk.deployments import Target

app = noun("Which versions are served under which name.")
Name = Annotated[str, typer.Argument(help="The deployment's name.")]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until the deployment serves all that its spec wants.")
]


@command(app, "set")
def set_(
    session: CommandSession,
    name: Name,
    model: Annotated[
        str | None, typer.Option(help="The model to serve; left out: the one that the deployment serves already.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="What gets the requests: a version's number, or an alias, which is followed when it moves. Of several "
            "one --target each, with its share in percent: --target 3=90 --target 4=10. Left out: as it is."
        ),
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
    share_weights: Annotated[
        bool | None,
        typer.Option(
            "--share-weights/--own-weights",
            help="Whether replicas share one copy of a model's large weights in memory; runs of few rows take longer.",
        ),
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds a request may take.")] = None,
    dialect: DialectOption = None,
    force: Force = False,
    wait: Wait = True,
) -> None:
    """Create a deployment, or change the options that are given."""
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
        share_weights=share_weights,
        timeout_s=timeout,
        dialect=dialect,
    )
    targets = parse_targets(target) if target else ()
    if model is None or not targets:
        model, targets = _as_it_is(session, name, model, targets)
    for number in [] if force else [each.version for each in targets if each.version is not None]:
        measured(session, model, number)
    show_status(session, apply(session, name, model, targets, options, wait=wait, force=force))


def _as_it_is(
    session: CommandSession, name: str, model: str | None, targets: tuple[Target, ...]
) -> tuple[str, tuple[Target, ...]]:
    """What was left out, of what is there. Raises InvalidArgument where it can't be meant."""
    try:
        spec = session.client.deployments.get(name).spec
    except NotFound:
        lacks = " and ".join(["--model"] * (model is None) + ["--target"] * (not targets))
        raise InvalidArgument(f"there is no deployment {name!r} yet: to make it, say {lacks}, too") from None
    if model not in (None, spec.model) and not targets:
        raise InvalidArgument(f"{name!r} serves {spec.model!r} now: say by --target what of {model!r} it is to serve")
    return model or spec.model, targets or tuple(spec.targets)


@command(app, "list")
def list_(session: CommandSession) -> None:
    """List deployments."""
    session.out.many(
        session.client.deployments.list(),
        {
            "NAME": lambda each: each.name,
            "STATE": lambda each: each.state,
            "MODEL": lambda each: each.spec.model,
            "TARGETS": lambda each: [f"{one.alias or one.version} ({one.weight} %)" for one in each.spec.targets],
            "REPLICAS": lambda each: each.spec.replicas,
            "REVISION": lambda each: each.revision,
            "MADE": lambda each: each.created_at,
            "": lambda each: "" if each.state == "serving" else each.message,
        },
        "no deployments: `bms deploy NAME`",
    )


REASON_SHOWN = 240  # characters in a table; --json has all


@command(app)
def status(session: CommandSession, name: Name) -> None:
    """Show what a deployment serves now, and which replicas are starting or ending."""
    show_status(session, session.client.deployments.status(name))


@command(app)
def replicas(session: CommandSession, name: Name) -> None:
    """List the replicas that a deployment has, and had lately: `bms logs NAME --replica ID` shows what one wrote."""
    session.out.many(
        session.client.deployments.replicas(name),
        {
            "REPLICA": lambda each: each.id,
            "VERSION": lambda each: each.version,
            "STATE": lambda each: each.state,
            "MADE": lambda each: each.created_at,
            "ENDED": lambda each: each.ended_at,
            "": lambda each: shortened(each.reason, REASON_SHOWN),
        },
        "no replicas",
    )


@command(app)
def revisions(session: CommandSession, name: Name) -> None:
    """List what a deployment was set to serve, newest first."""
    session.out.many(
        session.client.deployments.revisions(name),
        {
            "REVISION": lambda each: each.number,
            "VERSIONS": lambda each: each.versions,
            "CAUSE": lambda each: each.cause,
            "WHEN": lambda each: each.at,
            "BY": lambda each: each.by,
        },
        "no revisions",
    )


@command(app)
def rollback(
    session: CommandSession,
    name: Name,
    to: Annotated[int | None, typer.Option(help="The revision to return to; by default the one before.")] = None,
    wait: Wait = True,
) -> None:
    """Return to what an earlier revision served."""
    session.client.deployments.rollback(name, to=to)
    show_status(session, wait_until_serving(session, name) if wait else session.client.deployments.status(name))


@command(app)
def stop(session: CommandSession, name: Name) -> None:
    """Stop all replicas of a deployment, and keep its settings."""
    session.client.deployments.stop(name)
    show_status(session, session.client.deployments.status(name))


@command(app)
def start(session: CommandSession, name: Name, wait: Wait = True) -> None:
    """Start a stopped deployment again."""
    session.client.deployments.start(name)
    show_status(session, wait_until_serving(session, name) if wait else session.client.deployments.status(name))


@command(app)
def delete(session: CommandSession, name: Name) -> None:
    """Delete a deployment."""
    session.client.deployments.delete(name)
    session.out.say(f"deleted {name}", {})
