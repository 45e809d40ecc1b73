"""Converts scikit-learn models to ONNX by skl2onnx (https://onnx.ai/sklearn-onnx/), with the parent's inputs and
outputs.

Operators convert only nearly, some only in single precision, so there are candidates: the caller compares each with the
parent, on real rows and on awkward ones, and keeps the first that answers the same.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from bms.adapters.toolkits.onnx_outputs import WantedOutput, renamed
from bms.adapters.toolkits.onnx_trees import track_missing
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import Signature, TensorSpec, is_table, shape_text
from bms.core.tensors.tensor import DType
from bms.serving.inference.reasons import plain

_NUMBERS = ("FP64", "FP32", "INT64")
# What skl2onnx calls the outputs of each kind of estimator, in its order; the parent's go by these names.
_FIRST, _SECOND = ("label", "prediction", "output"), ("probabilities", "decision")


def candidates(
    estimator: Any, spec: TensorSpec, outputs: Sequence[TensorSpec], splits: Sequence[tuple[int, float]] = ()
) -> Iterator[bytes]:
    """Converts a fitted estimator that takes `spec` and gives `outputs` to serialised ONNX models: in its own
    precision, and, of one that takes doubles, with these rounded first, which is right for trees: scikit-learn rounds
    there, too. `splits`: (feature, threshold) of trees within.

    Raises FailedPrecondition in words where there is none.
    """
    precisions: tuple[DType, ...] = (spec.dtype, "FP32") if spec.dtype == "FP64" else (spec.dtype,)
    failure: FailedPrecondition | None = None
    made = 0
    for precision in precisions:
        try:
            if precision == "FP64":
                _check_splits(estimator, splits)
            model = _converted(estimator, spec, precision)
        except FailedPrecondition as error:
            failure = failure or error
            continue
        made += 1
        track_missing(model, estimator)
        yield bytes(renamed(model, spec, _wanted_outputs(estimator, outputs, model)).SerializeToString())
    if not made and failure is not None:
        raise failure


def _check_splits(estimator: Any, splits: Sequence[tuple[int, float]]) -> None:
    """Raises FailedPrecondition where a tree splits on missing values alone, at infinity: skl2onnx would look for the
    next number for ever."""
    if any(not math.isfinite(threshold) for _, threshold in splits):
        raise FailedPrecondition(
            f"this {type(estimator).__name__} has a split that tells missing values from all others, which skl2onnx "
            "can't convert in doubles; it is served unconverted"
        )


def convertible_input(estimator: Any, signature: Signature) -> TensorSpec:
    """The input of rows of numbers that a model takes. Raises FailedPrecondition in words where it takes something
    else."""
    name = type(estimator).__name__
    if is_table(signature):
        raise FailedPrecondition(
            f"the {name} takes a table, and tables, with their names and missing values, are served by scikit-learn "
            "itself; to convert it, fit it on an array of numbers (frame.to_numpy()) instead of a frame"
        )
    spec = signature.inputs[0]
    if not signature.batched:
        raise FailedPrecondition(
            f"the {name} answers a row differently in a batch than alone, so no conversion can be proved equal; "
            "it is served unconverted"
        )
    if spec.dtype not in _NUMBERS or len(spec.shape) != 2:
        raise FailedPrecondition(
            f"the {name} takes {spec.dtype} {shape_text(spec.shape)}: only rows of numbers are converted; texts are "
            "served by scikit-learn itself, since a converted model does not cut all of them into the same words; to "
            "have ONNX, convert what follows the vectoriser, and let callers send its numbers"
        )
    return spec


def _converted(estimator: Any, spec: TensorSpec, precision: DType) -> Any:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType

    kind = {"FP64": DoubleTensorType, "FP32": FloatTensorType, "INT64": Int64TensorType}[precision]
    given = [(spec.name, kind([None, spec.shape[1]]))]
    failure: Exception | None = None
    ways: list[dict[int, dict[str, bool]]] = []
    # Probabilities as a tensor, not as a list of maps; where there are none, scores as they are. Not every converter
    # knows both options, and not every one of a pipeline's last step is known to the pipeline, nor the other way.
    known = {"zipmap": False} if hasattr(estimator, "predict_proba") else {"raw_scores": True, "zipmap": False}
    fewer = [{name: value} for name, value in known.items() if len(known) > 1]
    last = _last(estimator)
    for options in (known, *fewer):
        ways += [{id(one): options} for one in ((last,) if last is estimator else (last, estimator))]
    for way in (*ways, {}):
        try:
            return convert_sklearn(estimator, initial_types=given, options=way)
        except Exception as error:  # noqa: BLE001 - converters raise whatever their authors thought of
            failure = error if failure is None or "Option " in str(failure) else failure
    words = reason(failure).rstrip(".")
    raise FailedPrecondition(
        f"skl2onnx can't convert this {type(estimator).__name__} of {precision}: {words}; it is served unconverted"
    ) from failure


def reason(failure: BaseException | None) -> str:
    """Describes a conversion error for people. skl2onnx prints a node that can't be converted with all its numbers, and
    the reason only beneath."""
    words = plain(str(failure)) or type(failure).__name__
    node, dump, _ = words.partition(" and attributes=")
    beneath = failure and (failure.__cause__ or failure.__context__)
    return f"{node}: {plain(str(beneath)) or type(beneath).__name__}" if dump and beneath else node


def _last(estimator: Any) -> Any:
    """The step of a pipeline, however deep, that answers."""
    while isinstance(steps := getattr(estimator, "steps", None), list) and hasattr(steps[-1][1], "get_params"):
        estimator = steps[-1][1]
    return estimator


def _wanted_outputs(estimator: Any, outputs: Sequence[TensorSpec], model: Any) -> list[WantedOutput]:
    """Which output of the converted model is which of the parent's. Raises FailedPrecondition where one has none."""
    given = [output.name for output in model.graph.output]
    found = []
    for spec in outputs:
        place = 0 if spec.name in _FIRST else 1 if spec.name in _SECOND else len(given)
        if place >= len(given):
            raise FailedPrecondition(
                f"the {type(estimator).__name__} gives {spec.name!r}, skl2onnx's model does not ({', '.join(given)}); "
                "it is served unconverted"
            )
        found.append(WantedOutput(given[place], spec))
    return found
