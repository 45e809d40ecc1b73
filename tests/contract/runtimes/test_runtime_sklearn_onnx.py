"""Estimators as ONNX: named, typed and shaped as the estimator is called, or refused in words. Run by
`test_runtime_environments.py`."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("skl2onnx", reason="skl2onnx is in an environment of its own")
pytest.importorskip("sklearn", reason="scikit-learn is in an environment of its own")

import onnxruntime
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from bms.adapters.runtimes.sklearn.loading import called_by, fitted_from
from bms.adapters.runtimes.sklearn.parts import parts
from bms.adapters.toolkits.onnx_trees import thresholds
from bms.adapters.toolkits.sklearn_onnx import candidates, convertible_input
from bms.app.tasks.awkward import awkward_rows
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import Signature, column_spec

ROWS = np.random.default_rng(4).standard_normal((80, 3))
VALUES = ROWS @ [1.0, -2.0, 0.5]
NAMES = np.where(VALUES > 0, "up", "down")


def signature_of(model: Any) -> Signature:
    return called_by(fitted_from(model, None), {})["serving_default"].signature


def made(model: Any, splits: Any = ()) -> list[onnxruntime.InferenceSession]:
    signature = signature_of(model)
    spec = convertible_input(model, signature)
    return [onnxruntime.InferenceSession(one) for one in candidates(model, spec, signature.outputs, splits)]


def told(session: onnxruntime.InferenceSession, rows: Any) -> dict[str, Any]:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"x": rows}), strict=True))


@pytest.mark.parametrize(
    ("model", "outputs"),
    [
        (LinearRegression().fit(ROWS, VALUES), {"prediction": "tensor(double)"}),
        (LinearRegression().fit(ROWS.astype(np.float32), VALUES), {"prediction": "tensor(float)"}),
        (LogisticRegression().fit(ROWS, NAMES), {"probabilities": "tensor(double)", "label": "tensor(string)"}),
        (RidgeClassifier().fit(ROWS, NAMES == "up"), {"label": "tensor(bool)", "decision": "tensor(double)"}),
        (
            make_pipeline(StandardScaler(), LinearSVC()).fit(ROWS, NAMES),
            {"label": "tensor(string)", "decision": "tensor(double)"},
        ),
        (StandardScaler().fit(ROWS), {"output": "tensor(double)"}),
    ],
)
def test_outputs_are_the_parents_by_name_type_and_shape(model: Any, outputs: dict[str, str]) -> None:
    session = made(model)[0]
    assert {output.name: output.type for output in session.get_outputs()} == outputs
    given = told(session, ROWS.astype({"tensor(float)": "f4", "tensor(double)": "f8"}[session.get_inputs()[0].type]))
    for method, name in (("predict", "prediction"), ("decision_function", "decision"), ("transform", "output")):
        if name in outputs:
            np.testing.assert_allclose(given[name], getattr(model, method)(ROWS), rtol=1e-5, atol=1e-6)
    if "label" in outputs:
        assert given["label"].tolist() == model.predict(ROWS).tolist()


def test_a_line_on_unix_times_keeps_its_digits() -> None:
    times = 1_764_000_000 + 10.0 * np.arange(100)[:, None]
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(times, times.ravel() - 1_764_000_000)
    session = made(model)[0]
    assert session.get_inputs()[0].type == "tensor(double)"
    assert told(session, np.array([[1_764_000_010.0], [1_764_000_500.0]]))["prediction"] == pytest.approx([10, 500])


def test_trees_answer_alike_on_both_sides_of_every_split_and_where_a_value_is_missing() -> None:
    model = RandomForestRegressor(4, random_state=0).fit(ROWS, VALUES)
    splits = thresholds(parts(model))
    assert len(splits) > 100
    rows = awkward_rows(ROWS, "FP64", splits)
    own = model.predict(rows)
    apart = [np.abs(told(session, rows)["prediction"] - own).max() for session in made(model, splits)]
    assert len(apart) == 2  # in doubles, and with these rounded first, as trees round them
    assert apart[0] > 1e-2
    assert apart[1] < 1e-5


def test_a_split_for_missing_values_alone_is_not_converted_in_doubles_for_ever() -> None:
    gaps = np.where(np.arange(80)[:, None] % 3 == 0, np.nan, ROWS)
    model = RandomForestRegressor(4, random_state=0).fit(gaps, np.arange(80) % 3 == 0)
    splits = thresholds(parts(model))
    assert np.isinf([threshold for _, threshold in splits]).any()
    (session,) = made(model, splits)
    assert np.abs(told(session, gaps)["prediction"] - model.predict(gaps)).max() < 1e-6


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (
            HistGradientBoostingRegressor(max_iter=2).fit(ROWS, VALUES),
            r"skl2onnx can't convert this HistGradientBoosting",
        ),
        (
            make_pipeline(CountVectorizer(), LogisticRegression()).fit(["a b", "cc d"] * 9, [0, 1] * 9),
            r"texts are served by",
        ),
    ],
)
def test_what_can_not_be_converted_is_refused_in_words(model: Any, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        made(model)


def test_tables_are_served_by_scikit_learn_itself() -> None:
    signature = Signature(inputs=(column_spec("age", "number"),))
    with pytest.raises(FailedPrecondition, match="takes a table, and tables, with their names and missing values"):
        convertible_input(LinearRegression(), signature)
