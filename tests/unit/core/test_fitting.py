"""What was sent becomes what a model takes: its types, and all columns of its table."""

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.signature import Signature, TensorSpec, column_spec
from bms.core.tensors.tensor import Array, Tensor

X = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),))
TABLE = Signature(
    inputs=(
        column_spec("age", "integer"),
        column_spec("pay", "number"),
        column_spec("city", "text", optional=True),
        column_spec("member", "boolean", optional=True),
    )
)


def texts(*values: str) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = [value.encode() for value in values]
    return array


def by_name(tensors: list[Tensor]) -> dict[str, list[object]]:
    return {tensor.name: tensor.array.tolist() for tensor in tensors}


def test_rounding_is_told_and_exact_casts_are_not() -> None:
    fitted = fit_inputs(X, [Tensor("x", np.array([[0.1, 0.2]]))])
    assert fitted.tensors[0].array.dtype == np.float32
    assert fitted.notes == ("input 'x': FP64 numbers were rounded to FP32, which the model takes",)
    assert fit_inputs(X, [Tensor("x", np.array([[1, 2], [3, 4]]))]).notes == ()


def test_columns_come_in_any_order_with_what_is_missing_filled_in() -> None:
    fitted = fit_inputs(TABLE, [Tensor("pay", np.array([[1.5], [np.nan]])), Tensor("age", np.array([41.0, np.nan]))])
    assert fitted.rows == 2
    values = by_name(fitted.tensors)
    assert values["age"] == [41, 0]
    assert values["age:missing"] == [False, True]
    assert values["city"] == [b"", b""]
    assert values["city:missing"] == values["member:missing"] == [True, True]
    assert "pay:missing" not in values
    assert np.isnan(values["pay"][1])  # type: ignore[call-overload]


def test_masks_that_say_nothing_is_missing_are_dropped_and_those_of_numbers_become_nan() -> None:
    fitted = fit_inputs(
        TABLE,
        [
            Tensor("age", np.array([1, 2])),
            Tensor("pay", np.array([3, 4])),
            Tensor("pay:missing", np.array([False, True])),
            Tensor("city", texts("Köln", "Ulm")),
            Tensor("city:missing", np.array([False, False])),
            Tensor("member", np.array([1, 0])),
        ],
    )
    assert [tensor.name for tensor in fitted.tensors] == ["age", "pay", "city", "member"]
    pay = by_name(fitted.tensors)["pay"]
    assert pay[0] == 3.0
    assert np.isnan(pay[1])  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (
            [Tensor("age", np.array([1])), Tensor("salary", np.array([1.0]))],
            "'pay' is missing; column 'salary'",
        ),
        ([Tensor("age", np.array([1])), Tensor("pay", np.array([1.0, 2.0]))], "number of rows: 1 and 2"),
        ([Tensor("age", np.array([0.5])), Tensor("pay", np.array([1.0]))], "holds 0.5, which INT64 cannot hold"),
        (
            [Tensor("age", texts("41")), Tensor("pay", np.array([1.0]))],
            r"'age' is integer \(INT64\), and texts were sent; the first is '41'",
        ),
        (
            [Tensor("age", np.array([1])), Tensor("pay", np.array([1.0])), Tensor("age:missing", np.array([1, 0]))],
            r"'age:missing' is INT64 \[2\], expected BOOL \[1\]",
        ),
        ([], "columns 'age', 'pay' are missing"),
    ],
)
def test_misfits_of_tables_are_named_with_both_sides(tensors: list[Tensor], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        fit_inputs(TABLE, tensors)


def test_what_is_missing_in_a_model_without_columns_is_refused_in_words() -> None:
    ints = Signature(inputs=(TensorSpec(name="n", dtype="INT64", shape=(None,)),))
    with pytest.raises(InvalidArgument, match="'n' has a missing value, which INT64 can't express"):
        fit_inputs(ints, [Tensor("n", np.array([1])), Tensor("n:missing", np.array([True]))])
