"""Steps of several commands that change a deployment: change part of its spec, wait until it serves, show it."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
import typer

from bms.cli.command import CommandSession
from bms.cli.options.resources import resources_given
from bms.cli.options.version import streams_alone
from bms.cli.predict.example_command import example_command
from bms.core.errors import InvalidArgument, NotFound, PermissionDenied
from bms.core.workloads.resources import size_text
from bms.sdk.deployments import DeploymentSpec, DeploymentStatus, Target
from bms.sdk.models import Version

Force = Annotated[bool, typer.Option(help="Ignore the model's gates; admins only.")]


Dialect = Literal["tfserving", "kserve"]
DialectOption = Annotated[
    Dialect | None,
    typer.Option(
        help="A classifier's answer over V1 and V2: all outputs (tfserving) or, as KServe does, labels (kserve)."
    ),
]


class SpecOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a spec that options set; None: as it was, or the server's default."""

    replicas: int | None = None
    cpu: float | None = None
    memory: str | None = None
    gpu: int | None = None
    gpu_memory: str | None = None
    batch: int | None = None
    batch_policy: str | None = None
    batch_wait_ms: float | None = None
    batch_objective_ms: float | None = None
    batch_sizes: str | None = None
    share_weights: bool | None = None
    timeout_s: float | None = None
    dialect: Dialect | None = None

    def of(self, spec: DeploymentSpec) -> DeploymentSpec:
        """Applies the options to `spec`."""
        given: dict[str, object] = {}
        if self.replicas is not None:
            given["replicas"] = self.replicas
        if self.timeout_s is not None:
            given["timeout_s"] = self.timeout_s
        if self.dialect is not None:
            given["dialect"] = self.dialect
        if self.share_weights is not None:
            given["share_weights"] = self.share_weights
        if batching := self._batching():
            given["batching"] = msgspec.structs.replace(spec.batching, **batching)
        if resources := resources_given(self.cpu, self.memory, self.gpu, self.gpu_memory):
            given["resources"] = msgspec.structs.replace(spec.resources, **resources)
        return msgspec.structs.replace(spec, **given)

    def _batching(self) -> dict[str, object]:
        named = {
            "policy": self.batch_policy,
            "max_rows": self.batch,
            "max_wait_s": None if self.batch_wait_ms is None else self.batch_wait_ms / 1e3,
            "objective_s": None if self.batch_objective_ms is None else self.batch_objective_ms / 1e3,
            "sizes": None if self.batch_sizes is None else parse_sizes(self.batch_sizes),
        }
        return {name: value for name, value in named.items() if value is not None}


def apply(
    session: CommandSession,
    name: str,
    model: str,
    targets: Sequence[Target],
    options: SpecOptions,
    *,
    wait: bool,
    force: bool = False,
) -> DeploymentStatus:
    """Creates deployment `name`, or changes the options that are given; returns its status, with `wait` once it serves.
    `force` passes over the model's gates."""
    deployments = session.client.deployments
    try:
        before = deployments.get(name)
    except NotFound:
        deployments.put(name, options.of(DeploymentSpec(model=model, targets=targets)), force=force)
    else:
        spec = msgspec.structs.replace(before.spec, model=model, targets=targets, stopped=False)
        deployments.put(name, options.of(spec), revision=before.revision, force=force)
    return wait_until_serving(session, name) if wait else deployments.status(name)


def wait_until_serving(session: CommandSession, name: str) -> DeploymentStatus:
    """Waits until the deployment serves all that its spec wants, with a progress bar, and returns its status."""
    with session.out.progress(f"deploying {name}") as bar:
        return session.client.deployments.wait_ready(name, lambda seen: bar(None, seen.message))


def show_status(session: CommandSession, status: DeploymentStatus) -> None:
    """Prints a deployment's status. Of one that is stopped, whose last replicas may still end, not what it served."""
    stopped = status.state in ("stopped", "deleted")
    session.out.one(
        status,
        {
            "deployment": status.name,
            "model": status.model,
            "state": status.state,
            "": status.message,
            "serves": [] if stopped else [f"version {part.version} ({part.weight} %)" for part in status.traffic],
            "replicas": [f"{one.state} (version {one.version}, {size_text(one.memory)})" for one in status.replicas],
            **({} if stopped else _advice(session, status)),
        },
    )


def _advice(session: CommandSession, status: DeploymentStatus) -> dict[str, str]:
    """How to ask it: where the model answers in a stream alone, by what takes one."""
    version = _served(session, status)
    path = status.path
    if version is not None and streams_alone(version):
        path = f"/v2/models/{status.name}/generate_stream"
    return {"call": f"{session.connection.url}{path}", "try": example_command(session, status.name, version)}


def _served(session: CommandSession, status: DeploymentStatus) -> Version | None:
    """A version that is served, or is to be; None where none is, or who asks may not see models."""
    numbers = [*(one.version for one in status.traffic), *(one.version for one in status.replicas)]
    try:
        return session.client.models.version(status.model, numbers[0]) if numbers else None
    except (NotFound, PermissionDenied):
        return None


def parse_sizes(text: str) -> tuple[int, ...]:
    """Parses batch sizes: `1,4,16`; the empty text is no sizes. Raises InvalidArgument."""
    parts = [part.strip() for part in text.split(",")] if text else []
    if not all(part.isdecimal() for part in parts):
        raise InvalidArgument(f"batch sizes {text!r} are not numbers of rows with commas between them, like 1,4,16")
    return tuple(int(part) for part in parts)


def parse_targets(texts: Sequence[str]) -> tuple[Target, ...]:
    """Parses targets: `3`, `production`, or with shares `3=90 4=10`. Raises InvalidArgument."""
    targets = []
    for text in texts:
        what, sign, share = text.partition("=")
        weight = share if sign else str(100 if len(texts) == 1 else -1)
        if not weight.isdecimal():
            raise InvalidArgument(f"target {text!r} needs its share in percent when there are several: {what}=50")
        if what.isdecimal():
            targets.append(Target(version=int(what), weight=int(weight)))
        else:
            targets.append(Target(alias=what, weight=int(weight)))
    return tuple(targets)
