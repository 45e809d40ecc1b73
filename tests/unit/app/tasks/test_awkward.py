"""Rows of numbers on which conversions go wrong."""

import numpy as np
import pytest

from bms.app.tasks.awkward import awkward_rows
from bms.core.tensors.tensor import DType

ROWS = np.random.default_rng(1).standard_normal((20, 3))


def test_every_column_holds_a_unix_time_an_id_and_a_missing_value() -> None:
    made = awkward_rows(ROWS, "FP64", [])
    assert made.dtype == np.float64
    for column in range(3):
        values = made[:, column]
        assert {1_764_000_010.0, 1_764_000_011.0, 2.0**24 + 1, 2.0**53 - 1} <= set(values.tolist())
        assert np.isnan(values).any()
    sizes = np.abs(made[made != 0])
    assert np.nanmax(sizes) > 1e9 > 1e-8 > np.nanmin(sizes)


def test_splits_are_met_from_both_sides_in_both_precisions() -> None:
    made = awkward_rows(ROWS, "FP64", [(2, 0.1)])[:, 2]
    single = np.float32(0.1)
    assert {0.1, np.nextafter(0.1, 1), np.nextafter(0.1, 0), float(single)} <= set(made.tolist())
    assert float(np.nextafter(single, np.float32(1))) in made


@pytest.mark.parametrize("dtype", ["FP32", "INT64"])
def test_rows_are_of_the_type_that_the_model_takes(dtype: DType) -> None:
    made = awkward_rows(ROWS, dtype, [(0, 0.5)])
    assert made.dtype == {"FP32": np.dtype(np.float32), "INT64": np.dtype(np.int64)}[dtype]
