"""Numbers go from one data type to another exactly, or it is told, or they are refused."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from bms.core.errors import InvalidArgument
from bms.core.tensors.casting import cast
from bms.core.tensors.tensor import NUMPY


@pytest.mark.parametrize(
    ("values", "given", "wanted", "rounded"),
    [
        ([0.5, -2.0], "FP32", "FP64", False),
        ([0.1], "FP64", "FP32", True),
        ([0.5, 2.0**100], "FP64", "FP32", False),
        ([np.nan, np.inf, -np.inf], "FP64", "FP32", False),
        ([1, 2**24], "INT64", "FP32", False),
        ([2**24 + 1], "INT64", "FP32", True),
        ([1764000010], "INT32", "FP32", True),
        ([2**53], "INT64", "FP64", False),
        ([2**53 + 1], "INT64", "FP64", True),
        ([2**63 - 1], "INT64", "FP64", True),
        ([2**64 - 1], "UINT64", "FP64", True),
        ([-(2**63)], "INT64", "FP64", False),
        ([2049], "INT64", "FP16", True),
        ([True, False], "BOOL", "FP32", False),
        ([True, False], "BOOL", "INT8", False),
        ([1, 0], "INT64", "BOOL", False),
        ([1.0, 0.0], "FP32", "BOOL", False),
        ([3.0, -7.0], "FP64", "INT8", False),
        ([2.0**62], "FP64", "INT64", False),
        ([255], "INT64", "UINT8", False),
        ([2**63], "UINT64", "UINT64", False),
    ],
)
def test_what_fits_keeps_its_value_and_what_is_rounded_is_told(
    values: ArrayLike, given: str, wanted: str, rounded: bool
) -> None:
    array = np.array(values, dtype=NUMPY[given])
    made, told = cast(array, wanted, "x")
    assert made.dtype == NUMPY[wanted]
    assert told is rounded
    if not rounded:
        np.testing.assert_array_equal(made.astype(NUMPY[given]), array)


@pytest.mark.parametrize(
    ("values", "given", "wanted", "named"),
    [
        ([0.5, 1.5], "FP64", "INT64", "0.5"),
        ([np.nan], "FP64", "INT64", "nan"),
        ([np.inf], "FP32", "INT32", "inf"),
        ([2.0**63], "FP64", "INT64", "9.22"),
        ([-1.0], "FP64", "UINT8", "-1.0"),
        ([256], "INT64", "UINT8", "256"),
        ([-1], "INT8", "UINT64", "-1"),
        ([2**63], "UINT64", "INT64", "9223372036854775808"),
        ([2], "INT64", "BOOL", "2"),
        ([1e300], "FP64", "FP32", "1e+300"),
        ([70000], "INT64", "FP16", "70000"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_value(values: ArrayLike, given: str, wanted: str, named: str) -> None:
    with pytest.raises(InvalidArgument, match=r"which .* cannot hold") as refused:
        cast(np.array(values, dtype=NUMPY[given]), wanted, "x")
    assert named in str(refused.value)


def test_texts_are_no_numbers() -> None:
    with pytest.raises(InvalidArgument, match="is BYTES, expected FP64"):
        cast(np.array([b"1"], dtype=object), "FP64", "x")
    with pytest.raises(InvalidArgument, match="is FP64, expected BYTES"):
        cast(np.array([1.0]), "BYTES", "x")
