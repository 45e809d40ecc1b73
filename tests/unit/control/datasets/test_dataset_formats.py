"""The format of uploaded files is told by their names, or asked for."""

import pytest

from bms.control.datasets.formats import format_of
from bms.core.errors import InvalidArgument


@pytest.mark.parametrize(
    ("names", "format"),
    [
        (["people.csv"], "csv"),
        (["people.TSV", "README.md"], "csv"),
        (["a/rows.ndjson"], "jsonl"),
        (["x.npz"], "npz"),
        (["part-0.parquet", "part-1.parquet", "_SUCCESS"], "parquet"),
        (["flowers-train.tfrecord-00000-of-00002", "features.json"], "tfrecord"),
        (["train-00000-of-00001.tfrecord", "dataset.json", "statistics.json"], "tfrecord"),
        (["train/cat/1.png", "train/dog/2.JPG", "__MACOSX/x.csv", ".hidden.csv"], "images"),
        ([".net/1.png", ".vb/.2.png", ".DS_Store", "._x.csv"], "images"),
    ],
)
def test_names_tell_it(names: list[str], format: str) -> None:
    assert format_of(names) == format


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ["data.bin", "notes"],
            r"no file name shows the format \(data.bin, notes\): say the format: csv, jsonl",
        ),
        ([], "there are none"),
        (["cat/1.png", "cat/2.png", "labels.csv"], "of several formats, 2 of images and 1 of csv: say the format"),
        (["pictures.zip"], "pictures.zip is an archive: unpack it"),
    ],
)
def test_what_names_do_not_tell_is_asked_for(names: list[str], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        format_of(names)


def test_what_is_said_counts_but_for_an_archive() -> None:
    assert format_of(["data.bin"], "csv") == "csv"
    with pytest.raises(InvalidArgument, match="an archive: unpack it"):
        format_of(["rows.csv.gz"], "csv")
