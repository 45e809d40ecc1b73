"""What becomes of Parquet, and what training code is handed: run by test_datasets_in_pandas.py, where pandas is."""

import datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from bms.adapters.datasets.arrow import parquet
from bms.adapters.datasets.images.pictures import encode_png
from bms.adapters.datasets.reader import load_frame, load_split
from bms.app.tasks import import_dataset
from bms.core.errors import InvalidArgument

TEXT = str(pd.Series(["a"]).dtype)  # object, or str since pandas 3
BIG = 9007199254740993  # 2**53 + 1
PNG = encode_png(np.zeros((2, 3), np.uint8))


def written(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path / "t.parquet")
    return path / "t.parquet"


def loaded(path: Path, column: pa.Array | pa.ChunkedArray) -> tuple[str, list[Any]]:
    table = parquet.load(written(path, x=column))
    return table.schema.feature("x").kind, list(table.columns["x"])


DAY = datetime.date(2026, 11, 21)
NOON = datetime.datetime(2026, 11, 21, 12, 0, 0, 250000)
EXACT = {
    "integers": (pa.array([BIG, -(1 << 63)]), "int", [BIG, -(1 << 63)]),
    "integers with gaps": (pa.array([BIG, None]), "int", [BIG, None]),
    "small unsigned": (pa.array([255, None], pa.uint8()), "int", [255, None]),
    "large unsigned that fit": (pa.array([(1 << 63) - 1], pa.uint64()), "int", [(1 << 63) - 1]),
    "doubles": (pa.array([0.1, 1764000001.5]), "float", [0.1, 1764000001.5]),
    "floats": (pa.array([0.1], pa.float32()), "float", [float(np.float32(0.1))]),
    "half floats": (pa.array(np.array([0.5], np.float16)), "float", [0.5]),
    "booleans": (pa.array([True, False]), "bool", [True, False]),
    "booleans with gaps": (pa.array([True, None]), "bool", [True, None]),
    "texts": (pa.array(["", None, "七"]), "text", ["", None, "七"]),
    "large texts": (pa.array(["a"], pa.large_string()), "text", ["a"]),
    "a dictionary of texts": (pa.array(["a", None, "a"]).dictionary_encode(), "text", ["a", None, "a"]),
    "a dictionary of integers": (pa.array([BIG, None]).dictionary_encode(), "int", [BIG, None]),
    "dates": (pa.array([DAY, None]), "datetime", ["2026-11-21", None]),
    "dates in milliseconds": (pa.array([DAY], pa.date64()), "datetime", ["2026-11-21"]),
    "microseconds": (pa.array([NOON, None]), "datetime", ["2026-11-21T12:00:00.250000", None]),
    "nanoseconds": (pa.array([1], pa.timestamp("ns")), "datetime", ["1970-01-01T00:00:00.000000001"]),
    "with a time zone": (pa.array([0], pa.timestamp("ms", "Asia/Tokyo")), "datetime", ["1970-01-01T00:00:00.000Z"]),
    "whole decimals": (pa.array([Decimal(BIG), None]), "int", [BIG, None]),
    "decimals": (pa.array([Decimal("0.10"), Decimal("1234567.89")]), "float", [0.1, 1234567.89]),
    "nothing": (pa.nulls(2), "text", [None, None]),
    "images": (pa.array([PNG]), "image", [PNG]),
}


@pytest.mark.parametrize(("column", "kind", "values"), EXACT.values(), ids=EXACT.keys())
def test_values_are_kept_exactly(tmp_path: Path, column: pa.Array, kind: str, values: list[Any]) -> None:
    assert loaded(tmp_path, column) == (kind, values)


def test_a_missing_float_is_nan(tmp_path: Path) -> None:
    kind, values = loaded(tmp_path, pa.array([0.1, None, float("nan")]))
    assert kind == "float"
    np.testing.assert_array_equal(values, [0.1, np.nan, np.nan])


REFUSED = {
    "texts that are not UTF-8": (
        pa.array([b"a", b"\xff"]).view(pa.string()),
        "'x', row 2 is not UTF-8 text",
    ),
    "integers beyond int64": (
        pa.array([0, 1 << 63], pa.uint64()),
        "'x', row 2 holds 9223372036854775808, which does not",
    ),
    "whole decimals beyond int64": (pa.array([Decimal(1 << 63)]), "row 1: 9223372036854775808 has more digits than 64"),
    "decimals of many digits": (
        pa.array([Decimal("1.0000000000000000001")]),
        "has more digits than a float64; cast it",
    ),
    "structures": (pa.array([{"a": 1}]), r"'x' is struct<a: int64>, which is no column here: give each of its parts"),
    "lists": (pa.array([[1, 2]]), "'x' is list<.*give each of its parts a column"),
    "times of day": (
        pa.array([datetime.time(1)]),
        r"'x' is time64\[us\], which is no column here: write it as numbers",
    ),
    "durations": (pa.array([datetime.timedelta(1)]), "'x' is duration.us., which is no column here"),
    "bytes that are no images": (pa.array([b"abc"]), "'x' of bytes, row 1: this is neither a PNG"),
    "images with gaps": (pa.array([PNG, None]), "'x' of bytes, row 2: this is neither a PNG"),
    "years beyond 9999": (pa.array([1 << 60], pa.timestamp("us")), "outside the years 1 to 9999"),
}


@pytest.mark.parametrize(("column", "match"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_column_is_refused_in_words(tmp_path: Path, column: pa.Array, match: str) -> None:
    with pytest.raises(InvalidArgument, match=match):
        loaded(tmp_path, column)


def test_an_index_of_pandas_is_left_out_and_a_named_one_kept(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1.5, 2.5]}, index=[7, 3])
    frame.to_parquet(tmp_path / "t.parquet")
    table = parquet.load(tmp_path)
    assert list(table.columns) == ["a"]
    assert "it is left out" in table.findings[0].message
    frame.rename_axis("id").to_parquet(tmp_path / "t.parquet")
    assert list(parquet.load(tmp_path).columns) == ["a", "id"]


def test_files_of_one_folder_are_one_table_if_they_are_alike(tmp_path: Path) -> None:
    for number in range(2):
        pq.write_table(pa.table({"n": [number]}), tmp_path / f"part-{number}.parquet")
    assert parquet.load(tmp_path).numbers("n").tolist() == [0, 1]
    pq.write_table(pa.table({"n": [0.5]}), tmp_path / "part-2.parquet")
    with pytest.raises(InvalidArgument, match=r"part-2\.parquet has other columns .*: n: double for n: int64"):
        parquet.load(tmp_path)


def in_int96(path: Path, *texts: str | None) -> Path:
    """As Spark, Hive and Impala write times."""
    path.parent.mkdir(exist_ok=True)
    ends = [datetime.datetime.fromisoformat(text) if text else None for text in texts]
    pq.write_table(pa.table({"x": pa.array(ends, pa.timestamp("us"))}), path, use_deprecated_int96_timestamps=True)
    return path


def test_times_of_spark_beyond_those_of_nanoseconds_are_kept(tmp_path: Path) -> None:
    in_int96(tmp_path / "1.parquet", "2026-11-21T00:00:00.250000", None)
    assert list(parquet.load(tmp_path).columns["x"]) == ["2026-11-21T00:00:00.250000000", None]
    in_int96(tmp_path / "2.parquet", "9999-12-31T23:59:59.999999", "0001-01-01T00:00:00")
    assert list(parquet.load(tmp_path).columns["x"]) == [
        "2026-11-21T00:00:00.250000", None, "9999-12-31T23:59:59.999999", "0001-01-01T00:00:00.000000"
    ]  # fmt: skip
    nanoseconds = pa.table({"x": pa.array([1], pa.timestamp("ns"))})
    pq.write_table(nanoseconds, tmp_path / "1.parquet", use_deprecated_int96_timestamps=True)
    with pytest.raises(
        InvalidArgument, match=r"1\.parquet: column 'x' of INT96 needs nanoseconds, and holds times out"
    ):
        parquet.load(tmp_path)
    assert list(parquet.load(tmp_path / "1.parquet").columns["x"]) == ["1970-01-01T00:00:00.000000001"]


def test_what_can_not_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"expected \*\.parquet files, found none"):
        parquet.load(tmp_path)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InvalidArgument, match=r"t\.parquet is not a Parquet file, or is damaged"):
        parquet.load(tmp_path)
    (tmp_path / "year=2026").mkdir()
    (tmp_path / "t.parquet").rename(tmp_path / "year=2026" / "t.parquet")
    with pytest.raises(InvalidArgument, match="the folder 'year=2026' holds a column's value"):
        parquet.load(tmp_path)


FRAME = pd.DataFrame(
    {
        "id": [BIG + row for row in range(20)],
        "gap": pd.array([BIG, None] * 10, dtype="Int64"),
        "x": [0.1, np.nan] * 10,
        "flag": [True, False] * 10,
        "maybe": pd.array([True, None] * 10, dtype="boolean"),
        "city": ["Köln", None] * 10,
        "at": pd.to_datetime(["2026-11-21T10:00:00.000000001", None] * 10),
        "seen": pd.to_datetime(["2026-11-21", "0001-01-01"] * 10, utc=True),
        "kind": ["a", "b"] * 10,
    }
)


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    FRAME.to_parquet(tmp_path / "t.parquet")
    output = tmp_path / "output"
    output.mkdir()
    parameters = {"format": "parquet", "label": "kind", "split": {"train": 1.0}, "shard_rows": 7}
    job = SimpleNamespace(
        parameters=parameters,
        inputs={"source": tmp_path},
        output=output,
        progress=lambda fraction, message="": None,
        metric=lambda name, value, step=None: None,
    )
    assert import_dataset.main(job)["labels"] == ["a", "b"]
    return output


def test_the_frame_that_training_gets_is_the_one_that_was_imported(imported: Path) -> None:
    frame = load_frame(imported, "train").sort_values("id", ignore_index=True)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "id": "int64", "gap": "Int64", "x": "float64", "flag": "bool", "maybe": "boolean", "city": TEXT,
        "at": "datetime64[ns]", "seen": "datetime64[us, UTC]", "kind": TEXT,
    }  # fmt: skip
    pd.testing.assert_frame_equal(frame, FRAME, check_dtype=False, check_exact=True)
    assert [int(value) for value in frame["gap"].dropna()] == [BIG] * 10


def test_columns_are_a_frame_as_they_are(imported: Path) -> None:
    frame = pd.DataFrame(load_split(imported, "train")).sort_values("id", ignore_index=True)
    assert frame["id"].tolist() == FRAME["id"].tolist()
    assert frame["gap"].tolist()[:2] == [BIG, None]
    assert frame[["gap", "x", "maybe", "city", "at"]].isna().sum().tolist() == [10] * 5
    assert (frame["x"].dtype, frame["flag"].dtype, frame["kind"].dtype) == (np.float64, np.bool_, np.int64)


def test_files_that_are_named_after_splits_are_those(tmp_path: Path) -> None:
    for name, values in (("train-00000-of-00001", [1, 2]), ("test-00000-of-00001", [3])):
        pq.write_table(pa.table({"n": values}), tmp_path / f"{name}.parquet")
    table = parquet.load(tmp_path)
    assert table.parts is not None
    assert {name: table.numbers("n")[rows].tolist() for name, rows in table.parts.items()} == {
        "train": [1, 2], "test": [3],
    }  # fmt: skip
