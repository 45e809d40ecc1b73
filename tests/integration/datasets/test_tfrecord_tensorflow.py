"""Our TFRecord files read by the real TensorFlow, and its by us; TensorFlow lives in an environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bms.adapters.datasets.images.pictures import encode_png
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.adapters.datasets.table import table_of
from bms.adapters.datasets.tfrecord import source as tfrecord_source
from bms.adapters.datasets.tfrecord.examples import encode_rows
from bms.adapters.datasets.tfrecord.records import read_records, write_records
from bms.core.formats.example_codec import decode_example

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

READS = """
import json, sys
import tensorflow as tf
spec = {
    "image": tf.io.FixedLenFeature([], tf.string), "v": tf.io.FixedLenFeature([2, 3], tf.float32),
    "n": tf.io.FixedLenFeature([], tf.int64), "t": tf.io.FixedLenFeature([], tf.string),
    "d": tf.io.FixedLenFeature([], tf.string), "gap": tf.io.FixedLenFeature([], tf.int64, default_value=-1),
    "b": tf.io.FixedLenFeature([], tf.int64),
}
rows = []
for row in tf.data.TFRecordDataset(sys.argv[1]).map(lambda record: tf.io.parse_single_example(record, spec)):
    pixels = tf.io.decode_png(row["image"]).numpy()
    rows.append([pixels[:, :, 0].tolist(), row["v"].numpy().tolist(), int(row["n"]), row["t"].numpy().decode(),
                 tf.io.decode_raw(row["d"], tf.float64).numpy().reshape(2).tolist(), int(row["gap"]), int(row["b"])])
print(json.dumps(rows))
"""

WRITES = """
import sys
import numpy as np
import tensorflow as tf
generator = np.random.default_rng(1)
with tf.io.TFRecordWriter(sys.argv[1]) as writer:
    for row in range(1000):
        feature = {
            "v": tf.train.Feature(float_list=tf.train.FloatList(value=generator.standard_normal(20))),
            "n": tf.train.Feature(int64_list=tf.train.Int64List(value=[row, -row, 1 << 62, -(1 << 62)])),
            "t": tf.train.Feature(bytes_list=tf.train.BytesList(value=[f"row {row}".encode()])),
        }
        writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
"""


@pytest.fixture(scope="module")
def tensorflow_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tensorflow")
    environment = {**os.environ, "UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "")}
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(path)], check=True, env=environment)
    python = path / "bin" / "python"
    install = [*uv, "pip", "install", "-q", "--link-mode", "copy", "--python", str(python), "tensorflow-cpu", "numpy"]
    subprocess.run(install, check=True, env=environment, timeout=600)
    return python


def run(python: Path, program: str, path: Path) -> str:
    ran = subprocess.run(
        [str(python), "-c", program, str(path)],
        env={"PATH": os.environ["PATH"], "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_tensorflow_reads_what_we_write(tensorflow_python: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    pixels = generator.integers(0, 256, (50, 8, 8), np.uint8)
    vectors = generator.standard_normal((50, 2, 3)).astype(np.float32)
    numbers = generator.integers(-(1 << 63), (1 << 63) - 1, 50)
    texts = [f"行 {row}" for row in range(50)]
    schema = TableSchema(
        features=(
            ColumnSchema(name="image", kind="image"),
            ColumnSchema(name="v", kind="float", shape=(2, 3)),
            ColumnSchema(name="n", kind="int"),
            ColumnSchema(name="t", kind="text"),
            ColumnSchema(name="d", kind="float", shape=(2,)),
            ColumnSchema(name="gap", kind="int"),
            ColumnSchema(name="b", kind="bool"),
        )
    )
    doubles = generator.random((50, 2))
    gaps = np.array([None if row % 3 else (1 << 60) + row for row in range(50)], object)
    flags = numbers % 2 == 0
    images = [encode_png(image) for image in pixels]
    table = table_of(
        schema, {"image": images, "v": vectors, "n": numbers, "t": texts, "d": doubles, "gap": gaps, "b": flags}
    )
    write_records(tmp_path / "ours.tfrecord", encode_rows(table))
    read = json.loads(run(tensorflow_python, READS, tmp_path / "ours.tfrecord"))
    assert [row[0] for row in read] == pixels.tolist()
    np.testing.assert_array_equal(np.array([row[1] for row in read], np.float32), vectors)
    assert [row[2] for row in read] == numbers.tolist()
    assert [row[3] for row in read] == texts
    assert [row[4] for row in read] == doubles.tolist()
    assert [row[5] for row in read] == [-1 if gap is None else gap for gap in gaps]
    assert [row[6] for row in read] == flags.tolist()


def test_we_read_what_tensorflow_writes(tensorflow_python: Path, tmp_path: Path) -> None:
    run(tensorflow_python, WRITES, tmp_path / "theirs.tfrecord")
    generator = np.random.default_rng(1)
    rows = [decode_example(record) for record in read_records(tmp_path / "theirs.tfrecord")]
    assert len(rows) == 1000
    for number, row in enumerate(rows):
        np.testing.assert_array_equal(row["v"], generator.standard_normal(20).astype(np.float32), strict=True)  # type: ignore[arg-type]
        assert row["n"].tolist() == [number, -number, 1 << 62, -(1 << 62)]  # type: ignore[union-attr]
        assert row["t"] == [f"row {number}".encode()]
    table = tfrecord_source.load(tmp_path / "theirs.tfrecord")
    assert {feature.name: (feature.kind, feature.shape) for feature in table.schema.features} == {
        "n": ("int", (4,)),
        "t": ("text", ()),
        "v": ("float", (20,)),
    }
