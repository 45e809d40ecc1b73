"""Task: a version in another format, proved equal to its parent on real rows before it is left as output.

Inputs: `artifact` (the parent's files) and `data` (a data set's version, whose validation split is compared).
Parameters: `servable` (the parent's ServableConfig), `target` ("onnx"), `tolerance` (largest difference of any output).
Beside the real rows, awkward ones are compared: see `awkward`.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from bms.adapters.datasets.manifest import Manifest
from bms.adapters.datasets.reader import load_split, read_manifest
from bms.adapters.runtimes.artifact import model_file
from bms.adapters.runtimes.available import open_servable as open_by_runtime
from bms.adapters.runtimes.sklearn import SklearnRuntime
from bms.adapters.runtimes.sklearn_file import SUFFIXES, read_estimator
from bms.adapters.runtimes.sklearn_parts import parts
from bms.adapters.toolkits.onnx_trees import thresholds
from bms.adapters.toolkits.sklearn_onnx import candidates, convertible_input
from bms.app.tasks.awkward import answered, awkward_rows, scaled
from bms.app.tasks.evaluation.comparing import largest_difference
from bms.app.tasks.evaluation.feeding import Fed, fed
from bms.app.tasks.evaluation.running import run_all
from bms.app.tasks.opening import open_servable
from bms.core.errors import BmsError, FailedPrecondition, Unimplemented
from bms.core.programs import ServableConfig
from bms.core.signature import DEFAULT, Signature, shape_text
from bms.core.tensor import Array
from bms.serving.inference.prepared import for_runtime
from bms.serving.lifecycle.examples import varied


class Convertible(NamedTuple):
    """A parent that can be converted: the child's candidates as bytes, likeliest first, and where its trees split."""

    candidates: Iterator[bytes]
    splits: list[tuple[int, float]]


def sklearn_to_onnx(parent: ServableConfig) -> Convertible:
    path = model_file(parent.directory, SUFFIXES, SklearnRuntime())
    estimator, _ = read_estimator(path, allow_pickle=parent.allow_pickle)
    spec = convertible_input(estimator, parent.signatures[DEFAULT])
    return Convertible(candidates(estimator, spec, parent.signatures[DEFAULT].outputs), thresholds(parts(estimator)))


CONVERTERS: dict[tuple[str, str], tuple[Callable[[ServableConfig], Convertible], str]] = {
    ("sklearn", "onnx"): (sklearn_to_onnx, "model.onnx")
}


def main(job: Any) -> dict[str, object]:
    """Returns what was compared. Raises FailedPrecondition when no candidate answers as its parent does."""
    wanted = msgspec.convert(job.parameters["servable"], ServableConfig)
    parent_config = msgspec.structs.replace(wanted, directory=str(job.inputs["artifact"]))
    target, tolerance = str(job.parameters["target"]), float(job.parameters["tolerance"])
    if (wanted.runtime, target) not in CONVERTERS:
        raise Unimplemented(f"no way from {wanted.runtime!r} to {target!r}")
    convert, file = CONVERTERS[wanted.runtime, target]
    model = job.output / "model"
    model.mkdir(parents=True)
    job.progress(0.1, f"converting to {target}")
    convertible = convert(parent_config)
    child_config = msgspec.structs.replace(parent_config, runtime=target, directory=str(model), signatures={})
    job.progress(0.3, "asking the parent")
    manifest = read_manifest(job.inputs["data"])
    columns = load_split(job.inputs["data"], "validation")
    old = _run(parent_config, manifest, columns)
    awkward = _awkward(parent_config, old, convertible.splits)
    failure: BmsError | None = None
    for number, candidate in enumerate(convertible.candidates):
        job.progress(0.5 + 0.2 * number, "comparing with the parent")
        (model / file).write_bytes(candidate)
        try:
            new = _run(child_config, manifest, columns)
            found = _proved(old, new, awkward, child_config, tolerance)
        except BmsError as error:
            failure = failure or error
            continue
        made = {
            "runtime": target,
            "labels": old.given.signature.labels,
            "preprocess": msgspec.to_builtins(wanted.preprocess),
            "signatures": msgspec.to_builtins(_promised(old, new)),
            "metadata": {"converted_from": wanted.runtime, "largest_difference": f"{found:.3g}"},
        }
        (job.output / "version.json").write_text(json.dumps(made))
        job.metric("largest_difference", found)
        report = {"rows": old.given.rows, "awkward_rows": len(awkward.rows), "largest_difference": found}
        return {**report, "tolerance": tolerance, "outputs": tuple(old.outputs), "joined": old.given.notes}
    raise failure or FailedPrecondition(f"there is no way to convert it to {target}")


class _Awkward(NamedTuple):
    rows: Array
    outputs: dict[str, Array]


def _awkward(config: ServableConfig, run: "_Run", splits: list[tuple[int, float]]) -> _Awkward:
    """Awkward rows that the parent takes, as it is called without preparing anything, and its answers."""
    signature = config.signatures[DEFAULT]
    spec = signature.inputs[0]
    given = run.given.inputs.get(spec.name) if run.given.signature == signature else None
    servable = open_by_runtime(for_runtime(config))
    try:
        rows = given if given is not None else varied(signature, 8)[spec.name]
        outputs, kept = answered(servable, signature, awkward_rows(rows, spec.dtype, splits))
        return _Awkward(kept, outputs)
    finally:
        servable.close()


def _proved(old: "_Run", new: "_Run", awkward: _Awkward, child: ServableConfig, tolerance: float) -> float:
    """The largest difference, absolute on real rows, on awkward ones as `scaled`.

    Raises FailedPrecondition where it is too large, and where the child is called otherwise than its parent.
    """
    _check_alike(old.signatures[DEFAULT], new.signatures[DEFAULT])
    largest = largest_difference(old.outputs, new.outputs, tolerance)
    if not len(awkward.rows):
        return largest
    servable = open_by_runtime(for_runtime(child))
    try:
        given = servable.infer(DEFAULT, {old.signatures[DEFAULT].inputs[0].name: awkward.rows})
    finally:
        servable.close()
    own, told = scaled(awkward.outputs, awkward.outputs), scaled(given, awkward.outputs)
    try:
        return max(largest, largest_difference(own, told, tolerance))
    except FailedPrecondition as error:
        raise FailedPrecondition(
            f"on rows with large or small numbers, or beside a split: {error.message}; the parent is served as it is"
        ) from error


def _check_alike(parent: Signature, child: Signature) -> None:
    """Raises FailedPrecondition naming the first tensor whose name, type or shape the child has otherwise."""
    for what, ours, theirs in (("input", parent.inputs, child.inputs), ("output", parent.outputs, child.outputs)):
        have = {spec.name: spec for spec in theirs}
        for spec in ours:
            one = have.get(spec.name)
            if one is None or (one.dtype, len(one.shape)) != (spec.dtype, len(spec.shape)):
                told = "none" if one is None else f"{one.dtype} {shape_text(one.shape)}"
                raise FailedPrecondition(
                    f"the parent's {what} {spec.name!r} is {spec.dtype} {shape_text(spec.shape)}, the converted "
                    f"model's {told}: it is not registered"
                )


class _Run(NamedTuple):
    signatures: dict[str, Signature]
    given: Fed
    outputs: dict[str, Array]


def _run(config: ServableConfig, manifest: Manifest, columns: dict[str, Any]) -> _Run:
    servable = open_servable(config)
    try:
        given = fed(servable.signatures, manifest, columns)
        outputs = run_all(servable, given, lambda _fraction, _message: None)
        return _Run(dict(servable.signatures), given, outputs)
    finally:
        servable.close()


def _promised(parent: _Run, child: _Run) -> dict[str, Signature]:
    """The child's own signature, of the parent's method and of its outputs alone, since nothing proved others; none
    where it has these by itself, so that verification finds it out."""
    own, of = child.signatures[DEFAULT], parent.signatures[DEFAULT]
    kept = tuple(spec for spec in own.outputs if any(spec.name == one.name for one in of.outputs))
    labels = of.labels or parent.given.signature.labels
    wanted = msgspec.structs.replace(own, outputs=kept, method=of.method, scores=of.scores, labels=labels)
    return {} if msgspec.structs.replace(wanted, labels=own.labels) == own else {DEFAULT: wanted}
