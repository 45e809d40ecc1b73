"""Metrics have names, kinds and directions; one that is none of them is refused with what is meant."""

import pytest

from bms.core.errors import InvalidArgument
from bms.core.metrics import METRICS, metric_named


def test_each_metric_says_which_way_is_better() -> None:
    assert {name for name, metric in METRICS.items() if metric.better == "lower"} == {
        *("log_loss", "mse", "rmse", "mae", "median_absolute_error", "max_error", "mape"),
    }
    assert (metric_named("rmse").sign, metric_named("r2").sign) == ("<=", ">=")
    assert {metric.kind for metric in METRICS.values()} == {"classification", "regression"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("acuracy", "accuracy"), ("Accuracy", "accuracy"), ("f1_macro", "f1"), ("r2_score", "r2"), ("AUC", "roc_auc"),
        ("log-loss", "log_loss"), ("mean_squared_error", "mse"), ("balanced accuracy", "balanced_accuracy"),
    ],
)  # fmt: skip
def test_a_misspelt_metric_is_told_what_is_meant(name: str, meant: str) -> None:
    with pytest.raises(InvalidArgument, match=f"did you mean '{meant}'.*of regression r2,.* rmse"):
        metric_named(name)


def test_a_metric_like_none_is_told_which_there_are() -> None:
    with pytest.raises(InvalidArgument, match=r"no metric 'loss\.\.\.'\. Known are of classification accuracy, bal"):
        metric_named("loss...")
