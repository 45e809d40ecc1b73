"""Rows on which conversions go wrong, and how answers to them are compared."""

from collections.abc import Mapping

import numpy as np
import pytest

from bms.app.tasks.awkward import answered, awkward_rows, scaled
from bms.core.errors import InvalidArgument
from bms.core.signature import Signature, TensorSpec
from bms.core.tensor import Array, DType

ROWS = np.random.default_rng(1).standard_normal((20, 3))


class Halves:
    """Halves its rows, and refuses those with a missing value."""

    format = "none"
    signatures = {
        "serving_default": Signature(
            inputs=(TensorSpec(name="x", dtype="FP64", shape=(None, 3)),),
            outputs=(TensorSpec(name="y", dtype="FP64", shape=(None, 3)),),
        )
    }

    def infer(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        x = inputs["x"].astype(np.float64)
        if np.isnan(x).any():
            raise InvalidArgument("there is no value")
        return {"y": x / 2}

    def close(self) -> None:
        """Nothing to free."""


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


def test_what_the_parent_refuses_is_left_out() -> None:
    servable = Halves()
    rows = np.array([[1.0, 2, 3], [np.nan, 1, 1], [4, 5, 6]])
    outputs, kept = answered(servable, servable.signatures["serving_default"], rows)
    assert kept.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert outputs["y"].tolist() == [[0.5, 1, 1.5], [2, 2.5, 3]]
    assert len(answered(servable, servable.signatures["serving_default"], rows[1:2])[1]) == 0


def test_lost_digits_of_a_unix_time_count_and_rounding_of_huge_answers_does_not() -> None:
    parent = {"y": np.array([1_764_000_010.0, 1e15, 0.5])}
    rounded = {"y": np.array([1_764_000_010.0, 1e15, 0.5], dtype=np.float32).astype(np.float64)}
    last = {"y": np.array([1_764_000_010.0, np.nextafter(1e15, np.inf), 0.5])}
    apart = [np.abs(scaled(one, parent)["y"] - scaled(parent, parent)["y"]) for one in (rounded, last)]
    assert apart[0][0] > 1e-3
    assert apart[1].max() < 1e-8
    single = {"y": np.array([3e9], dtype=np.float32)}
    assert scaled(single, single)["y"] == pytest.approx(1)
