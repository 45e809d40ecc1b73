"""Written splits, read again: by the whole, in batches, damaged."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from bms.adapters.datasets.columns import Column
from bms.adapters.datasets.images.pictures import encode_png
from bms.adapters.datasets.manifest import Manifest, read_manifest, write_manifest
from bms.adapters.datasets.reader import decode_images, iterate_split, load_split
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.adapters.datasets.table import Table, table_of
from bms.adapters.datasets.tfrecord.examples import decode_rows, encode_rows
from bms.adapters.datasets.tfrecord.records import write_records
from bms.adapters.datasets.tfrecord.writer import write_split
from bms.core.errors import DataLoss, InvalidArgument, NotFound
from bms.core.formats.example_codec import decode_example, encode_example
from tests.sizes import enough

SCHEMA = TableSchema(
    features=(
        ColumnSchema(name="image", kind="image", shape=(4, 5, 1)),
        ColumnSchema(name="matrix", kind="float", shape=(2, 3)),
        ColumnSchema(name="price", kind="float", optional=True, stored="float64"),
        ColumnSchema(name="count", kind="int"),
        ColumnSchema(name="note", kind="text"),
        ColumnSchema(name="kind", kind="label", labels=("a", "b")),
    )
)


def rows(number: int) -> Table:
    generator = np.random.default_rng(number)
    return table_of(
        SCHEMA,
        {
            "image": [encode_png(generator.integers(0, 256, (4, 5), np.uint8)) for _ in range(number)],
            "matrix": generator.standard_normal((number, 2, 3)).astype(np.float32),
            "price": np.where(np.arange(number) % 3 == 0, np.nan, generator.random(number)),
            "count": generator.integers(-(1 << 60), 1 << 60, number),
            "note": [f"行 {row}" if row % 4 else "" for row in range(number)],
            "kind": np.arange(number) % 2,
        },
    )


def assert_same(read: dict[str, object], table: Table) -> None:
    assert list(read) == [feature.name for feature in SCHEMA.features]
    for name, column in table.columns.items():
        if isinstance(column, np.ndarray):
            np.testing.assert_array_equal(read[name], column, strict=True)  # type: ignore[arg-type]
        else:
            assert read[name] == list(column)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    table = rows(25)
    files = {"train": write_split(tmp_path, "train", table, np.arange(25), 10)}
    files["test"] = write_split(tmp_path, "test", table, np.arange(0), 10)
    write_manifest(tmp_path, Manifest(schema=SCHEMA, splits=files, label="kind", labels=("a", "b")))
    return tmp_path


def test_a_split_is_read_as_it_was_written(directory: Path) -> None:
    assert read_manifest(directory).splits["train"].files == tuple(f"train-0000{n}-of-00003.tfrecord" for n in range(3))
    assert_same(dict(load_split(directory, "train")), rows(25))


def test_batches_together_are_the_split(directory: Path) -> None:
    batches = list(iterate_split(directory, "train", 4))
    assert [len(batch["kind"]) for batch in batches] == [4, 4, 2, 4, 4, 2, 4, 1]
    joined = np.concatenate([batch["matrix"] for batch in batches])  # type: ignore[arg-type]
    np.testing.assert_array_equal(joined, rows(25).columns["matrix"])  # type: ignore[arg-type]


def test_an_empty_split_has_columns_of_no_rows(directory: Path) -> None:
    read = load_split(directory, "test")
    assert np.asarray(read["matrix"]).shape == (0, 2, 3)
    assert (read["image"], read["note"]) == ([], [])
    assert list(iterate_split(directory, "test")) == []


def test_an_unknown_split_is_told_the_known_ones(directory: Path) -> None:
    with pytest.raises(NotFound, match="no split 'validation'; it has: train, test"):
        load_split(directory, "validation")


def test_a_directory_without_a_manifest_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="it is not an imported data set"):
        load_split(tmp_path, "train")


def test_a_missing_file_is_noticed(directory: Path) -> None:
    (directory / "train-00001-of-00003.tfrecord").unlink()
    with pytest.raises(DataLoss, match=r"train-00001-of-00003\.tfrecord is missing"):
        load_split(directory, "train")


@pytest.mark.parametrize("read", [load_split, lambda *a: list(iterate_split(*a))], ids=["whole", "batches"])
def test_a_file_that_ends_between_two_records_is_noticed_by_the_count(directory: Path, read) -> None:  # type: ignore[no-untyped-def]
    (directory / "train-00002-of-00003.tfrecord").write_bytes(b"")
    with pytest.raises(DataLoss, match="should have 25 rows, but its files hold 20"):
        read(directory, "train")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a/train-00000-of-00001.tfrecord", "train.tfrecord"]
)
def test_a_manifest_cannot_name_files_elsewhere(directory: Path, name: str) -> None:
    manifest = read_manifest(directory)
    split = msgspec.structs.replace(manifest.splits["train"], files=(name,))
    write_manifest(directory, msgspec.structs.replace(manifest, splits={"train": split}))
    with pytest.raises(InvalidArgument, match="names the file"):
        load_split(directory, "train")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"schema":{"features":[]},"splits":{}}', b'"\xff"'])
def test_a_damaged_manifest_is_refused(directory: Path, content: bytes) -> None:
    (directory / "dataset.json").write_bytes(content)
    with pytest.raises(InvalidArgument):
        load_split(directory, "train")


def changed(feature: ColumnSchema) -> TableSchema:
    return TableSchema(features=tuple(feature if held.name == feature.name else held for held in SCHEMA.features))


@pytest.mark.parametrize(
    ("feature", "match"),
    [
        (
            ColumnSchema(name="kind", kind="label", labels=("only",)),
            "row 2: column 'kind' has label 1; there are 1 classes",
        ),
        (
            ColumnSchema(name="matrix", kind="float", shape=(7,)),
            "row 1: column 'matrix' should hold 7 of float, but has 6",
        ),
        (ColumnSchema(name="count", kind="float"), "should hold 1 of float, but has 1 of int64"),
        (ColumnSchema(name="image", kind="text"), "column 'image' is not UTF-8 text"),
        (ColumnSchema(name="note", kind="int"), "should hold 1 of int, but has 1 of bytes"),
    ],
)
def test_rows_that_do_not_fit_the_schema_are_named(feature: ColumnSchema, match: str) -> None:
    with pytest.raises(InvalidArgument, match=match):
        decode_rows(changed(feature), encode_rows(rows(3)))
    absent = TableSchema(features=(*SCHEMA.features, ColumnSchema(name="absent", kind="int")))
    with pytest.raises(InvalidArgument, match="column 'absent' should hold 1 of int, but has nothing"):
        decode_rows(absent, encode_rows(rows(3)))


def gapped(values: st.SearchStrategy[object], count: int) -> st.SearchStrategy[list[object]]:
    return st.lists(st.none() | values, min_size=count, max_size=count)


@settings(max_examples=enough(20, 100), deadline=None)
@given(st.data())
def test_any_table_survives_its_encoding(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 6))
    shape = data.draw(st.lists(st.integers(0, 3), max_size=2).map(tuple))
    schema = TableSchema(
        features=(
            ColumnSchema(name="d", kind="float", shape=shape),
            ColumnSchema(name="f", kind="float", shape=shape),
            ColumnSchema(name="i", kind="int", shape=shape),
            ColumnSchema(name="b", kind="bool", shape=shape),
            ColumnSchema(name="t", kind="text"),
            ColumnSchema(name="gaps", kind="int"),
            ColumnSchema(name="flags", kind="bool"),
        )
    )
    table = table_of(
        schema,
        {
            "d": data.draw(numpy_strategies.arrays(np.float64, (count, *shape))),
            "f": data.draw(numpy_strategies.arrays(np.float32, (count, *shape))),
            "i": data.draw(numpy_strategies.arrays(np.int64, (count, *shape))),
            "b": data.draw(numpy_strategies.arrays(np.bool_, (count, *shape))),
            "t": data.draw(gapped(st.text(), count)),  # type: ignore[dict-item]
            "gaps": np.array(data.draw(gapped(st.integers(-(1 << 63), (1 << 63) - 1), count)), object),
            "flags": np.array(data.draw(gapped(st.booleans(), count)), object),
        },
    )
    read = decode_rows(table.schema, encode_rows(table))
    for name in ("d", "f", "i", "b"):
        np.testing.assert_array_equal(read[name], table.columns[name], strict=True)  # type: ignore[arg-type]
    assert read["t"] == table.columns["t"]
    for name in ("gaps", "flags"):
        assert np.asarray(read[name]).tolist() == table.numbers(name).tolist()
        assert np.asarray(read[name]).dtype == table.numbers(name).dtype


class TestFloats:
    """Written as float32 where that keeps them, else as the bytes of doubles: what is read is always what was given."""

    def written(self, values: list[float]) -> tuple[Table, dict[str, object]]:
        given = TableSchema(features=(ColumnSchema(name="x", kind="float"),))
        table = table_of(given, {"x": np.array(values)})
        return table, decode_example(next(encode_rows(table)))  # type: ignore[return-value]

    def test_exact_ones_are_a_float_list(self) -> None:
        table, example = self.written([0.5, 1e-45 * 0, float("nan"), float("inf"), 16777216.0])
        assert table.schema.features[0].stored is None
        assert np.asarray(example["x"]).dtype == np.float32

    @pytest.mark.parametrize("value", [0.1, 1764000001.0, 1e300, 5e-324, 16777217.0])
    def test_others_are_the_bytes_of_doubles(self, value: float) -> None:
        table, example = self.written([value, 0.5])
        assert table.schema.features[0].stored == "float64"
        assert example["x"] == [np.array([value], "<f8").tobytes()]

    def test_a_float_list_never_takes_what_it_would_change(self) -> None:
        table = Table(TableSchema(features=(ColumnSchema(name="x", kind="float"),)), {"x": np.array([0.1])}, 1)
        with pytest.raises(InvalidArgument, match="column 'x' holds floats that float32 does not"):
            list(encode_rows(table))

    def test_half_a_double_is_none(self) -> None:
        schema = TableSchema(features=(ColumnSchema(name="x", kind="float", stored="float64"),))
        with pytest.raises(InvalidArgument, match="column 'x' should hold 1 of float, but has 1 of bytes"):
            decode_rows(schema, [encode_example({"x": [b"1234"]})])


def test_a_set_written_before_there_were_doubles_is_read_as_it_was(tmp_path: Path) -> None:
    old = {
        "schema": {
            "features": [
                {"name": "x", "kind": "float", "shape": [], "labels": []},
                {"name": "t", "kind": "text", "shape": [], "labels": []},
            ]
        },
        "splits": {"train": {"rows": 2, "files": ["train-00000-of-00001.tfrecord"]}},
        "label": None,
        "labels": [],
    }
    (tmp_path / "dataset.json").write_text(json.dumps(old))
    rows = [{"x": np.array([value], np.float32), "t": [text]} for value, text in ((0.1, b"a"), (np.nan, b""))]
    write_records(tmp_path / "train-00000-of-00001.tfrecord", map(encode_example, rows))
    read = load_split(tmp_path, "train")
    np.testing.assert_array_equal(read["x"], np.array([np.float32(0.1), np.nan], np.float64), strict=True)  # type: ignore[arg-type]
    assert read["t"] == ["a", ""]


def test_what_is_missing_is_left_out_of_the_row() -> None:
    schema = TableSchema(features=(ColumnSchema(name="n", kind="int"), ColumnSchema(name="t", kind="text")))
    table = table_of(schema, {"n": np.array([1, None], object), "t": [None, ""]})
    whole = msgspec.structs.replace(schema, features=(schema.features[0], table.schema.features[1]))
    assert [sorted(decode_example(record)) for record in encode_rows(table)] == [["n"], ["t"]]
    with pytest.raises(InvalidArgument, match="row 2: column 'n' should hold 1 of int, but has nothing"):
        decode_rows(whole, encode_rows(table))


@pytest.mark.parametrize(
    ("feature", "column", "match"),
    [
        (ColumnSchema(name="n", kind="int", shape=(2,)), np.array([[1, None]], object), r"int of shape \[2\] has gaps"),
        (ColumnSchema(name="n", kind="int", shape=(2,), optional=True), np.zeros((1, 2)), "cannot be optional"),
        (ColumnSchema(name="n", kind="int", stored="float64"), np.zeros(1), "int cannot be stored as float64"),
        (ColumnSchema(name="n", kind="datetime", shape=(1,)), ["2026-01-01"], "cannot have shape"),
    ],
)
def test_what_a_column_can_not_be_is_said(feature: ColumnSchema, column: Column, match: str) -> None:
    with pytest.raises(InvalidArgument, match=match):
        table_of(TableSchema(features=(feature,)), {"n": column})


class TestDecodeImages:
    def test_pixels_come_back(self) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (3, 8, 6), np.uint8)
        encoded = [encode_png(image) for image in pixels]
        np.testing.assert_array_equal(decode_images(encoded, "L"), pixels)
        np.testing.assert_array_equal(decode_images(encoded, "RGB"), np.stack([pixels] * 3, axis=-1))
        assert decode_images(encoded, "L", (4, 3)).shape == (3, 4, 3)
        assert decode_images(encoded, "L", (8, 6)).tolist() == pixels.tolist()

    def test_no_images_have_a_shape_too(self) -> None:
        assert decode_images([], "RGB", (4, 3)).shape == (0, 4, 3, 3)
        assert decode_images([], "L").shape == (0, 0, 0)

    def test_different_sizes_need_a_size(self) -> None:
        encoded = [encode_png(np.zeros(shape, np.uint8)) for shape in ((2, 2), (3, 3))]
        with pytest.raises(InvalidArgument, match="give `size` to resize them"):
            decode_images(encoded)
        assert decode_images(encoded, size=(2, 2)).shape == (2, 2, 2)

    def test_a_bad_image_is_named_by_its_index(self) -> None:
        with pytest.raises(InvalidArgument, match="image 2: this is neither a PNG"):
            decode_images([encode_png(np.zeros((2, 2), np.uint8)), b"hello"])
