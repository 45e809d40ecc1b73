"""MLflow's own: which runtime takes what, what is asked for, what is refused. Run by `test_runtime_environments.py`."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

pytest.importorskip("mlflow", reason="MLflow is in an environment of its own")

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.columns import Column, mask_name
from bms.core.tensors.parameters import Parameter
from bms.core.tensors.predicted import Predicted
from bms.core.tensors.signature import Signature, TensorSpec, column_spec, is_table
from bms.core.tensors.tensor import NUMPY
from bms.core.workloads.programs import ServableConfig
from bms.serving.lifecycle.servable import ParameterizedServable, Servable
from tests.contract.runtimes.cases.mlflow import FRAMEWORK

MADE = FRAMEWORK.artifacts()


def config(folder: Path, *, allow_pickle: bool = False) -> ServableConfig:
    return ServableConfig(runtime="mlflow", directory=str(folder), model="m", version=1, allow_pickle=allow_pickle)


def names(requirements: tuple[str, ...]) -> list[str]:
    return sorted(requirement.partition("==")[0] for requirement in requirements)


@pytest.mark.parametrize(
    ("name", "format", "asked"),
    [
        ("xgboost", "mlflow-xgboost-ubj", ["xgboost-cpu"]),
        ("xgboost_classifier", "mlflow-xgboost-ubj", ["xgboost-cpu"]),
        ("lightgbm", "mlflow-lightgbm", ["lightgbm"]),
        ("sklearn", "mlflow-skops", ["pandas", "scikit-learn", "skops"]),
        ("cloudpickled", "mlflow-pickle", ["cloudpickle", "pandas", "scikit-learn", "skops"]),
        ("pyfunc", "mlflow-pyfunc", ["cloudpickle", "mlflow-skinny", "pandas"]),
    ],
)
def test_only_what_runs_the_model_is_asked_for(name: str, format: str, asked: list[str]) -> None:
    found = recognise(str(MADE / name / "model"), allow_pickle=True)
    assert (found.runtime, found.format) == ("mlflow", format)
    assert [name for name in names(found.requirements) if name != "pytest"] == asked  # which MLflow found beside it


def test_versions_are_those_that_the_model_was_saved_by() -> None:
    assert recognise(str(MADE / "lightgbm" / "model")).requirements == ("lightgbm==4.7.0",)
    assert recognise(str(MADE / "xgboost_classifier" / "model")).requirements == ("xgboost-cpu==3.2.0",)
    assert "mlflow-skinny==3.17.2" in recognise(str(MADE / "pyfunc" / "model"), allow_pickle=True).requirements


def test_columns_are_inputs_and_tensors_are_tensors() -> None:
    columns = open_servable(config(MADE / "sklearn" / "model")).signatures["serving_default"]
    assert len(columns.inputs) == 13
    assert {(spec.dtype, spec.shape) for spec in columns.inputs} == {("FP64", (None,))}
    assert columns.inputs[0].name == "alcohol"
    assert (columns.method, columns.labels) == ("classify", ("0", "1", "2"))
    assert is_table(columns)
    tensor = open_servable(config(MADE / "xgboost_classifier" / "model")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in tensor.inputs] == [("x", "FP64", (None, 13))]


def opened(name: str) -> Servable:
    return open_servable(config(MADE / name / "model", allow_pickle=True))


def answers(servable: Servable, **inputs: object) -> dict[str, list[object]]:
    """What is answered for columns of Python's values, None where missing."""
    made: dict[str, np.ndarray] = {}
    for name, values in inputs.items():
        spec = servable.signatures["serving_default"].input(name)
        gaps = np.array([value is None for value in values])
        filler = b"" if spec.dtype == "BYTES" else np.nan if spec.dtype.startswith("FP") else 0
        given = [filler if value is None else value.encode() if isinstance(value, str) else value for value in values]
        made[name] = np.array(given, dtype=NUMPY[spec.dtype])
        if gaps.any() and not spec.dtype.startswith("FP"):
            made[mask_name(name)] = gaps
    return {name: array.tolist() for name, array in servable.infer("serving_default", made).items()}


def mlflow_model(name: str) -> Any:
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(MADE / name / "model"))


def mlflows(name: str, frame: object) -> object:
    return mlflow_model(name).predict(frame)


@pytest.mark.parametrize("name", ["order_lightgbm", "order_xgboost", "order_sklearn"])
def test_columns_reach_the_model_by_name_in_whatever_order_either_lists_them(name: str) -> None:
    servable = opened(name)
    assert [spec.name for spec in servable.signatures["serving_default"].inputs] == ["age", "income"]
    told = answers(servable, income=[0.63, 0.26], age=[26.0, 85.0])
    np.testing.assert_allclose(told["prediction"], [63, 26], atol=4)


@pytest.mark.parametrize("name", ["order_lightgbm", "order_xgboost", "order_sklearn"])
def test_names_that_the_model_does_not_have_are_refused_with_both_lists(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MADE / name / "model", folder)
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace('"income"', '"wage"'))
    with pytest.raises(FailedPrecondition, match=r"'wage'.* model.* takes 'income' number, 'age' number"):
        open_servable(config(folder))


def test_texts_and_gaps_reach_a_pipeline_and_categories_by_name() -> None:
    for name in ("pipeline", "categories"):
        servable = opened(name)
        inputs = servable.signatures["serving_default"].inputs
        assert [spec.name for spec in inputs] == ["the age", "city"]
        assert inputs[0] == column_spec("the age", "number", optional=True)
        told = answers(servable, **{"the age": [40.0, None], "city": ["Köln", "Bonn"]})
        np.testing.assert_allclose(told["prediction"], [5.4, 0], atol=0.5)
    assert inputs[1].column == Column(type="category", categories=("Bonn", "Köln"))


def test_a_column_that_was_not_sent_is_not_in_the_frame_if_the_model_can_do_without() -> None:
    import pandas as pd

    servable = opened("optional")
    assert servable.signatures["serving_default"].inputs[1] == column_spec("bonus", "number", optional=True)
    assert answers(servable, a=[1.0], bonus=[None]) == {
        "output": mlflows("optional", pd.DataFrame({"a": [1.0]})).tolist()
    }
    assert answers(servable, a=[1.0, 2.0, 3.0], bonus=[5.0, None, 0.0]) == {"output": [6.0, 102.0, 3.0]}


def test_a_column_that_the_model_needs_comes_without_values() -> None:
    import pandas as pd

    told = answers(opened("imputes"), a=[None, 3.0, 1.0], city=["x", None, "y"])
    frame = pd.DataFrame({"a": [np.nan, 3.0, 1.0], "city": ["x", None, "y"]})
    assert told == {"output": mlflows("imputes", frame).tolist()} == {"output": [-1.0, 4.0, 1.0]}


def test_a_column_of_texts_without_a_name_is_x() -> None:
    servable = opened("hinted")
    assert servable.signatures["serving_default"].inputs == (column_spec("x", "text"),)
    assert answers(servable, x=["wéll", ""]) == {"output": mlflows("hinted", ["wéll", ""])} == {"output": [4, 0]}
    with pytest.raises(InvalidArgument, match="MLflow refuses these inputs: Failed to validate"):
        answers(servable, x=[None])


def test_what_type_hints_say_is_the_signature_and_nested_values_travel_as_their_json() -> None:
    for name in ("maps", "messages"):
        servable = opened(name)
        column = Column(type="json", nameless=True)
        assert servable.signatures["serving_default"].inputs == (
            TensorSpec(name="x", dtype="BYTES", shape=(None,), column=column),
        )
        with np.load(MADE / name / "expected.npz") as expected:
            given, told = expected["x"].tolist(), expected["output"].tolist()
        assert answers(servable, x=given)["output"] == [text.encode() for text in told]
        assert mlflows(name, [json.loads(text) for text in given]) == [
            json.loads(text) if name == "maps" else text for text in told
        ]
    assert servable.examples["serving_default"]["x"][0] == b'{"note": "text 1", "parts": [1, 1], "role": "text 1"}'
    with pytest.raises(InvalidArgument, match="column 'x', row 1: this is not JSON"):
        answers(servable, x=[given[0], "{"])
    with pytest.raises(InvalidArgument, match=r"MLflow refuses these inputs: .*parts"):
        answers(servable, x=['{"role": "user"}'])


def test_columns_of_lists_and_answers_of_objects_are_json_too() -> None:
    servable = opened("nested")
    signature = servable.signatures["serving_default"]
    assert [spec.column for spec in signature.inputs] == [Column(type="json")]
    assert answers(servable, values=["[1.0, 2.5]", "[]"])["output"] == [
        b'{"of": [1.0, 2.5], "n": 2}',
        b'{"of": [], "n": 0}',
    ]
    assert signature.predicted == Predicted(nested=("output",))
    assert servable.examples["serving_default"]["values"].tolist() == [b"[1.0, 2.5]", b"[3.0]"]


def test_parameters_are_those_of_mlmodel_and_reach_predict_checked_by_mlflow() -> None:
    servable = opened("told")
    params = servable.signatures["serving_default"].params
    assert params == (
        Parameter(name="bold", type="boolean", default=True),
        Parameter(name="by", type="number", default=0.5),
        Parameter(name="few", type="integer", default=(1, 2), many=True),
        Parameter(name="how", type="object", default='{"deep":1}'),
        Parameter(name="times", type="integer", default=3),
        Parameter(name="when", type="datetime", default="2026-01-31T12:00:00"),
        Parameter(name="word", type="text", default="so"),
    )
    assert isinstance(servable, ParameterizedServable)
    sent = {"a": np.array([1, 2])}
    said = {"few": [3], "how": {"deep": 2}, "when": "2026-02-01T00:00:00", "word": "ö"}
    told = servable.infer_with("serving_default", sent, (), said)["output"].tolist()
    import pandas as pd

    frame = pd.DataFrame(sent)
    loaded = mlflow_model("told")
    assert [text.decode() for text in told] == loaded.predict(frame, params=said).tolist()
    with pytest.raises(InvalidArgument, match=r"MLflow refuses these inputs: .*when"):
        servable.infer_with("serving_default", sent, (), {"when": "yesterday"})


def test_a_booster_in_a_skops_file_is_an_object_and_nothing_to_call(tmp_path: Path) -> None:
    """MLflow keeps LightGBM's estimators so; called, a Booster would read any file."""
    servable = opened("lightgbm_classifier")
    assert servable.format == "mlflow-skops"
    folder = tmp_path / "model"
    shutil.copytree(MADE / "lightgbm_classifier" / "model", folder)
    with zipfile.ZipFile(folder / "model.skops") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(contents["schema.json"])
    schema["content"]["content"]["objective"] = {
        "__class__": "Booster",
        "__module__": "lightgbm.basic",
        "__loader__": "TypeNode",
        "__id__": 1,
    }
    contents["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(folder / "model.skops", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    with pytest.raises(FailedPrecondition, match=r"holds lightgbm\.basic\.Booster as something to call"):
        open_servable(config(folder))


@pytest.mark.parametrize(
    ("name", "predicted"),
    [
        ("sklearn", Predicted(outputs=("label",))),
        ("order_sklearn", Predicted(outputs=("prediction",))),
        ("xgboost", Predicted(outputs=("probabilities",))),
        ("xgboost_classifier", Predicted(outputs=("label",))),
        ("lightgbm", Predicted(outputs=("probabilities",), column=1)),
        ("lightgbm_classifier", Predicted(outputs=("label",))),
        ("order_xgboost", Predicted(outputs=("prediction",))),
        ("onnx", Predicted(form="columns")),
        ("onnx_by_column", Predicted(form="records")),
        ("pyfunc", Predicted(form="records")),
        ("optional", Predicted(form="records", outputs=("output",), names=("0",))),
        ("told", Predicted(form="records", outputs=("output",), names=("told",))),
        ("pyfunc_texts", Predicted()),
    ],
)
def test_what_mlflows_own_server_would_answer_is_known(name: str, predicted: Predicted) -> None:
    assert opened(name).signatures["serving_default"].predicted == predicted


def test_dates_are_texts_of_iso_8601_both_ways() -> None:
    servable = opened("dates")
    assert servable.signatures["serving_default"].inputs == (column_spec("at", "datetime"),)
    told = answers(servable, at=["2026-12-31T12:00:00", "2024-02-28", None])
    assert told == {"year": [2026, 2024, 0], "next": [b"2027-01-01T12:00:00", b"2024-02-29T00:00:00", b"NaT"]}
    with pytest.raises(InvalidArgument, match="row 0: 'yesterday' is no date-time"):
        answers(servable, at=["yesterday"])
    with pytest.raises(InvalidArgument, match=r"MLflow refuses these inputs: .*timezone-naive"):
        answers(servable, at=["2026-12-31T12:00:00Z"])


def test_the_example_that_mlflow_keeps_is_what_a_model_is_tried_with(tmp_path: Path) -> None:
    servable = opened("parses")
    assert answers(servable, pair=["x=7"]) == {"output": [7.0]}
    assert servable.examples["serving_default"]["pair"].tolist() == [b"a=1", b"b=2.5"]
    folder = tmp_path / "model"
    shutil.copytree(MADE / "parses" / "model", folder)
    (folder / "serving_input_example.json").unlink()
    with pytest.raises(FailedPrecondition, match="does not run on an example"):
        open_servable(config(folder, allow_pickle=True))


def test_types_are_those_of_mlflow() -> None:
    import pandas as pd

    servable = opened("types")
    specs = servable.signatures["serving_default"].inputs
    assert [spec.dtype for spec in specs] == ["INT32", "INT64", "FP32", "FP64", "BOOL", "BYTES"]
    row = {"whole": [1], "long": [2], "single": [0.5], "double": [0.5], "yes": [True], "text": ["a"]}
    frame = pd.DataFrame(row).astype({"whole": "int32", "single": "float32", "text": object})
    assert answers(servable, **row)["output"][0].decode() == mlflows("types", frame)[0]
    with pytest.raises(InvalidArgument, match="Can not safely convert float64 to int64"):
        answers(servable, **{**row, "long": [None]})
    assert "'yes' object" in str(answers(servable, **{**row, "yes": [None]}))


def test_tensors_of_texts_and_of_one_column_are_what_mlflow_would_hand_over() -> None:
    arrays = {"n": np.zeros((2, 1)), "t": np.array([["a"], ["b"]])}
    sent = {"n": arrays["n"], "t": np.array([[b"a"], [b"b"]], dtype=object)}
    told = opened("tensors").infer("serving_default", sent)["output"]
    assert [text.decode() for text in told] == mlflows("tensors", arrays).tolist()


def test_columns_that_are_numbered_are_so_in_the_frame() -> None:
    assert answers(opened("numbered"), **{"0": [1.0], "1": [2]}) == {"output": [b"0 float64, 1 int64"]}


@pytest.mark.parametrize(("method", "served"), [("predict", True), ("predict_proba", False), ("transform", False)])
def test_an_estimators_method_that_is_asked_for_is_among_the_answers_or_refused(
    tmp_path: Path, method: str, served: bool
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MADE / "order_sklearn" / "model", folder)
    text = (folder / "MLmodel").read_text()
    assert "predict_fn: predict\n" in text
    (folder / "MLmodel").write_text(text.replace("predict_fn: predict\n", f"predict_fn: {method}\n"))
    if served:
        assert open_servable(config(folder)).signatures["serving_default"].outputs[0].name == "prediction"
        return
    with pytest.raises(FailedPrecondition, match=f"says 'predict_fn': '{method}', but what is served is prediction"):
        open_servable(config(folder))


def test_bytes_go_through_beside_other_columns() -> None:
    servable = opened("beside_bytes")
    assert not is_table(servable.signatures["serving_default"])
    sent = {"long": np.array([1]), "text": np.array(["ä".encode()], object), "raw": np.array([b"\xff"], object)}
    assert servable.infer("serving_default", sent)["output"].tolist() == [b"'long' int64, 'text' object, 'raw' object"]
    predicted = servable.signatures["serving_default"].predicted
    assert predicted is not None
    assert predicted.base64 == ("raw",)


def test_which_inputs_and_outputs_are_bytes_is_told() -> None:
    predicted = opened("turns").signatures["serving_default"].predicted
    assert predicted is not None
    assert (predicted.form, predicted.base64) == ("records", ("raw", "turned"))


def test_parameters_have_their_defaults_and_those_that_change_xgboosts_answer_are_refused(tmp_path: Path) -> None:
    x = np.array([[1.0, 2.0]])
    assert np.array_equal(opened("parameters").infer("serving_default", {"x": x})["output"], 3 * x**2)
    folder = tmp_path / "model"
    shutil.copytree(MADE / "order_xgboost" / "model", folder)
    text = (folder / "MLmodel").read_text()
    said = """params: '[{"name": "output_margin", "default": true, "shape": null, "type": "boolean"}]'"""
    assert "params: null" in text
    (folder / "MLmodel").write_text(text.replace("params: null", said))
    with pytest.raises(FailedPrecondition, match="asks XGBoost for output_margin by its parameters"):
        open_servable(config(folder))


def test_whole_numbers_have_no_gaps_as_for_mlflow() -> None:
    servable = opened("onnx_by_column")
    assert [spec.column.type for spec in servable.signatures["serving_default"].inputs if spec.column] == [
        *("number", "integer", "text")
    ]
    assert answers(servable, bonus=[0.5], age=[41], city=["Köln"]) == {"sum": [[41.5]], "where": [["Köln".encode()]]}
    with pytest.raises(
        InvalidArgument, match="'age', row 1: there is no value, which MLflow's type long does not allow"
    ):
        answers(servable, bonus=[0.5, 1], age=[41, None], city=["Köln", ""])
    with pytest.raises(InvalidArgument, match="'city', row 0: there is no value, which BYTES has no way to say"):
        answers(servable, bonus=[0.5], age=[41], city=[None])


def test_what_its_maker_declares_counts_where_mlmodel_can_not_be_followed(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MADE / "categories" / "model", folder)
    content = (folder / "model.lgb").read_text()
    (folder / "model.lgb").write_text(
        content.replace("pandas_categorical:[[", 'pandas_categorical:[["x", "y"], ["'[:-1])
    )
    with pytest.raises(FailedPrecondition, match="--column 'the_age number' --column 'city category'"):
        open_servable(config(folder))
    by_code = Signature(inputs=(TensorSpec(name="x", dtype="FP64", shape=(None, 2)),))
    own = structs.replace(config(folder), signatures={"serving_default": by_code})
    told = open_servable(own).infer("serving_default", {"x": np.array([[40.0, 1.0]])})
    np.testing.assert_allclose(told["prediction"], [5.4], atol=0.5)


@pytest.mark.parametrize("name", ["pyfunc", "pyfunc_texts", "cloudpickled"])
def test_code_and_pickles_are_not_run_unless_allowed(name: str) -> None:
    with pytest.raises(FailedPrecondition, match="allow pickles for this version"):
        open_servable(config(MADE / name / "model"))


def test_a_flavor_that_is_not_trusted_is_not_run_by_another_way(tmp_path: Path) -> None:
    """The same directory has python_function, which would read the pickle."""
    folder = tmp_path / "model"
    shutil.copytree(MADE / "cloudpickled" / "model", folder)
    (folder / "model.pkl").write_bytes(b"\x80\x05torn")
    with pytest.raises(FailedPrecondition, match=r"'model\.pkl' can't be read"):
        open_servable(config(folder, allow_pickle=True))


@pytest.mark.parametrize(
    ("found", "instead", "says"),
    [
        ("double", "odd", "column 'alcohol' is of MLflow's type 'odd'"),
        (
            '"type": "double", "name": "alcohol"',
            '"type": "double", "nick": "alcohol"',
            "'alcohol' is missing; .* '0' is unk",
        ),
        ('"name": "alcohol"', '"name": [1]', r"can't be read: ValueError: an input has the name \[1\]"),
        ('"name": "alcohol"', '"name": "ash"', "two inputs of one name"),
        ("inputs: '[{", "inputs: '[{}, {", "can't be read: KeyError"),
        ("inputs: '[{", "inputs: '[[{", "can't be read: JSONDecodeError"),
        (
            '{"type": "double", "name": "alcohol", "required": true}, ',
            "",
            "column 'alcohol' is missing: this model takes 'alcohol' number",
        ),
    ],
)
def test_a_signature_that_does_not_fit_is_refused(tmp_path: Path, found: str, instead: str, says: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MADE / "sklearn" / "model", folder)
    text = (folder / "MLmodel").read_text()
    assert found in text
    (folder / "MLmodel").write_text(text.replace(found, instead, 1))
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(folder))


@pytest.mark.parametrize("place", ["../model.skops", "/etc/model.skops", "gone.skops"])
def test_a_flavor_that_leads_out_is_not_followed(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MADE / "sklearn" / "model", folder)
    shutil.copy(folder / "model.skops", tmp_path / "model.skops")
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace("pickled_model: model.skops", f"pickled_model: {place}"))
    assert recognise(str(folder), allow_pickle=True).format == "mlflow-pyfunc"
    with pytest.raises(FailedPrecondition, match="allow pickles"):
        open_servable(config(folder))


def test_telemetry_is_off_and_nothing_is_left_in_the_working_directory(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from bms.adapters.runtimes.available import open_servable\n"
        "from bms.core.workloads.programs import ServableConfig\n"
        "own = ServableConfig(runtime='mlflow', directory=sys.argv[1], model='m', version=1, allow_pickle=True)\n"
        "open_servable(own)\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "assert is_telemetry_disabled()\n"
    )
    off = ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "CI", "PYTEST_CURRENT_TEST")
    environment = {key: value for key, value in os.environ.items() if key not in off}
    done = subprocess.run(
        [sys.executable, "-c", code, str(MADE / "pyfunc" / "model")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert list(tmp_path.iterdir()) == []
