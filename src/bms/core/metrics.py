"""The evaluation metrics that a gate may require: each metric's name, its kind, and whether higher is better.

Names, definitions and averages are scikit-learn's, https://scikit-learn.org/stable/modules/model_evaluation.html;
where a metric of classes is one per class, it is the plain mean over the classes ("macro").
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal, NamedTuple

from bms.core.errors import InvalidArgument

Kind = Literal["classification", "regression"]
Better = Literal["higher", "lower"]


class Metric(NamedTuple):
    """One metric of a model."""

    name: str
    kind: Kind
    better: Better
    meaning: str

    @property
    def sign(self) -> str:
        """The comparison of a gate on it: at least where higher is better, else at most."""
        return ">=" if self.better == "higher" else "<="

    @property
    def best(self) -> float:
        """The value of a perfect model: scores end at 1, errors and losses at 0."""
        return 1.0 if self.better == "higher" else 0.0

    def better_than_best(self, value: float) -> bool:
        return value > self.best if self.better == "higher" else value < self.best


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "classification", "higher", "share of rows whose class is right"),
        Metric("balanced_accuracy", "classification", "higher", "mean over the classes of the share found"),
        Metric("precision", "classification", "higher", "mean over the classes of the share of answers that are right"),
        Metric("recall", "classification", "higher", "mean over the classes, answered ones too, of the share found"),
        Metric("f1", "classification", "higher", "mean over the classes of the harmonic mean of precision and recall"),
        Metric("mcc", "classification", "higher", "Matthews' correlation of answered and true classes"),
        Metric("roc_auc", "classification", "higher", "area under the ROC curve; of several classes, one against rest"),
        Metric("log_loss", "classification", "lower", "mean negative logarithm of the true class's probability"),
        Metric("r2", "regression", "higher", "coefficient of determination"),
        Metric("explained_variance", "regression", "higher", "share of the variance that is explained"),
        Metric("mse", "regression", "lower", "mean squared error"),
        Metric("rmse", "regression", "lower", "root of the mean squared error"),
        Metric("mae", "regression", "lower", "mean absolute error"),
        Metric("median_absolute_error", "regression", "lower", "median of the absolute errors"),
        Metric("max_error", "regression", "lower", "largest absolute error"),
        Metric("mape", "regression", "lower", "mean absolute error as a share of the true value"),
    )
}
# What others call them, for advice alone: one metric has one name here.
_ELSEWHERE = {
    "acc": "accuracy",
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "cross_entropy": "log_loss",
    "logloss": "log_loss",
    "matthews_corrcoef": "mcc",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "mean_squared_error": "mse",
    "neg_log_loss": "log_loss",
    "root_mean_squared_error": "rmse",
}


def metric_named(name: str) -> Metric:
    """Returns the metric of a name. Raises InvalidArgument, naming the known ones and the likeliest, for an unknown
    one."""
    found = METRICS.get(name)
    if found is None:
        likely = _likely(name)
        meant = f": did you mean {likely!r}?" if likely else "."
        raise InvalidArgument(f"there is no metric {name[:80]!r}{meant} Known are {names_by_kind()}")
    return found


def names_by_kind() -> str:
    """Returns the names of all metrics by kind, for people."""
    return "; ".join(f"of {kind} {', '.join(_names(kind))}" for kind in ("classification", "regression"))


def _names(kind: str) -> Iterable[str]:
    return (metric.name for metric in METRICS.values() if metric.kind == kind)


def _likely(name: str) -> str | None:
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    if plain in METRICS:
        return plain
    if plain in _ELSEWHERE:
        return _ELSEWHERE[plain]
    bare = plain.removesuffix("_score").removesuffix("_macro")
    close = get_close_matches(bare, METRICS, n=1, cutoff=0.6)
    return bare if bare in METRICS else close[0] if close else None
