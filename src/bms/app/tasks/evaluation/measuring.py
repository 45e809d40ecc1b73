"""A model's outputs held against what a data set says: which output is meant, and the figures that come of it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bms.app.tasks.evaluation.classes import Judged, judged_answers, judged_scores
from bms.app.tasks.evaluation.metrics import of_classes, of_quantities
from bms.app.tasks.evaluation.target import Target
from bms.core.errors import FailedPrecondition
from bms.core.signature import Signature, shape_text
from bms.core.tensor import Array

LABEL = "label"  # what runtimes call the output that holds the answered class


class Measured(NamedTuple):
    """`notes` say for people what was compared with what."""

    metrics: dict[str, float]
    notes: tuple[str, ...]


def measured(signature: Signature, outputs: Mapping[str, Array], target: Target) -> Measured:
    """Classes by scores where the signature has them, else by the answered class; quantities by the one number a row.

    Raises FailedPrecondition, listing both sides, where the outputs and the data set's label don't belong together.
    """
    if signature.scores is not None:
        return _of(judged_scores(outputs[signature.scores], signature.labels, target), signature.scores)
    answers = _answers(signature, outputs, target)
    if answers is not None:
        return _of(judged_answers(outputs[answers], signature.labels, target), answers)
    name = _quantity(outputs, target)
    predicted = outputs[name].astype(np.float64).reshape(-1)
    _check_finite(name, predicted)
    return Measured(of_quantities(predicted, target.numbers()), (f"output {name!r} against {target.column!r}",))


def _of(judged: Judged, output: str) -> Measured:
    return Measured(of_classes(judged.right, judged.chances), (f"output {output!r}", judged.note))


def _answers(signature: Signature, outputs: Mapping[str, Array], target: Target) -> str | None:
    """The output that holds a class a row; None where the model predicts a quantity."""
    if signature.method == "regress":
        return None
    found = [name for name, array in outputs.items() if array.dtype.kind in "OUSbiu" and _one_a_row(array)]
    if LABEL in found:
        return LABEL
    if not target.classes:
        found = [name for name in found if outputs[name].dtype.kind in "OUS"]  # whole numbers may be the quantity
    return found[0] if len(found) == 1 else None


def _quantity(outputs: Mapping[str, Array], target: Target) -> str:
    """The output that the label's column is compared with: the one of its name, or the only one with a number a row."""
    found = [name for name, array in outputs.items() if array.dtype.kind in "fiu" and _one_a_row(array)]
    if target.column in found:
        return target.column
    if len(found) == 1:
        return found[0]
    given = ", ".join(
        f"{name!r} {array.dtype} {shape_text((None, *array.shape[1:]))}" for name, array in outputs.items()
    )
    raise FailedPrecondition(
        f"the model gives {given}: which is to be compared with the data set's label {target.column!r} is not told; "
        "expected scores of classes, an output 'label', or one output with a number a row"
    )


def _check_finite(name: str, predicted: NDArray[np.float64]) -> None:
    wrong = ~np.isfinite(predicted)
    if wrong.any():
        raise FailedPrecondition(
            f"output {name!r} is {predicted[wrong][0]} in {int(wrong.sum())} of {len(predicted)} rows: there is no "
            "measure of that"
        )


def _one_a_row(array: Array) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)
