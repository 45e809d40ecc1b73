"""The import task from real sources to TFRecord splits and back."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from bms.adapters.datasets.images.pictures import encode_png
from bms.adapters.datasets.reader import decode_images, load_split
from bms.adapters.datasets.statistics import Statistics
from bms.adapters.objects.archives import unpack
from bms.app.tasks import import_dataset
from bms.core.errors import FailedPrecondition, InvalidArgument
from tests.framework_env import framework_python
from tests.worlds.import_job import FakeJob


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "output"
    path.mkdir()
    return path


def write_csv(path: Path, rows: int = 200) -> Path:
    generator = np.random.default_rng(5)
    lines = [f"{a:.6f},{b:.6f},{('lily', 'rose')[int(a > b)]}" for a, b in generator.random((rows, 2))]
    path.write_text("length,width,flower\n" + "\n".join(lines) + "\n")
    return path


def test_csv_becomes_splits_that_hold_every_row_once(tmp_path: Path, output: Path) -> None:
    source = write_csv(tmp_path / "flowers.csv")
    job = FakeJob(output, {"format": "csv", "label": "flower", "shard_rows": 50}, {"source": source})
    report = import_dataset.main(job)

    assert sorted(path.name for path in output.iterdir()) == [
        "dataset.json",
        "statistics.json",
        "test-00000-of-00001.tfrecord",
        "train-00000-of-00003.tfrecord",
        "train-00001-of-00003.tfrecord",
        "train-00002-of-00003.tfrecord",
        "validation-00000-of-00001.tfrecord",
    ]
    assert json.loads(json.dumps(report)) == report
    assert report["rows"] == 200
    assert report["labels"] == ["lily", "rose"]
    assert {name: split["rows"] for name, split in report["splits"].items()} == {  # type: ignore[attr-defined]
        "train": 140,
        "validation": 30,
        "test": 30,
    }
    manifest = json.loads((output / "dataset.json").read_text())
    assert {key: report[key] for key in manifest} == manifest

    read = [load_split(output, name) for name in ("train", "validation", "test")]
    rows = {
        (length, width, ("lily", "rose")[flower])
        for split in read
        for length, width, flower in zip(split["length"], split["width"], split["flower"], strict=True)  # type: ignore[call-overload]
    }
    lines = [line.split(",") for line in source.read_text().splitlines()[1:]]
    expected = {(float(a), float(b), flower) for a, b, flower in lines}
    assert rows == expected
    assert job.metrics == {"rows": 200}
    fractions = [fraction for fraction, _ in job.said]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_the_same_import_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "flowers.csv")
    outputs = []
    for number in range(2):
        (tmp_path / f"output{number}").mkdir()
        job = FakeJob(tmp_path / f"output{number}", {"format": "csv", "label": "flower"}, {"source": source})
        import_dataset.main(job)
        outputs.append({path.name: path.read_bytes() for path in job.output.iterdir()})
    assert outputs[0] == outputs[1]


def test_statistics_are_written_for_people_and_programs(tmp_path: Path, output: Path) -> None:
    job = FakeJob(output, {"format": "csv", "label": "flower"}, {"source": write_csv(tmp_path / "flowers.csv")})
    report = import_dataset.main(job)
    statistics = msgspec.json.decode((output / "statistics.json").read_bytes(), type=Statistics)
    assert [feature.name for feature in statistics.features] == ["length", "width", "flower"]
    assert statistics.features[2].classes is not None
    assert sum(statistics.features[2].classes.values()) == 200
    assert sum(statistics.splits["train"].values()) == 140
    assert statistics.correlations is not None
    assert report["findings"] == []


def test_a_zip_of_folders_of_images(tmp_path: Path, output: Path) -> None:
    generator = np.random.default_rng(6)
    pixels = {f"{kind}/{n}.png": generator.integers(0, 256, (8, 8), np.uint8) for kind in "ab" for n in range(20)}
    with zipfile.ZipFile(tmp_path / "upload.zip", "w") as archive:
        for name, image in pixels.items():
            archive.writestr(f"letters/{name}", encode_png(image))
    unpack(tmp_path / "upload.zip", tmp_path / "source")
    split = {"train": 0.8, "test": 0.2}
    report = import_dataset.main(FakeJob(output, {"format": "images", "split": split}, {"source": tmp_path / "source"}))
    assert (report["label"], report["labels"]) == ("label", ["a", "b"])
    read = load_split(output, "test")
    assert np.bincount(read["label"]).tolist() == [4, 4]  # type: ignore[arg-type]
    images = decode_images(read["image"], "L")  # type: ignore[arg-type]
    known = {image.tobytes(): name[0] for name, image in pixels.items()}
    assert [known[image.tobytes()] for image in images] == ["ab"[label] for label in read["label"]]  # type: ignore[index]


def picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_the_maker_s_splits_are_kept_and_guesses_are_told(tmp_path: Path, output: Path) -> None:
    for part, count in (("train", 10), ("test", 4)):
        for shade, kind in enumerate(("cat", "dog")):
            for number in range(count):
                picture(
                    tmp_path / "tree" / part / kind / f"{number}.png",
                    np.full((8, 8, 3), 100 * shade + number, np.uint8),
                )
    report = import_dataset.main(FakeJob(output, {"format": "images"}, {"source": tmp_path / "tree"}))
    assert report["labels"] == ["cat", "dog"]
    assert {name: split["rows"] for name, split in report["splits"].items()} == {"train": 20, "test": 8}  # type: ignore[attr-defined]
    pixels = decode_images(load_split(output, "test")["image"], "L")  # type: ignore[arg-type]
    assert sorted(int(image[0, 0]) for image in pixels) == [*range(4), *range(100, 104)]
    told = [finding["message"] for finding in report["findings"] if finding["kind"] == "understood"]  # type: ignore[attr-defined]
    assert told == [
        "the folders test, train are splits, and those in them classes",
        "the source has its own splits, which are kept: train (20 rows), test (8 rows); for a validation, take a "
        "share of its train, like train=0.8,validation=0.2",
    ]


def test_deep_and_turned_pictures_become_what_is_seen(tmp_path: Path, output: Path) -> None:
    dark, bright = np.full((8, 8), 20 * 256, np.uint16), np.full((8, 8), 200 * 256, np.uint16)
    for number in range(10):
        picture(tmp_path / "deep" / "dark" / f"{number}.png", dark + number * 256)
        picture(tmp_path / "deep" / "bright" / f"{number}.png", bright + number * 256)
    report = import_dataset.main(FakeJob(output, {"format": "images"}, {"source": tmp_path / "deep"}))
    train = load_split(output, "train")
    shades = decode_images(train["image"], "L")[:, 0, 0]  # type: ignore[arg-type]
    assert ((shades > 100) == (np.asarray(train["label"]) == 0)).all()
    assert [finding["message"] for finding in report["findings"] if finding["kind"] == "changed"] == [  # type: ignore[attr-defined]
        "20 of 20 images have 16 bits a channel, of which the upper 8 are used"
    ]


def test_large_integers_and_long_texts_are_measured_as_they_are(tmp_path: Path, output: Path) -> None:
    lines = [f"{(1 << 60) + row},{row},{'x' * 85}{row % 3},{'pq'[row % 2]}" for row in range(200)]
    (tmp_path / "ids.csv").write_text("id,v,txt,y\n" + "\n".join(lines) + "\n")
    report = import_dataset.main(FakeJob(output, {"format": "csv", "label": "y"}, {"source": tmp_path / "ids.csv"}))
    statistics = msgspec.json.decode((output / "statistics.json").read_bytes(), type=Statistics)
    ids, _, texts, _ = statistics.features
    assert ids.numbers is not None
    assert (ids.numbers.distinct, ids.numbers.min, ids.numbers.max) == (200, 1 << 60, (1 << 60) + 199)
    assert texts.text is not None
    assert list(texts.text.top) == ["x" * 80, "x" * 80 + " (2)", "x" * 80 + " (3)"]
    assert sum(texts.text.top.values()) == 200
    assert statistics.correlations is not None
    assert statistics.correlations.matrix[0][1] == pytest.approx(1)
    assert ("identifier", "id") in {(one["kind"], one["feature"]) for one in report["findings"]}  # type: ignore[attr-defined]


def test_what_was_imported_can_be_imported_again(tmp_path: Path, output: Path) -> None:
    source = write_csv(tmp_path / "flowers.csv")
    first = import_dataset.main(FakeJob(output, {"format": "csv", "label": "flower"}, {"source": source}))
    (tmp_path / "again").mkdir()
    again = import_dataset.main(FakeJob(tmp_path / "again", {"format": "tfrecord"}, {"source": output}))
    assert {key: again[key] for key in ("rows", "schema", "label", "labels")} == {
        key: first[key] for key in ("rows", "schema", "label", "labels")
    }


def test_npz_and_jsonl_are_imported(tmp_path: Path, output: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(7).random((40, 3)), y=np.arange(40) % 4)
    report = import_dataset.main(FakeJob(output, {"format": "npz", "label": "y"}, {"source": tmp_path / "data.npz"}))
    assert report["labels"] == ["0", "1", "2", "3"]
    (tmp_path / "data.jsonl").write_text("".join(f'{{"text": "line {n}", "score": {n}.5}}\n' for n in range(40)))
    (tmp_path / "second").mkdir()
    parameters = {"format": "jsonl", "label": "score"}
    report = import_dataset.main(FakeJob(tmp_path / "second", parameters, {"source": tmp_path / "data.jsonl"}))
    assert (report["label"], report["labels"]) == ("score", [])


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({}, "missing required field `format`"),
        ({"format": "xlsx"}, "Invalid enum value 'xlsx'"),
        ({"format": "csv", "lable": "y"}, "unknown field `lable`"),
        ({"format": "csv", "seed": -1}, r"`\$\.seed`"),
        ({"format": "csv", "shard_rows": 0}, r"`\$\.shard_rows`"),
        ({"format": "csv", "split": {"train": 0.5}}, "sum to 1"),
        ({"format": "csv"}, "needs an input named 'source'"),
        ({"format": "sample"}, "needs `sample`: one of digits"),
        ({"format": "sample", "sample": "mnist"}, "unknown sample 'mnist'"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_written(
    output: Path, parameters: dict[str, Any], match: str
) -> None:
    with pytest.raises(InvalidArgument, match=match):
        import_dataset.main(FakeJob(output, parameters))
    assert list(output.iterdir()) == []


def test_a_source_without_rows_is_refused(tmp_path: Path, output: Path) -> None:
    (tmp_path / "empty.csv").write_text("a,b\n")
    with pytest.raises(InvalidArgument, match="the source has no rows"):
        import_dataset.main(FakeJob(output, {"format": "csv"}, {"source": tmp_path / "empty.csv"}))


def test_samples_say_what_they_need(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(FailedPrecondition, match="scikit-learn in the job's environment"):
        import_dataset.main(FakeJob(output, {"format": "sample", "sample": "digits"}))


SAMPLE_PROGRAM = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from bms.adapters.datasets.reader import decode_images, load_split
from bms.app.tasks.import_dataset import main

answers = {}
for sample in ("digits", "iris", "wine", "breast_cancer"):
    output = Path(sys.argv[1]) / sample
    output.mkdir()
    job = SimpleNamespace(
        parameters={"format": "sample", "sample": sample}, inputs={}, output=output,
        progress=lambda fraction, message="": None, metric=lambda name, value, step=None: None,
    )
    answers[sample] = main(job)
splits = [load_split(Path(sys.argv[1]) / "digits", name) for name in ("train", "validation", "test")]
from sklearn.datasets import load_digits
real = load_digits()
key = lambda image, label: (image.tobytes(), int(label))
ours = sorted(
    key(image, label) for split in splits for image, label in
    zip(np.rint(decode_images(split["image"], "L") * (16 / 255)).astype(np.uint8), split["label"])
)
theirs = sorted(key(image.astype(np.uint8), label) for image, label in zip(real.images, real.target))
answers["digits are exact"] = ours == theirs
answers["modules"] = sorted(name for name in sys.modules if name.startswith("bms."))
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def sklearn_python() -> Path:
    """An environment of its own with what an import job declares, and no BMS."""
    return framework_python(("scikit-learn", "numpy", "msgspec", "google-crc32c", "pillow"))


def test_the_bundled_samples_in_their_own_environment(sklearn_python: Path, tmp_path: Path) -> None:
    source = Path(import_dataset.__file__).parents[3]
    ran = subprocess.run(
        [str(sklearn_python), "-c", SAMPLE_PROGRAM, str(tmp_path)],
        env={"PYTHONPATH": str(source), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answers = json.loads(ran.stdout)
    digits = answers["digits"]
    assert digits["rows"] == 1797
    assert digits["labels"] == list("0123456789")
    assert {name: split["rows"] for name, split in digits["splits"].items()} == {
        "train": 1258,
        "validation": 270,
        "test": 269,
    }
    image = digits["schema"]["features"][0]
    assert {key: image[key] for key in ("name", "kind", "shape")} == {
        "name": "image",
        "kind": "image",
        "shape": [8, 8, 1],
    }
    assert answers["digits are exact"]
    assert {name: answers[name]["rows"] for name in ("iris", "wine", "breast_cancer")} == {
        "iris": 150,
        "wine": 178,
        "breast_cancer": 569,
    }
    assert answers["iris"]["labels"] == ["setosa", "versicolor", "virginica"]
    slim = ("bms.core", "bms.adapters.datasets", "bms.adapters.images", "bms.app.tasks")
    assert [name for name in answers["modules"] if not name.startswith(slim)] == ["bms.adapters", "bms.app"]
