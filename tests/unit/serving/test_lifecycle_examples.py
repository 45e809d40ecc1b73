import numpy as np

from bms.core.tensors.signature import Signature, TensorSpec, check_inputs
from bms.core.tensors.tensor import NUMPY, Tensor
from bms.serving.lifecycle.examples import constant, rows_of, varied

SIGNATURE = Signature(
    inputs=(
        *[TensorSpec(name=dtype, dtype=dtype, shape=(None, 3)) for dtype in NUMPY],  # type: ignore[arg-type]
        TensorSpec(name="free", dtype="FP32", shape=(None, None, 2)),
    ),
    outputs=(),
)


def test_examples_fit_the_signature_they_are_made_from() -> None:
    for rows in (1, 7):
        for made in (constant(SIGNATURE, rows, 0), constant(SIGNATURE, rows, 1), varied(SIGNATURE, rows)):
            tensors = [Tensor(name, array) for name, array in made.items()]
            assert check_inputs(SIGNATURE, tensors) == rows
            assert made["free"].shape == (rows, 1, 2)


def test_constant_examples_are_full_of_the_value() -> None:
    ones = constant(SIGNATURE, 2, 1)
    assert np.all(ones["INT64"] == 1)
    assert np.all(ones["FP16"] == 1)
    assert ones["BYTES"].tolist() == [[b""] * 3] * 2


def test_varied_examples_differ_from_row_to_row_and_are_the_same_every_time() -> None:
    first, second = varied(SIGNATURE, 4), varied(SIGNATURE, 4)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(first["FP32"][0], first["FP32"][1])
    assert first["UINT8"][:, 0].tolist() == [0, 1, 0, 1]


def test_what_is_not_batched_keeps_its_own_first_dimension() -> None:
    fixed = Signature(inputs=(TensorSpec(name="x", dtype="INT32", shape=(2, 4)),), outputs=(), batched=False)
    scalar = Signature(inputs=(TensorSpec(name="x", dtype="INT32", shape=()),), outputs=(), batched=False)
    assert varied(fixed, 9)["x"].shape == (2, 4)
    assert varied(scalar, 9)["x"].shape == ()


def test_rows_are_picked_from_every_array() -> None:
    made = varied(SIGNATURE, 5)
    picked = rows_of(made, [3, 0])
    assert all(np.array_equal(picked[name], made[name][[3, 0]]) for name in made)
