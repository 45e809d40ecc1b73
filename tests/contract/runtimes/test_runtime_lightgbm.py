"""LightGBM's own: what is refused, and how its outputs are named. Run by `test_runtime_environments.py`."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lightgbm", reason="LightGBM is in an environment of its own")

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.lightgbm.file import check_model
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.columns import Column
from bms.core.tensors.signature import Signature, TensorSpec, column_spec
from bms.core.workloads.programs import ServableConfig
from tests.contract.runtimes.cases.lightgbm import FRAMEWORK
from tests.contract.runtimes.torn_files import torn

DIGITS = FRAMEWORK.artifacts() / "digits" / "model" / "model.txt"


def config(folder: Path, **signatures: Signature) -> ServableConfig:
    return ServableConfig(runtime="lightgbm", directory=str(folder), model="m", version=1, signatures=signatures)


def texts(*words: str) -> np.ndarray:
    return np.array([word.encode() for word in words], dtype=object)


@pytest.mark.parametrize(
    ("name", "outputs", "method"),
    [
        ("digits", {"probabilities": (None, 10), "label": (None,)}, "classify"),
        ("odd", {"probabilities": (None, 2), "label": (None,)}, "classify"),
        ("sum", {"prediction": (None,)}, "regress"),
        ("ranking", {"prediction": (None,)}, "regress"),
        ("each", {"probabilities": (None, 3), "label": (None,)}, "classify"),
        ("entropy", {"prediction": (None,)}, "regress"),
        ("own", {"prediction": (None, 3)}, "predict"),
    ],
)
def test_outputs_are_named_as_those_of_scikit_learn(name: str, outputs: dict[str, object], method: str) -> None:
    signature = open_servable(config(FRAMEWORK.artifacts() / name / "model")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in signature.inputs] == [("x", "FP64", (None, 64))]
    assert {spec.name: spec.shape for spec in signature.outputs} == outputs
    assert signature.method == method


def test_named_numbers_are_columns_and_a_matrix_without_losing_digits() -> None:
    servable = open_servable(config(FRAMEWORK.artifacts() / "numbers" / "model"))
    table, matrix = (servable.signatures[name] for name in ("serving_default", "matrix"))
    assert table.inputs == tuple(column_spec(name, "number") for name in ("seen_at", "income", "member"))
    assert matrix.inputs == (TensorSpec(name="x", dtype="FP64", shape=(None, 3)),)
    times = 1_764_000_000 + np.array([10.0, 40.0, 75.0, 100.0, 135.0])
    rows = {"seen_at": times, "income": np.full(5, 0.5), "member": np.zeros(5)}
    told = servable.infer("serving_default", rows)["prediction"]
    np.testing.assert_allclose(told, [0.5, 10.5, 0.5, 10.5, 0.5], atol=0.5)
    again = servable.infer("matrix", {"x": np.stack([*rows.values()], axis=1)})["prediction"]
    assert np.array_equal(told, again)


def test_single_precision_may_be_declared_since_nothing_is_lost() -> None:
    folder = FRAMEWORK.artifacts() / "numbers" / "model"
    single = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 3)),))
    servable = open_servable(config(folder, serving_default=single))
    assert servable.signatures["serving_default"].inputs == single.inputs
    x = np.float32([[1.5, 0.5, 1]])
    whole = open_servable(config(folder)).infer("matrix", {"x": x.astype(float)})
    assert np.array_equal(servable.infer("serving_default", {"x": x})["prediction"], whole["prediction"])


def test_categories_of_a_frame_are_columns_with_the_levels_of_training() -> None:
    servable = open_servable(config(FRAMEWORK.artifacts() / "mixed" / "model"))
    assert [(spec.name, spec.dtype, spec.column) for spec in servable.signatures["serving_default"].inputs] == [
        ("z", "FP64", Column(type="number")),
        ("city", "BYTES", Column(type="category", categories=("Bonn", "Köln", "a, b"))),
        ("grade", "BYTES", Column(type="category", categories=("low", "mid", "high"))),
        ("size", "INT64", Column(type="category", categories=(10, 20, 30, 40))),
    ]
    assert list(servable.signatures) == ["serving_default"]


def test_values_that_training_did_not_see_and_missing_ones_are_what_lightgbm_makes_of_them() -> None:
    import lightgbm
    import pandas as pd

    folder = FRAMEWORK.artifacts() / "mixed" / "model"
    city, grade = ["Köln", "Paris", "Bonn", "Bonn"], ["low", "high", "none", "mid"]
    size, z = [10, 20, 25, 40], [0.1, np.nan, 0.3, 0.4]
    frame = pd.DataFrame({"z": z})
    frame["city"] = pd.Categorical([*city[:3], None])
    frame["grade"] = pd.Categorical(grade, ["none", "low", "mid", "high"], ordered=True)
    frame["size"] = pd.Categorical(size)
    frame.loc[3, "size"] = np.nan
    wanted = lightgbm.Booster(model_file=folder / "model.txt").predict(frame)
    missing = np.array([False, False, False, True])
    inputs = {"z": np.array(z), "city": texts(*city), "grade": texts(*grade), "size": np.array(size)}
    inputs |= {"city:missing": missing, "size:missing": missing}
    assert np.array_equal(open_servable(config(folder)).infer("serving_default", inputs)["prediction"], wanted)


def test_whole_numbers_that_were_declared_a_category_stay_numbers() -> None:
    signature = open_servable(config(FRAMEWORK.artifacts() / "category" / "model")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in signature.inputs] == [("x", "FP64", (None, 65))]


def test_columns_are_asked_for_where_levels_may_be_of_several_and_served_as_declared(tmp_path: Path) -> None:
    import lightgbm
    import pandas as pd

    random = np.random.default_rng(3)
    frame = pd.DataFrame({"place": random.integers(0, 3, 300)})
    frame["grade"] = pd.Categorical(random.choice(["a", "b", "c"], 300), ordered=True)
    target = frame["grade"].cat.codes * 10 + frame["place"]
    data = lightgbm.Dataset(frame, target, categorical_feature=["place"])
    options = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
    booster = lightgbm.train(options, data, 30)
    booster.save_model(tmp_path / "model.txt")
    with pytest.raises(FailedPrecondition, match="--column 'place category' --column 'grade number'"):
        open_servable(config(tmp_path))
    said = Signature(inputs=(column_spec("grade", "category"), column_spec("place", "integer")))
    servable = open_servable(config(tmp_path, serving_default=said))
    column = servable.signatures["serving_default"].input("grade").column
    assert column == Column(type="category", categories=("a", "b", "c"))
    inputs = {"grade": texts(*frame["grade"]), "place": frame["place"].to_numpy()}
    assert np.array_equal(servable.infer("serving_default", inputs)["prediction"], booster.predict(frame))
    other = Signature(inputs=(column_spec("grade", "category", categories=("c", "b")), column_spec("place", "integer")))
    with pytest.raises(
        FailedPrecondition, match="'grade' with the levels 'c', 'b', the model was trained on 'a', 'b', 'c'"
    ):
        open_servable(config(tmp_path, serving_default=other))
    codes = Signature(inputs=(TensorSpec(name="x", dtype="FP64", shape=(None, 2)),))
    by_code = open_servable(config(tmp_path, serving_default=codes))
    x = np.stack([frame["place"], frame["grade"].cat.codes], axis=1).astype(float)
    assert np.array_equal(by_code.infer("serving_default", {"x": x})["prediction"], booster.predict(frame))


def test_a_declared_column_that_is_none_or_of_another_kind_is_refused() -> None:
    folder = FRAMEWORK.artifacts() / "mixed" / "model"
    good = open_servable(config(folder)).signatures["serving_default"].inputs
    for wrong, says in (
        ((column_spec("z", "text"), *good[1:]), "'z' as text, the model takes a number"),
        ((good[0], column_spec("city", "number"), *good[2:]), "'city' as number, the model takes a category of 'Bonn'"),
        (good[:3], "lacks the model's input 'size'"),
    ):
        with pytest.raises(FailedPrecondition, match=says):
            open_servable(config(folder, serving_default=Signature(inputs=wrong)))


def test_whole_numbers_that_doubles_can_not_hold_are_refused() -> None:
    inputs = (column_spec("seen_at", "integer"), column_spec("income", "number"), column_spec("member", "boolean"))
    folder = FRAMEWORK.artifacts() / "numbers" / "model"
    servable = open_servable(config(folder, serving_default=Signature(inputs=inputs)))
    row = {"income": np.array([0.5]), "member": np.array([True])}
    assert servable.infer("serving_default", {"seen_at": np.array([1_764_000_010]), **row})["prediction"].shape == (1,)
    with pytest.raises(InvalidArgument, match="'seen_at' holds whole numbers of so many digits that FP64"):
        servable.infer("serving_default", {"seen_at": np.array([2**60 + 1]), **row})


def test_scikit_learn_is_not_needed() -> None:
    with pytest.raises(ImportError):
        import sklearn  # noqa: F401
    assert open_servable(config(DIGITS.parent)).infer("serving_default", {"x": np.zeros((1, 64), np.float32)})


def test_the_library_itself_believes_a_file_that_is_cut_off() -> None:
    """Why files are looked at before."""
    import lightgbm

    assert lightgbm.Booster(model_str=DIGITS.read_text().partition("\ntree_sizes")[0]).num_feature() == 64


@pytest.mark.parametrize(
    ("found", "instead", "says"),
    [
        (r"left_child=\d+", "left_child=0", "leads to none that comes after it"),
        (r"right_child=-\d+", "right_child=-99", "leads to none that comes after it"),
        (r"split_feature=\d+", "split_feature=64", "asks for a feature that there is not"),
        (r"split_feature=\d+", "split_feature=-1", "asks for a feature that there is not"),
        (r"num_leaves=\d+", "num_leaves=70", "number of leaves is wrong"),
        (r"threshold=\S+ ", "threshold=", "number of nodes is wrong"),
        (r"max_feature_idx=63", "max_feature_idx=5", "asks for a feature that there is not"),
        (r"end of trees", "", "'end of trees' is missing"),
        (r"Tree=3\n", "", "header's numbers"),
        (r"num_tree_per_iteration=10", "num_tree_per_iteration=7", "header's numbers"),
        (r"version=v4", "version=w4", "but is not one"),
    ],
)
def test_trees_that_are_none_are_refused(tmp_path: Path, found: str, instead: str, says: str) -> None:
    broken, times = re.subn(found, instead, DIGITS.read_text(), count=1)
    assert times == 1
    (tmp_path / "model.txt").write_text(broken)
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(tmp_path))


def test_categories_that_are_not_there_are_refused() -> None:
    content = (FRAMEWORK.artifacts() / "category" / "model" / "model.txt").read_bytes()
    assert check_model(content, "model.txt").features == 65
    for found, instead in (
        (rb"cat_boundaries=0 \d+", rb"cat_boundaries=0 900"),
        (rb"cat_threshold=\d+", b"cat_threshold="),
    ):
        broken, times = re.subn(found, instead, content, count=1)
        assert times == 1
        with pytest.raises(FailedPrecondition, match="categories"):
            check_model(broken, "model.txt")


def test_torn_files_are_refused_and_none_hangs(tmp_path: Path) -> None:
    torn("lightgbm", DIGITS, tmp_path)
