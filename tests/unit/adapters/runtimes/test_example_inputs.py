"""An artifact's example as the inputs of a signature."""

import numpy as np
import pytest

from bms.adapters.runtimes.example_file import Example, parsed_example
from bms.adapters.runtimes.example_inputs import example_inputs
from bms.core.errors import FailedPrecondition
from bms.core.signature import Signature, TensorSpec, column_spec

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
        (parsed_example(b'{"instances": [["a", "b"]]}'), MATRIX, "the example's rows are not FP32"),
    ],
)
def test_an_example_that_the_model_can_not_take_is_refused(example: Example, signature: Signature, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        example_inputs(example, signature)


def test_arrays_have_the_inputs_types() -> None:
    made = example_inputs(parsed_example(b'{"instances": [[1, 2]]}'), MATRIX)
    assert made is not None
    assert made["x"].dtype == np.float32
