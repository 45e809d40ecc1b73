"""What KServe's V1 `:predict` answers for a classifier: the label of each row alone, as its `predict` says it.

Source: kserve's sklearn, xgboost and lightgbm servers, and its e2e tests: `{"predictions": [1, 1]}`.
"""

import re

import numpy as np

from bms.core.class_names import numbered
from bms.core.inference import InferResponse
from bms.core.signature import Signature
from bms.core.tensor import Array, Tensor
from bms.protocols.json_tensors import dump, text_values

_LABEL = re.compile(r"(output_)?(predicted_)?(label|class|predict)(s|es|ion|ions)?", re.IGNORECASE)
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)


def encode_labels(response: InferResponse, signature: Signature) -> bytes | None:
    """The body; None where the outputs say no label for each row, which is then answered as TensorFlow Serving does.

    The label is the output that is called so, else the class with the largest score by its name.
    """
    if signature.method != "classify":
        return None
    told = next((one.array for one in response.outputs if _LABEL.fullmatch(one.name) and _one_a_row(one.array)), None)
    if told is None:
        scores = next((one.array for one in response.outputs if one.name == signature.scores), None)
        if scores is None or scores.ndim != 2 or not scores.shape[1]:
            return None
        return dump({"predictions": _named(scores, signature.labels)})
    column = Tensor("", told.reshape(len(told)))
    return dump({"predictions": text_values(column.array, False) if column.dtype == "BYTES" else column.array})


def _one_a_row(array: Array) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)


def _named(scores: Array, labels: tuple[str, ...]) -> list[int | str]:
    names: tuple[int | str, ...] = labels if len(labels) == scores.shape[1] else numbered(scores.shape[1])
    if all(_WHOLE.fullmatch(str(name)) for name in names):
        names = tuple(int(name) for name in names)
    return [names[best] for best in np.argmax(scores, axis=1).tolist()]
