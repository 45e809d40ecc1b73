"""Answers of real estimators, and what scikit-learn's own metrics say of them. Runs where scikit-learn is, for
`test_metrics_are_scikit_learns.py`: `sklearn_metrics.py FOLDER` writes NAME.npz and NAME.json for each."""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeRegressor

CLASSIFIERS = {
    "wine": (load_wine, SGDClassifier(loss="log_loss", random_state=0)),
    "saturated": (load_digits, GaussianNB()),
    "digits": (load_digits, LogisticRegression(max_iter=50)),
    "threshold": (load_breast_cancer, FixedThresholdClassifier(GaussianNB(), threshold=0.999)),
    "ties": (load_breast_cancer, RandomForestClassifier(n_estimators=7, max_depth=2, random_state=0)),
}
REGRESSORS = {
    "line": (load_diabetes, LinearRegression()),
    "tree": (load_diabetes, DecisionTreeRegressor(max_depth=3, random_state=0)),
}


def main(folder: Path) -> None:
    for name, (load, estimator) in CLASSIFIERS.items():
        inputs, true = load(return_X_y=True)
        estimator.fit(inputs[::2], true[::2])
        label, chances = estimator.predict(inputs[1::2]), estimator.predict_proba(inputs[1::2])
        write(folder, name, classified(true[1::2], label, chances), true=true[1::2], label=label, chances=chances)
    for name, (load, estimator) in REGRESSORS.items():
        inputs, true = load(return_X_y=True)
        predicted = estimator.fit(inputs[::2], true[::2]).predict(inputs[1::2])
        write(folder, name, regressed(true[1::2], predicted), true=true[1::2], predicted=predicted)


def classified(true, label, chances):
    macro = {"average": "macro", "zero_division": 0}
    ranked = chances[:, 1] if chances.shape[1] == 2 else chances
    return {
        "accuracy": metrics.accuracy_score(true, label),
        "balanced_accuracy": metrics.balanced_accuracy_score(true, label),
        "precision": metrics.precision_score(true, label, **macro),
        "recall": metrics.recall_score(true, label, **macro),
        "f1": metrics.f1_score(true, label, **macro),
        "mcc": metrics.matthews_corrcoef(true, label),
        "roc_auc": metrics.roc_auc_score(true, ranked, multi_class="ovr"),
        "log_loss": metrics.log_loss(true, chances),
    }


def regressed(true, predicted):
    return {
        "r2": metrics.r2_score(true, predicted),
        "explained_variance": metrics.explained_variance_score(true, predicted),
        "mse": metrics.mean_squared_error(true, predicted),
        "rmse": metrics.root_mean_squared_error(true, predicted),
        "mae": metrics.mean_absolute_error(true, predicted),
        "median_absolute_error": metrics.median_absolute_error(true, predicted),
        "max_error": metrics.max_error(true, predicted),
        "mape": metrics.mean_absolute_percentage_error(true, predicted),
    }


def write(folder: Path, name: str, told, **arrays) -> None:
    np.savez(folder / f"{name}.npz", **arrays)
    (folder / f"{name}.json").write_text(json.dumps({metric: float(value) for metric, value in told.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
