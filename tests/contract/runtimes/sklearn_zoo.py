"""Every estimator of scikit-learn, fitted on made-up data of several kinds; run where the library is.

`specimens` fits them one by one. Kinds of data: "numbers", "singles" (float32), "named" (a frame of numbers),
"positive", "missing" (numbers with gaps), "mixed" (a frame of numbers, whole numbers, booleans and texts with gaps,
through a transformer of columns), "texts" (through a vectoriser, so that the estimator is fitted on sparse rows).
"""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.utils import all_estimators, get_tags
from sklearn.utils._test_common.instance_generator import _construct_instances

ROWS = 48
KINDS = ("numbers", "singles", "named", "positive", "missing", "mixed", "texts")
OF_LABELS = {"LabelEncoder", "LabelBinarizer", "MultiLabelBinarizer"}  # they encode what is to be predicted
SQUARE = {"KernelCenterer"}  # takes a kernel between its rows


class Specimen(NamedTuple):
    """A fitted estimator, rows as its library takes them, and what kind of data it was fitted on."""

    name: str
    kind: str
    model: Any
    rows: Any


CLASSES: dict[str, Any] = dict(all_estimators())


def specimens(names: list[str], kinds: tuple[str, ...], *, every: bool = False) -> Iterator[Specimen]:
    """`every`: with all parameters that scikit-learn's own common tests try, else with the first of them. What can't be
    fitted on a kind of data is left out."""
    warnings.simplefilter("ignore")
    for name in names:
        for number, estimator in enumerate(_instances(name)):
            if number and not every:
                break
            label = name if not number else f"{name}-{number}"
            for kind in kinds:
                made = _fitted(estimator, name, kind)
                if made is not None:
                    yield Specimen(label, kind, *made)


def _instances(name: str) -> Iterator[Any]:
    if name == "FrozenEstimator":
        yield FrozenEstimator(LogisticRegression().fit(*_numbers("numbers", False)))
        return
    yield from _construct_instances(CLASSES[name])


def _fitted(estimator: Any, name: str, kind: str) -> tuple[Any, Any] | None:
    tags = get_tags(estimator)
    regressor = tags.estimator_type == "regressor"
    model = clone(estimator)
    rows, target = _data(kind, regressor)
    if name in OF_LABELS or (name == "FrozenEstimator" and kind != "numbers"):
        return None
    if name in SQUARE or tags.input_tags.pairwise:
        rows = rows[:, :1] * rows[:, :1].T if kind == "numbers" else None
    if tags.input_tags.one_d_array:
        rows = rows[:, 0] if isinstance(rows, np.ndarray) else None
    if rows is None:
        return None
    if tags.target_tags.multi_output and not tags.target_tags.single_output:
        target = np.stack([target, target[::-1]], axis=1)
    if kind in ("mixed", "texts") and not hasattr(model, "build_analyzer"):
        model = make_pipeline(_columns() if kind == "mixed" else CountVectorizer(), model)
    elif hasattr(model, "build_analyzer") and kind != "texts":
        return None
    try:
        model.fit(rows, target)
    except (ValueError, TypeError, AttributeError, NotImplementedError, IndexError, ArithmeticError):
        return None
    return model, rows


def _columns() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["height", "weight"]),
            ("level", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "smoker"]),
            ("order", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["rooms"]),
            ("text", TfidfVectorizer(), "note"),
        ],
        sparse_threshold=0,
    )


def _data(kind: str, regressor: bool) -> tuple[Any, Any]:
    if kind in ("mixed", "texts"):
        frame, target = mixed(regressor)
        return (frame, target) if kind == "mixed" else (frame["note"].tolist(), target)
    return _numbers(kind, regressor)


def _numbers(kind: str, regressor: bool) -> tuple[Any, Any]:
    random = np.random.default_rng(5)
    rows: Any = random.standard_normal((ROWS, 4)) + np.arange(ROWS)[:, None] % 2
    target = np.abs(rows @ [1.0, 2.0, 3.0, 4.0]) + 0.1 if regressor else np.array(["no", "yes"])[np.arange(ROWS) % 2]
    if kind == "positive":
        rows = np.abs(rows)
    if kind == "singles":
        rows = rows.astype(np.float32)
    if kind == "missing":
        rows[::7, 1] = np.nan
    if kind == "named":
        rows = pd.DataFrame(rows, columns=["a", "b b", "ç", "d"])
    return rows, target


def mixed(regressor: bool = False) -> tuple[pd.DataFrame, Any]:
    """A frame such as tables are, and what is to be said of its rows."""
    random = np.random.default_rng(6)
    frame = pd.DataFrame(
        {
            "id": [f"no {row}" for row in range(ROWS)],
            "height": np.where(random.random(ROWS) < 0.1, np.nan, random.normal(170, 9, ROWS)),
            "weight": random.normal(70, 9, ROWS),
            "city": pd.Series(random.choice(np.array(["Köln", "Lima", "Rome", None]), ROWS), dtype=object),
            "smoker": random.random(ROWS) < 0.5,
            "rooms": random.integers(1, 6, ROWS),
            "note": random.choice(["very good stay", "not so bad stay", "an awful thing"], ROWS),
        }
    )
    target = frame["weight"].to_numpy() + frame["rooms"].to_numpy()
    return frame, target if regressor else np.where(target > np.median(target), "large", "small")
