"""Makes scikit-learn models that were fitted on frames, one folder each, with an environment that has pandas.

Beside a model, `expected.npz` holds columns without gaps, and what the model itself answers; `frame.json` and
`answers.json` rows with gaps and unseen levels, and its answers to those.
"""

import json
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import skops.io
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor, StackingClassifier, VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

warnings.simplefilter("ignore")
ROWS = 60


def frame():
    """Guests of a hotel: texts, levels with gaps, whole numbers, booleans, and a column that no model reads."""
    random = np.random.default_rng(6)
    return pd.DataFrame(
        {
            "name": [f"guest {row}" for row in range(ROWS)],
            "age": np.where(random.random(ROWS) < 0.1, np.nan, random.integers(18, 90, ROWS)),
            "income": np.round(random.normal(3e4, 5e3, ROWS), 2),
            "city": pd.Series(random.choice(np.array(["Köln", "Lima", "Rome", None]), ROWS), dtype=object),
            "smoker": random.random(ROWS) < 0.5,
            "rooms": random.integers(1, 6, ROWS),
            "note": random.choice(["very good stay", "not so bad stay", "an awful thing"], ROWS),
        }
    )


def columns():
    """As most are made: numbers filled and scaled, levels one-hot, texts weighed, the rest dropped."""
    return ColumnTransformer(
        [
            ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]),
            ("level", OneHotEncoder(handle_unknown="ignore"), ["city", "smoker"]),
            ("order", OrdinalEncoder(), [5]),
            ("text", TfidfVectorizer(), "note"),
        ]
    )


def selected():
    """Columns by a selector, by slice, by mask, and nested."""
    inner = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [0]), (TargetEncoder(), [1]))
    return ColumnTransformer(
        [
            (
                "number",
                FeatureUnion([("fill", SimpleImputer()), ("zero", SimpleImputer(strategy="constant"))]),
                slice(1, 3),
            ),
            ("nested", inner, make_column_selector(pattern="city|smoker")),
            ("mask", OrdinalEncoder(), [False, False, False, False, False, True, False]),
        ],
        remainder="drop",
    )


def models():
    guests = frame()
    happy = np.where(guests["note"].str.contains("good"), "yes", np.where(guests["rooms"] > 3, "no", "yes"))
    plain = make_pipeline(columns(), LogisticRegression()).fit(guests, happy)
    yield "columns", plain, guests
    yield "selected", make_pipeline(selected(), KNeighborsClassifier()).fit(guests, happy), guests
    yield "grid", GridSearchCV(make_pipeline(columns(), LogisticRegression()), {}, cv=2).fit(guests, happy), guests
    parts = [
        ("one", make_pipeline(columns(), LogisticRegression())),
        ("two", make_pipeline(selected(), LogisticRegression())),
    ]
    yield "voting", VotingClassifier(parts, voting="soft").fit(guests, happy), guests
    yield "stacking", StackingClassifier(parts, cv=2).fit(guests, happy), guests
    levels = guests[["age", "city", "rooms"]].assign(city=guests["city"].astype("category"))
    boosted = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=5)
    yield "boosting", boosted.fit(levels, happy), levels
    numbers = guests[["income", "rooms"]]
    yield "numbers", LinearRegression().fit(numbers, guests["income"] * 2 - guests["rooms"]), numbers
    singles = numbers.astype(np.float32)
    yield "singles", LinearRegression().fit(singles, singles["income"] * 2), singles
    filled = ColumnTransformer(
        [
            (
                "city",
                make_pipeline(SimpleImputer(strategy="most_frequent", missing_values=None), OneHotEncoder()),
                ["city"],
            ),
            ("age", SimpleImputer(), ["age"]),
        ]
    )
    yield "nones", make_pipeline(filled, RandomForestRegressor(3, random_state=0)).fit(guests, guests["income"]), guests
    yield (
        "targets",
        make_pipeline(columns(), MultiOutputClassifier(LogisticRegression())).fit(
            guests, np.stack([happy, guests["smoker"].map({True: "a", False: "b"})], axis=1)
        ),
        guests,
    )
    logged = ColumnTransformer([("log", FunctionTransformer(np.log1p), ["income"]), ("keep", "passthrough", ["rooms"])])
    yield "logged", make_pipeline(logged, LinearRegression()).fit(numbers, guests["income"]), numbers
    opaque = FunctionTransformer(pd.DataFrame.map, kw_args={"func": str.lower})  # which says nothing of what it takes
    levels = ColumnTransformer([("city", make_pipeline(opaque, OneHotEncoder(handle_unknown="ignore")), ["city"])])
    whole = guests.assign(city=guests["city"].fillna("none"))
    yield "opaque", make_pipeline(levels, LogisticRegression()).fit(whole, happy), whole


def main(root):
    for name, model, rows in models():
        folder = root / name
        (folder / "model").mkdir(parents=True)
        if name in ("grid", "opaque"):
            joblib.dump(model, folder / "model" / "model.joblib", compress=3 if name == "grid" else 0)
        else:
            skops.io.dump(model, folder / "model" / "model.skops")
        whole = rows.dropna()
        whole = whole.assign(
            **{column: whole[column].astype(object) for column in whole if whole[column].dtype == "category"}
        )
        np.savez(folder / "expected.npz", **{column: sent(whole[column]) for column in whole}, **answers(model, whole))
        gaps = rows.head(9).astype(object)
        if "city" in rows and name != "nones":
            gaps.loc[3, "city"] = "Atlantis"
        gaps = gaps.where(gaps.notna(), None)
        (folder / "rows.json").write_text(json.dumps(gaps.to_dict("records"), default=lambda value: value.item()))
        asked = gaps.astype({column: rows[column].dtype for column in rows if rows[column].dtype != "category"})
        told = {output: array.tolist() for output, array in answers(model, asked).items()}
        (folder / "answers.json").write_text(json.dumps(told))


def answers(model, rows):
    told = {}
    if hasattr(model, "predict_proba"):
        given = model.predict_proba(rows)
        told["probabilities"] = np.stack(given, axis=1) if isinstance(given, list) else given
    said = np.asarray(model.predict(rows))
    return told | {"label" if told else "prediction": said.astype(str) if said.dtype == object else said}


def sent(column):
    return column.to_numpy() if column.dtype.kind in "fib" else column.to_numpy().astype(str)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
