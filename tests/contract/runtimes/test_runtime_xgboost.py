"""XGBoost's own: what is refused, and how its outputs are named. Run by `test_runtime_environments.py`."""

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("xgboost", reason="XGBoost is in an environment of its own")

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.xgboost.columns import features_of
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.columns import Column
from bms.core.tensors.signature import Signature, TensorSpec, column_spec
from bms.core.workloads.programs import ServableConfig
from tests.contract.runtimes.cases.xgboost import FRAMEWORK
from tests.contract.runtimes.torn_files import torn

DIGITS = FRAMEWORK.artifacts() / "digits" / "model" / "model.ubj"
ODD = FRAMEWORK.artifacts() / "odd" / "model" / "model.json"


def config(folder: Path, **signatures: Signature) -> ServableConfig:
    return ServableConfig(runtime="xgboost", directory=str(folder), model="m", version=1, signatures=signatures)


def texts(*words: str) -> np.ndarray:
    return np.array([word.encode() for word in words], dtype=object)


@pytest.mark.parametrize(
    ("name", "outputs", "method"),
    [
        ("digits", {"probabilities": (None, 10), "label": (None,)}, "classify"),
        ("softmax", {"probabilities": (None, 3), "label": (None,)}, "classify"),
        ("odd", {"probabilities": (None, 2), "label": (None,)}, "classify"),
        ("sum", {"prediction": (None,)}, "regress"),
        ("targets", {"prediction": (None, 2)}, "predict"),
        ("one_tree", {"prediction": (None, 2)}, "predict"),
        ("quantiles", {"prediction": (None, 3)}, "predict"),
        ("several", {"probabilities": (None, 2), "label": (None, 2)}, "predict"),
        ("hinge", {"prediction": (None,)}, "regress"),
        ("margin", {"prediction": (None,)}, "regress"),
    ],
)
def test_outputs_are_named_as_those_of_scikit_learn(name: str, outputs: dict[str, object], method: str) -> None:
    signature = open_servable(config(FRAMEWORK.artifacts() / name / "model")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in signature.inputs] == [("x", "FP32", (None, 64))]
    assert {spec.name: spec.shape for spec in signature.outputs} == outputs
    assert signature.method == method


def test_named_numbers_are_columns_and_a_matrix() -> None:
    servable = open_servable(config(FRAMEWORK.artifacts() / "numbers" / "model"))
    table, matrix = (servable.signatures[name] for name in ("serving_default", "matrix"))
    assert table.inputs == tuple(column_spec(name, "number", dtype="FP32") for name in ("income", "age", "member"))
    assert matrix.inputs == (TensorSpec(name="x", dtype="FP32", shape=(None, 3)),)


def test_categories_are_columns_with_the_levels_that_the_model_keeps() -> None:
    signature = open_servable(config(FRAMEWORK.artifacts() / "mixed" / "model")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.column) for spec in signature.inputs] == [
        ("z", "FP32", Column(type="number")),
        ("city", "BYTES", Column(type="category", categories=("", "Bonn", "Cologne", "a, b"))),
        ("size", "INT64", Column(type="category", categories=(10, 20, 30, 40))),
    ]


def test_missing_categories_are_missing_and_unseen_ones_refused_as_xgboost_does() -> None:
    import pandas as pd
    import xgboost

    folder = FRAMEWORK.artifacts() / "mixed" / "model"
    servable, booster = open_servable(config(folder)), xgboost.Booster(model_file=folder / "model.ubj")
    frame = pd.DataFrame({"z": np.array([0.5, np.nan], np.float32)})
    frame["city"], frame["size"] = pd.Categorical(["Cologne", None]), pd.Categorical([40, 10])
    inputs = {"z": frame["z"].to_numpy(), "city": texts("Cologne", ""), "size": np.array([40, 10])}
    gaps = {"city:missing": np.array([False, True])}
    assert np.array_equal(
        servable.infer("serving_default", inputs | gaps)["prediction"], booster.inplace_predict(frame)
    )
    frame["city"] = pd.Categorical(["Cologne", "x"])
    with pytest.raises(ValueError, match="not in the training set"):
        booster.inplace_predict(frame)
    for unseen in ("x", "Paris"):  # XGBoost itself takes some of them for others
        says = rf"'city', row 1: '{unseen}' is none of the levels .* '', 'Bonn', 'Cologne', 'a, b'"
        with pytest.raises(InvalidArgument, match=says):
            servable.infer("serving_default", inputs | {"city": texts("Cologne", unseen)})


def test_codes_without_levels_are_refused_unless_their_senders_or_levels_are_declared() -> None:
    folder = FRAMEWORK.artifacts() / "codes" / "model"
    with pytest.raises(FailedPrecondition, match=r"categories in 'city', 'size', .* --input 'x FP32 \[-1, 3\]'"):
        open_servable(config(folder))
    whole = open_servable(config(FRAMEWORK.artifacts() / "mixed" / "model"))
    sent = {"z": np.float32([0.5, 1]), "city": texts("Cologne", "a, b"), "size": np.array([40, 20])}
    wanted = whole.infer("serving_default", sent)["prediction"]
    by_code = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 3)),))
    x = np.float32([[0.5, 2, 3], [1, 3, 1]])
    told = open_servable(config(folder, serving_default=by_code)).infer("serving_default", {"x": x})
    assert np.array_equal(told["prediction"], wanted)
    by_level = Signature(
        inputs=(
            column_spec("city", "category", categories=("", "Bonn", "Cologne", "a, b")),
            column_spec("size", "category", categories=(10, 20, 30, 40)),
            column_spec("z", "number"),
        )
    )
    told = open_servable(config(folder, serving_default=by_level)).infer("serving_default", sent)
    assert np.array_equal(told["prediction"], wanted)
    without = Signature(inputs=(by_level.inputs[0], column_spec("size", "category"), by_level.inputs[2]))
    with pytest.raises(FailedPrecondition, match="'size' as a category, of which the model does not keep the levels"):
        open_servable(config(folder, serving_default=without))


def test_levels_that_xgboost_kept_cut_off_are_asked_for_and_checked() -> None:
    """It counts letters where it means bytes, so that its file says 'Köl' and 'na, ' here."""
    folder = FRAMEWORK.artifacts() / "letters" / "model"
    with pytest.raises(FailedPrecondition, match=r"categories in 'city', and .* letters beyond ASCII"):
        open_servable(config(folder))
    others = (column_spec("size", "category"), column_spec("z", "number"))
    said = Signature(inputs=(column_spec("city", "category", categories=("", "Bonn", "Köln", "a, b")), *others))
    servable = open_servable(config(folder, serving_default=said))
    sent = {"z": np.float32([0.5, 1]), "city": texts("Köln", "a, b"), "size": np.array([40, 20])}
    whole = open_servable(config(FRAMEWORK.artifacts() / "mixed" / "model"))
    wanted = whole.infer("serving_default", sent | {"city": texts("Cologne", "a, b")})
    assert np.array_equal(servable.infer("serving_default", sent)["prediction"], wanted["prediction"])
    wrong = Signature(inputs=(column_spec("city", "category", categories=("", "Köln", "Bonn", "a, b")), *others))
    with pytest.raises(FailedPrecondition, match="which can't be those that the model was trained on"):
        open_servable(config(folder, serving_default=wrong))


def test_codes_of_an_array_are_what_training_saw() -> None:
    import xgboost

    x = np.float32([[0, 1.5], [1, 2.5], [2, 0.5]] * 9)
    data = xgboost.DMatrix(x, x[:, 0] % 2, feature_types=["c", "q"], enable_categorical=True)
    assert features_of(2, [], ["c", "q"], {}).unclear == ""
    assert xgboost.train({"nthread": 1}, data, 1).feature_names is None


def test_missing_values_are_nan_and_infinite_ones_the_callers_fault() -> None:
    servable = open_servable(config(DIGITS.parent))
    assert servable.infer("serving_default", {"x": np.full((1, 64), np.nan, np.float32)})["label"].shape == (1,)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.model", b"binf" + b"\0" * 400, "no longer read"),
        ("model.json", DIGITS.read_bytes(), "its name does not say"),
        ("model.ubj", ODD.read_bytes(), "its name does not say"),
        ("model.json", b"{}", "but is not one"),
        ("model.ubj", b"", "but is not one"),
        ("model.json", ODD.read_bytes()[:5000], "XGBoost can't load 'model.json': Expecting"),
        ("model.ubj", DIGITS.read_bytes()[:5000], "XGBoost can't load 'model.ubj'"),
    ],
)
def test_what_is_no_whole_model_is_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(tmp_path))


def test_other_json_beside_the_model_does_not_count(tmp_path: Path) -> None:
    shutil.copy(ODD, tmp_path / "booster.json")
    (tmp_path / "config.json").write_text('{"learner": 1}')
    assert open_servable(config(tmp_path)).format == "xgboost-json"


@pytest.mark.parametrize("model", [DIGITS, ODD], ids=lambda path: path.suffix)
def test_torn_files_are_refused_and_none_hangs(tmp_path: Path, model: Path) -> None:
    torn("xgboost", model, tmp_path, library="xgboost")


def test_inputs_that_xgboost_refuses_are_the_callers_fault() -> None:
    servable = open_servable(config(FRAMEWORK.artifacts() / "linear" / "model"))
    with pytest.raises(InvalidArgument, match="inf"):
        servable.infer("serving_default", {"x": np.full((1, 64), np.inf, np.float32)})
