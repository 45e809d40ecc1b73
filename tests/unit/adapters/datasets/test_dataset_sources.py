"""What people have, and what becomes of it: CSV, JSON lines, NPZ, folders of images, TFRecord of others."""

import io
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bms.adapters.datasets import npz, samples
from bms.adapters.datasets.csv import source as csv
from bms.adapters.datasets.images import folder as images_folder
from bms.adapters.datasets.images.pictures import encode_png
from bms.adapters.datasets.json import jsonl
from bms.adapters.datasets.labels import target_of, with_label
from bms.adapters.datasets.manifest import Manifest, write_manifest
from bms.adapters.datasets.schema import ColumnSchema, TableSchema
from bms.adapters.datasets.table import Table
from bms.adapters.datasets.tfrecord import source as tfrecord_source
from bms.adapters.datasets.tfrecord.records import write_records
from bms.core.errors import InvalidArgument, PayloadTooLarge
from bms.core.formats.example_codec import encode_example

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(content: str | bytes) -> Path:
        path = tmp_path / "source"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to_file


def kinds(table: Table) -> dict[str, str]:
    return {feature.name: feature.kind for feature in table.schema.features}


class TestCsv:
    def test_kinds_follow_the_cells(self, write: Write) -> None:
        table = csv.load(write("n,x,gap,code,word\n1,1.5,3,007,a\n-2,1e3,NA,008,\n"))
        assert kinds(table) == {"n": "int", "x": "float", "gap": "int", "code": "text", "word": "text"}
        assert table.numbers("n").tolist() == [1, -2]
        assert table.numbers("x").tolist() == [1.5, 1000]
        assert table.numbers("gap").tolist() == [3, None]
        assert table.columns["code"] == ["007", "008"]
        assert table.columns["word"] == ["a", None]
        assert [feature.name for feature in table.schema.features if feature.optional] == ["gap", "word"]

    @pytest.mark.parametrize("separator", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
    def test_the_separator_is_the_headers(self, write: Write, separator: str) -> None:
        table = csv.load(write(f'a{separator}"b"\n1{separator}"x{separator}""y"\n'))
        assert table.columns["b"] == [f'x{separator}"y']

    def test_a_byte_order_mark_crlf_and_blank_lines_do_no_harm(self, write: Write) -> None:
        table = csv.load(write("\ufeffa,b\r\n1,2\r\n\r\n3,4\r\n"))
        assert table.numbers("a").tolist() == [1, 3]

    @pytest.mark.parametrize(
        ("cells", "kind"),
        [
            (["9223372036854775807"], "int"),
            (["9223372036854775808"], "text"),
            (["1" * 5000], "text"),
            (["1_000"], "text"),
            (["١٢"], "text"),
            (["0x10"], "text"),
            (["inf", "-1"], "float"),
            (["1.", ".5"], "float"),
            (["", "nan"], "text"),
        ],
    )
    def test_odd_numbers(self, write: Write, cells: list[str], kind: str) -> None:
        assert kinds(csv.load(write("a,b\n" + "".join(f"{cell},1\n" for cell in cells))))["a"] == kind

    @pytest.mark.parametrize(
        ("content", "match"),
        [
            ("", "is empty: expected a line of column names"),
            ("a,b\n1,2\n1\n", "line 3: 1 cells where the header names 2 columns"),
            ("a,a\n1,2\n", "columns are named twice: 'a'"),
            ("a,\n1,2\n", "line 1: a column is named '': give column 2 a name"),
            (",a\n1,2\n1,3\n", "line 1: a column is named '', the first, and it is no index"),
            (",a\nx,2\ny,3\n", "line 1: a column is named '', the first, and it is no index"),
            (b"a,b\n\xff,1\n", "is not UTF-8"),
            ('a,b\n"1,2\n', "is not CSV"),
            ("a" * 200 + ",b\n1,2\n", "1 to 128 printable"),
            ("a\x1b[2J,b\n1,2\n", "printable"),
            (",".join(map(str, range(10_001))) + "\n", "1 to 10000 columns"),
        ],
    )
    def test_what_is_wrong_is_said(self, write: Write, content: str | bytes, match: str) -> None:
        with pytest.raises(InvalidArgument, match=match):
            csv.load(write(content))

    def test_the_only_csv_of_a_directory_is_meant(self, tmp_path: Path) -> None:
        (tmp_path / "inner").mkdir()
        (tmp_path / "inner" / "data.CSV").write_text("a\n1\n")
        (tmp_path / ".hidden.csv").write_text("x")
        table = csv.load(tmp_path)
        assert table.rows == 1
        assert [finding.message for finding in table.findings] == [
            "one file is of no use here, and left out: .hidden.csv"
        ]
        (tmp_path / "other.csv").write_text("a\n1\n")
        with pytest.raises(InvalidArgument, match=r"expected one \*\.csv file, found 2: inner/data\.CSV, other\.csv"):
            csv.load(tmp_path)


class TestJsonLines:
    def test_kinds_follow_the_values(self, write: Write) -> None:
        lines = [
            '{"n": 1, "x": 1, "flag": true, "v": [[1, 2], [3, 4]], "t": "a", "late": null}',
            "",
            '{"n": 2, "x": 2.5, "flag": false, "v": [[5, 6], [7, 8.5]], "late": 7}',
        ]
        table = jsonl.load(write("\n".join(lines)))
        assert kinds(table) == {"n": "int", "x": "float", "flag": "bool", "v": "float", "t": "text", "late": "int"}
        assert table.schema.feature("v").shape == (2, 2)
        assert table.numbers("v").tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8.5]]]
        assert table.columns["t"] == ["a", None]
        assert table.numbers("late").tolist() == [None, 7]
        assert table.numbers("flag").tolist() == [True, False]

    @pytest.mark.parametrize(
        ("content", "match"),
        [
            ("", "is empty"),
            ("[1]", "line 1 is not a JSON object"),
            ('{"a": 1}\n{"a": 1', "line 2 is not a JSON object"),
            ('{"a": {"b": 1}}', r"column 'a' holds objects \(line 1\): objects are no column"),
            ('{"a": 1}\n\n{"a": "x"}', r"column 'a' mixes integers \(line 1\), texts \(line 3\)"),
            ('{"a": 1}\n{"a": true}', r"column 'a' mixes integers \(line 1\), booleans \(line 2\)"),
            ('{"a": [1, 2]}\n{"a": [1]}', r"line 2, column 'a': expected a list of shape \[2\]"),
            ('{"a": [1]}\n{"a": null}', r"line 2, column 'a': expected a list of shape \[1\]"),
            ('{"a": 0.5}\n{"a": 9007199254740993}', "line 2, column 'a' holds 9007199254740993 among floats"),
            ('{"a": [0.5, 9007199254740993]}', "line 1, column 'a' holds 9007199254740993 among floats"),
            ('{"a": 1e400}', "line 1, column 'a' holds 1e400, which no float64 is; write it as text"),
            ('{"a": NaN, "b": -1e400}', "line 1, column 'b' holds -1e400, which no float64 is"),
            ('{"a": 1}\n{"a": 1e-400}', "line 2, column 'a' holds 1e-400, which no float64 is"),
            ('{"a": [0.5, 9007199254740993.0]}', "line 1, column 'a' holds 9007199254740993.0, which no float64 is"),
            ('{"a": 1}\n{"a": 1, "b": "x", "a": 2}', "line 2 has the key 'a' twice in one object: say it once"),
            ('{"a": NaN, "a": 1}', "line 1 has the key 'a' twice"),
            ('{"a": [{"b": 1, "b": 1}]}', "line 1 has the key 'b' twice"),
            ('{"a": "x"}\n{"a": "\\ud800"}', r"line 2 holds half of a character, '\\ud800', in 'a': no text has one"),
            ('{"a": NaN, "b": "\\udc00x"}', r"line 1 holds half of a character, '\\udc00', in 'b'"),
            ('{"\\udfff": 1}', "line 1 holds half of a character"),
            ('{"a": NaN', "line 1 is not a JSON object"),
            ("[NaN]", "line 1 is not a JSON object"),
            ('{"a": [[1], [1, 2]]}', "lists of different lengths"),
            ('{"a": ["x"]}', "lists may hold numbers only"),
            (
                '{"a": 1}\n{"a": 9223372036854775808}',
                "line 2, column 'a' holds 9223372036854775808, which does not fit",
            ),
            ('{"a": -99999999999999999999999}', "does not fit 64 bits"),
            ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "line 1 is not a JSON object"),
            (b'{"a": "\xff"}', "line 1 is not a JSON object"),
            ("\n".join(f'{{"k{n}": 1}}' for n in range(10_001)), "more than 10000 different keys"),
        ],
    )
    def test_what_is_wrong_is_said(self, write: Write, content: str | bytes, match: str) -> None:
        with pytest.raises(InvalidArgument, match=match):
            jsonl.load(write(content))

    def test_marks_within_texts_and_whole_pairs_of_halves_are_texts(self, write: Write) -> None:
        table = jsonl.load(write(r'{"a": "say \"a\": 1", "b": "\ud83d\ude00"}'))
        assert table.columns == {"a": ['say "a": 1'], "b": ["\U0001f600"]}

    def test_digits_that_no_double_has_are_told(self, write: Write) -> None:
        table = jsonl.load(
            write('{"a": 0.1, "b": [1e-5]}\n{"a": 0.12345678901234567891, "b": [1.00000000000000000001]}')
        )
        assert [(finding.kind, finding.feature) for finding in table.findings] == [("changed", "a"), ("changed", "b")]
        assert table.findings[0].message.startswith(
            "one number has more digits than a float64, which is the nearest: line 2 says 0.12345678901234567891; "
        )
        assert table.numbers("b").tolist() == [[1e-5], [1]]


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("import builtins; builtins.BMS_TEST_BITTEN = True",))


def npz_of(path: Path, **arrays: Any) -> Path:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return path


class TestNpz:
    def test_arrays_become_columns(self, tmp_path: Path) -> None:
        pixels = np.arange(2 * 4 * 5, dtype=np.uint8).reshape(2, 4, 5)
        table = npz.load(
            npz_of(
                tmp_path / "f", grey=pixels, rgb=np.stack([pixels] * 3, axis=-1), x=np.ones((2, 3)),
                big=np.array([1, 2], ">i2"), word=np.array(["a", "b七"]), fortran=np.asfortranarray([[1.0, 2], [3, 4]]),
                flag=np.array([True, False]), raw=np.array([b"ab", b"c"]),
            )
        )  # fmt: skip
        assert kinds(table) == {
            "grey": "image", "rgb": "image", "x": "float", "big": "int", "word": "text", "fortran": "float",
            "flag": "bool", "raw": "text",
        }  # fmt: skip
        assert table.schema.feature("grey").shape == (4, 5, 1)
        assert table.schema.feature("rgb").shape == (4, 5, 3)
        assert (np.asarray(Image.open(io.BytesIO(table.columns["grey"][1]))) == pixels[1]).all()  # type: ignore[arg-type]
        assert table.numbers("big").tolist() == [1, 2]
        assert table.numbers("fortran").tolist() == [[1, 2], [3, 4]]
        assert table.columns["word"] == ["a", "b七"]
        assert table.columns["raw"] == ["ab", "c"]

    def test_pickled_objects_are_never_opened(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import builtins

        monkeypatch.setattr(builtins, "BMS_TEST_BITTEN", False, raising=False)
        path = npz_of(tmp_path / "f", x=np.array([Bomb()], object))
        with np.load(path, allow_pickle=True) as naive:
            naive["x"]
        assert builtins.BMS_TEST_BITTEN  # type: ignore[attr-defined]
        monkeypatch.setattr(builtins, "BMS_TEST_BITTEN", False)
        with pytest.raises(InvalidArgument, match="holds Python objects, which are never opened"):
            npz.load(path)
        assert not builtins.BMS_TEST_BITTEN  # type: ignore[attr-defined]

    def test_a_pickle_in_the_place_of_an_array_is_never_opened(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "f", "w") as archive:
            archive.writestr("x.npy", pickle.dumps({"a": 1}))
        with pytest.raises(InvalidArgument, match="array 'x' is not in NumPy's format"):
            npz.load(tmp_path / "f")

    @pytest.mark.parametrize("shape", ["(1000000000, 1000)", "(-1,)", "()", "(4, 0)", "(9223372036854775807, 2)"])
    def test_a_declared_shape_is_not_believed(self, tmp_path: Path, shape: str) -> None:
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(16)
        with zipfile.ZipFile(tmp_path / "f", "w") as archive:
            archive.writestr("x.npy", content)
        with pytest.raises(InvalidArgument, match=r"declares|has shape"):
            npz.load(tmp_path / "f")

    def test_a_bomb_is_refused_by_its_declared_size(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = npz_of(tmp_path / "f", x=np.zeros(1 << 20))
        assert path.stat().st_size < 20_000
        monkeypatch.setattr(npz, "_LARGEST", 1 << 20)
        with pytest.raises(PayloadTooLarge, match="unpacks to 8388736 bytes; 1048576 are allowed"):
            npz.load(path)

    @pytest.mark.parametrize(
        ("arrays", "match"),
        [
            ({"x": np.zeros(2), "y": np.zeros(3)}, "different numbers of rows: x 2, y 3"),
            ({"x": np.array([1 << 63], np.uint64)}, "does not fit int64"),
            ({"x": np.array([1j])}, "cannot be a column"),
            ({"x": np.array([1], "m8[D]")}, "cannot be a column"),
            ({"x": np.array(["10000-01-01"], "M8[D]")}, "outside the years 1 to 9999"),
            ({"x": np.array(["2020-01-01T00:00:00.1234567891"], "M8[ps]")}, "or finer"),
            ({"x": np.array([1 + np.longdouble(2) ** -60])}, "which no float64 holds"),
            ({"x": np.array([b"a", b"\xff"])}, "array 'x', row 2 is not UTF-8"),
            ({"x": np.array(["a", "b\ud800"])}, "array 'x', row 2 is not UTF-8 text: .* surrogates not allowed"),
            ({"x": np.array(5)}, "expected rows along its first axis"),
            ({}, "1 to 10000 columns"),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path: Path, arrays: dict[str, Any], match: str) -> None:
        with pytest.raises(InvalidArgument, match=match):
            npz.load(npz_of(tmp_path / "f", **arrays))

    def test_what_is_no_npz_is_refused(self, write: Write) -> None:
        with pytest.raises(InvalidArgument, match=r"not an \.npz file"):
            npz.load(write("hello"))


def image_file(path: Path, size: tuple[int, int] = (6, 4), form: str = "PNG", mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, 7).save(path, form)


class TestImagesFolder:
    def test_a_folder_is_a_class(self, tmp_path: Path) -> None:
        image_file(tmp_path / "rose" / "1.png")
        image_file(tmp_path / "lily" / "deep" / "2.jpg", form="JPEG")
        image_file(tmp_path / "lily" / "1.png")
        (tmp_path / "lily" / ".DS_Store").write_bytes(b"?")
        (tmp_path / "__MACOSX" / "lily").mkdir(parents=True)
        image_file(tmp_path / "rose" / "without-an-ending")
        (tmp_path / "rose" / "README").write_text("words")
        (tmp_path / "README.txt").write_text("words beside the folders")
        table = images_folder.load(tmp_path)
        assert table.schema.feature("label").labels == ("lily", "rose")
        assert table.numbers("label").tolist() == [0, 0, 1, 1]
        assert [finding.message for finding in table.findings[-2:]] == [
            "2 files are of no use here, and left out: README.txt, rose/README",
            "one file is what systems leave, and passed over: lily/.DS_Store",
        ]
        assert table.schema.feature("image").shape == (4, 6, 3)
        assert [bytes(image[:2]) for image in table.columns["image"]] == [b"\x89P", b"\xff\xd8", b"\x89P", b"\x89P"]  # type: ignore[index]

    def test_a_dot_in_front_hides_no_class_and_no_image(self, tmp_path: Path) -> None:
        for name in (".net/a.png", "java/.1.png", "java/._1.png", "Thumbs.db/1.png", ".ipynb_checkpoints/1.png"):
            image_file(tmp_path / name)
        (tmp_path / "java" / "Thumbs.db").write_bytes(b"?")
        table = images_folder.load(tmp_path)
        assert table.schema.feature("label").labels == (".net", "Thumbs.db", "java")
        assert table.rows == 3
        assert table.findings[-1].count == 3
        assert table.findings[-1].message.endswith(": .ipynb_checkpoints/1.png, java/._1.png, java/Thumbs.db")

    def test_one_wrapping_folder_is_taken_off(self, tmp_path: Path) -> None:
        image_file(tmp_path / "flowers" / "rose" / "1.png")
        image_file(tmp_path / "flowers" / "lily" / "1.png", size=(9, 9))
        table = images_folder.load(tmp_path)
        assert table.schema.feature("label").labels == ("lily", "rose")
        assert table.schema.feature("image").shape == ()

    @pytest.mark.parametrize(
        ("content", "match"),
        [
            (b"hello", r"rose/bad\.png: this is neither a PNG, a JPEG nor a WebP image"),
            (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "the image is broken: its header can't be read"),
            (b"GIF89a" + b"\0" * 50, "convert it to one of them"),
        ],
    )
    def test_a_broken_image_is_named(self, tmp_path: Path, content: bytes, match: str) -> None:
        image_file(tmp_path / "rose" / "1.png")
        (tmp_path / "rose" / "bad.png").write_bytes(content)
        with pytest.raises(InvalidArgument, match=match):
            images_folder.load(tmp_path)

    def test_a_truncated_image_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "rose" / "cut.png"
        path.parent.mkdir()
        noise = np.random.default_rng(1).integers(0, 256, (50, 50), np.uint8)
        path.write_bytes(encode_png(noise)[:-500])
        with pytest.raises(InvalidArgument, match=r"rose/cut\.png: the image is broken"):
            images_folder.load(tmp_path)

    def test_an_image_that_declares_too_many_pixels_is_refused_unread(self, tmp_path: Path) -> None:
        small = bytearray(encode_png(np.zeros((1, 1), np.uint8)))
        small[16:24] = (100_000).to_bytes(4, "big") * 2
        small[29:33] = zlib.crc32(small[12:29]).to_bytes(4, "big")
        (tmp_path / "rose").mkdir()
        (tmp_path / "rose" / "bomb.png").write_bytes(small)
        with pytest.raises(InvalidArgument, match=r"more pixels than an image may have \(67108864"):
            images_folder.load(tmp_path)

    def test_what_holds_no_images_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidArgument, match="expected a folder for each class"):
            images_folder.load(tmp_path)


class TestTfrecord:
    def test_the_schema_is_inferred(self, tmp_path: Path) -> None:
        png = encode_png(np.zeros((2, 3), np.uint8))
        for shard in range(2):
            row = {"pic": [png], "t": ["é".encode()], "n": np.array([shard]), "v": np.array([1, 2], np.float32)}
            write_records(tmp_path / f"{shard}.tfrecord", [encode_example(row)] * 2)
        table = tfrecord_source.load(tmp_path)
        assert kinds(table) == {"pic": "image", "t": "text", "n": "int", "v": "float"}
        assert table.schema.feature("pic").shape == (2, 3, 1)
        assert table.numbers("n").tolist() == [0, 0, 1, 1]
        assert table.numbers("v").shape == (4, 2)

    @pytest.mark.parametrize(
        "names",
        [
            ["flowers-train.tfrecord-00000-of-00002", "flowers-train.tfrecord-00001-of-00002"],
            ["train-00000-of-00002.tfrecord", "train-00001-of-00002.tfrecord"],
            ["a.TFRecord", "b.tfrecords", "c.tfrec"],
            ["flowers-train.tfrecord-00001-of-00002"],  # alone it may be all that is meant
        ],
    )
    def test_files_are_found_by_the_names_that_others_give_them(self, names: list[str], tmp_path: Path) -> None:
        for number, name in enumerate(names):
            write_records(tmp_path / name, [encode_example({"n": np.array([number])})])
        for name in ("features.json", "about.tfrecord.txt", "flowers.tfrecord-index"):
            (tmp_path / name).write_text("{}")
        assert tfrecord_source.load(tmp_path).numbers("n").tolist() == list(range(len(names)))

    def test_parts_of_which_some_are_not_there_are_refused(self, tmp_path: Path) -> None:
        for number in (0, 2):
            write_records(tmp_path / f"a.tfrecord-0000{number}-of-00003", [encode_example({"n": np.array([number])})])
        told = "of the 3 parts of 'a.tfrecord' 2 are there: 00001 is not"
        with pytest.raises(InvalidArgument, match=told):
            tfrecord_source.load(tmp_path)

    def test_rows_that_differ_from_the_first_are_named(self, tmp_path: Path) -> None:
        write_records(tmp_path / "f.tfrecord", [encode_example({"n": np.array(v)}) for v in ([1], [1, 2])])
        with pytest.raises(InvalidArgument, match=r"f\.tfrecord, record 2: column 'n' should hold 1 of int, but has 2"):
            tfrecord_source.load(tmp_path)

    def test_a_feature_that_the_first_row_lacks_is_kept(self, tmp_path: Path) -> None:
        rows = [{"n": np.array([1])}, {"n": np.array([2]), "age": np.array([7]), "t": [b"x"]}]
        write_records(tmp_path / "f.tfrecord", [encode_example(row) for row in rows])
        table = tfrecord_source.load(tmp_path)
        assert kinds(table) == {"age": "int", "n": "int", "t": "text"}
        assert table.numbers("age").tolist() == [None, 7]
        assert table.columns["t"] == [None, "x"]

    def test_lists_of_sequences_are_refused_and_not_dropped(self, tmp_path: Path) -> None:
        context = encode_example({"user": np.array([1])})
        lists = b"".join(b"\x0a" + bytes([len(entry)]) + entry for entry in (b"\x0a\x06clicks", b"\x0a\x05price"))
        sequence = context + b"\x12" + bytes([len(lists)]) + lists
        write_records(tmp_path / "f.tfrecord", [context + b"\x12\x00", sequence])
        with pytest.raises(InvalidArgument) as refused:
            tfrecord_source.load(tmp_path)
        told = "f.tfrecord, record 2: this is a tf.train.SequenceExample with lists ('clicks', 'price')"
        assert refused.value.message.startswith(told)

    def test_what_dataset_json_does_not_name_is_refused_and_not_dropped(self, tmp_path: Path) -> None:
        write_records(tmp_path / "f.tfrecord", [encode_example({"n": np.array([1]), "more": np.array([2])})])
        schema = TableSchema(features=(ColumnSchema(name="n", kind="int"),))
        write_manifest(tmp_path, Manifest(schema=schema, splits={}))
        with pytest.raises(
            InvalidArgument, match=r"f\.tfrecord, record 1 has 'more', which dataset\.json .* does not name"
        ):
            tfrecord_source.load(tmp_path)

    def test_an_image_that_is_broken_is_refused_with_its_place(self, tmp_path: Path) -> None:
        png = encode_png(np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8))
        write_records(tmp_path / "f.tfrecord", [encode_example({"pic": [one]}) for one in (png, png[:-200])])
        with pytest.raises(InvalidArgument, match=r"f\.tfrecord, record 2, column 'pic': the image is broken"):
            tfrecord_source.load(tmp_path)

    def test_records_that_are_no_examples_are_refused(self, tmp_path: Path) -> None:
        write_records(tmp_path / "f.tfrecord", [b"\xff\xff"])
        with pytest.raises(InvalidArgument, match=r"f.tfrecord, record 1: this is no tf\.train\.Example: malformed at"):
            tfrecord_source.load(tmp_path)
        (tmp_path / "f.tfrecord").write_bytes(b"")
        with pytest.raises(InvalidArgument, match="found 1 files and no record"):
            tfrecord_source.load(tmp_path)


class TestLabels:
    def test_texts_become_classes(self, write: Write) -> None:
        table = with_label(csv.load(write("x,kind\n1,b\n2,a\n3,b\n")), "kind")
        assert target_of(table.schema, "kind") == ColumnSchema(name="kind", kind="label", labels=("a", "b"))
        assert table.numbers("kind").tolist() == [1, 0, 1]

    def test_integers_become_classes_by_value(self, write: Write) -> None:
        table = with_label(csv.load(write("x,y\n1,10\n2,9\n3,10\n")), "y")
        assert table.schema.feature("y").labels == ("9", "10")
        assert table.numbers("y").tolist() == [1, 0, 1]

    def test_many_integers_and_floats_stay_quantities(self, write: Write) -> None:
        content = "n,x\n" + "".join(f"{n},{n}.5\n" for n in range(101))
        table = csv.load(write(content))
        assert with_label(table, "n") is table
        assert with_label(table, "x") is table

    @pytest.mark.parametrize("cells", [["a", ""], ["1.5", ""]])
    def test_a_row_without_a_label_is_named(self, write: Write, cells: list[str]) -> None:
        table = csv.load(write("x,y\n" + "".join(f"1,{cell}\n" for cell in cells)))
        with pytest.raises(InvalidArgument, match=r"line 3 has no label in column 'y': fill it or remove the row"):
            with_label(table, "y")

    def test_an_unknown_column_is_told_the_known_ones(self, write: Write) -> None:
        with pytest.raises(InvalidArgument, match="no column 'z'; it has: x, y"):
            with_label(csv.load(write("x,y\n1,2\n")), "z")

    def test_without_a_name_the_only_label_is_the_target(self) -> None:
        one = ColumnSchema(name="a", kind="label", labels=("x",))
        other = ColumnSchema(name="b", kind="label", labels=("x",))
        assert target_of(TableSchema(features=(one,)), None) == one
        assert target_of(TableSchema(features=(one, other)), None) is None


def test_an_unknown_sample_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="use one of digits, iris, wine, breast_cancer"):
        samples.load("mnist")
