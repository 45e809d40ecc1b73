"""Task: recognises what an artifact is, and verifies that it is a model that runs, and how it is called.

Input: `artifact` (the version's files). Parameters: `servable` (a ServableConfig; its directory is filled in here),
`labels` (what its maker calls the classes, if anything) and, where the artifact is still to be recognised, `recognise`
(the environment that its maker asked for). What is recognised runs at once if this process's environment will do for
it. The task is a process of its own, which a hostile file may crash.
"""

import os
import time
from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec
import numpy as np

from bms.adapters.runtimes.artifacts.description import described
from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.examples.file import read_example
from bms.adapters.runtimes.examples.inputs import examples_of
from bms.app.model_server.preparing import check_plan, plan_for
from bms.core.clock import SystemClock
from bms.core.errors import BmsError, FailedPrecondition, InvalidArgument
from bms.core.serving.model_config import check_configured, configured
from bms.core.tensors.signature import Signature
from bms.core.workloads.programs import Findings, ServableConfig, StdinSecrets, VerifyReport
from bms.serving.inference.model_errors import call_foreign
from bms.serving.inference.plan import Plan
from bms.serving.inference.preparation.prepared import for_runtime
from bms.serving.lifecycle.examples import varied
from bms.serving.lifecycle.loader import check_outputs, load, own_example
from bms.serving.lifecycle.servable import ApartServable, PartlyRead, Servable, StreamingServable

ROWS = 4  # of the runs that prove a batched signature
RUNS = 21
PATIENCE_S = 5.0  # for the runs that measure


class VerifyJobContext(Protocol):
    """The part of the job's context that this task needs."""

    @property
    def parameters(self) -> Mapping[str, object]: ...

    @property
    def inputs(self) -> Mapping[str, object]:
        """Directories by name, as text or paths."""
        ...

    @property
    def sealed(self) -> StdinSecrets: ...

    def progress(self, fraction: float, message: str, /) -> None: ...

    def metric(self, name: str, value: float, /) -> None: ...


class RequestedPackages(msgspec.Struct, frozen=True, kw_only=True):
    """The packages that a version's maker asked for."""

    requirements: tuple[str, ...] = ()
    python: str | None = None
    lock: tuple[str, ...] = ()
    index: str = ""


def main(job: VerifyJobContext) -> dict[str, object]:
    """Runs the task, and returns its findings as builtins. Raises a BmsError that says why the artifact is refused."""
    config = servable_config(job)
    labels = msgspec.convert(job.parameters.get("labels", ()), tuple[str, ...])
    if "recognise" not in job.parameters:
        return _built(Findings(verified=_verified(job, config, labels)))
    # Imported here: this part runs in the platform's own environment.
    from bms.adapters.runtimes.recognition import recognise

    job.progress(0.05, "recognising")
    asked = msgspec.convert(job.parameters["recognise"], RequestedPackages)
    found = recognise(
        config.directory,
        runtime=config.runtime,
        requirements=asked.requirements,
        lock=asked.lock,
        index=asked.index,
        python=asked.python,
        preprocess=config.preprocess,
        signatures=config.signatures,
        allow_pickle=config.allow_pickle,
    )
    if not found.at_home:
        return _built(Findings(recognised=found))
    description = found.description
    config = msgspec.structs.replace(
        config,
        runtime=found.runtime,
        signatures=config.signatures or description.signatures,
        preprocess=config.preprocess or description.preprocess,
    )
    return _built(Findings(recognised=found, verified=_verified(job, config, labels or description.labels)))


def _built(findings: Findings) -> dict[str, object]:
    built: dict[str, object] = msgspec.to_builtins(findings)
    return built


def _verified(job: VerifyJobContext, config: ServableConfig, labels: tuple[str, ...]) -> VerifyReport:
    empty = _resident()
    job.progress(0.1, "loading")
    began = time.perf_counter_ns()
    servable = call_foreign(
        "loading the model",
        lambda: (
            load(
                lambda: open_servable(for_runtime(config)), warmup_runs=2, sizes=(1, ROWS), clock=SystemClock()
            ).servable
        ),
    )
    load_ns = time.perf_counter_ns() - began
    plan = plan_for(config, servable.signatures)
    check_plan(plan, servable)
    if plan is not None:
        call_foreign("preparing the example", _try_prepared, config.directory, plan, servable)
    job.progress(0.6, "running examples")
    signatures = dict(servable.signatures)
    infer_ns = call_foreign("running the model", lambda: [_median_ns(servable, name, labels) for name in signatures])
    for name in signatures:
        call_foreign("running the model", _try_without_optional, servable, name)
    if plan is not None:
        signatures[plan.name] = plan.signature
    apart = dict(servable.apart) if isinstance(servable, ApartServable) else {}
    streaming = servable.streaming if isinstance(servable, StreamingServable) else frozenset[str]()
    signatures = _configured(config.directory, signatures, apart, streaming)
    report = VerifyReport(
        signatures=signatures,
        memory=max(0, _resident() - empty),
        load_ns=load_ns,
        infer_ns=infer_ns[0],
        format=servable.format,
        unread=_unread(servable, plan),
        apart=apart,
        streaming=tuple(sorted(streaming)),
    )
    servable.close()
    job.metric("memory_bytes", report.memory)
    job.metric("load_seconds", report.load_ns / 1e9)
    job.metric("infer_seconds", report.infer_ns / 1e9)
    for name, why in report.apart.items():
        job.progress(0.95, f"{name} is served one request a run: {why}")
    job.progress(1.0, f"{report.format}, {len(signatures)} signatures")
    return report


def _configured(
    directory: str, signatures: Mapping[str, Signature], apart: Mapping[str, str], streaming: Collection[str]
) -> dict[str, Signature]:
    """The config with what the artifact says of itself for clients that read a configuration. Raises
    FailedPrecondition."""
    description = described(directory)
    made = configured(signatures, description.max_batch_size, description.formats)
    for name, signature in made.items():
        check_configured(name, signature, "it answers part by part" if name in streaming else apart.get(name, ""))
    return {name: msgspec.structs.replace(one, streams=name in streaming) for name, one in made.items()}


def _try_without_optional(servable: Servable, name: str) -> None:
    """Runs the model without its optional inputs. Raises FailedPrecondition where it does not run without one."""
    signature: Signature = servable.signatures[name]
    optional = [spec.name for spec in signature.inputs if spec.optional]
    if not optional:
        return
    inputs = own_example(servable, name, 1) or varied(signature, 1)
    needed = {name: array for name, array in inputs.items() if name not in optional}
    ways = [needed] if needed else [{one: inputs[one]} for one in optional]
    for given in ways:
        try:
            servable.infer(name, given)
        except BmsError as error:
            left_out = ", ".join(repr(one) for one in optional if one not in given)
            raise FailedPrecondition(
                f"signature {name!r} says that {left_out} may be left out, but the model does not run without it: "
                f"{error.message}"
            ) from error


def _try_prepared(directory: str, plan: Plan, servable: Servable) -> None:
    """Runs the maker's example of images or texts through the preprocessing, where there is one. Raises
    FailedPrecondition where it is neither that nor an example of the model's own signatures."""
    example = read_example(directory)
    try:
        own = examples_of(example, servable.signatures)
    except FailedPrecondition:  # texts, say, where the model itself takes numbers
        own = {}
    inputs = None if own else examples_of(example, {plan.name: plan.signature}, must_fit=True).get(plan.name)
    if inputs is not None:
        rows = len(next(iter(inputs.values())))
        try:
            outputs = servable.infer(plan.target, plan.prepare(inputs))
        except InvalidArgument as error:
            raise FailedPrecondition(f"the model does not take the example: {error.message}") from error
        check_outputs(servable.signatures[plan.target], outputs, rows)


def servable_config(job: VerifyJobContext) -> ServableConfig:
    """The config in the job's parameters, with the artifact's directory. Raises InvalidArgument for a wrong one."""
    if "artifact" not in job.inputs:
        raise InvalidArgument("verification needs the input 'artifact'")
    given = job.parameters.get("servable")
    if not isinstance(given, dict):
        raise InvalidArgument("verification needs the parameter 'servable', a ServableConfig")
    try:
        config = msgspec.convert({**given, "directory": str(job.inputs["artifact"])}, ServableConfig)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"the parameter 'servable' is not valid: {error}") from error
    return msgspec.structs.replace(config, sealed=job.sealed)


def _unread(*parts: object) -> tuple[str, ...]:
    """The parts of the artifact that none of these read, each once."""
    return tuple(dict.fromkeys(key for part in parts if isinstance(part, PartlyRead) for key in part.unread))


def _median_ns(servable: Servable, name: str, labels: tuple[str, ...]) -> int:
    """The median time of single-row runs, on an example of the maker's or made-up rows, whose answers must be as the
    signature and `labels` say."""
    signature: Signature = servable.signatures[name]
    named = msgspec.structs.replace(signature, labels=labels or signature.labels)
    inputs = own_example(servable, name, 1) or varied(signature, 1)
    times: list[int] = []
    give_up = time.monotonic() + PATIENCE_S
    while len(times) < RUNS and (not times or time.monotonic() < give_up):
        began = time.perf_counter_ns()
        outputs = servable.infer(name, inputs)
        times.append(time.perf_counter_ns() - began)
        check_outputs(named, outputs, 1)
    return int(np.median(times))


def _resident() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
