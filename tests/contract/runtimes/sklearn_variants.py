"""What estimators of scikit-learn may hold, by what they are told: losses, distances, kernels, splitters, scorers and
so on. Each is fitted and saved by skops; printed is one JSON object a line, with the types in it that are not trusted.

    python sklearn_variants.py short|full

"short": the first of each kind.
"""

import functools
import json
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.special
import skops.io
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401

from sklearn import (  # isort: skip
    calibration,
    cluster,
    compose,
    ensemble,
    feature_selection,
    frozen,
    gaussian_process,
    impute,
    linear_model,
    metrics,
    model_selection,
    multiclass,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
)
from sklearn.feature_extraction import text
from sklearn.gaussian_process import kernels

from bms.adapters.runtimes.sklearn.trusted import TRUSTED

ROWS = np.random.default_rng(3).standard_normal((60, 4))
CLASSES = np.arange(60) % 3
VALUES = np.abs(ROWS @ [1.0, 2.0, 3.0, 4.0]) + 0.1
WORDS = ["one two", "two three", "three four"] * 20
Logistic = linear_model.LogisticRegression
Kinds = dict[str, list[Any]]


def of_classes() -> Kinds:
    """Estimators that are fitted on rows and classes."""
    grid = functools.partial(model_selection.GridSearchCV, Logistic(), {"C": [0.1, 1.0]})
    split = model_selection
    plain = (
        *("KFold", "StratifiedKFold", "ShuffleSplit", "StratifiedShuffleSplit", "RepeatedKFold", "LeaveOneOut"),
        *("RepeatedStratifiedKFold", "TimeSeriesSplit"),
    )
    splits = [getattr(split, name)() for name in plain] + [split.PredefinedSplit(np.arange(60) // 30)]
    halves = [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))]
    scorers = [name for name in metrics.get_scorer_names() if "_" in name or name in ("accuracy", "r2", "f1")]
    losses = ("log_loss", "hinge", "modified_huber", "squared_hinge", "perceptron", "huber", "epsilon_insensitive")
    chosen = ("f_classif", "chi2", "mutual_info_classif", "f_regression", "mutual_info_regression", "r_regression")
    shaped = (np.log1p, np.nan_to_num, np.clip, np.round, np.ravel, np.asarray, np.abs, scipy.special.expit)
    own = (preprocessing.normalize, preprocessing.scale, preprocessing.binarize, preprocessing.maxabs_scale)
    kinds = ("sigmoid", "isotonic", "temperature")
    return {
        "loss": [linear_model.SGDClassifier(loss=loss) for loss in losses],
        "optimizer": [neural_network.MLPClassifier(solver=one, max_iter=2) for one in ("adam", "sgd", "lbfgs")],
        "calibration": [calibration.CalibratedClassifierCV(Logistic(), method=one) for one in kinds],
        "split": [grid(cv=one) for one in splits] + [grid(cv=halves)],
        "scorer": [grid(scoring=one, error_score=0.0) for one in scorers],
        "scorers": [grid(scoring=["accuracy", "f1_macro"], refit="accuracy")],
        "own scorer": [grid(scoring=metrics.make_scorer(metrics.fbeta_score, beta=2, average="macro"))],
        "halving": [model_selection.HalvingGridSearchCV(Logistic(), {"C": [0.1, 1.0]})],
        "random": [model_selection.RandomizedSearchCV(Logistic(), {"C": [0.1, 1.0, 2.0]}, n_iter=2)],
        "choice": [feature_selection.SelectKBest(getattr(feature_selection, one), k=2) for one in chosen],
        "function": [preprocessing.FunctionTransformer(one) for one in (*shaped[:2], *shaped[3:], *own)],
        "partial": [preprocessing.FunctionTransformer(functools.partial(np.clip, a_min=0, a_max=1))],
        "arguments": [preprocessing.FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 1})],
        "columns": [
            compose.ColumnTransformer([("a", preprocessing.StandardScaler(), one)], remainder=rest)
            for one in ([0, 1], slice(0, 2), np.array([0, 1]), [True, False, True, False])
            for rest in ("drop", "passthrough", preprocessing.MinMaxScaler())
        ],
        "seed": [ensemble.RandomForestClassifier(2, random_state=np.random.RandomState(3))],
        "process": [
            gaussian_process.GaussianProcessClassifier(multi_class=one) for one in ("one_vs_rest", "one_vs_one")
        ],
        "kernel": [svm.SVC(kernel=metrics.pairwise.rbf_kernel), svm.SVC(kernel="poly", probability=True)],
        "metric": [
            neighbors.KNeighborsClassifier(metric=metric, algorithm=algorithm)
            for algorithm in ("kd_tree", "ball_tree", "brute")
            for metric in neighbors.VALID_METRICS[algorithm]
            if metric not in ("pyfunc", "haversine", "mahalanobis", "seuclidean", "precomputed", "yule")
        ],
        "metric with matrix": [
            neighbors.KNeighborsClassifier(
                metric="mahalanobis", algorithm="ball_tree", metric_params={"VI": np.eye(4)}
            ),
            neighbors.KNeighborsClassifier(metric="seuclidean", algorithm="ball_tree", metric_params={"V": np.ones(4)}),
            neighbors.KNeighborsClassifier(metric=metrics.pairwise.manhattan_distances, algorithm="brute"),
        ],
        "members": [
            ensemble.VotingClassifier([("a", Logistic()), ("b", svm.SVC(probability=True))], voting="soft"),
            ensemble.StackingClassifier([("a", Logistic()), ("b", svm.SVC())], cv=2),
            ensemble.BaggingClassifier(Logistic()),
            multiclass.OutputCodeClassifier(Logistic()),
            feature_selection.RFECV(Logistic(), cv=2),
            frozen.FrozenEstimator(Logistic().fit(ROWS, CLASSES)),
        ],
        "boosting": [
            ensemble.HistGradientBoostingClassifier(max_iter=2, early_stopping=False),
            ensemble.GradientBoostingClassifier(n_estimators=2, init=Logistic()),
            ensemble.AdaBoostClassifier(n_estimators=2),
        ],
        "clusters": [cluster.BisectingKMeans(3, algorithm=one) for one in ("lloyd", "elkan")],
        "pooling": [cluster.FeatureAgglomeration(2, pooling_func=one) for one in (np.mean, np.median, np.max)],
    }


def of_values() -> Kinds:
    """Estimators that are fitted on rows and numbers."""
    squared = ("squared_error", "absolute_error", "gamma", "poisson", "quantile")
    boosted = functools.partial(ensemble.HistGradientBoostingRegressor, quantile=0.3, max_iter=2)
    kernel = (
        *(kernels.RBF(), kernels.Matern(), kernels.RationalQuadratic(), kernels.DotProduct(), kernels.PairwiseKernel()),
        *(kernels.RBF() + kernels.WhiteKernel(), kernels.RBF() * 2.0, kernels.RBF() ** 2, kernels.ConstantKernel()),
    )
    return {
        "loss of values": [boosted(loss=one) for one in squared]
        + [
            ensemble.GradientBoostingRegressor(loss=one, n_estimators=2)
            for one in ("squared_error", "huber", "quantile")
        ]
        + [linear_model.SGDRegressor(loss=one) for one in ("squared_error", "huber", "epsilon_insensitive")],
        "link": [
            linear_model.TweedieRegressor(power=power, link=link)
            for power in (0, 1, 1.5, 2, 3)
            for link in ("auto", "identity", "log")
        ],
        "covariance": [gaussian_process.GaussianProcessRegressor(one, alpha=0.1) for one in kernel],
        "gaps": [impute.IterativeImputer(max_iter=1), impute.SimpleImputer(), impute.KNNImputer()],
        "target": [compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1)],
        "splines": [preprocessing.SplineTransformer(sparse_output=one) for one in (False, True)],
    }


def of_texts() -> Kinds:
    """Vectorisers, and what is fitted on the sparse rows that they give."""
    then = functools.partial(pipeline.make_pipeline, text.CountVectorizer())
    return {
        "vectoriser": [
            pipeline.make_pipeline(one, Logistic())
            for one in (
                text.TfidfVectorizer(preprocessor=text.strip_accents_unicode, token_pattern=r"\w+"),
                text.HashingVectorizer(n_features=16),
                text.TfidfVectorizer(dtype=np.float32, analyzer="char_wb"),
            )
        ],
        "sparse": [then(neighbors.KNeighborsClassifier()), then(svm.SVC()), then(cluster.BisectingKMeans(2))],
    }


def variants(form: str) -> Iterator[tuple[str, Any]]:
    sources = ((of_classes(), ROWS, CLASSES), (of_values(), ROWS, VALUES), (of_texts(), WORDS, CLASSES))
    for made, rows, target in sources:
        for kind, estimators in made.items():
            positive = np.abs(rows) if kind == "choice" else rows
            for estimator in estimators[: 1 if form == "short" else None]:
                try:
                    yield kind, estimator.fit(positive, target)
                except ValueError:  # an option that this version does not know
                    continue


def main(form: str) -> None:
    warnings.simplefilter("ignore")
    for kind, model in variants(form):
        found = skops.io.get_untrusted_types(data=skops.io.dumps(model))
        print(json.dumps({"kind": kind, "model": repr(model)[:200], "refused": sorted(set(found) - TRUSTED)}))


if __name__ == "__main__":
    main(sys.argv[1])
