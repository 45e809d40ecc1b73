"""Task: a version in another format, proved equal to its parent on real rows before it is left as output.

Inputs: `artifact` (the parent's files) and `data` (a data set's version, whose validation split is compared).
Parameters: `servable` (the parent's ServableConfig), `target` ("onnx"), `tolerance` (largest absolute difference).
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from bms.adapters.datasets.reader import load_split
from bms.adapters.runtimes.artifact import model_file
from bms.adapters.runtimes.sklearn import SklearnRuntime
from bms.adapters.runtimes.sklearn_file import SUFFIXES, read_estimator
from bms.adapters.toolkits.sklearn_onnx import to_onnx
from bms.app.tasks.evaluate import model_inputs, run_all
from bms.app.tasks.opening import open_servable
from bms.core.errors import FailedPrecondition, Unimplemented
from bms.core.programs import ServableConfig
from bms.core.signature import DEFAULT


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
    difference, rows = compare(job, parent_config, child_config, tolerance)
    made = {
        "runtime": target,
        "labels": next((signature.labels for signature in wanted.signatures.values() if signature.labels), ()),
        "preprocess": msgspec.to_builtins(wanted.preprocess),
        "metadata": {"converted_from": wanted.runtime, "largest_difference": f"{difference:.3g}"},
    }
    (job.output / "version.json").write_text(json.dumps(made))
    job.metric("largest_difference", difference)
    return {"rows": rows, "largest_difference": difference, "tolerance": tolerance}


def compare(job: Any, parent: ServableConfig, child: ServableConfig, tolerance: float) -> tuple[float, int]:
    """The largest absolute difference of the scores (or outputs), and on how many rows it was taken."""
    columns = load_split(job.inputs["data"], "validation")
    job.progress(0.5, "comparing with the parent")
    answers: list[npt.NDArray[np.float64]] = []
    for config in (parent, child):
        servable = open_servable(config)
        name, signature, inputs = model_inputs(servable, columns, job.inputs["data"])
        outputs = run_all(servable, name, inputs, lambda _fraction, _message: None)
        answers.append(np.asarray(outputs[signature.scores or signature.outputs[0].name], dtype=np.float64))
        servable.close()
    old, new = answers
    if old.shape != new.shape:
        raise FailedPrecondition(f"the child answers shape {list(new.shape)}, its parent {list(old.shape)}")
    difference = float(np.max(np.abs(old - new)))
    if not difference <= tolerance:
        raise FailedPrecondition(
            f"the converted model differs from its parent by up to {difference:.3g} on {len(old)} rows; "
            f"the tolerance is {tolerance:.3g}: it is not registered"
        )
    return difference, len(old)
