"""Lists an estimator's outputs, with the function of the rows for each, by what it can do.

Classifiers give "probabilities" and "label", or "label" and "decision" (what `decision_function` says) where they know
no probabilities; regressors "prediction"; clusterers "label"; outlier detectors "label" (1 inside, -1 outside) and
"decision"; transformers "output"; densities "score". Of several targets, the probabilities are [rows, targets,
classes], or, where these differ in number, one output for each target: "probabilities_0", and so on.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bms.adapters.runtimes.sklearn.parts import steps_of
from bms.core.errors import FailedPrecondition
from bms.core.tensors.tensor import Array

PROBABILITIES = "probabilities"
Calls = dict[str, Callable[[Any], Array]]


def calls_of(estimator: Any) -> Calls:
    """The functions, in order. Raises FailedPrecondition for what is no estimator, or can say nothing of rows that it
    has not seen."""
    calls: Calls = {}
    if hasattr(estimator, "predict"):
        if hasattr(estimator, "predict_proba"):
            calls |= _probabilities(estimator)
        kind = kind_of(estimator)
        calls["prediction" if kind == "regressor" else "label"] = _call(estimator, "predict")
        if kind != "regressor" and not hasattr(estimator, "predict_proba") and hasattr(estimator, "decision_function"):
            calls["decision"] = _call(estimator, "decision_function")
    elif hasattr(estimator, "transform"):
        calls["output"] = lambda rows: _transformed(estimator.transform(rows), rows)
    elif hasattr(estimator, "score_samples"):
        calls["score"] = _call(estimator, "score_samples")
    if not calls:
        last = [estimator, *steps_of(estimator)][-1]
        raise FailedPrecondition(f"the file holds a {type(last).__name__}, {_why_not(last)}")
    return calls


def kind_of(estimator: Any) -> str | None:
    """The kind of an estimator: "classifier", "regressor", "clusterer", "outlier_detector" or something else that
    scikit-learn says."""
    said = getattr(estimator, "_estimator_type", None)
    if said is not None:
        return str(said)
    tags = getattr(estimator, "__sklearn_tags__", None)  # scikit-learn ≥ 1.6
    return tags().estimator_type if tags is not None else None


def class_names(estimator: Any) -> tuple[str, ...]:
    """The class names of a classifier with one target, in the order of its probabilities; none where it has no names
    for them."""
    classes = getattr(estimator, "classes_", None)
    return tuple(map(str, classes.tolist())) if isinstance(classes, np.ndarray) and classes.ndim == 1 else ()


def as_array(value: Any) -> Array:
    """Converts an estimator's answer to a type of the wire: sparse ones filled up, texts (and objects' texts) in
    UTF-8."""
    if hasattr(value, "toarray"):  # sparse
        value = value.toarray()
    array = np.asarray(value)
    if array.dtype.kind in "OU":
        flat = [str(item).encode() for item in array.ravel().tolist()]
        encoded = np.empty(len(flat), dtype=object)
        encoded[:] = flat
        return encoded.reshape(array.shape)
    return array


def _call(estimator: Any, method: str) -> Callable[[Any], Array]:
    function = getattr(estimator, method)
    return lambda rows: as_array(function(rows))


def _transformed(value: Any, rows: Any) -> Array:
    """Of one row, some transformers (sparse PCA) give the row itself."""
    array = as_array(value)
    return array.reshape(1, -1) if array.ndim == 1 and len(rows) == 1 else array


def _probabilities(estimator: Any) -> Calls:
    classes = getattr(estimator, "classes_", None)
    function = estimator.predict_proba
    if isinstance(classes, list | tuple) and len({len(names) for names in classes}) > 1:

        def of_target(target: int) -> Callable[[Any], Array]:
            return lambda rows: as_array(function(rows)[target])

        return {f"{PROBABILITIES}_{target}": of_target(target) for target in range(len(classes))}
    return {PROBABILITIES: lambda rows: _stacked(function(rows))}


def _stacked(given: Array | Sequence[Array]) -> Array:
    """[rows, classes] as it is; a list of such arrays, one for each target, as [rows, targets, classes]."""
    return as_array(np.stack(given, axis=1) if isinstance(given, list | tuple) else given)


def _why_not(estimator: Any) -> str:
    if getattr(estimator, "refit", True) is False:
        return "a search that was not refitted (refit=False): save it with refit=True, or its best estimator"
    if type(estimator).__name__ == "LocalOutlierFactor":
        return "which judges only the rows it was fitted on: fit it with novelty=True"
    if hasattr(estimator, "fit_predict"):
        return (
            "which groups the rows it is fitted on and can say nothing of others: use a clusterer that can (KMeans, "
            "MiniBatchKMeans, BisectingKMeans, MeanShift, GaussianMixture), or train a classifier on its labels_"
        )
    if hasattr(estimator, "fit_transform"):
        return (
            "which places the rows it is fitted on and can say nothing of others: use a transformer that can (PCA, "
            "KernelPCA, Isomap, TruncatedSVD)"
        )
    return (
        "which has none of predict_proba, predict, transform and score_samples: save a fitted scikit-learn estimator "
        "or pipeline"
    )
