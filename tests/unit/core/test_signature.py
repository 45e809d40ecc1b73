"""Inputs fit a signature exactly, or the first misfit is named."""

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import Signature, TensorSpec, check_inputs, shape_text
from bms.core.tensors.tensor import Tensor

X = TensorSpec(name="x", dtype="FP32", shape=(None, 3))
N = TensorSpec(name="n", dtype="INT64", shape=(None,))
SIGNATURE = Signature(inputs=(X, N), outputs=(TensorSpec(name="y", dtype="FP32", shape=(None, 2)),))


def x(*shape: int) -> Tensor:
    return Tensor("x", np.zeros(shape, np.float32))


def n(rows: int) -> Tensor:
    return Tensor("n", np.zeros(rows, np.int64))


def test_fitting_inputs_give_their_number_of_rows() -> None:
    assert check_inputs(SIGNATURE, [n(4), x(4, 3)]) == 4


def test_unbatched_inputs_count_as_one_row() -> None:
    fixed = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(2, 3)),), outputs=(), batched=False)
    assert check_inputs(fixed, [x(2, 3)]) == 1


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ([x(2, 3)], "'n' is missing"),
        ([x(2, 3), n(2), Tensor("z", np.zeros(2))], "unknown input 'z'"),
        ([x(2, 3), n(3)], "disagree on the number of rows: 2 and 3"),
        ([x(2, 4), n(2)], r"shape \[2, 4\], expected \[-1, 3\]"),
        ([x(2, 3, 1), n(2)], "shape"),
        ([Tensor("x", np.zeros((2, 3))), n(2)], "is FP64, expected FP32"),
        ([x(0, 3), n(0)], "no rows"),
        ([x(1, 3), x(1, 3), n(1)], "given twice"),
    ],
)
def test_the_first_misfit_is_named(tensors: list[Tensor], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        check_inputs(SIGNATURE, tensors)


def test_specs_are_found_by_name() -> None:
    assert SIGNATURE.input("n") is N
    assert SIGNATURE.output("y").dtype == "FP32"
    with pytest.raises(InvalidArgument, match="this model takes 'x', 'n'"):
        SIGNATURE.input("z")
    with pytest.raises(InvalidArgument, match="this model gives 'y'"):
        SIGNATURE.output("z")
    assert shape_text((None, 3)) == "[-1, 3]"


def test_who_sends_features_where_they_are_not_serialized_is_told_where_they_are() -> None:
    spec = TensorSpec(name="examples", dtype="BYTES", shape=(None,), features=())
    told = "this model takes 'examples', which are serialized tf.train.Examples: send those, or their features as JSON"
    with pytest.raises(InvalidArgument, match=told):
        check_inputs(Signature(inputs=(spec,)), [Tensor("length", np.ones(1))])
