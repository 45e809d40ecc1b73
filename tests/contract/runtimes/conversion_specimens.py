"""Estimators of scikit-learn that people convert: of each family one, tables, texts, and what converters get wrong."""

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import GradientBoostingRegressor, IsolationForest, RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn_zoo import Specimen


def common() -> Iterator[Specimen]:
    """Fitted on wine (three classes), diabetes (numbers), and a price that is far from 0."""
    wine, kind = load_wine(return_X_y=True)
    named = np.array(["red", "rosé", "white"])[kind]
    body, progress = load_diabetes(return_X_y=True)
    two = kind == 1
    of_wine: dict[str, Any] = {
        "saturated": SGDClassifier(loss="log_loss", random_state=0),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "forest": RandomForestClassifier(8, random_state=0),
        "tree": DecisionTreeClassifier(random_state=0),
        "linear svm": make_pipeline(StandardScaler(), LinearSVC()),
        "svm": make_pipeline(StandardScaler(), SVC()),
        "ridge classifier": RidgeClassifier(),
    }
    for name, model in of_wine.items():
        yield Specimen(name, "numbers", model.fit(wine[::2], named[::2]), wine)
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    for name, model in (
        ("tuned threshold", TunedThresholdClassifierCV(scaled, cv=2, random_state=0, scoring="recall")),
        ("fixed threshold", FixedThresholdClassifier(scaled, threshold=0.3)),
        ("two classes", LogisticRegression(max_iter=20)),
        ("ridge of two", RidgeClassifier()),
    ):
        yield Specimen(name, "numbers", model.fit(wine[::2], two[::2]), wine)
    for name, model in (
        ("line", LinearRegression()),
        ("line of singles", Ridge()),
        ("line of two targets", Ridge()),
        ("forest of numbers", RandomForestRegressor(8, random_state=0)),
        ("forest of prices", RandomForestRegressor(8, random_state=0)),
        ("boosting", GradientBoostingRegressor(n_estimators=8, random_state=0)),
    ):
        rows = body.astype(np.float32) if name == "line of singles" else body
        target = progress / 100 if name == "forest of numbers" else progress * 1000.13 + 250_000
        if name == "line of two targets":
            target = np.stack([target, progress], axis=1)
        yield Specimen(name, "numbers", model.fit(rows[::2], target[::2]), rows)
    yield Specimen("outliers", "numbers", IsolationForest(n_estimators=8, random_state=0).fit(body[::2]), body)
    yield Specimen("levels", "numbers", _levels(), np.arange(40)[:, None] % 4.0)
    texts = ["a good day", "no such thing", "plain words", "what else"] * 9
    words = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [0, 1, 0, 1] * 9)
    yield Specimen("texts", "texts", words, texts)
    frame = pd.DataFrame({"age": np.arange(36.0), "city": ["Rome", "Lima", "Köln"] * 12})
    columns = ColumnTransformer([("a", StandardScaler(), ["age"]), ("c", OneHotEncoder(), ["city"])])
    table = make_pipeline(columns, LogisticRegression()).fit(frame, np.arange(36) % 2)
    yield Specimen("table", "mixed", table, frame)
    yield from _boosters(wine, kind)


def _levels() -> Any:
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    rows = np.arange(40)[:, None] % 4.0
    return make_pipeline(encoder, LogisticRegression()).fit(rows, np.arange(40) % 2)


def _boosters(rows: Any, kind: Any) -> Iterator[Specimen]:
    """Where they are installed."""
    for library, name in (("xgboost", "XGBClassifier"), ("lightgbm", "LGBMClassifier")):
        try:
            booster = getattr(importlib.import_module(library), name)
        except ImportError:
            continue
        yield Specimen(name, "numbers", make_pipeline(StandardScaler(), booster(n_estimators=3)).fit(rows, kind), rows)
