"""scikit-learn models of frames: what is found of their columns, and answers equal to their own. Run by
`test_runtime_environments.py`."""

import functools
import json
import pickle
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("pandas", reason="pandas is in an environment of its own")
pytest.importorskip("sklearn", reason="scikit-learn is in an environment of its own")

import pandas
from sklearn.preprocessing import OneHotEncoder

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.adapters.runtimes.servables.data_frame import frame_of
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.columns import Column
from bms.core.tensors.fitting import columns_text, fit_inputs
from bms.core.tensors.signature import Signature, column_spec
from bms.core.tensors.tensor import Tensor
from bms.core.workloads.programs import ServableConfig
from bms.protocols.tables import table_of_rows
from bms.serving.lifecycle.servable import Servable
from tests.contract.runtimes.cases.sklearn import TABLE_NAMES, TABLES

GUESTS = "'name' text?, 'age' number, 'income' number, 'city' text, 'smoker' boolean, 'rooms' integer, 'note' text"


def folder(name: str) -> Path:
    return TABLES.artifacts() / name


def config(name: str, directory: Path | None = None, **said: Any) -> ServableConfig:
    where = str(directory or folder(name) / "model")
    return ServableConfig(runtime="sklearn", directory=where, model="m", version=1, allow_pickle=True, **said)


@functools.cache
def opened(name: str) -> Servable:
    """For all tests, which leave it open."""
    return open_servable(config(name))


def rows(name: str) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads((folder(name) / "rows.json").read_text())
    return read


def read_by(servable: Any, row: dict[str, Any]) -> dict[str, Any]:
    """Without the columns that no step reads, of which nobody knows what they were."""
    inputs = servable.signatures["serving_default"].inputs
    return {spec.name: row[spec.name] for spec in inputs if not spec.column.optional}


def asked(servable: Any, rows: list[dict[str, Any]], signature: str = "serving_default") -> dict[str, Any]:
    """As a client's rows reach it: by the keys, in whatever order."""
    one = servable.signatures[signature]
    sent = msgspec.json.decode(json.dumps(rows).encode(), type=list[dict[str, msgspec.Raw]])
    tensors = table_of_rows(sent, one, [])
    fitted = fit_inputs(one, tensors)
    return dict(servable.infer(signature, {tensor.name: tensor.array for tensor in fitted.tensors}))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("columns", GUESTS),
        ("grid", GUESTS),
        ("voting", GUESTS),
        ("stacking", GUESTS),
        ("targets", GUESTS),
        ("selected", GUESTS.replace("'note' text", "'note' text?")),
        ("boosting", "'age' number, 'city' text, 'rooms' number"),
        ("numbers", "'income' number, 'rooms' number"),
        ("logged", "'income' number, 'rooms' number"),
    ],
)
def test_columns_have_the_names_of_the_frame_and_types_that_training_saw(name: str, columns: str) -> None:
    assert columns_text(opened(name).signatures["serving_default"].inputs) == columns


def test_levels_that_training_saw_are_told() -> None:
    inputs = {spec.name: spec.column for spec in opened("columns").signatures["serving_default"].inputs}
    assert inputs["city"] == Column(type="text", categories=("Köln", "Lima", "Rome"))
    assert inputs["smoker"] == Column(type="boolean", categories=(False, True))
    assert inputs["rooms"] == Column(type="integer", categories=(1, 2, 3, 4, 5))


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_rows_with_gaps_and_unseen_levels_are_answered_as_by_the_model_itself(name: str) -> None:
    told = json.loads((folder(name) / "answers.json").read_text())
    servable = opened(name)
    given = asked(servable, [read_by(servable, row) for row in rows(name)])
    assert set(told) == set(given)
    for output, wanted in told.items():
        if given[output].dtype == object:
            assert given[output].ravel().tolist() == [str(item).encode() for item in np.ravel(wanted)]
        else:
            np.testing.assert_allclose(given[output], wanted, rtol=1e-6)


def test_columns_are_joined_by_name_whatever_their_order() -> None:
    servable = opened("numbers")
    told = asked(servable, [{"rooms": 3, "income": 20_000.5}, {"income": 20_000.5, "rooms": 3}])
    assert told["prediction"] == pytest.approx([39_998, 39_998])


def test_a_table_of_numbers_is_also_a_matrix_and_others_are_none() -> None:
    servable = opened("numbers")
    matrix = servable.signatures["matrix"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in matrix.inputs] == [("x", "FP64", (None, 2))]
    assert servable.infer("matrix", {"x": np.array([[20_000.5, 3]])})["prediction"] == pytest.approx([39_998])
    assert list(opened("columns").signatures) == ["serving_default"]


def test_a_model_fitted_on_a_frame_of_float32_takes_float32() -> None:
    inputs = opened("singles").signatures["serving_default"].inputs
    assert {spec.dtype for spec in inputs} == {"FP32"}


def test_a_column_that_no_step_reads_may_be_left_out_and_others_may_not() -> None:
    servable = opened("columns")
    whole = rows("columns")[:2]
    few = [{key: value for key, value in row.items() if key != "name"} for row in whole]
    assert np.array_equal(asked(servable, few)["probabilities"], asked(servable, whole)["probabilities"])
    with pytest.raises(InvalidArgument, match=r"'city' is missing.*takes 'name' text\?, 'age' number"):
        asked(servable, [{"age": 3, "income": 1, "smoker": True, "rooms": 1, "note": "x"}])


def test_what_the_model_refuses_names_the_column_and_the_row() -> None:
    servable = opened("columns")
    row = rows("columns")[0]
    with pytest.raises(InvalidArgument, match=r"unknown categories.*column 'rooms', row 1: 99, fitted on were 1, 2, 3"):
        asked(servable, [row, {**row, "rooms": 99}])
    with pytest.raises(InvalidArgument, match=r"invalid document.*; column 'note', row 1: there is no value$"):
        asked(servable, [{**row, "age": None}, {**row, "note": None}])


def test_columns_may_be_declared_in_any_order_and_are_used_as_they_are() -> None:
    found = opened("columns").signatures["serving_default"]
    specs = {spec.name: spec for spec in found.inputs}
    specs["name"] = column_spec("name", "number", optional=True)
    specs["rooms"] = column_spec("rooms", "number")
    mine = Signature(inputs=tuple(reversed(specs.values())))
    servable = open_servable(config("columns", signatures={"mine": mine}))
    assert servable.signatures["mine"].inputs == mine.inputs
    asked_rows = [{**row, "name": 7} for row in rows("columns")]
    told = json.loads((folder("columns") / "answers.json").read_text())
    np.testing.assert_allclose(asked(servable, asked_rows, "mine")["probabilities"], told["probabilities"], rtol=1e-6)


def test_declared_columns_that_are_not_the_models_are_refused_with_both_sides() -> None:
    found = opened("numbers").signatures["serving_default"]
    wrong = Signature(inputs=(found.inputs[0], column_spec("floors", "number")))
    with pytest.raises(FailedPrecondition, match=r"'rooms' is missing; column 'floors' is unknown: .*'income' number"):
        open_servable(config("numbers", signatures={"mine": wrong}))


def test_what_nothing_tells_is_asked_for_by_name(tmp_path: Path) -> None:
    model = folder("opaque") / "model" / "model.joblib"
    with pytest.raises(FailedPrecondition, match=r"what column 'city' holds: .*`--column 'city text'`.*`--example"):
        open_servable(config("opaque", untold(tmp_path, model)))


def untold(place: Path, model: Path, example: object = None) -> Path:
    """The model's file alone, or with an example."""
    (place / model.name).write_bytes(model.read_bytes())
    if example is not None:
        (place / "example.json").write_text(json.dumps(example))
    return place


@pytest.mark.parametrize("declared", ["signature", "types", "values"])
def test_it_is_told_by_a_declared_column_or_an_example(declared: str, tmp_path: Path) -> None:
    model = folder("opaque") / "model" / "model.joblib"
    names = list(rows("opaque")[0])
    data = [list(row.values()) for row in rows("opaque")]
    types = ["text", "number", "number", "text", "boolean", "integer", "text"]
    examples = {
        "signature": None,
        "types": {"dataframe_split": {"columns": names, "data": data, "types": types}},
        "values": {"instances": rows("opaque")},
    }
    place = untold(tmp_path, model, examples[declared])
    specs = tuple(column_spec(name, "text", optional=name != "city") for name in names)
    signatures = {"serving_default": Signature(inputs=specs)} if declared == "signature" else {}
    servable = open_servable(config("opaque", place, signatures=signatures))
    told = json.loads((folder("opaque") / "answers.json").read_text())
    given = asked(servable, [{"city": row["city"]} for row in rows("opaque")])
    np.testing.assert_allclose(given["probabilities"], told["probabilities"], rtol=1e-6)


def test_an_example_of_other_columns_is_refused_with_both_sides(tmp_path: Path) -> None:
    place = untold(tmp_path, folder("numbers") / "model" / "model.skops", {"inputs": {"rooms": [1], "wage": [2]}})
    said = "example's columns are not the model's: column 'income' is missing; .*'wage'"
    with pytest.raises(FailedPrecondition, match=said):
        open_servable(config("numbers", place))


def test_pandas_is_asked_for_where_names_were_kept_however_the_file_is_packed() -> None:
    for name in ("columns", "grid", "opaque"):
        assert "pandas" in recognise(str(folder(name) / "model"), allow_pickle=True).requirements


def test_a_missing_value_is_none_where_training_had_none() -> None:
    servable = opened("nones")
    row = read_by(servable, rows("nones")[0])
    filled = asked(servable, [{**row, "city": None}])["prediction"]
    levels = [asked(servable, [{**row, "city": city}])["prediction"] for city in ("Köln", "Lima", "Rome")]
    assert filled in levels


def test_columns_without_a_mask_are_the_tensors_alone() -> None:
    servable = opened("numbers")
    signature = servable.signatures["serving_default"]
    tensors = [Tensor("rooms", np.array([3])), Tensor("income", np.array([20_000.5]))]
    fitted = fit_inputs(signature, tensors)
    assert [tensor.name for tensor in fitted.tensors] == ["income", "rooms"]
    assert signature.method == "regress"


def test_dates_of_two_kinds_are_never_made_alike(tmp_path: Path) -> None:
    """Which hour a time without an offset means must not hang on what stands in other rows."""
    signature = Signature(inputs=(column_spec("t", "datetime"),))

    def frame(*texts: str) -> Any:
        return frame_of(
            pandas, signature, {"t": np.array([text.encode() for text in texts] + [None], dtype=object)[:-1]}
        )

    assert str(frame("2026-10-25T01:00:00")["t"].dtype) == "datetime64[ns]"
    assert str(frame("2026-10-25T01:00:00Z", "2026-10-25T01:00:00+02:00")["t"].dtype) == "datetime64[ns, UTC]"
    with pytest.raises(InvalidArgument, match="with and without an offset from UTC can't be mixed"):
        frame("2026-10-25T01:00:00", "2026-10-25T01:00:00Z")
    with pytest.raises(InvalidArgument, match="row 1: '2300-01-01' is beyond what a frame's date-times hold"):
        frame("2026-01-01", "2300-01-01")
    with pytest.raises(InvalidArgument, match="row 0: 'soon' is no date-time"):
        frame("soon")


def test_a_value_beyond_declared_levels_is_no_missing_one(tmp_path: Path) -> None:
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    encoder.fit(pandas.DataFrame({"city": np.array(["Bonn", "Ulm", np.nan], dtype=object)}))
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(encoder))
    declared = Signature(inputs=(column_spec("city", "category", categories=("Bonn", "Ulm")),))
    servable = open_servable(config("", tmp_path, signatures={"serving_default": declared}))
    answers = asked(servable, [{"city": "Paris"}, {"city": None}, {"city": "Ulm"}])["output"]
    assert answers.tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0]]
