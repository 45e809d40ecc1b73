"""How an estimator is called: its signature, learnt from the fitted object and one run.

The one input is "x". It is FP32 [rows, features] where the estimator accepts that (most do, computing in double
inside), for half the bytes on the wire, else FP64; for an estimator that begins with a text vectoriser it is BYTES
[rows], UTF-8.
Outputs are "probabilities" and "label" (classifiers), "prediction" (regressors), "label" (clusterers and outlier
detectors) or "output" (transformers).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.signature import Signature, TensorSpec
from bms.core.tensor import NUMPY, Array, DType, dtype_of

INPUT = "x"
REFUSALS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)  # what estimators say no with
Calls = dict[str, Callable[[Any], Array]]


def calls_of(estimator: Any) -> Calls:
    """A function of "x" for each output, in order. Raises FailedPrecondition for what is not a fitted estimator."""
    text = _takes_text(estimator)

    def call(method: str) -> Callable[[Any], Array]:
        function = getattr(estimator, method)
        return lambda x: _array(function(_texts(x) if text else x))

    classes = getattr(estimator, "classes_", None)
    calls: Calls = {}
    if isinstance(classes, np.ndarray) and classes.ndim == 1 and hasattr(estimator, "predict_proba"):
        calls["probabilities"] = call("predict_proba")
    if hasattr(estimator, "predict"):
        kind = getattr(estimator, "_estimator_type", None) or _kind(estimator)
        calls["prediction" if kind == "regressor" else "label"] = call("predict")
    elif hasattr(estimator, "transform"):
        calls["output"] = call("transform")
    if not calls:
        raise FailedPrecondition(
            f"the file holds a {type(estimator).__name__}, which has none of predict_proba, predict and transform: "
            "save a fitted scikit-learn estimator or pipeline"
        )
    return calls


def inferred(estimator: Any, calls: Calls) -> Signature:
    """Raises FailedPrecondition when the estimator is not fitted or does not run on an example."""
    inputs, answers = _example(estimator, calls)
    outputs = tuple(
        TensorSpec(name=name, dtype=dtype_of(array), shape=(None, *array.shape[1:])) for name, array in answers.items()
    )
    classes = getattr(estimator, "classes_", None)
    regress = "prediction" in answers and answers["prediction"].ndim == 1
    return Signature(
        inputs=(inputs,),
        outputs=outputs,
        method="classify" if "probabilities" in answers else "regress" if regress else "predict",
        scores="probabilities" if "probabilities" in answers else None,
        labels=tuple(str(name) for name in classes.tolist())
        if "probabilities" in answers and classes is not None
        else (),
    )


def _example(estimator: Any, calls: Calls) -> tuple[TensorSpec, dict[str, Array]]:
    if _takes_text(estimator):
        trials: list[tuple[DType, tuple[int, ...], object]] = [("BYTES", (2,), b"text")]
    else:
        features = getattr(estimator, "n_features_in_", None)
        if not isinstance(features, int | np.integer):
            raise FailedPrecondition(
                f"the {type(estimator).__name__} does not say how many features it takes (n_features_in_): fit it on a "
                "numeric array before saving it"
            )
        trials = [("FP32", (2, int(features)), 0), ("FP64", (2, int(features)), 0)]
    failure = ""
    for dtype, shape, value in trials:
        x: Array = np.full(shape, value, dtype=NUMPY[dtype])
        try:
            answers = {name: call(x) for name, call in calls.items()}
        except REFUSALS as error:
            failure = failure or f"{type(error).__name__}: {str(error)[:300]}"
            continue
        return TensorSpec(name=INPUT, dtype=dtype, shape=(None, *shape[1:])), answers
    raise FailedPrecondition(f"the {type(estimator).__name__} does not run on an example: {failure}")


def _takes_text(estimator: Any) -> bool:
    steps = getattr(estimator, "steps", None)
    return hasattr(steps[0][1] if steps else estimator, "build_analyzer")


def _kind(estimator: Any) -> str | None:
    tags = getattr(estimator, "__sklearn_tags__", None)  # scikit-learn ≥ 1.6
    return tags().estimator_type if tags is not None else None


def _texts(array: Array) -> list[str]:
    try:
        return [text.decode() for text in array.tolist()]
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"input {INPUT!r} holds bytes that are not UTF-8, which texts must be") from error


def _array(value: Any) -> Array:
    if hasattr(value, "toarray"):  # sparse
        value = value.toarray()
    array = np.asarray(value)
    if array.dtype.kind in "OU":
        flat = [str(item).encode() for item in array.ravel().tolist()]
        encoded = np.empty(len(flat), dtype=object)
        encoded[:] = flat
        return encoded.reshape(array.shape)
    return array
