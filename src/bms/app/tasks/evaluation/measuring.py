"""Compares a model's outputs with the data set's label: chooses the output, and computes its metrics."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bms.app.tasks.evaluation.classes import Judged, judged_answers, judged_scores
from bms.app.tasks.evaluation.metrics import of_classes, of_quantities
from bms.app.tasks.evaluation.target import TrueClasses
from bms.core.errors import FailedPrecondition
from bms.core.metrics import Kind
from bms.core.tensors.signature import Signature, shape_text
from bms.core.tensors.tensor import Array

LABEL = "label"  # what runtimes call the output that holds the answered class


class Measured(NamedTuple):
    """The metrics. `undefined` says why one of this kind has no value, `notes` tell people what was compared with
    what."""

    kind: Kind
    metrics: dict[str, float]
    undefined: dict[str, str]
    notes: tuple[str, ...]


def measured(signature: Signature, outputs: Mapping[str, Array], target: TrueClasses) -> Measured:
    """Compares what callers get with the label: classes by the answered one, else by the best score; quantities by the
    one number a row.

    Raises FailedPrecondition, listing both sides, where the outputs and the data set's label don't belong together.
    """
    if signature.scores is not None:
        return _by_scores(signature.scores, signature.labels, outputs, target)
    answers = _answers(signature, outputs, target)
    if answers is not None:
        judged = judged_answers(outputs[answers], signature.labels, target)
        return _classified(judged, None, (f"output {answers!r}", judged.note))
    name = _quantity(outputs, target)
    predicted = outputs[name].astype(np.float64).reshape(-1)
    _check_finite(name, predicted)
    figures = of_quantities(predicted, target.numbers())
    return Measured("regression", figures.values, figures.undefined, (f"output {name!r} against {target.column!r}",))


def _by_scores(name: str, labels: tuple[str, ...], outputs: Mapping[str, Array], target: TrueClasses) -> Measured:
    """Judges by scores where the model answers no class. Where it does, callers go by that: a threshold of its own,
    ties and calibration make it another than the best score."""
    if name not in outputs:
        raise FailedPrecondition(f"the model did not give its scores {name!r}: it gave {', '.join(map(repr, outputs))}")
    scored = judged_scores(outputs[name], labels, target)
    label = outputs.get(LABEL)
    if label is None or name == LABEL or not _one_a_row(label):
        return _classified(scored, scored, (f"output {name!r}", scored.note))
    judged = judged_answers(label, scored.names, target, scored)
    return _classified(judged, scored, (f"output {LABEL!r}, and the scores {name!r}", scored.note))


def _classified(answers: Judged, scores: Judged | None, notes: tuple[str, ...]) -> Measured:
    figures = of_classes(answers, scores)
    return Measured("classification", figures.values, figures.undefined, notes)


def _answers(signature: Signature, outputs: Mapping[str, Array], target: TrueClasses) -> str | None:
    """The output that holds a class a row; None where the model predicts a quantity."""
    if signature.method == "regress":
        return None
    found = [name for name, array in outputs.items() if array.dtype.kind in "OUSbiu" and _one_a_row(array)]
    if LABEL in found:
        return LABEL
    if not target.classes:
        found = [name for name in found if outputs[name].dtype.kind in "OUS"]  # whole numbers may be the quantity
    return found[0] if len(found) == 1 else None


def _quantity(outputs: Mapping[str, Array], target: TrueClasses) -> str:
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
        f"the model gives {given}: it is not clear which to compare with the data set's label {target.column!r}; "
        "expected scores of classes, an output 'label', or one output with a number a row"
    )


def _check_finite(name: str, predicted: NDArray[np.float64]) -> None:
    wrong = ~np.isfinite(predicted)
    if wrong.any():
        raise FailedPrecondition(
            f"output {name!r} is {predicted[wrong][0]} in {int(wrong.sum())} of {len(predicted)} rows: no "
            "metric can be computed of that"
        )


def _one_a_row(array: Array) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)
