"""polars.DataFrame to columns. Run where polars is, by test_data_frames.py."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from bms.core.errors import InvalidArgument
from bms.sdk.tables.given import column_of, frame_of
from tests.contract.data_frames.reading import read, told

BIG = 2**53 + 1


def of(values: object, dtype: object = None) -> tuple[object, ...]:
    return told(read(pl.DataFrame({"c": pl.Series(values, dtype=dtype)}))["c"])


def test_numbers_keep_their_types_and_every_digit() -> None:
    assert of([BIG, None]) == ("integer", "<i8", [BIG, 0], [False, True])
    assert of([2**64 - 1], pl.UInt64) == ("integer", "<u8", [2**64 - 1], None)
    assert of([1], pl.Int8)[1] == "|i1"
    assert of([0.1], pl.Float32) == ("number", "<f4", [np.float32(0.1).item()], None)


def test_floats_say_what_is_missing_by_nan() -> None:
    column = read(pl.DataFrame({"c": [0.5, None]}))["c"]
    assert column.missing is None
    np.testing.assert_array_equal(column.array, [0.5, np.nan])


def test_booleans() -> None:
    assert of([True, None]) == ("boolean", "|b1", [True, False], [False, True])


def test_texts() -> None:
    assert of(["Köln", None]) == ("text", "|O", ["Köln".encode(), b""], [False, True])
    assert of([b"\xff"])[2] == [b"\xff"]


def test_dates_and_times_are_iso_8601() -> None:
    assert of([date(2026, 1, 2), None]) == ("datetime", "|O", [b"2026-01-02", b""], [False, True])
    assert of([datetime(2026, 1, 2, 3)])[2] == [b"2026-01-02T03:00:00"]
    assert of([datetime(2026, 1, 2, 3, tzinfo=UTC)], pl.Datetime("ms", "Europe/Berlin"))[2] == [b"2026-01-02T03:00:00Z"]
    assert of([7], pl.Datetime("ns"))[2] == [b"1970-01-01T00:00:00.000000007"]


def test_categories_are_texts() -> None:
    assert of(["a", None, "b"], pl.Categorical) == ("category", "|O", [b"a", b"", b"b"], [False, True, False])
    assert read(pl.DataFrame({"c": pl.Series(["b"], dtype=pl.Enum(["c", "b"]))}))["c"].categories == ("c", "b")


def test_decimals() -> None:
    assert of([Decimal("0.1"), None])[1] == "<f8"


def test_nothing_but_nulls() -> None:
    assert of([None, None])[0] is None


def test_lists_are_arrays() -> None:
    assert of([[1, 2], [3, 4]])[2] == [[1, 2], [3, 4]]
    assert of([[0.5, 1]], pl.Array(pl.Float64, 2))[2] == [[0.5, 1]]


def test_what_can_not_be_sent_is_named() -> None:
    for values in ([timedelta(1)], [{"a": 1}]):
        with pytest.raises(InvalidArgument, match=r"column 'c' is .*which can't be sent"):
            of(values)


def test_a_lazy_frame_is_to_be_collected() -> None:
    with pytest.raises(InvalidArgument, match="collect"):
        frame_of(pl.DataFrame({"a": [1]}).lazy())


def test_a_series_is_a_column() -> None:
    column = column_of("c", pl.Series([1, None]))
    assert column is not None
    assert told(column)[2:] == ([1, 0], [False, True])
