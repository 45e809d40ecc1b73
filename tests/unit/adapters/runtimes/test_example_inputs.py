"""An artifact's example as the inputs of a signature."""

import json

import numpy as np
import pytest

from bms.adapters.runtimes.examples.file import Example, parsed_example
from bms.adapters.runtimes.examples.inputs import example_inputs, examples_of
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import Signature, TensorSpec, column_spec

TABLE = Signature(inputs=(column_spec("age", "integer"), column_spec("city", "text", optional=True)))
MATRIX = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),))
COLUMNS = Signature(
    inputs=(
        TensorSpec(name="age", dtype="INT64", shape=(None, 1)),
        TensorSpec(name="city", dtype="BYTES", shape=(None, 1)),
    )
)


def records(*rows: dict[str, object]) -> Example:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Example(columns={name: tuple(row.get(name) for row in rows) for name in names})


def listed(example: Example, signature: Signature) -> dict[str, object]:
    made = example_inputs(example, signature)
    assert made is not None
    return {name: array.tolist() for name, array in made.items()}


def test_records_are_the_columns_of_a_table_with_masks_of_what_is_missing() -> None:
    made = listed(records({"age": 41, "city": "Köln"}, {"age": 12}), TABLE)
    assert made == {"age": [41, 12], "city": ["Köln".encode(), b""], "city:missing": [False, True]}


def test_records_are_inputs_of_one_column_each() -> None:
    assert listed(records({"city": "Bonn", "age": 41}), COLUMNS) == {"age": [[41]], "city": [[b"Bonn"]]}


def test_rows_are_the_only_input() -> None:
    assert listed(parsed_example(b'{"instances": [[1, 2.5]]}'), MATRIX) == {"x": [[1, 2.5]]}


def test_an_example_of_another_signature_is_none() -> None:
    assert example_inputs(records({"age": 41}), MATRIX) is None
    assert example_inputs(parsed_example(b'{"instances": [[1, 2]]}'), TABLE) is None
    assert example_inputs(None, TABLE) is None


@pytest.mark.parametrize(
    ("example", "signature", "says"),
    [
        (records({"years": 41}), TABLE, "column 'age' is missing; column 'years' is unknown"),
        (records({"age": "old"}), TABLE, "'age' holds 'old' in row 0, expected INT64"),
        (parsed_example(b'{"instances": [[1, 2, 3]]}'), MATRIX, r"'x' has shape \[1, 3\], the model takes \[-1, 2\]"),
        (parsed_example(b'{"instances": [["a", "b"]]}'), MATRIX, r"'x' holds 'a' at \[0, 0\], expected FP32"),
    ],
)
def test_an_example_that_the_model_can_not_take_is_refused(example: Example, signature: Signature, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        example_inputs(example, signature)


PACKED = Signature(
    inputs=(
        TensorSpec(name="x", dtype="FP32", shape=(None, 2, 1)),
        TensorSpec(name="lengths", dtype="INT64", shape=(None,)),
    )
)
NESTED = {"x": [[[1], [2.5]], [[3], [None]]], "lengths": [2, 1]}


@pytest.mark.parametrize(
    "given",
    [
        {"inputs": NESTED},
        {"instances": [{"x": x, "lengths": length} for x, length in zip(NESTED["x"], NESTED["lengths"], strict=True)]},
    ],
)
def test_tensors_by_name_are_read_in_both_forms(given: object) -> None:
    made = example_inputs(parsed_example(json.dumps(given).encode()), PACKED)
    assert made is not None
    assert (made["x"].dtype, made["x"].shape, made["lengths"].tolist()) == (np.float32, (2, 2, 1), [2, 1])
    assert np.isnan(made["x"][1, 1, 0])


def test_bytes_are_written_in_base_64() -> None:
    images = Signature(inputs=(TensorSpec(name="image", dtype="BYTES", shape=(None,)),))
    assert listed(parsed_example(b'{"instances": [{"b64": "/9g="}]}'), images) == {"image": [b"\xff\xd8"]}
    assert listed(parsed_example(b'{"inputs": {"image": [{"b64": "/9g="}]}}'), images) == {"image": [b"\xff\xd8"]}


def test_columns_of_numbers_are_the_matrix_that_is_taken() -> None:
    assert listed(records({"a": 1, "b": 2.5}, {"a": 3, "b": 4}), MATRIX) == {"x": [[1, 2.5], [3, 4]]}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"x": [[[1], [2]]], "lengths": [1, 2]}, "as many rows as one another: 'x' has 1, 'lengths' has 2"),
        ({"x": [[[1], [2]]]}, "'lengths' is missing"),
        ({"x": [[[1], [2]]], "lengths": [1.5]}, r"'lengths' holds 1.5 at \[0\], expected INT64"),
        ({"x": [[[1], ["two"]]], "lengths": [1]}, r"'x' holds 'two' at \[0, 1, 0\], expected FP32"),
        ({"x": [[[1e39], [2]]], "lengths": [1]}, r"'x' holds 1e\+39 at \[0, 0, 0\], expected FP32"),
        ({"x": [[[1], [2]], [[1]]], "lengths": [1, 2]}, r"lists of several lengths: at \[1\] one of 1"),
        ({"x": [[[1, 1], [2, 2]]], "lengths": [1]}, r"shape \[1, 2, 2\], the model takes \[-1, 2, 1\]"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_with_place_value_and_what_was_expected(given: object, says: str) -> None:
    example = parsed_example(json.dumps({"inputs": given}).encode())
    with pytest.raises(FailedPrecondition, match=says):
        example_inputs(example, PACKED)


def test_an_example_is_used_for_the_signatures_that_it_fits_and_must_fit_one() -> None:
    rows = parsed_example(b'{"instances": ["a", "b"]}')
    texts = Signature(inputs=(TensorSpec(name="text", dtype="BYTES", shape=(None,)),))
    assert list(examples_of(rows, {"numbers": MATRIX, "texts": texts})) == ["texts"]
    with pytest.raises(FailedPrecondition, match="expected FP32"):
        examples_of(rows, {"numbers": MATRIX})
    other = records({"years": 4})
    assert examples_of(other, {"numbers": MATRIX}) == {}
    with pytest.raises(FailedPrecondition, match=r"has 'years', the model takes x FP32 \[-1, 2\]"):
        examples_of(other, {"numbers": MATRIX}, must_fit=True)


def test_arrays_have_the_inputs_types() -> None:
    made = example_inputs(parsed_example(b'{"instances": [[1, 2]]}'), MATRIX)
    assert made is not None
    assert made["x"].dtype == np.float32
