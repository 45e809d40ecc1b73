"""Describes the answer of MLflow's own server for a flavor whose model is run here: which outputs, and in which
form."""

from collections.abc import Mapping

from bms.core.tensors.predicted import Predicted
from bms.core.tensors.signature import Signature

# What an estimator's method is called among the outputs; `predict` is always among them.
METHODS = {
    "predict_proba": "probabilities",
    "decision_function": "decision",
    "transform": "output",
    "score_samples": "score",
}
_PREDICT = ("prediction", "label", "output")  # what `predict` is called among an estimator's outputs
_ESTIMATORS = ("sklearn", "xgboost", "lightgbm", "catboost")
_FRAMES = ("keras", "pytorch")  # flavors that answer a frame by one whose columns are numbered


def predicted_of(
    flavors: Mapping[str, Mapping[str, str]], signature: Signature, *, frame: bool, rank: int | None = None
) -> Predicted | None:
    """Describes the answer. `frame`: MLflow hands the model a frame; `rank`: of its output, where its signature says
    so.

    None where nothing better is known than all outputs.
    """
    names = [spec.name for spec in signature.outputs]
    method = flavors.get("python_function", {}).get("predict_fn", "")
    if "sklearn" in flavors and method in METHODS:
        return Predicted(outputs=(METHODS[method],)) if METHODS[method] in names else None
    for booster in ("xgboost", "lightgbm"):
        if booster in flavors and flavors[booster].get("model_class", "").endswith(".Booster"):
            return _of_booster(signature, names, rank)
    if flavors.get("catboost", {}).get("model_type") == "CatBoost":  # of which it is not known what it was trained for
        return None
    if any(name in flavors for name in _ESTIMATORS):
        found = [name for name in _PREDICT if name in names]
        lists = found[:1] == ["label"] and "catboost" in flavors and _lists(signature, rank)
        return Predicted(form="lists" if lists else "value", outputs=(found[0],)) if found else None
    if "onnx" in flavors:
        return Predicted(form="records" if frame else "columns")
    if any(name in flavors for name in _FRAMES) and len(names) == 1:
        return Predicted(form="numbered" if frame else "value", outputs=(names[0],))
    return Predicted(form="records" if frame else "columns") if "tensorflow" in flavors else None


def _lists(signature: Signature, rank: int | None) -> bool:
    """Whether CatBoost's `predict` gives each row's class in a list: it does of more than two."""
    if len(signature.output("label").shape) != 1:
        return False
    return rank == 2 if rank is not None else len(signature.labels) > 2


def _of_booster(signature: Signature, names: list[str], rank: int | None) -> Predicted | None:
    """Its scores; of two classes that of the second alone, unless it was trained to give both."""
    if "probabilities" not in names:
        return Predicted(outputs=(names[0],)) if len(names) == 1 else None
    two = signature.output("probabilities").shape[1:] == (2,) and len(signature.output("label").shape) == 1
    return Predicted(outputs=("probabilities",), column=1 if two and rank != 2 else None)
