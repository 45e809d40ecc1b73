"""Fits everything of scikit-learn, XGBoost and LightGBM that fits in seconds, and writes what each answers.

Run in the libraries' own environment with one argument, the folder to fill. For each case it writes a folder `NAME/`
with `FORM/` for each way in which the model could be saved, and `expected.pickle`: a list of requests, each

    {"name", "rows": {column: values} or array, "outputs": {name: array}, or "error": text}

Rows are what the library was asked with; a request that the library refuses must be refused when it is served.
"""

import json
import pickle
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import skops.io
import xgboost
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import MiniBatchSparsePCA, SparsePCA
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.utils import all_estimators

warnings.filterwarnings("ignore")
SEED = np.random.default_rng(20261129)
ROWS = 120
BIG = 1_764_000_000  # a unix time: above 2**24 by far
NAMES = ["time", "id", "height", "weight"]
OF_SEVERAL = ("MultiOutputRegressor", "RegressorChain", "CCA", "PLSCanonical")  # targets
OTHER_INPUT = (
    "CountVectorizer",
    "HashingVectorizer",
    "TfidfVectorizer",
    "DictVectorizer",
    "FeatureHasher",
    "PatchExtractor",
)


def numbers(rows: int, seed: int) -> np.ndarray:
    """Unix times, ids above 2**24, and measures of very different size."""
    draw = np.random.default_rng(seed)
    return np.column_stack(
        [
            BIG + draw.integers(0, 1000, rows),
            2**25 + draw.integers(0, 400, rows),
            draw.normal(1.7, 0.2, rows),
            draw.normal(70, 9, rows),
        ]
    )


def small_numbers(rows: int, seed: int) -> np.ndarray:
    """What every estimator can be fitted on, the positive ones too."""
    return np.abs(np.random.default_rng(seed).normal(1.0, 0.5, (rows, 4)))


def frame(rows: int, seed: int) -> pd.DataFrame:
    """A table with numbers, whole numbers, texts, booleans, and gaps."""
    draw = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "age": draw.normal(40, 12, rows).round(1),
            "id": 2**25 + draw.integers(0, 400, rows),
            "city": draw.choice(np.array(["Köln", "Ulm", "São Paulo", "北京"], dtype=object), rows),
            "plan": draw.choice(np.array(["free", "pro"], dtype=object), rows),
            "member": draw.random(rows) < 0.5,
        }
    )
    made.loc[made.index[::7], "age"] = np.nan
    made["plan"] = made["plan"].astype(object)
    made.loc[made.index[::11], "plan"] = np.nan
    made["city"] = made["city"].astype(str)  # pandas' own type of texts, beside objects
    return made


def texts(rows: int, seed: int) -> list[str]:
    draw = np.random.default_rng(seed)
    words = np.array(["good", "bad", "slow", "fast", "Müller", "東京", "refund", "thanks"], dtype=object)
    return [" ".join(draw.choice(words, draw.integers(3, 9))) for _ in range(rows)]


def targets(estimator: Any, rows: int) -> Any:
    draw = np.random.default_rng(5)
    if is_classifier(estimator):
        return draw.choice(np.array(["no", "yes", "maybe"], dtype=object), rows)
    return draw.normal(0, 1, rows) + np.arange(rows) % 3


def built(name: str, kind: type) -> Any:
    """An instance that can be fitted, or None where the class asks for more than data."""
    inner = LogisticRegression(max_iter=200)
    special: dict[str, Callable[[], Any]] = {
        "ClassifierChain": lambda: kind(inner),
        "MultiOutputClassifier": lambda: kind(inner),
        "OneVsOneClassifier": lambda: kind(inner),
        "OneVsRestClassifier": lambda: kind(inner),
        "OutputCodeClassifier": lambda: kind(inner, random_state=0),
        "FixedThresholdClassifier": lambda: kind(inner),
        "TunedThresholdClassifierCV": lambda: kind(inner),
        "SelfTrainingClassifier": lambda: kind(inner),
        "StackingClassifier": lambda: kind([("a", inner), ("b", KNeighborsClassifier())]),
        "VotingClassifier": lambda: kind([("a", inner), ("b", SVC())]),
        "StackingRegressor": lambda: kind([("a", Ridge()), ("b", Ridge(2.0))]),
        "VotingRegressor": lambda: kind([("a", Ridge()), ("b", Ridge(2.0))]),
        "MultiOutputRegressor": lambda: kind(Ridge()),
        "RegressorChain": lambda: kind(Ridge()),
        "TransformedTargetRegressor": lambda: kind(Ridge()),
        "GridSearchCV": lambda: kind(inner, {"C": [0.1, 1.0]}, cv=2),
        "RandomizedSearchCV": lambda: kind(inner, {"C": [0.1, 1.0]}, n_iter=2, cv=2, random_state=0),
        "HalvingGridSearchCV": lambda: kind(inner, {"C": [0.1, 1.0]}, cv=2),
        "HalvingRandomSearchCV": lambda: kind(inner, {"C": [0.1, 1.0]}, cv=2, random_state=0),
        "RFE": lambda: kind(inner),
        "RFECV": lambda: kind(inner, cv=2),
        "SelectFromModel": lambda: kind(inner),
        "SequentialFeatureSelector": lambda: kind(inner, n_features_to_select=2, cv=2),
        "SparseCoder": lambda: kind(np.eye(4)),
        "ColumnTransformer": lambda: kind([("a", StandardScaler(), [0, 1])], remainder="passthrough"),
        "FeatureUnion": lambda: kind([("a", StandardScaler()), ("b", SimpleImputer())]),
        "Pipeline": lambda: kind([("a", StandardScaler()), ("b", inner)]),
    }
    if name in special:
        return special[name]()
    try:
        made = kind()
    except TypeError:
        return None
    few = {"n_estimators": 10, "max_iter": 200, "random_state": 0, "n_components": 2, "n_init": 1}
    known = made.get_params()
    return made.set_params(**{key: value for key, value in few.items() if key in known})


def answers(model: Any, x: Any) -> dict[str, np.ndarray]:
    """What the library itself says, named as it is served; arrays as they are."""
    made: dict[str, np.ndarray] = {}
    if hasattr(model, "predict_proba"):
        shares = model.predict_proba(x)
        made["probabilities"] = np.stack(shares, axis=1) if isinstance(shares, list) else np.asarray(shares)
    if hasattr(model, "predict"):
        made["prediction" if is_regressor(model) else "label"] = np.asarray(model.predict(x))
        if hasattr(model, "decision_function") and "probabilities" not in made:
            made["decision"] = model.decision_function(x)
    elif hasattr(model, "transform"):
        given = model.transform(x)
        array = given.toarray() if hasattr(given, "toarray") else np.asarray(given)
        made["output"] = array.reshape(len(x), -1) if isinstance(model, SparsePCA | MiniBatchSparsePCA) else array
    return made


def request(name: str, model: Any, x: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name}
    if isinstance(x, pd.DataFrame):
        made["rows"] = {key: [None if pd.isna(cell) else cell for cell in x[key].tolist()] for key in x.columns}
    else:
        made["rows"] = np.array(x, dtype=object) if isinstance(x, list) else x
    try:
        made["outputs"] = answers(model, x)
    except (ValueError, TypeError, LookupError, lightgbm.basic.LightGBMError) as error:
        made["error"] = f"{type(error).__name__}: {error}"
    return made


def objects(model: Any) -> dict[str, Callable[[Path], object]]:
    return {
        "skops": lambda path: skops.io.dump(model, path),
        "joblib": lambda path: joblib.dump(model, path, compress=3),
        "pkl": lambda path: path.write_bytes(pickle.dumps(model)),
    }


def kept(folder: Path, name: str, requests: list[dict[str, Any]], saving: dict[str, Callable[[Path], object]]) -> bool:
    """Whether the model could be saved in any way."""
    for form, save in saving.items():
        target = folder / name / form
        target.mkdir(parents=True)
        try:
            save(target / f"model.{form}")
        except Exception as error:  # noqa: BLE001 - which forms can't hold which estimators is not ours to know
            print(f"{name} can't be saved as {form}: {error}")
            shutil.rmtree(target)
    if not any((folder / name).iterdir()):
        (folder / name).rmdir()
        return False
    (folder / name / "expected.pickle").write_bytes(pickle.dumps(requests))
    return True


def numeric_requests(model: Any, make: Callable[[int, int], np.ndarray], names: bool) -> list[dict[str, Any]]:
    def shaped(x: np.ndarray) -> Any:
        return pd.DataFrame(x, columns=NAMES) if names else x

    gaps = make(5, 3)
    gaps[1, 2] = np.nan
    return [
        request("one", model, shaped(make(1, 1))),
        request("many", model, shaped(make(33, 2))),
        request("missing", model, shaped(gaps)),
    ]


def of_numbers() -> Iterator[tuple[str, Any, list[dict[str, Any]]]]:
    for name, kind in all_estimators():
        model = built(name, kind)
        if model is None or name in OTHER_INPUT:
            continue
        for make, title in ((numbers, "big"), (small_numbers, "small")):
            for named in (True, False):
                if (title == "big") != named:  # each estimator on both kinds of values, once with names, once without
                    continue
                x = make(ROWS, 0)
                y = targets(model, ROWS)
                if name in ("MultiOutputClassifier", "ClassifierChain"):
                    y = np.column_stack([y == "no", y == "yes"]).astype(int)
                elif name in ("MultiOutputRegressor", "RegressorChain", "CCA", "PLSCanonical") or name.startswith(
                    "MultiTask"
                ):
                    y = np.column_stack([y, -y])
                elif name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
                    y = np.where(y == "no", "no", "yes").astype(object)
                elif name in ("GammaRegressor", "PoissonRegressor", "TweedieRegressor"):
                    y = np.abs(y) + 0.1
                elif name == "SelfTrainingClassifier" or name == "IsotonicRegression":
                    y = (np.arange(ROWS) % 2).astype(int if name == "SelfTrainingClassifier" else float)
                one = clone(model)
                given = pd.DataFrame(x, columns=NAMES) if named else x
                try:
                    one.fit(given, y)
                except Exception:  # noqa: BLE001 - what does not fit these data is not of this sweep
                    continue
                if not (hasattr(one, "predict") or hasattr(one, "transform")):
                    continue
                yield f"{name}-{title}", one, numeric_requests(one, make, named)


def of_tables() -> Iterator[tuple[str, Any, list[dict[str, Any]]]]:
    """A pipeline on a table with texts and gaps, in front of every classifier and regressor."""
    for name, kind in [*all_estimators(type_filter="classifier"), *all_estimators(type_filter="regressor")]:
        last = built(name, kind)
        if last is None or name in ("MultiOutputClassifier", "ClassifierChain"):
            continue
        if name.startswith("MultiTask") or name in OF_SEVERAL:
            continue
        columns = ColumnTransformer(
            [
                ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "id"]),
                ("city", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"]),
                (
                    "plan",
                    make_pipeline(
                        SimpleImputer(strategy="most_frequent"),
                        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
                    ),
                    ["plan"],
                ),
                ("member", "passthrough", ["member"]),
            ],
            sparse_threshold=0,
        )
        model = make_pipeline(columns, last)
        y = targets(last, ROWS)
        if name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
            y = np.where(y == "no", "no", "yes").astype(object)
        elif name in ("GammaRegressor", "PoissonRegressor", "TweedieRegressor"):
            y = np.abs(y) + 0.1
        try:
            model.fit(frame(ROWS, 0), y)
        except Exception:  # noqa: BLE001 - as above
            continue
        unseen = frame(3, 4)
        unseen.loc[1, "city"] = "Atlantis"
        unseen.loc[2, "plan"] = "gold"
        yield (
            f"table-{name}",
            model,
            [
                request("one", model, frame(2, 1).iloc[1:]),
                request("many", model, frame(33, 2)),
                request("unseen", model, unseen),
            ],
        )


def of_texts() -> Iterator[tuple[str, Any, list[dict[str, Any]]]]:
    """Sparse features of texts, in front of every classifier that takes them."""
    for vectorizer in (CountVectorizer(), TfidfVectorizer(), HashingVectorizer(n_features=64)):
        vectorizer.fit(texts(ROWS, 0))
        requests = [request("one", vectorizer, texts(1, 1)), request("many", vectorizer, texts(33, 2))]
        yield f"text-{type(vectorizer).__name__}", vectorizer, requests
    for index, (name, kind) in enumerate(all_estimators(type_filter="classifier")):
        last = built(name, kind)
        if last is None or name in ("MultiOutputClassifier", "ClassifierChain"):
            continue
        vectorizer = TfidfVectorizer() if index % 2 else CountVectorizer()
        model = make_pipeline(vectorizer, last)
        y = targets(last, ROWS)
        if name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
            y = np.where(y == "no", "no", "yes").astype(object)
        try:
            model.fit(texts(ROWS, 0), y)
        except Exception:  # noqa: BLE001 - as above
            continue
        one, many = texts(1, 1), texts(33, 2)
        yield (
            f"text-{name}",
            model,
            [
                request("one", model, one),
                request("many", model, many),
            ],
        )


XGBOOST = {
    "classifier": ("binary:logistic", "multi:softprob"),
    "regressor": (
        "reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:gamma", "reg:tweedie",
        "reg:squaredlogerror", "reg:quantileerror", "count:poisson", "survival:cox",
    ),
}  # fmt: skip
LIGHTGBM = {
    "classifier": ("binary", "multiclass", "multiclassova"),
    "regressor": (
        "regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie",
        "cross_entropy",
    ),
}  # fmt: skip


def of_boosters() -> Iterator[tuple[str, Any, list[dict[str, Any]], dict[str, Callable[[Path], object]]]]:
    """Every objective, with names and without, and tables whose texts are pandas' categories."""
    for library, objectives in (("xgboost", XGBOOST), ("lightgbm", LIGHTGBM)):
        for kind, names in objectives.items():
            for index, objective in enumerate(names):
                for named in (True, False):
                    model, y = booster(library, kind, objective)
                    make = numbers if named else small_numbers
                    x = make(ROWS, 0)
                    model.fit(pd.DataFrame(x, columns=NAMES) if named else x, y)
                    title = f"{library}-{objective.replace(':', '-')}-{'named' if named else 'plain'}"
                    yield title, model, numeric_requests(model, make, named), ways(library, model)
                if index == 0:
                    model, y = booster(library, kind, objective, categories=True)
                    made = categorical(frame(ROWS, 0))
                    codes = made["city"].cat.codes.to_numpy() + (made["plan"] == "pro").to_numpy()
                    model.fit(
                        made,
                        codes % 3
                        if objective.startswith("multi")
                        else codes % 2
                        if kind == "classifier"
                        else y + codes,
                    )
                    like = [categorical(frame(rows, seed), made) for rows, seed in ((2, 1), (33, 2))]
                    requests = [request(name, model, one) for name, one in zip(("one", "many"), like, strict=True)]
                    yield f"{library}-{kind}-categories", model, requests, ways(library, model)


def booster(library: str, kind: str, objective: str, *, categories: bool = False) -> tuple[Any, np.ndarray]:
    count = 2 if objective.startswith("binary") else 3
    y = np.arange(ROWS) % count if kind == "classifier" else 0.05 + (np.arange(ROWS) % 9) / 10
    options: dict[str, Any] = {"n_estimators": 5, "objective": objective, "random_state": 0}
    if library == "lightgbm":
        many = {"num_class": count} if objective.startswith("multi") else {}
        maker = lightgbm.LGBMClassifier if kind == "classifier" else lightgbm.LGBMRegressor
        few = {"min_child_samples": 5, "min_data_per_group": 5, "cat_smooth": 1}  # rows that suffice for a split
        return maker(**options, **many, **few, verbose=-1, num_threads=1), y
    if objective == "reg:quantileerror":
        options["quantile_alpha"] = 0.5
    maker = xgboost.XGBClassifier if kind == "classifier" else xgboost.XGBRegressor
    return maker(**options, n_jobs=1, enable_categorical=categories), y


ASCII = {"Köln": "Cologne", "São Paulo": "Sao Paulo", "北京": "Beijing"}


def categorical(made: pd.DataFrame, like: pd.DataFrame | None = None) -> pd.DataFrame:
    for name in ("city", "plan"):
        levels = None if like is None else like[name].cat.categories
        plain = made[name].astype(object).map(lambda text: ASCII.get(text, text))  # XGBoost keeps no other letters
        made[name] = pd.Categorical(plain, categories=levels)
    return made


def ways(library: str, model: Any) -> dict[str, Callable[[Path], object]]:
    if library == "lightgbm":
        return {"txt": lambda path: model.booster_.save_model(path)}
    return {"json": model.save_model, "ubj": model.save_model}


def main(folder: Path) -> None:
    counts: dict[str, int] = {}
    for kind, cases in (("numeric", of_numbers()), ("table", of_tables()), ("text", of_texts())):
        for name, model, requests in cases:
            counts[kind] = counts.get(kind, 0) + kept(folder, name, requests, objects(model))
    for name, _, requests, saving in of_boosters():
        counts["booster"] = counts.get("booster", 0) + kept(folder, name, requests, saving)
    (folder / "counts.json").write_text(json.dumps(counts))
    print(counts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
