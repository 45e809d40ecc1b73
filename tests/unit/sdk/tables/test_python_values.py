"""Columns from Python's own values."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.sdk.tables.python_values import nested_array, of_values


def test_whole_numbers_keep_every_digit_and_gaps_are_marked() -> None:
    column = of_values("id", [2**53 + 1, None, -1])
    assert (column.array.dtype, column.array.tolist(), column.type) == (np.int64, [2**53 + 1, 0, -1], "integer")
    assert column.missing is not None
    assert column.missing.tolist() == [False, True, False]
    assert of_values("id", [2**64 - 1, 0]).array.dtype == np.uint64


def test_numbers_are_doubles_and_nan_where_missing() -> None:
    column = of_values("price", [1, 0.5, None, float("nan"), np.float32(0.25), Decimal("0.1")])
    np.testing.assert_array_equal(column.array, [1, 0.5, np.nan, np.nan, 0.25, 0.1])
    assert (column.array.dtype, column.missing, column.type) == (np.float64, None, "number")


def test_nan_among_whole_numbers_texts_and_booleans_is_a_missing_value() -> None:
    for given, array in (([2**60, float("nan")], [2**60, 0]), (["a", np.nan], [b"a", b""]), ([True, None], [1, 0])):
        column = of_values("x", given)
        assert column.array.tolist() == array
        assert column.missing is not None
        assert column.missing.tolist() == [False, True]


def test_texts_are_utf8_and_bytes_stay_as_they_are() -> None:
    assert of_values("city", ["Köln", np.str_("x"), b"\xff"]).array.tolist() == ["Köln".encode(), b"x", b"\xff"]


def test_dates_and_times_are_iso_8601() -> None:
    times = [datetime(2026, 1, 2, 3, 4, 5, 6, UTC), date(2026, 1, 2), np.datetime64("2026-01-02T03:04", "ns"), None]
    column = of_values("at", times)
    assert column.array.tolist() == [
        b"2026-01-02T03:04:05.000006+00:00",
        b"2026-01-02",
        b"2026-01-02T03:04:00.000000000",
        b"",
    ]
    assert column.type == "datetime"
    assert of_values("at", [np.datetime64("NaT"), None]).type is None


def test_what_is_missing_altogether_takes_the_type_that_somebody_declares() -> None:
    column = of_values("city", [None, float("nan")])
    assert column.type is None
    assert np.isnan(column.array).all()
    texts = column.as_dtype("BYTES")
    assert texts.array.tolist() == [b"", b""]
    assert texts.missing is not None
    assert texts.missing.all()


def test_lists_of_one_length_are_an_array() -> None:
    assert of_values("x", [[1, 2], [3, 4]]).array.tolist() == [[1, 2], [3, 4]]
    assert of_values("x", [np.zeros(3, np.float32)] * 2).array.dtype == np.float32
    assert of_values("x", [["a"], ["b"]]).array.tolist() == [[b"a"], [b"b"]]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["a", 3], "mixes texts and whole numbers: row 0 holds 'a', row 1 3"),
        ([True, 2], "mixes booleans and whole numbers"),
        ([1.5, 2**53 + 1], "row 1: 9007199254740993 beside fractions"),
        ([1.5, 10**400], "row 1"),
        ([2**64], "row 0: 18446744073709551616 is larger"),
        ([2**63, -1], "row 0: 9223372036854775808 is larger"),
        ([1, 1j], "row 1: a complex can't be sent"),
        ([Decimal("0.1234567890123456789")], "row 0: 0.1234567890123456789 has more digits"),
        (["a", "\ud800"], "row 1: '\\\\ud800' holds half of a character"),
        ([np.longdouble(1)], "row 0: a longdouble can't be sent"),
        ([[1], None], "row 1: a list is missing"),
        ([[1], [1, 2]], "different lengths"),
        ([{"a": 1}], "row 0: a dict can't be sent"),
    ],
)
def test_what_can_not_be_kept_is_refused_by_column_and_row(given: list[object], says: str) -> None:
    with pytest.raises(InvalidArgument, match=says) as raised:
        of_values("col", given)
    assert "'col'" in raised.value.message


def test_nested_lists_are_the_array_that_they_say() -> None:
    assert nested_array("x", [[1, 2]]).dtype == np.int64
    assert nested_array("x", [[0.1, 2]]).tolist() == [[0.1, 2]]
    np.testing.assert_array_equal(nested_array("x", [[1, None], [0.5, 2]]), [[1, np.nan], [0.5, 2]])
    np.testing.assert_array_equal(nested_array("x", [[1, None]]), [[1, np.nan]])
    assert nested_array("x", [["a", "b"]]).tolist() == [[b"a", b"b"]]
    assert nested_array("x", 3).shape == ()
    for given, says in (
        ([[1, 2], [3]], "different lengths"),
        ([["a", 1]], r"^input 'x' mixes texts and whole numbers: \[0, 0\] holds 'a', \[0, 1\] 1; make"),
        ([[1], [{}]], r"^input 'x' at \[1, 0\]: a dict can't be sent"),
        ([[2**53 + 1, 0.5]], "beside fractions"),
        ([["a", None]], "missing among texts"),
        ([[2**53 + 1, None]], "missing among integers"),
    ):
        with pytest.raises(InvalidArgument, match=says):
            nested_array("x", given)
