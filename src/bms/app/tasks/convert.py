"""Task: a version in another format, proved equal to its parent on real rows before it is left as output.

Inputs: `artifact` (the parent's files) and `data` (a data set's version, whose validation split is compared).
Parameters: `servable` (the parent's ServableConfig), `target` ("onnx"), `tolerance` (largest absolute difference of
any output).
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from bms.adapters.datasets.manifest import Manifest
from bms.adapters.datasets.reader import load_split, read_manifest
from bms.adapters.runtimes.artifact import model_file
from bms.adapters.runtimes.sklearn import SklearnRuntime
from bms.adapters.runtimes.sklearn_file import SUFFIXES, read_estimator
from bms.adapters.toolkits.sklearn_onnx import to_onnx
from bms.app.tasks.evaluation.comparing import largest_difference
from bms.app.tasks.evaluation.feeding import Fed, fed
from bms.app.tasks.evaluation.running import run_all
from bms.app.tasks.opening import open_servable
from bms.core.errors import Unimplemented
from bms.core.programs import ServableConfig
from bms.core.signature import DEFAULT, Signature
from bms.core.tensor import Array


def sklearn_to_onnx(parent: ServableConfig) -> bytes:
    path = model_file(parent.directory, SUFFIXES, SklearnRuntime())
    estimator, _ = read_estimator(path, allow_pickle=parent.allow_pickle)
    return to_onnx(estimator, parent.signatures[DEFAULT])


CONVERTERS: dict[tuple[str, str], tuple[Callable[[ServableConfig], bytes], str]] = {
    ("sklearn", "onnx"): (sklearn_to_onnx, "model.onnx")
}


def main(job: Any) -> dict[str, object]:
    """Returns what was compared. Raises FailedPrecondition when the outputs differ by more than the tolerance."""
    wanted = msgspec.convert(job.parameters["servable"], ServableConfig)
    parent_config = msgspec.structs.replace(wanted, directory=str(job.inputs["artifact"]))
    target, tolerance = str(job.parameters["target"]), float(job.parameters["tolerance"])
    if (wanted.runtime, target) not in CONVERTERS:
        raise Unimplemented(f"no way from {wanted.runtime!r} to {target!r}")
    convert, file = CONVERTERS[wanted.runtime, target]
    model = job.output / "model"
    model.mkdir(parents=True)
    job.progress(0.1, f"converting to {target}")
    (model / file).write_bytes(convert(parent_config))
    child_config = msgspec.structs.replace(parent_config, runtime=target, directory=str(model), signatures={})
    job.progress(0.5, "comparing with the parent")
    manifest = read_manifest(job.inputs["data"])
    columns = load_split(job.inputs["data"], "validation")
    old, new = _run(parent_config, manifest, columns), _run(child_config, manifest, columns)
    difference, rows = largest_difference(old.outputs, new.outputs, tolerance), old.given.rows
    made = {
        "runtime": target,
        "labels": old.given.signature.labels,
        "preprocess": msgspec.to_builtins(wanted.preprocess),
        "signatures": msgspec.to_builtins(_promised(old, new)),
        "metadata": {"converted_from": wanted.runtime, "largest_difference": f"{difference:.3g}"},
    }
    (job.output / "version.json").write_text(json.dumps(made))
    job.metric("largest_difference", difference)
    report = {"rows": rows, "largest_difference": difference, "tolerance": tolerance}
    return {**report, "outputs": tuple(old.outputs), "joined": old.given.notes}


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
    """The child's own signature without the outputs that its parent does not give, which nothing proved; none where it
    gives the same, so that verification finds it out."""
    own = child.signatures.get(DEFAULT)
    if own is None or child.outputs.keys() == parent.outputs.keys():
        return {}
    of = parent.given.signature
    kept = tuple(spec for spec in own.outputs if spec.name in parent.outputs)
    return {DEFAULT: msgspec.structs.replace(own, outputs=kept, method=of.method, scores=of.scores, labels=of.labels)}
