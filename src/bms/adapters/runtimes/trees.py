"""What boosted trees give, by what they were trained for: the outputs' names, types and shapes, as scikit-learn's."""

from typing import Literal

import numpy as np

from bms.core.signature import Signature, TensorSpec
from bms.core.tensor import Array, DType

INPUT = "x"
Kind = Literal["classes", "binary", "values"]


def trees_signature(kind: Kind, features: int, width: int, dtype: DType) -> Signature:
    """Of a model that takes "x", FP32 [rows, features].

    "classes" (`width` of them) and "binary" give `probabilities` of `dtype` and `label`, INT64, the number of the
    class, since the file does not name them; "values" gives `prediction`, with a column for each of `width` targets
    where there are several.
    """
    inputs = (TensorSpec(name=INPUT, dtype="FP32", shape=(None, features)),)
    if kind == "values":
        shape = (None,) if width == 1 else (None, width)
        outputs: tuple[TensorSpec, ...] = (TensorSpec(name="prediction", dtype=dtype, shape=shape),)
        return Signature(inputs=inputs, outputs=outputs, method="regress" if width == 1 else "predict")
    classes = 2 if kind == "binary" else width
    outputs = (
        TensorSpec(name="probabilities", dtype=dtype, shape=(None, classes)),
        TensorSpec(name="label", dtype="INT64", shape=(None,)),
    )
    return Signature(inputs=inputs, outputs=outputs, method="classify", scores="probabilities")


def trees_outputs(kind: Kind, scores: Array) -> dict[str, Array]:
    """The outputs for what a booster predicts: [rows, classes], [rows] of the positive class, or values."""
    if kind == "values":
        return {"prediction": scores}
    if kind == "binary":
        scores = np.stack([1 - scores, scores], axis=1)
    return {"probabilities": scores, "label": np.argmax(scores, axis=1).astype(np.int64)}
