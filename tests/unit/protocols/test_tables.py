"""Tables reach a model's columns by name, whatever form they come in, and misfits are named with row and value."""

import json
from typing import Any

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.columns import Column
from bms.core.tensors.request import InferRequest
from bms.core.tensors.signature import DEFAULT, MATRIX, Signature, TensorSpec, column_spec
from bms.protocols.oip import infer as oip
from bms.protocols.tfserving import predict as tfserving
from bms.protocols.tfserving.examples import decode_examples

TABLE = Signature(
    inputs=(
        column_spec("age", "integer"),
        column_spec("pay", "number", optional=True),
        column_spec("city", "text"),
        column_spec("member", "boolean", optional=True),
        column_spec("since", "datetime", optional=True),
        column_spec("size", "category", categories=(10, 20, 30), optional=True),
    )
)
SIGNATURES = {DEFAULT: TABLE}
NUMBERS = Signature(inputs=(column_spec("a", "number"), column_spec("b", "number")))
MATRIX_OF_NUMBERS = Signature(inputs=(TensorSpec(name="x", dtype="FP64", shape=(None, 2)),))


def values(request: InferRequest) -> dict[str, list[Any]]:
    """What reaches the model, None where it is missing."""
    given = {tensor.name: tensor.array for tensor in request.inputs}
    told = {}
    for spec in TABLE.inputs:
        array = given[spec.name]
        mask = given.get(f"{spec.name}:missing")
        if array.dtype.kind == "f":
            mask = np.isnan(array)
        cells = [cell.decode() if isinstance(cell, bytes) else cell for cell in array.tolist()]
        told[spec.name] = [None if mask is not None and mask[row] else cell for row, cell in enumerate(cells)]
    return told


def predict(body: dict[str, Any], signatures: dict[str, Signature] = SIGNATURES) -> tfserving.DecodedPredict:
    return tfserving.decode_predict(json.dumps(body, ensure_ascii=False).encode(), "m", signatures)


ROWS = [
    {"age": 41, "pay": 2.5, "city": "Köln", "member": True, "since": "2026-01-31T12:30:00", "size": 20},
    {"city": "", "age": 2**62 + 1, "pay": None},
]
EXPECTED = {
    "age": [41, 2**62 + 1],
    "pay": [2.5, None],
    "city": ["Köln", ""],
    "member": [True, None],
    "since": ["2026-01-31T12:30:00", None],
    "size": [20, None],
}
NAMES = list(EXPECTED)
LISTS = [[row.get(name) for name in NAMES] for row in ROWS]


@pytest.mark.parametrize(
    "body",
    [
        {"instances": ROWS},
        {"dataframe_records": ROWS},
        {"inputs": {name: [row.get(name) for row in ROWS] for name in NAMES}},
        {"inputs": {name: [row.get(name) for row in ROWS] for name in reversed(NAMES)}},
        {"dataframe_split": {"columns": NAMES, "index": [7, 8], "data": LISTS}},
        {"dataframe_split": {"columns": NAMES[::-1], "data": [row[::-1] for row in LISTS]}},
        {"instances": LISTS},
        {"instances": [ROWS]},
        {"instances": [ROWS[:1], [], ROWS[1:]]},
        {"inputs": [[row] for row in ROWS]},
    ],
    ids=[
        "instances",
        "records",
        "inputs",
        "inputs-turned",
        "split",
        "split-turned",
        "lists",
        "rows-in-one",
        "rows-in-several",
        "inputs-in-several",
    ],
)
def test_every_form_says_the_same(body: dict[str, Any]) -> None:
    decoded = predict(body)
    assert values(decoded.request) == EXPECTED
    assert decoded.rows == 2
    assert decoded.request.notes == ()


def test_csv_says_the_same_but_for_texts_that_are_empty() -> None:
    body = '\ufeff"city",age,pay,size,since,member\r\n"Köln, Süd",41,2.5,20,2026-01-31T12:30:00,true\r\n,7,,,,\r\n'
    decoded = tfserving.decode_csv(body.encode(), "m", SIGNATURES, "predict")
    assert values(decoded.request) == {
        **EXPECTED,
        "age": [41, 7],
        "city": ["Köln, Süd", None],
    }


def test_bodies_with_bare_nan_say_the_same() -> None:
    body = json.dumps({"instances": [{**ROWS[0], "pay": float("nan")}, ROWS[1]]})
    assert values(tfserving.decode_predict(body.encode(), "m", SIGNATURES).request)["pay"] == [None, None]


def test_oip_takes_named_tensors_with_null_and_columns_that_are_left_out() -> None:
    body = {
        "inputs": [
            {"name": "city", "shape": [2, 1], "datatype": "BYTES", "data": ["Köln", ""]},
            {"name": "age", "shape": [2], "datatype": "INT64", "data": [41, 2**62 + 1]},
            {"name": "pay", "shape": [2], "datatype": "FP64", "data": [2.5, None]},
            {"name": "member", "shape": [2], "datatype": "BOOL", "data": [True, None]},
            {"name": "since", "shape": [2], "datatype": "BYTES", "data": ["2026-01-31T12:30:00", None]},
            {"name": "size", "shape": [2], "datatype": "INT32", "data": [20, None]},
        ]
    }
    decoded = oip.decode_infer(json.dumps(body).encode(), None, "m", SIGNATURES)
    assert values(decoded.request) == EXPECTED


def test_examples_of_classify_are_rows_too() -> None:
    signatures = {DEFAULT: Signature(inputs=TABLE.inputs, method="classify", scores="p")}
    body = json.dumps({"context": {"pay": 2.5}, "examples": [ROWS[0], {"age": 1.0, "city": "Ulm"}]}).encode()
    told = values(decode_examples(body, "m", signatures, "classify").request)
    assert told["age"] == [41, 1]
    assert told["pay"] == [2.5, 2.5]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"age": 0.5}, r"column 'age' \(integer\), row 1: expected a whole number or null, got 0.5"),
        ({"age": "41"}, r"column 'age' \(integer\), row 1: .* got '41'"),
        ({"age": 2**63}, r"row 1: expected a whole number that INT64 holds"),
        ({"age": [41]}, r"row 1: .* got \[41\]"),
        ({"city": 50667}, r"column 'city' \(text\), row 1: expected a text or null, got 50667"),
        ({"pay": "2,5"}, r"column 'pay' \(number\), row 1"),
        ({"member": 1}, r"column 'member' \(boolean\), row 1: expected true or false or null, got 1"),
        ({"since": "31.01.2026"}, r"column 'since', row 1: '31.01.2026' is no date-time of ISO 8601"),
        ({"size": "20"}, r"column 'size' \(category\), row 1"),
        (
            {"income": 3},
            r"row 1: column 'income' is unknown: this model takes 'age' integer, 'pay' number\?, 'city'",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        predict({"instances": [ROWS[0], {**ROWS[0], **change}]})


def test_a_column_that_must_not_be_left_out_is_named() -> None:
    with pytest.raises(InvalidArgument, match="row 1: column 'age' is missing: this model takes 'age' integer"):
        predict({"instances": [ROWS[0], {"city": "Ulm"}]})
    with pytest.raises(InvalidArgument, match="column 'age' is missing; column 'agee' is unknown"):
        predict({"dataframe_split": {"columns": ["agee", "city"], "data": [[1, "Ulm"]]}})
    with pytest.raises(InvalidArgument, match="row 1 has 5 values, expected 6"):
        predict({"instances": [LISTS[0], LISTS[0][:5]]})
    with pytest.raises(InvalidArgument, match="line 3 has 1 cells for 2 columns"):
        tfserving.decode_csv(b"age,city\n1,Ulm\n2\n", "m", SIGNATURES, "predict")
    with pytest.raises(InvalidArgument, match="names a column twice"):
        predict({"dataframe_split": {"columns": ["age", "age"], "data": [[1, 1]]}})
    with pytest.raises(InvalidArgument, match="one of them, not 2"):
        predict({"instances": ROWS, "dataframe_records": ROWS})


def test_whole_numbers_that_a_column_rounds_are_told() -> None:
    decoded = predict({"instances": [{"age": 1, "city": "Ulm", "pay": 2**53 + 1}]})
    assert decoded.request.notes == ("column 'pay', row 0: 9007199254740993 was rounded to FP64",)


def test_masks_say_what_is_missing_in_columns_of_values_too() -> None:
    given = {"age": [1, 2], "city": ["Ulm", "Ulm"], "city:missing": [True, False]}
    assert values(predict({"inputs": given}).request)["city"] == [None, "Ulm"]
    with pytest.raises(InvalidArgument, match=r"'city:missing' is BOOL \[1\], expected BOOL \[2\]"):
        predict({"inputs": {**given, "city:missing": [True]}})


def test_what_the_model_does_not_read_may_be_anything() -> None:
    unread = TensorSpec(
        name="note", dtype="BYTES", shape=(None,), column=Column(type="text", optional=True, unread=True)
    )
    signatures = {DEFAULT: Signature(inputs=(column_spec("age", "integer"), unread))}
    for body in (
        {"instances": [{"age": 1, "note": 5}, {"age": 2}]},
        {"inputs": {"age": [1, 2], "note": [True, "x"]}},
        {"instances": [[1, 5], [2, None]]},
    ):
        request = predict(body, signatures).request
        assert [tensor.name for tensor in request.inputs] == ["age", "note", "note:missing"]
        assert request.inputs[2].array.all()


def test_a_line_without_a_cell_is_a_row_of_a_table_of_one_column() -> None:
    signatures = {DEFAULT: Signature(inputs=(column_spec("city", "text"),))}
    decoded = tfserving.decode_csv(b"city\nUlm\n\nBonn\n", "m", signatures, "predict")
    assert decoded.rows == 3
    assert decoded.request.inputs[1].array.tolist() == [False, True, False]


@pytest.mark.parametrize("cell", ["1_000", "\u0664\u0661", "1e400", "0x10", "9007199254740993.0", "eins"])
def test_cells_that_are_no_numbers_as_json_writes_them_are_refused(cell: str) -> None:
    with pytest.raises(InvalidArgument, match=r"column 'age' \(integer\), row 0"):
        tfserving.decode_csv(f"age,city\n{cell},Ulm\n".encode(), "m", SIGNATURES, "predict")


def test_booleans_are_numbers_where_numbers_are_taken() -> None:
    decoded = predict({"instances": [{"age": True, "pay": False, "city": "Ulm"}]})
    assert values(decoded.request)["age"] == [1]
    assert values(decoded.request)["pay"] == [0.0]
    decoded = tfserving.decode_csv(b"age,pay,city\nTrue,false,Ulm\n", "m", SIGNATURES, "predict")
    assert values(decoded.request)["pay"] == [0.0]


def test_lists_of_numbers_mean_the_matrix_and_names_the_table() -> None:
    signatures = {DEFAULT: NUMBERS, MATRIX: MATRIX_OF_NUMBERS}
    assert predict({"instances": [[1, 2], [3, 4]]}, signatures).request.signature == MATRIX
    assert predict({"inputs": [[1, 2], [3, 4]]}, signatures).request.signature == MATRIX
    assert predict({"instances": [{"b": 2, "a": 1}]}, signatures).request.signature == DEFAULT
    with pytest.raises(InvalidArgument, match="column 'b' is missing"):
        predict({"instances": [{"a": 1}]}, signatures)


def test_a_frame_for_a_model_that_knows_no_names_is_its_values() -> None:
    decoded = predict(
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, None], [3, 4]]}}, {DEFAULT: MATRIX_OF_NUMBERS}
    )
    np.testing.assert_array_equal(decoded.request.inputs[0].array, [[1, np.nan], [3, 4]])


def test_one_value_fills_an_input_of_one_column() -> None:
    columns = Signature(
        inputs=(
            TensorSpec(name="age", dtype="INT64", shape=(None, 1)),
            TensorSpec(name="city", dtype="BYTES", shape=(None, 1)),
        )
    )
    rows = [{"age": 41, "city": "Köln"}, {"age": 7, "city": "Ulm"}]
    request = predict({"instances": rows}, {DEFAULT: columns}).request
    assert {tensor.name: tensor.array.tolist() for tensor in request.inputs} == {
        "age": [[41], [7]],
        "city": [["Köln".encode()], [b"Ulm"]],
    }


def by_index(rows: list[dict[str, Any]], first: int = 0) -> dict[str, Any]:
    """As pandas' `to_dict()` writes a frame."""
    return {name: {str(first + at): row.get(name) for at, row in enumerate(rows)} for name in NAMES}


@pytest.mark.parametrize("form", ["instances", "inputs"])
@pytest.mark.parametrize(
    "frames",
    [
        [by_index(ROWS)],
        [by_index(ROWS[:1]), by_index(ROWS[1:], 9)],
        [{name: [row.get(name) for row in ROWS] for name in NAMES}],
        [{**by_index(ROWS), "pay": {"0": 2.5}}],
        [{**by_index(ROWS[:1]), "pay": {"0": 2.5}}, {name: [row[name]] for row in ROWS[1:] for name in row}],
    ],
    ids=["one", "one-below-another", "lists", "an-index-is-missing", "by-index-and-lists"],
)
def test_an_instance_may_be_a_table_of_its_own(frames: list[Any], form: str) -> None:
    decoded = predict({form: frames})
    assert (values(decoded.request), decoded.rows) == (EXPECTED, 2)
    # As the slow parser reads a body:
    bare = json.dumps({form: frames, "nothing": float("nan")}, ensure_ascii=False).encode()
    assert values(tfserving.decode_predict(bare, "m", SIGNATURES).request) == EXPECTED


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([{"age": {"0": 1}, "city": "a"}], "instance 0 is neither a row"),
        ([{"age": [1, 2], "city": ["a"]}], "instance 0 has columns of different lengths: 'age' 2, 'city' 1"),
        ([{"age": {"0": 1}, "city": {"0": "a"}}, {"age": 2, "city": "b"}], "instance 1 is neither a row"),
        ([{"age": {"0": 1}, "town": {"0": "a"}}], "'town' is unknown"),
        ([{"age": {"0": [1]}, "city": {"0": "a"}}], "column 'age' (integer), row 0"),
        ([{"age": [], "city": []}], "at least one"),
        ([{"age": {"0": 1}, "city": {}}], "column 'city' is missing"),
        ([{"age": {}, "city": {}}], "at least one"),
        ([[ROWS[0]], ROWS[1]], "instance 1 must be a list"),
        ([[ROWS[0], 7]], "instance 0 must be a list of which all elements are objects"),
    ],
)
def test_a_table_that_is_none_is_refused(frames: list[Any], words: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        predict({"instances": frames})
    assert words in refusal.value.message
