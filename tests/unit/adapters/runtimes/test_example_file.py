"""An artifact's example: the forms in which it may come, and its values as tensors."""

import json
from pathlib import Path

import numpy as np
import pytest

from bms.adapters.runtimes.examples.file import EXAMPLE, Example, parsed_example, read_example, tensors_of
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import Signature, column_spec

COLUMNS = {"age": (41, None), "city": ("Köln", "Rome")}
RECORDS = [{"age": 41, "city": "Köln"}, {"age": None, "city": "Rome"}]
SPLIT = {"columns": ["age", "city"], "data": [[41, "Köln"], [None, "Rome"]]}


def example(given: object) -> Example:
    return parsed_example(json.dumps(given).encode())


def tensor(name: str, datatype: str, shape: object, data: object) -> dict[str, object]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


@pytest.mark.parametrize(
    "given",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_split": {**SPLIT, "index": [0, 1]}},
        SPLIT,
        {"dataframe_records": RECORDS},
        {"instances": RECORDS},
        {"instances": [{"age": 41, "city": "Köln"}, {"city": "Rome"}]},
        {"inputs": {"age": [41, None], "city": ["Köln", "Rome"]}},
        {"inputs": {"age": [[41], [None]], "city": [["Köln"], ["Rome"]]}},
        {"inputs": [tensor("age", "INT64", [2], [41, None]), tensor("city", "BYTES", [2, 1], ["Köln", "Rome"])]},
    ],
)
def test_columns_are_read_in_every_form(given: object) -> None:
    assert example(given).columns == COLUMNS
    assert example(given).kinds == {"age": "integer", "city": "text"}


def test_a_request_of_the_open_inference_protocol_is_inputs_by_name() -> None:
    for data in ([1, 2, 3, 4], [[1, 2], [3, 4]]):
        found = example({"inputs": [tensor("x", "FP32", [2, 2], data)], "id": "1"})
        assert found.tensors == {"x": [[1.0, 2.0], [3.0, 4.0]]}
    assert example({"inputs": [tensor("x", "FP32", [2], [1, 2])]}).kinds == {"x": "number"}
    assert example({"inputs": [tensor("x", "BYTES", [1, 1], [{"b64": "aGk="}])]}).tensors == {"x": [[b"hi"]]}


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ([tensor("x", "FP32", [3], [1, 2])], r"'example\.json': the data of input 'x' are not of its shape \[3\]"),
        ([tensor("x", "FP32", "3", [1, 2])], r"the data of input 'x' are not of its shape '3'"),
        ([tensor("x", "FP32", [1], ["a"])], r"the data of input 'x'"),
        ([{"name": "x", "datatype": "FP32", "shape": [3]}], "input 'x' has no 'data'"),
        ([tensor("x", "FP32", [1], [1])] * 2, "an input is given twice: 'x', 'x'"),
    ],
)
def test_a_request_of_that_protocol_that_is_wrong_names_its_input(tensors: list[object], says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        example({"inputs": tensors})


@pytest.mark.parametrize("given", [{"instances": [[1, 2], [3, 4]]}, {"inputs": [[1, 2], [3, 4]]}])
def test_rows_without_names_are_kept_as_they_are(given: object) -> None:
    assert (example(given).rows, example(given).columns) == (([1, 2], [3, 4]), {})


def test_declared_types_are_kept_beside_those_of_the_values() -> None:
    found = example({"dataframe_split": {**SPLIT, "types": ["number", "category"]}})
    assert found.types == {"age": "number", "city": "category"}
    assert found.kinds == {"age": "integer", "city": "text"}


@pytest.mark.parametrize(
    ("values", "kind"),
    [([True, None], "boolean"), ([1, 2.5], "number"), ([1, 2], "integer"), (["a"], "text"), ([None], None)],
)
def test_the_kind_of_a_column_is_that_of_its_values(values: list[object], kind: str | None) -> None:
    assert example({"inputs": {"one": values}}).kinds.get("one") == kind


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "expected one of 'dataframe_split'"),
        ({"rows": []}, "expected one of"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "every row of 'data' must have 1 values"),
        ({"dataframe_split": {"columns": ["a", "a"], "data": []}}, "each of them once"),
        ({"dataframe_split": {**SPLIT, "types": ["number"]}}, "'types' must say one of"),
        ({"dataframe_split": {**SPLIT, "types": ["number", "tarot"]}}, "'types' must say one of number, integer"),
        ({"dataframe_split": {"columns": ["a"], "data": []}}, "holds no rows"),
        ({"dataframe_records": [1]}, "list of objects"),
        ({"inputs": {"a": [1], "b": [1, 2]}}, "all of one length"),
        ({"inputs": {"a": [1, "x"]}}, "column 'a': .* holds 1, 'x': expected values of one type"),
        ({"inputs": {"a": [True, 1]}}, "expected values of one type"),
        ({"instances": []}, "holds no rows"),
    ],
)
def test_what_is_no_example_is_refused_with_what_was_expected(given: object, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        example(given)


def test_an_artifact_may_have_none_and_one_that_is_no_json_is_refused(tmp_path: Path) -> None:
    assert read_example(str(tmp_path)) is None
    (tmp_path / EXAMPLE).write_text("{")
    with pytest.raises(FailedPrecondition, match=r"'example\.json' is no example"):
        read_example(str(tmp_path))


def test_values_become_the_tensors_of_a_table_with_masks_of_what_is_missing() -> None:
    signature = Signature(
        inputs=(
            column_spec("age", "number"),
            column_spec("rooms", "integer"),
            column_spec("city", "text"),
            column_spec("note", "text", optional=True),
        )
    )
    made = tensors_of(example({"inputs": {"age": [1, None], "city": ["ÿ", None], "rooms": [2.0, 3]}}), signature)
    assert np.array_equal(made["age"], [1, np.nan], equal_nan=True)
    assert (made["rooms"].dtype, made["rooms"].tolist()) == (np.int64, [2, 3])
    assert made["city"].tolist() == ["ÿ".encode(), b""]
    assert made["city:missing"].tolist() == [False, True]
    assert made["note:missing"].tolist() == [True, True]
    assert "rooms:missing" not in made


@pytest.mark.parametrize("value", [1.5, "two", True])
def test_a_value_that_is_not_of_its_columns_type_is_named(value: object) -> None:
    signature = Signature(inputs=(column_spec("rooms", "integer"),))
    one = Example(columns={"rooms": (1, value)})
    if value is True:  # a whole number to Python
        assert tensors_of(one, signature)["rooms"].tolist() == [1, 1]
        return
    with pytest.raises(FailedPrecondition, match=r"column 'rooms' holds .* in row 1, expected INT64"):
        tensors_of(one, signature)
