"""pandas.DataFrame to columns. Run where pandas is, by test_data_frames.py."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from bms.core.errors import InvalidArgument
from bms.sdk.tables.given import column_of, frame_of, rows_of
from tests.contract.data_frames.reading import read, told

BIG = 2**53 + 1


def of(values: object, **more: object) -> tuple[object, ...]:
    return told(read(pd.DataFrame({"c": pd.Series(values, **more)}))["c"])


def test_numbers_keep_their_types_and_every_digit() -> None:
    assert of([BIG, -1]) == ("integer", "<i8", [BIG, -1], None)
    assert of([2**64 - 1], dtype="uint64") == ("integer", "<u8", [2**64 - 1], None)
    assert of([1, 2], dtype="int8")[1:3] == ("|i1", [1, 2])
    assert of([0.1], dtype="float32") == ("number", "<f4", [np.float32(0.1).item()], None)
    assert of([True, False]) == ("boolean", "|b1", [True, False], None)


def test_floats_say_what_is_missing_by_nan() -> None:
    column = read(pd.DataFrame({"c": [0.5, None]}))["c"]
    assert column.missing is None
    np.testing.assert_array_equal(column.array, [0.5, np.nan])


def test_nullable_types_keep_digits_beside_gaps() -> None:
    assert of([BIG, None], dtype="Int64") == ("integer", "<i8", [BIG, 0], [False, True])
    assert of([1, 2], dtype="UInt8") == ("integer", "|u1", [1, 2], None)
    assert of([True, pd.NA], dtype="boolean") == ("boolean", "|b1", [True, False], [False, True])
    np.testing.assert_array_equal(of([0.5, pd.NA], dtype="Float32")[2], [0.5, np.nan])


@pytest.mark.parametrize("dtype", [object, "string", "str", "string[pyarrow]", pd.StringDtype("python")])
def test_texts_of_every_kind(dtype: object) -> None:
    assert of(["Köln", "", "b"], dtype=dtype) == ("text", "|O", ["Köln".encode(), b"", b"b"], None)


@pytest.mark.parametrize("dtype", [object, "string", "string[pyarrow]", None])
@pytest.mark.parametrize("gap", [None, np.nan, pd.NA])
def test_missing_texts_are_never_the_text_nan(dtype: object, gap: object) -> None:
    assert of(["a", gap], dtype=dtype) == ("text", "|O", [b"a", b""], [False, True])


def test_times_are_iso_8601_with_all_their_digits() -> None:
    times = pd.to_datetime(pd.Series(["2026-01-02T03:04:05.123456789", None]), format="ISO8601")
    assert of(times) == ("datetime", "|O", [b"2026-01-02T03:04:05.123456789", b""], [False, True])
    whole = pd.to_datetime(pd.Series(["2026-01-02 03:04:05"]))
    assert of(whole)[2] == [b"2026-01-02T03:04:05"]
    assert of(whole.dt.tz_localize("Europe/Berlin"))[2] == [b"2026-01-02T02:04:05Z"]
    assert of(whole.astype("datetime64[s]"))[2] == [b"2026-01-02T03:04:05"]
    assert of([pd.Timestamp("2026-01-02 03:04:05.000000007", tz="UTC"), pd.NaT], dtype=object)[2:] == (
        [b"2026-01-02T03:04:05.000000007+00:00", b""],
        [False, True],
    )
    assert of([pd.NaT, pd.NaT], dtype="datetime64[ns]") == ("datetime", "|O", [b"", b""], [True, True])


def test_categories_are_their_levels() -> None:
    assert of(["a", None, "b"], dtype="category") == ("category", "|O", [b"a", b"", b"b"], [False, True, False])
    assert read(pd.DataFrame({"c": pd.Categorical(["b"], ["c", "b"])}))["c"].categories == ("c", "b")
    assert of(pd.Categorical([3, None], [1, 3])) == ("category", "<i8", [3, 1], [False, True])
    np.testing.assert_array_equal(of(pd.Categorical([0.5, None]))[2], [0.5, np.nan])
    assert of(pd.Categorical([None, None]))[2:] == ([b"", b""], [True, True])
    times = of(pd.Categorical(pd.to_datetime(["2026-01-02"], utc=True)))
    assert times[2] == [b"2026-01-02T00:00:00Z"]


def test_objects_are_looked_at_one_by_one() -> None:
    assert of([BIG, None], dtype=object) == ("integer", "<i8", [BIG, 0], [False, True])
    assert of([True, None], dtype=object) == ("boolean", "|b1", [True, False], [False, True])
    assert of([Decimal("0.5"), 1], dtype=object)[2] == [0.5, 1.0]
    assert of([None, pd.NA, np.nan, pd.NaT], dtype=object)[0] is None
    with pytest.raises(InvalidArgument, match="column 'c' mixes texts and numbers: row 0"):
        of(["a", 1.5], dtype=object)


def test_types_of_arrow_and_sparse_ones() -> None:
    assert of([BIG, None], dtype="int64[pyarrow]") == ("integer", "<i8", [BIG, 0], [False, True])
    assert of(pd.arrays.SparseArray([0.0, 1.5]))[2] == [0.0, 1.5]


@pytest.mark.parametrize(
    "values", [pd.to_timedelta([1], "s"), pd.period_range("2026", periods=1), pd.interval_range(0, 1), np.array([1j])]
)
def test_what_can_not_be_sent_is_named(values: object) -> None:
    with pytest.raises(InvalidArgument, match=r"column 'c' is .*which can't be sent"):
        of(values)


def test_the_index_stays_here_and_a_subclass_is_a_frame() -> None:
    class Special(pd.DataFrame):
        pass

    frame = Special({"a": [1, 2]}, index=pd.Index(["x", "y"], name="b"))
    assert told(read(frame)["a"])[2] == [1, 2]
    assert list(read(frame)) == ["a"]
    shuffled = pd.DataFrame({"a": ["x", "y"]}).iloc[[1, 0]]
    assert told(read(shuffled)["a"])[2] == [b"y", b"x"]


def test_names_are_texts_and_differ() -> None:
    assert frame_of(pd.DataFrame(np.zeros((1, 2)))) is None
    with pytest.raises(InvalidArgument, match="two columns 'a'"):
        frame_of(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(InvalidArgument, match="must be texts: 1 is a int"):
        frame_of(pd.DataFrame([[1, 2]], columns=["a", 1]))
    with pytest.raises(InvalidArgument, match="must be texts"):
        frame_of(pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])))


def test_series_and_rows_with_values_of_pandas() -> None:
    column = column_of("c", pd.Series(["a", None]))
    assert column is not None
    assert told(column)[2:] == ([b"a", b""], [False, True])
    rows = pd.DataFrame({"a": ["x", None], "b": [1.5, None], "t": pd.to_datetime(["2026-01-02", None])}).to_dict(
        "records"
    )
    table = dict(rows_of(rows) or {})
    assert told(table["a"])[2:] == ([b"x", b""], [False, True])
    assert told(table["t"])[2:] == ([b"2026-01-02T00:00:00", b""], [False, True])
