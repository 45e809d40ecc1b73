"""Task: how good a version is on one split of a data set.

Inputs: `artifact` (the version's files) and `data` (a data set's version). Parameters: `servable` (a
ServableConfig) and `split`. Classifiers: accuracy, log_loss. Regressors: rmse, r2.
"""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bms.adapters.datasets.reader import load_split, read_manifest
from bms.app.tasks.opening import open_servable
from bms.core.errors import FailedPrecondition
from bms.core.programs import ServableConfig
from bms.core.signature import Signature
from bms.core.tensor import NUMPY, Array
from bms.serving.lifecycle.servable import Servable

ROWS = 256  # at a time: bounds memory, and is what a server's large batch looks like


def main(job: Any) -> dict[str, object]:
    """Returns the metrics; they are also the job's. Raises FailedPrecondition when data and model do not fit."""
    wanted = msgspec.convert(job.parameters["servable"], ServableConfig)
    config = msgspec.structs.replace(wanted, directory=str(job.inputs["artifact"]), sealed=job.sealed)
    servable = open_servable(config)
    label = read_manifest(job.inputs["data"]).label
    if label is None:
        raise FailedPrecondition("the data set has no labels: a version can only be evaluated on labelled data")
    columns = load_split(job.inputs["data"], str(job.parameters["split"]))
    name, signature, inputs = model_inputs(servable, columns, job.inputs["data"])
    outputs = run_all(servable, name, inputs, job.progress)
    truth = np.asarray(columns[label])
    metrics = classification(outputs, signature, truth) if signature.scores else regression(outputs, signature, truth)
    for metric, value in metrics.items():
        job.metric(metric, value)
    return {"rows": len(truth), "metrics": metrics}


def model_inputs(
    servable: Servable, columns: dict[str, Any], directory: Path
) -> tuple[str, Signature, dict[str, Array]]:
    """The signature to call and its inputs, rows first: encoded images where the version decodes them itself,
    else the numeric columns side by side, in the data set's own order.

    Raises FailedPrecondition when the data set holds nothing that the model takes.
    """
    manifest = read_manifest(directory)
    signatures = servable.signatures
    pictures = [feature.name for feature in manifest.schema.features if feature.kind == "image"]
    if len(pictures) == 1 and "image" in signatures:
        encoded = columns[pictures[0]]
        images = np.empty(len(encoded), dtype=object)
        images[:] = encoded
        return "image", signatures["image"], {"image": images}
    name, signature = next(iter(signatures.items()))
    if len(signature.inputs) != 1:
        raise FailedPrecondition(f"the model takes {len(signature.inputs)} inputs; only models of one can be evaluated")
    spec = signature.inputs[0]
    features = [feature for feature in manifest.schema.features if feature.name != manifest.label]
    if not features or any(feature.kind not in ("float", "int", "bool") for feature in features):
        raise FailedPrecondition("the data set's columns are not all numbers: the model cannot be fed from them")
    numeric = [np.asarray(columns[feature.name]) for feature in features]
    rows = np.column_stack([column.reshape(len(column), -1) for column in numeric])
    return name, signature, {spec.name: rows.astype(NUMPY[spec.dtype])}


def run_all(servable: Servable, name: str, inputs: dict[str, Array], progress: Any) -> dict[str, Array]:
    """All rows through the model, in parts."""
    total = len(next(iter(inputs.values())))
    parts = []
    for start in range(0, total, ROWS):
        parts.append(servable.infer(name, {key: array[start : start + ROWS] for key, array in inputs.items()}))
        progress(min(1.0, (start + ROWS) / total), f"{min(total, start + ROWS)} of {total} rows")
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def classification(outputs: dict[str, Array], signature: Signature, truth: Array) -> dict[str, float]:
    """Accuracy, and the mean negative logarithm of the true class's probability."""
    assert signature.scores is not None
    scores = np.asarray(outputs[signature.scores], dtype=np.float64)
    labels = truth.astype(np.int64)
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise FailedPrecondition(f"the data has label {labels.max()}, the model knows {scores.shape[1]} classes")
    true_scores = np.clip(scores[np.arange(len(labels)), labels], 1e-15, 1.0)
    return {
        "accuracy": float(np.mean(scores.argmax(axis=1) == labels)),
        "log_loss": float(-np.mean(np.log(true_scores))),
    }


def regression(outputs: dict[str, Array], signature: Signature, truth: Array) -> dict[str, float]:
    """Root mean squared error and the coefficient of determination of the first output."""
    predicted = np.asarray(outputs[signature.outputs[0].name], dtype=np.float64).reshape(len(truth))
    wanted = np.asarray(truth, dtype=np.float64)
    residual = predicted - wanted
    spread = float(np.sum((wanted - wanted.mean()) ** 2))
    return {
        "rmse": float(np.sqrt(np.mean(residual**2))),
        "r2": 1.0 - float(np.sum(residual**2)) / spread if spread else 0.0,
    }
