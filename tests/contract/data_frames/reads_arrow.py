"""pyarrow.Table and RecordBatch to columns. Run where pyarrow is, by test_data_frames.py."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from bms.core.errors import InvalidArgument
from bms.sdk.tables.given import column_of, frame_of
from tests.contract.data_frames.reading import read, told

BIG = 2**53 + 1


def of(values: object, type: object = None) -> tuple[object, ...]:
    """As a table of two chunks and as a batch, which must agree."""
    array = pa.array(values, type)
    table = pa.table({"c": pa.chunked_array([array[:1], array[1:]], type=array.type)})
    found = told(read(table)["c"])
    batch = told(read(pa.record_batch({"c": array}))["c"])
    np.testing.assert_equal(found, batch)
    return found


def test_numbers_keep_their_types_and_every_digit() -> None:
    assert of([BIG, None]) == ("integer", "<i8", [BIG, 0], [False, True])
    assert of([2**64 - 1], pa.uint64()) == ("integer", "<u8", [2**64 - 1], None)
    assert of([1], pa.int8())[1] == "|i1"
    assert of([0.1], pa.float32()) == ("number", "<f4", [np.float32(0.1).item()], None)


def test_floats_say_what_is_missing_by_nan() -> None:
    kind, dtype, values, gaps = of([0.5, None])
    assert (kind, dtype, gaps) == ("number", "<f8", None)
    np.testing.assert_array_equal(values, [0.5, np.nan])


def test_booleans() -> None:
    assert of([True, None]) == ("boolean", "|b1", [True, False], [False, True])


def test_texts() -> None:
    for type in (pa.string(), pa.large_string(), pa.string_view()):
        assert of(["Köln", None], type) == ("text", "|O", ["Köln".encode(), b""], [False, True])
    assert of([b"\xff"])[2] == [b"\xff"]


def test_dates_and_times_are_iso_8601() -> None:
    day = datetime.date(2026, 1, 2)
    assert of([day, None]) == ("datetime", "|O", [b"2026-01-02", b""], [False, True])
    assert of([day], pa.date64())[2] == [b"2026-01-02T00:00:00"]
    assert of([7, None], pa.timestamp("ns"))[2] == [b"1970-01-01T00:00:00.000000007", b""]
    assert of([7], pa.timestamp("s", "Asia/Tokyo"))[2] == [b"1970-01-01T00:00:07Z"]


def test_dictionaries_are_categories() -> None:
    given = pa.DictionaryArray.from_arrays(pa.array([1, None, 0]), pa.array(["c", "b"]))
    assert of(given) == ("category", "|O", [b"b", b"", b"c"], [False, True, False])
    whole = pa.DictionaryArray.from_arrays(pa.array([0, None]), pa.array([BIG]))
    assert of(whole) == ("category", "<i8", [BIG, 0], [False, True])


def test_decimals() -> None:
    assert of([Decimal("0.10"), None])[1] == "<f8"


def test_nothing_but_nulls() -> None:
    assert of([None, None])[0] is None


def test_lists_are_arrays() -> None:
    assert of([[1, 2], [3, 4]])[2] == [[1, 2], [3, 4]]
    assert of([[0.5, 1]], pa.list_(pa.float64(), 2))[2] == [[0.5, 1]]


def test_what_can_not_be_sent_is_named() -> None:
    for values in ([datetime.timedelta(1)], [{"a": 1}], [datetime.time(1)]):
        with pytest.raises(InvalidArgument, match=r"column 'c' is .*which can't be sent"):
            of(values)


def test_a_stream_of_another_library_is_to_be_made_a_table() -> None:
    class Relation:
        def __arrow_c_stream__(self, schema: object = None) -> object:
            raise NotImplementedError

    with pytest.raises(InvalidArgument, match=r"pyarrow\.table"):
        frame_of(Relation())


def test_arrays_are_columns() -> None:
    for array in (pa.array(["a", None]), pa.chunked_array([["a", None]])):
        column = column_of("c", array)
        assert column is not None
        assert told(column)[2:] == ([b"a", b""], [False, True])
