"""What KServe's servers answer for a classifier: the label of each row alone, as its `predict` says it.

By V1 `{"predictions": [1, 1]}`, by V2 one output, `output-0`. Source: kserve's sklearn, xgboost and lightgbm servers
(`get_predict_response`), and its e2e tests.
"""

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from bms.core.class_names import numbered
from bms.core.inference import InferResponse
from bms.core.signature import Signature
from bms.core.tensor import Array, Tensor
from bms.protocols.json_tensors import dump, text_values

_OUTPUT = "output-0"
_LABEL = re.compile(r"(output_)?(predicted_)?(label|class|predict)(s|es|ion|ions)?", re.IGNORECASE)
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)


def encode_labels(response: InferResponse, signature: Signature) -> bytes | None:
    """The body by V1; None where the outputs say no label for each row, which is then answered as TensorFlow Serving
    does."""
    labels = _labels(response.outputs, signature)
    if labels is None:
        return None
    column = Tensor("", labels)
    return dump({"predictions": text_values(labels, False) if column.dtype == "BYTES" else labels})


def labels_alone(response: InferResponse, signature: Signature) -> InferResponse:
    """The answer by V2; `response` itself where the outputs say no label for each row."""
    labels = _labels(response.outputs, signature)
    if labels is None:
        return response
    only = [Tensor(_OUTPUT, labels)]
    return InferResponse(model=response.model, version=response.version, outputs=only, id=response.id)


def _labels(outputs: Iterable[Tensor], signature: Signature) -> Array | None:
    """One a row: the output that is called so, else the class with the largest score by its name."""
    if signature.method != "classify":
        return None
    given = list(outputs)
    told = next((one.array for one in given if _LABEL.fullmatch(one.name) and _one_a_row(one.array)), None)
    if told is not None:
        return told.reshape(len(told))
    scores = next((one.array for one in given if one.name == signature.scores), None)
    if scores is None or scores.ndim != 2 or not scores.shape[1]:
        return None
    return _named(scores, signature.labels)


def _one_a_row(array: Array) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)


def _named(scores: Array, labels: tuple[str, ...]) -> Array:
    """Names that are all whole numbers are numbers."""
    best: npt.NDArray[np.intp] = np.argmax(scores, axis=1)
    names = labels if len(labels) == scores.shape[1] else numbered(scores.shape[1])
    if all(_WHOLE.fullmatch(name) for name in names):
        return np.array([int(name) for name in names], dtype=np.int64)[best]
    texts: npt.NDArray[np.object_] = np.empty(len(names), dtype=object)
    texts[:] = [name.encode() for name in names]
    return texts[best]
