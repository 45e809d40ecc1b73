"""CatBoost's own: what it takes and gives, and what is refused. Run by `test_runtime_environments.py`."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("catboost", reason="CatBoost is in an environment of its own")

import catboost

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.catboost.file import exported_as
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.predicted import Predicted
from bms.core.tensors.signature import Signature, TensorSpec, column_spec
from bms.core.workloads.programs import ServableConfig
from bms.serving.lifecycle.servable import Servable
from tests.contract.runtimes.cases.catboost import FRAMEWORK
from tests.contract.runtimes.torn_files import torn

MADE = FRAMEWORK.artifacts()


def config(folder: Path, **signatures: Signature) -> ServableConfig:
    return ServableConfig(runtime="catboost", directory=str(folder), model="m", version=1, signatures=signatures)


def opened(name: str, **signatures: Signature) -> Servable:
    return open_servable(config(MADE / name / "model", **signatures))


def texts(*words: str) -> np.ndarray:
    return np.array([word.encode() for word in words], dtype=object)


@pytest.mark.parametrize(
    ("name", "outputs", "method", "labels"),
    [
        ("digits", {"probabilities": ("FP64", (None, 10)), "label": ("INT64", (None,))}, "classify", "0123456789"),
        ("odd", {"probabilities": ("FP64", (None, 2)), "label": ("BOOL", (None,))}, "classify", ("False", "True")),
        (
            "words",
            {"probabilities": ("FP64", (None, 2)), "label": ("BYTES", (None,))},
            "classify",
            ("gerade", "ungerade"),
        ),
        ("several", {"probabilities": ("FP64", (None, 2)), "label": ("INT64", (None, 2))}, "predict", ()),
        ("shares", {"probabilities": ("FP64", (None, 2)), "label": ("INT64", (None,))}, "classify", ("0", "1")),
        ("sum", {"prediction": ("FP64", (None,))}, "regress", ()),
        ("ranks", {"prediction": ("FP64", (None,))}, "regress", ()),
        ("spread", {"prediction": ("FP64", (None, 2))}, "predict", ()),
        ("quantiles", {"prediction": ("FP64", (None, 3))}, "predict", ()),
    ],
)
def test_outputs_are_those_of_its_estimators(name: str, outputs: object, method: str, labels: str) -> None:
    signature = opened(name).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in signature.inputs] == [("x", "FP32", (None, 64))]
    assert {spec.name: (spec.dtype, spec.shape) for spec in signature.outputs} == outputs
    assert (signature.method, signature.labels) == (method, tuple(labels))


def test_a_frames_features_are_columns_and_numbers_alone_a_matrix_too() -> None:
    mixed = opened("mixed").signatures
    assert {spec.name: (spec.dtype, spec.column.type) for spec in mixed["serving_default"].inputs if spec.column} == {
        "z": ("FP32", "number"),
        "city": ("BYTES", "category"),
        "size": ("BYTES", "category"),
        "member": ("BYTES", "category"),
        "said": ("BYTES", "text"),
    }
    assert list(mixed) == ["serving_default"]
    numbers = opened("numbers").signatures
    assert [spec.name for spec in numbers["serving_default"].inputs] == ["income", "age"]
    assert numbers["matrix"].inputs == (TensorSpec(name="x", dtype="FP32", shape=(None, 2)),)


ROWS = {
    "z": np.float32([0.5, -1]),
    "city": texts("Köln", "somewhere else"),
    "said": texts("a good day", "words that training never saw"),
}


def test_whole_numbers_and_booleans_are_categories_where_they_are_declared_so() -> None:
    """As CatBoost takes them from a frame: by the text of their digits."""
    kinds = {"z": "number", "city": "category", "size": "integer", "member": "boolean", "said": "text"}
    declared = Signature(inputs=tuple(column_spec(name, kind) for name, kind in kinds.items()))  # type: ignore[arg-type]
    own = opened("mixed", serving_default=declared)
    told = own.infer("serving_default", ROWS | {"size": np.array([11, 12]), "member": np.array([True, False])})
    same = opened("mixed").infer("serving_default", ROWS | {"size": texts("11", "12"), "member": texts("1", "0")})
    assert np.array_equal(told["probabilities"], same["probabilities"])
    model = catboost.CatBoost().load_model(str(MADE / "mixed" / "model" / "model.cbm"))
    rows = [[0.5, "Köln", 11, True, "a good day"], [-1, "somewhere else", 12, False, "words that training never saw"]]
    assert np.array_equal(told["probabilities"], model.predict(rows, prediction_type="Probability"))
    wrong = Signature(inputs=tuple(column_spec(name, "number") for name in kinds))
    with pytest.raises(FailedPrecondition, match=r"'city' as number, the model takes a category, which may"):
        opened("mixed", serving_default=wrong)


def test_a_number_may_be_missing_a_category_or_text_may_not() -> None:
    servable = opened("mixed")
    rows = ROWS | {"size": texts("11", "12"), "member": texts("1", "0")}
    gaps = {"z:missing": np.array([False, True])}
    model = catboost.CatBoost().load_model(str(MADE / "mixed" / "model" / "model.cbm"))
    alone = [[float("nan"), "somewhere else", "12", "0", "words that training never saw"]]
    told = servable.infer("serving_default", rows | gaps)["probabilities"]
    assert np.array_equal(told[1], model.predict(alone, prediction_type="Probability")[0])
    for name in ("city", "said"):
        with pytest.raises(InvalidArgument, match=f"column '{name}', row 1: there is no value"):
            servable.infer("serving_default", rows | {f"{name}:missing": np.array([False, True])})
    with pytest.raises(InvalidArgument, match="'city', row 0: these bytes are not UTF-8"):
        servable.infer("serving_default", rows | {"city": np.array([b"\xff", b"a"], dtype=object)})


def test_vectors_are_refused_with_the_way_out() -> None:
    with pytest.raises(FailedPrecondition, match=r"takes vectors \('v', its embedding_features\).* model\.py"):
        opened("refused/vectors")


@pytest.mark.parametrize("format", ["pmml", "coreml", "cpp", "python"])
def test_other_exports_are_refused_before_an_environment_is_built(format: str) -> None:
    folder = str(MADE / "exports" / format)
    assert exported_as(folder) == format
    with pytest.raises(FailedPrecondition, match=rf"export as {format}, which is not served: .*'model\.cbm'"):
        recognise(folder)


def test_two_classes_that_were_trained_as_several_are_told_in_lists_as_mlflow_does() -> None:
    """Without a signature that says so: `predict` gives [rows, 1] of that loss, [rows] of all others."""
    folder = str(MADE / "bare" / "model")
    servable = open_servable(ServableConfig(runtime="mlflow", directory=folder, model="m", version=1, signatures={}))
    predicted = servable.signatures["serving_default"].predicted
    assert predicted == Predicted(form="lists", outputs=("label",))


def test_an_export_beside_the_model_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "model.cbm").write_bytes((MADE / "sum" / "model" / "model.cbm").read_bytes())
    (tmp_path / "model.cpp").write_bytes((MADE / "exports" / "cpp" / "model.cpp").read_bytes())
    assert recognise(str(tmp_path)).format == "catboost"


def test_torn_files_are_refused_and_none_hangs(tmp_path: Path) -> None:
    torn("catboost", MADE / "mixed" / "model" / "model.cbm", tmp_path)


@pytest.mark.parametrize("part", [0.5, 0.9])
def test_json_that_is_cut_off_is_refused_though_catboost_reads_what_is_there(tmp_path: Path, part: float) -> None:
    content = (MADE / "json" / "model" / "model.json").read_bytes()
    (tmp_path / "model.json").write_bytes(content[: int(len(content) * part)])
    catboost.CatBoost().load_model(str(tmp_path / "model.json"), format="json")
    with pytest.raises(FailedPrecondition, match=r"can't load 'model\.json': .* \(char \d+\); save it again"):
        open_servable(config(tmp_path))
