"""scikit-learn to ONNX by skl2onnx: https://onnx.ai/sklearn-onnx/."""

from typing import Any

from bms.core.errors import FailedPrecondition
from bms.core.signature import Signature


def to_onnx(estimator: Any, signature: Signature) -> bytes:
    """The serialised ONNX model of a fitted estimator, with the parent's names of inputs and outputs.

    `signature` is how the parent is called: one FP32 input [-1, features]; probabilities come as a tensor, not
    as a list of maps. The caller must compare the two on real rows: some operators convert only nearly.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    spec = signature.inputs[0]
    # What has no names of its own in skl2onnx is called "variable" there.
    only = signature.outputs[0].name if len(signature.outputs) == 1 else ""
    names = [(only, None)] if only in ("prediction", "output") else None
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
    try:
        converted = convert_sklearn(
            estimator,
            initial_types=[(spec.name, FloatTensorType([None, spec.shape[1]]))],
            final_types=names,
            options=options,
        )
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        words = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise FailedPrecondition(f"skl2onnx can't convert a {type(estimator).__name__}: {words}") from error
    return bytes(converted.SerializeToString())
