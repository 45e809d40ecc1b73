"""Splits that a source has by itself, as folders and files are named, and what becomes of them and of shares."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from bms.adapters.datasets.images import folder as images_folder
from bms.adapters.datasets.images.layout import ImageFolderLayout, layout_of
from bms.adapters.datasets.parts import divide, part_of_file, parts_of_files, parts_of_rows
from bms.adapters.datasets.tfrecord import source as tfrecord_source
from bms.adapters.datasets.tfrecord.records import write_records
from bms.core.errors import InvalidArgument
from bms.core.formats.example_codec import encode_example


def layout(*names: str) -> ImageFolderLayout:
    return layout_of([PurePosixPath(name) for name in names])


def placed(found: ImageFolderLayout) -> list[tuple[str, str, str]]:
    return [(str(image.path), image.label, image.part) for image in found.images]


def said(found: ImageFolderLayout) -> list[str]:
    return [finding.message for finding in found.findings]


class TestFolders:
    def test_splits_first(self) -> None:
        found = layout("train/dog/1.png", "train/cat/1.png", "Val/cat/2.png", "test/cat/3.png", "test/dog/3.png")
        assert placed(found) == [
            ("Val/cat/2.png", "cat", "validation"),
            ("test/cat/3.png", "cat", "test"),
            ("train/cat/1.png", "cat", "train"),
            ("test/dog/3.png", "dog", "test"),
            ("train/dog/1.png", "dog", "train"),
        ]
        assert said(found) == [
            "the folders Val, test, train are splits, and those in them classes",
            "class 'dog' has no image in validation",
        ]

    def test_classes_first(self) -> None:
        found = layout("cat/train/1.png", "cat/test/2.png", "dog/train/1.png", "dog/test/2.png")
        assert {(image.label, image.part) for image in found.images} == {
            ("cat", "train"), ("cat", "test"), ("dog", "train"), ("dog", "test"),
        }  # fmt: skip

    def test_what_wraps_all_is_told(self) -> None:
        found = layout("data/pets/train/cat/1.png", "data/pets/test/cat/2.png")
        assert [image.part for image in found.images] == ["test", "train"]
        assert said(found)[:2] == [
            "all is in folder 'data', which is no class and no split",
            "all is in folder 'pets', which is no class and no split",
        ]
        assert [image.label for image in layout("train/cat/1.png", "train/dog/1.png").images] == ["cat", "dog"]

    def test_folders_of_a_class_are_told(self) -> None:
        found = layout("cat/1.png", "cat/outdoor/2.png", "dog/1.png")
        assert [image.label for image in found.images] == ["cat", "cat", "dog"]
        assert said(found) == ["what is in folders of a class is of that class: cat/outdoor"]

    def test_classes_that_are_called_like_splits_are_told(self) -> None:
        found = layout("train/1.png", "bus/1.png")
        assert [image.label for image in found.images] == ["bus", "train"]
        assert said(found) == ["train are read as classes, since 'bus' is no split"]

    @pytest.mark.parametrize(
        ("names", "words"),
        [
            (["1.png"], "expected a folder for each class with its images inside; found no folder"),
            (["train/1.png", "test/2.png"], "named as splits and hold images, but no folders of classes"),
            (["train/cat/1.png", "test/2.png"], r"test/2\.png is in a split's folder and in no class's: move it"),
        ],
    )
    def test_what_is_unclear_is_refused(self, names: list[str], words: str) -> None:
        with pytest.raises(InvalidArgument, match=words):
            layout(*names)

    def test_the_maker_s_splits_of_real_files_are_the_table_s(self, tmp_path: Path) -> None:
        for part, count in (("train", 3), ("test", 2)):
            for shade, kind in enumerate(("cat", "dog")):
                folder = tmp_path / "pets" / part / kind
                folder.mkdir(parents=True)
                for number in range(count):
                    Image.new("L", (2, 2), shade * 100 + number).save(folder / f"{number}.png")
        (tmp_path / "pets" / "labels.txt").write_text("cat dog")
        table = images_folder.load(tmp_path)
        assert table.schema.feature("label").labels == ("cat", "dog")
        assert table.parts is not None
        assert {name: len(rows) for name, rows in table.parts.items()} == {"train": 6, "test": 4}
        assert table.numbers("label")[table.parts["test"]].tolist() == [0, 0, 1, 1]
        assert [finding.kind for finding in table.findings] == ["understood", "understood", "left_out"]


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "part"),
        [
            ("flowers-train.tfrecord-00000-of-00002", "train"), ("validation-00000-of-00001.parquet", "validation"),
            ("TEST.tfrecord", "test"), ("dev.parquet", "validation"), ("latest.parquet", None), ("a.train", None),
            ("train_test.parquet", None), ("training_1.parquet", "train"),
        ],
    )  # fmt: skip
    def test_are_told_by_a_word_of_their_names(self, name: str, part: str | None) -> None:
        assert part_of_file(name) == part

    def test_two_splits_make_parts_and_one_does_not(self) -> None:
        parts, findings = parts_of_files(["test.parquet", "train-0.parquet", "train-1.parquet"], [1, 2, 1])
        assert parts is not None
        assert {name: rows.tolist() for name, rows in parts.items()} == {"train": [1, 2, 3], "test": [0]}
        assert findings == ()
        parts, findings = parts_of_files(["train-0.parquet", "train-1.parquet"], [2, 1])
        assert parts is None
        assert findings[0].message == "every file is named after the split 'train': its rows are divided anew"
        assert parts_of_files(["0.parquet", "1.parquet"], [2, 1]) == (None, ())
        parts, findings = parts_of_files(["train.parquet", "test.parquet", "more.parquet"], [2, 1, 1])
        assert parts is None
        assert (
            findings[0].message == "some files are named after splits, more.parquet is not: all rows are divided anew"
        )

    def test_those_of_tfrecord_are_kept(self, tmp_path: Path) -> None:
        for name, values in (("x-train", [1, 2]), ("x-test", [3])):
            write_records(tmp_path / f"{name}.tfrecord", [encode_example({"n": np.array([n])}) for n in values])
        table = tfrecord_source.load(tmp_path)
        assert table.parts is not None
        assert table.numbers("n")[table.parts["test"]].tolist() == [3]


class TestDividing:
    PARTS: Mapping[str, np.ndarray] = parts_of_rows(["test"] * 4 + ["train"] * 10)

    def test_the_source_s_own_splits_are_kept_and_told(self) -> None:
        splits, findings = divide(14, self.PARTS, None, 0, None)
        assert {name: sorted(rows.tolist()) for name, rows in splits.items()} == {
            "train": list(range(4, 14)), "test": [0, 1, 2, 3],
        }  # fmt: skip
        assert [finding.message for finding in findings] == [
            "the source has its own splits, which are kept: train (10 rows), test (4 rows); for a validation, take "
            "a share of its train, like train=0.8,validation=0.2"
        ]

    def test_shares_divide_its_train_alone(self) -> None:
        labels = np.array([0, 1] * 7)
        splits, _ = divide(14, self.PARTS, {"train": 0.8, "validation": 0.2}, 3, labels)
        assert {name: len(rows) for name, rows in splits.items()} == {"train": 8, "validation": 2, "test": 4}
        assert sorted(np.concatenate([splits["train"], splits["validation"]]).tolist()) == list(range(4, 14))
        assert sorted(labels[splits["validation"]].tolist()) == [0, 1]

    def test_shares_of_a_split_that_is_there_are_refused(self) -> None:
        with pytest.raises(InvalidArgument, match="has a split 'test' of its own, which is kept: leave it out"):
            divide(14, self.PARTS, {"train": 0.5, "test": 0.5}, 0, None)

    def test_nothing_to_train_on_is_refused(self) -> None:
        with pytest.raises(InvalidArgument, match="the splits validation and test, but nothing to train on"):
            divide(2, parts_of_rows(["test", "validation"]), None, 0, None)

    def test_a_split_without_rows_is_told(self) -> None:
        _, findings = divide(2, None, None, 0, None)
        assert {finding.message for finding in findings} <= {
            f"split {name!r} has no rows: there are too few for its share" for name in ("train", "validation", "test")
        }
        assert findings
