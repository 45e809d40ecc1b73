"""The metrics that a gate may ask for, as scikit-learn defines them (`core/metrics.py` lists them)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bms.app.tasks.evaluation.classes import Judged
from bms.core.tensors.class_names import names_text
from bms.core.tensors.tensor import Array

_SUMS = 1e-3  # how far the sum of a row's probabilities may be from 1: half precision, many classes


class Figures(NamedTuple):
    """The metrics' values; `undefined`: why the others of this kind have no value on these rows."""

    values: dict[str, float]
    undefined: dict[str, str]


def of_classes(answers: Judged, scores: Judged | None) -> Figures:
    """Metrics of classification: of the answered classes, and of the scores where the model gives them. Both of the
    same rows."""
    values = _of_answers(answers)
    if scores is None or scores.scores is None:
        why = "the model gives no scores of its classes"
        return Figures(values, dict.fromkeys(("roc_auc", "log_loss"), why))
    undefined = {}
    for name, why in (("roc_auc", _unranked(scores)), ("log_loss", _improbable(scores.scores))):
        if why:
            undefined[name] = why
    if "roc_auc" not in undefined:
        values["roc_auc"] = _roc_auc(scores.true, scores.scores)
    if "log_loss" not in undefined:
        values["log_loss"] = _log_loss(scores.true, scores.scores)
    return Figures(values, undefined)


def of_quantities(predicted: NDArray[np.float64], wanted: NDArray[np.float64]) -> Figures:
    """Metrics of regression, of [rows] each."""
    with np.errstate(over="ignore"):  # an error too large for a number is told as infinite
        return _of_residual(wanted - predicted, wanted)


def _of_residual(residual: NDArray[np.float64], wanted: NDArray[np.float64]) -> Figures:
    size = np.abs(residual)
    squares = residual**2
    values = {
        "mse": float(np.mean(squares)),
        "rmse": float(np.sqrt(np.mean(squares))),
        "mae": float(np.mean(size)),
        "median_absolute_error": float(np.median(size)),
        "max_error": float(np.max(size)),
        "mape": float(np.mean(size / np.maximum(np.abs(wanted), np.finfo(np.float64).eps))),
        "explained_variance": _share(float(np.mean((residual - residual.mean()) ** 2)), float(np.var(wanted))),
    }
    if len(wanted) < 2:
        return Figures(values, {"r2": "it takes two rows"})
    values["r2"] = _share(float(np.sum(squares)), float(np.sum((wanted - wanted.mean()) ** 2)))
    return Figures(values, {})


def _of_answers(judged: Judged) -> dict[str, float]:
    count = len(judged.names)
    hits, true, answered = (
        np.bincount(places, minlength=count) for places in (judged.true[judged.right], judged.true, judged.answered)
    )
    met = (true + answered) > 0  # a class that no row has and none was answered says nothing
    precision = hits[met] / np.maximum(answered[met], 1)
    recall = hits[met] / np.maximum(true[met], 1)
    return {
        "accuracy": float(np.mean(judged.right)),
        "balanced_accuracy": float(np.mean(hits[true > 0] / true[true > 0])),
        "precision": float(np.mean(precision)),
        "recall": float(np.mean(recall)),
        "f1": float(np.mean(2 * hits[met] / (true[met] + answered[met]))),
        "mcc": _mcc(float(hits.sum()), true.astype(np.float64), answered.astype(np.float64)),
    }


def _mcc(hits: float, true: NDArray[np.float64], answered: NDArray[np.float64]) -> float:
    """Matthews' correlation for several classes: J. Gorodkin, Comparing two K-category assignments by a K-category
    correlation coefficient, 2004."""
    rows = float(true.sum())
    spread = (rows**2 - float(answered @ answered)) * (rows**2 - float(true @ true))
    return (hits * rows - float(true @ answered)) / float(np.sqrt(spread)) if spread else 0.0


def _unranked(judged: Judged) -> str:
    """The reason why these rows have no ROC curve; empty where they have."""
    if len(judged.names) < 2:
        return "it takes two classes"
    present = np.bincount(judged.true, minlength=len(judged.names)) > 0
    absent = [name for name, there in zip(judged.names, present, strict=True) if not there]
    return f"no row is of {names_text(absent)}" if absent else ""


def _roc_auc(true: NDArray[np.int64], scores: Array) -> float:
    """The area under the ROC curve: of two classes by the second one's score; of more the mean of each against the
    rest."""
    count = scores.shape[1]
    columns = (1,) if count == 2 else range(count)
    return float(np.mean([_area(true == column, scores[:, column]) for column in columns]))


def _area(positive: NDArray[np.bool_], score: Array) -> float:
    """The share of pairs of a positive and another row that are ranked right, ties counting half."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    many = int(positive.sum())
    return float((rank[positive].sum() - many * (many + 1) / 2) / (many * (len(positive) - many)))


def _improbable(scores: Array) -> str:
    """The reason why these scores are no probabilities; empty where they are."""
    numbers = scores.astype(np.float64)
    if (numbers < 0).any() or (numbers > 1).any():
        return f"the model's scores are no probabilities: they reach from {numbers.min():g} to {numbers.max():g}"
    sums = numbers.sum(axis=1)
    worst = int(np.argmax(np.abs(sums - 1)))
    return (
        "" if abs(sums[worst] - 1) <= _SUMS else f"the model's scores of row {worst} add up to {sums[worst]:g}, not 1"
    )


def _log_loss(true: NDArray[np.int64], scores: Array) -> float:
    """The log loss. A probability of 0 counts as the smallest step of the scores' type, not as infinitely bad."""
    smallest = float(np.finfo(np.float32 if scores.dtype == np.float32 else np.float64).eps)
    chances = scores[np.arange(len(true)), true].astype(np.float64)
    return float(-np.mean(np.log(np.clip(chances, smallest, 1 - smallest))))


def _share(unexplained: float, spread: float) -> float:
    """The explained share: 1 is perfect; where there is nothing to explain, an inexact prediction gets 0."""
    if spread == 0:
        return 1.0 if unexplained == 0 else 0.0
    return 1.0 - unexplained / spread
