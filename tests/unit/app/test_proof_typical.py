"""Rows like those of a data set, of which a converted model makes its example."""

import numpy as np
import pytest

from bms.app.tasks.proof.typical import ROWS, typical


@pytest.mark.parametrize("kind", ["f4", "f8", "i8"])
def test_each_column_has_its_own_values_and_no_row_is_one_of_the_data(kind: str) -> None:
    data = np.stack([np.arange(100), np.arange(100) * 1000 + 1_700_000_000, np.arange(100) + 7], axis=1).astype(kind)
    made = typical(data, np.arange(100)[::-1])
    assert (made.shape, made.dtype) == ((ROWS, 3), data.dtype)
    for column in range(3):
        assert set(made[:, column]) <= set(data[:, column])
    assert not {tuple(row) for row in made.tolist()} & {tuple(row) for row in data.tolist()}


def test_they_are_of_all_answers_and_mixed_of_like_ones() -> None:
    labels = np.array([b"a", b"b", b"c", b"d"] * 10, dtype=object)
    data = np.stack([np.frombuffer(b"abcd" * 10, np.uint8)] * 2, axis=1).astype(np.float64)
    made = typical(data, labels)
    assert set(made[:, 0]) == set(b"abcd")
    assert (made[:, 0] == made[:, 1]).mean() >= 0.5


def test_what_is_missing_is_left_out() -> None:
    data = np.array([[1.0, np.nan], [2.0, 5.0], [3.0, 6.0], [np.inf, 6.0]])
    made = typical(data, np.zeros(4))
    assert set(made[:, 0]) == {2.0, 3.0}
    assert np.isfinite(typical(np.full((3, 2), np.nan), np.zeros(3))).all()


def test_more_dimensions_and_few_rows() -> None:
    assert typical(np.ones((1, 2, 3), np.float32), np.zeros((1, 4))).shape == (1, 2, 3)
