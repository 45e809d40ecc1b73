"""Training code reads its data set as estimators take it."""

from pathlib import Path

import numpy as np
import pytest

from bms.adapters.datasets.images.pictures import encode_png
from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound
from bms.jobs import Dataset
from tests.worlds.written_datasets import write_dataset


def test_numbers_and_truth_values_become_one_array_with_gaps(tmp_path: Path) -> None:
    columns = {
        "age": np.array([41, None, 23], dtype=object),
        "income": np.array([1.5, np.nan, 3.0]),
        "member": np.array([True, False, True]),
        "place": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
    }
    write_dataset(tmp_path, columns, label=np.array([1, 0, 1]), classes=("no", "yes"))
    data = Dataset(tmp_path)
    assert (data.label, data.classes, data.splits) == ("y", ("no", "yes"), {"train": 3})
    assert data.kinds == {"age": "int", "income": "float", "member": "bool", "place": "float", "y": "label"}
    x, y = data.arrays("train")
    nan = np.nan
    np.testing.assert_array_equal(x, [[41, 1.5, 1, 1, 2], [nan, nan, 0, 3, 4], [23, 3, 1, 5, 6]])
    assert (x.dtype, y.dtype, y.tolist()) == (np.float64, np.int64, [1, 0, 1])
    assert [len(batch["y"]) for batch in data.batches("train", 2)] == [2, 1]
    with pytest.raises(NotFound, match="no split 'test'; it has: train"):
        data.arrays("test")


def test_integers_that_no_double_is_are_told_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    large = (1 << 53) + 1
    columns = {"id": np.array([large, 1]), "gap": np.array([None, -large], object), "n": np.array([1 << 53, 1 << 60])}
    write_dataset(tmp_path, columns, label=np.array([0, 1]), classes=("a", "b"))
    x, _ = Dataset(tmp_path).arrays("train")
    assert x[0, 0] == 1 << 53
    told = [record.getMessage() for record in caplog.records]
    assert [message[:40] for message in told] == [
        "arrays: 1 integers of column 'id', which",
        "arrays: 1 integers of column 'gap', whic",
    ]


def test_one_column_with_a_shape_keeps_it_and_a_quantity_is_a_label_too(tmp_path: Path) -> None:
    cubes = np.arange(24.0).reshape(2, 3, 4)
    write_dataset(tmp_path, {"cube": cubes}, label=np.array([0.5, 1.5]))
    x, y = Dataset(tmp_path).arrays("train")
    np.testing.assert_array_equal(x, cubes)
    assert (y.tolist(), Dataset(tmp_path).classes) == ([0.5, 1.5], ())


def test_what_is_no_number_is_named_with_what_reads_it(tmp_path: Path) -> None:
    write_dataset(tmp_path / "texts", {"age": np.arange(2), "city": ["Köln", "Bonn"]}, label=np.arange(2.0))
    with pytest.raises(InvalidArgument, match=r"this data set has 'city' \(text\): take `frame` or `columns`"):
        Dataset(tmp_path / "texts").arrays("train")
    assert Dataset(tmp_path / "texts").columns("train")["city"] == ["Köln", "Bonn"]
    write_dataset(tmp_path / "unlabelled", {"age": np.arange(2)})
    with pytest.raises(InvalidArgument, match="has no label: import it with --label COLUMN"):
        Dataset(tmp_path / "unlabelled").arrays("train")


def test_images_are_decoded_to_one_size(tmp_path: Path) -> None:
    pictures = [encode_png(np.full((6, 4), grey, np.uint8)) for grey in (10, 200)]
    write_dataset(tmp_path, {"picture": pictures}, label=np.arange(2), classes=("a", "b"), images=("picture",))
    x, y = Dataset(tmp_path).images("train", "L", (3, 2))
    assert (x.shape, x.dtype, x[:, 0, 0].tolist(), y.tolist()) == ((2, 3, 2), np.uint8, [10, 200], [0, 1])
    with pytest.raises(InvalidArgument, match="take `images`"):
        Dataset(tmp_path).arrays("train")


def test_a_split_without_rows_is_refused_where_something_is_to_be_learnt(tmp_path: Path) -> None:
    write_dataset(tmp_path, {"x": np.zeros(0)}, label=np.zeros(0))
    data = Dataset(tmp_path)
    for deed in (data.arrays, data.frame, data.images):
        with pytest.raises(FailedPrecondition, match=r"no rows in its split 'train' \(train 0\): import it with more"):
            deed("train")
    assert len(data.columns("train")["x"]) == 0
