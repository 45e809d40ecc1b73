"""Examples of what a model takes, and what is declared of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bms.core.errors import InvalidArgument, NotFound
from bms.sdk.examples import ROWS, described_version
from bms.sdk.nouns.columns import column, tensor_text
from bms.sdk.nouns.models import NewVersion
from bms.sdk.nouns.signatures import Signature, TensorSpec

MESSY = "id,price,city,bought,paid\n9007199254740993,1.5,Köln,2026-01-02,true\n2,,,,false\n"


def content(example: Any, *columns: TensorSpec | str) -> dict[str, Any]:
    made = described_version(NewVersion(), columns, example).example
    assert made is not None
    read: dict[str, Any] = json.loads(made)
    return read


def inputs(new: NewVersion) -> list[str]:
    return [tensor_text(spec) for spec in new.signatures["serving_default"].inputs]


def test_what_is_wrong_in_rows_without_names_is_told_by_its_place(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('{"instances": [[1, 2, 3], ["a", 2, 3]]}')
    with pytest.raises(
        InvalidArgument, match=r"^the array mixes whole numbers and texts: \[0, 0\] holds 1, \[1, 0\] 'a'"
    ):
        described_version(NewVersion(), (), tmp_path / "rows.json")
    with pytest.raises(InvalidArgument, match=r"^the example is infinite: take other rows"):
        described_version(NewVersion(), (), np.array([[np.inf]]))


def test_a_csv_without_a_header_is_refused_unless_a_column_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("5.1,3.5\n4.9,3.0\n")
    with pytest.raises(InvalidArgument, match=r"rows\.csv: the first line, 5\.1,3\.5, is numbers alone"):
        described_version(NewVersion(), (), tmp_path / "rows.csv")
    assert described_version(NewVersion(), ["5.1 number"], tmp_path / "rows.csv").example is not None


def test_a_csv_becomes_a_request_with_the_types_of_its_columns(tmp_path: Path) -> None:
    (tmp_path / "messy.csv").write_text(MESSY)
    made = described_version(NewVersion(), (), tmp_path / "messy.csv")
    assert json.loads(made.example or b"") == {
        "dataframe_split": {
            "columns": ["id", "price", "city", "bought", "paid"],
            "data": [[2**53 + 1, 1.5, "Köln", "2026-01-02", True], [2, None, None, None, False]],
            "types": ["integer", "number", "text", "datetime", "boolean"],
        }
    }
    assert made.new.signatures == {}


def test_columns_say_more_of_an_example_and_then_the_whole_table_is_declared(tmp_path: Path) -> None:
    (tmp_path / "messy.csv").write_text(MESSY)
    said_so = ("price number FP32", "id text", "city category[Köln,Bonn]?", "age integer?")
    made = described_version(NewVersion(labels=("a",)), said_so, str(tmp_path / "messy.csv"))
    assert inputs(made.new) == [
        "id text",
        "price number FP32",
        "city category[Köln,Bonn]?",
        "bought datetime",
        "paid boolean",
        "age integer?",
    ]
    split = json.loads(made.example or b"")["dataframe_split"]
    assert split["data"][0][:3] == ["9007199254740993", 1.5, "Köln"]
    assert split["types"][:3] == ["text", "number", "category"]
    assert made.new.labels == ("a",)


def test_columns_alone_declare_the_table() -> None:
    made = described_version(NewVersion(), (column("age", "number"), "city text?"), None)
    assert (inputs(made.new), made.example) == (["age number", "city text?"], None)


@pytest.mark.parametrize(
    "example",
    [
        [{"a": 1, "b": "x"}, {"a": None, "b": "y"}],
        {"a": [1, None], "b": ["x", "y"]},
        {"a": np.array([1, np.nan]), "b": np.array(["x", "y"])},
        np.array([(1, "x"), (np.nan, "y")], dtype=[("a", "f8"), ("b", "U1")]),
    ],
)
def test_tables_of_every_kind_are_examples(example: Any) -> None:
    split = content(example)["dataframe_split"]
    assert (split["columns"], split["data"]) == (["a", "b"], [[1, "x"], [None, "y"]])


@pytest.mark.parametrize(
    "text",
    [
        '{"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"]]}}',
        '{"columns": ["a", "b"], "data": [[1, "x"]]}',
        '{"dataframe_records": [{"a": 1, "b": "x"}]}',
        '{"instances": [{"a": 1, "b": "x"}]}',
        '{"inputs": {"a": [1], "b": ["x"]}}',
        '[{"a": 1, "b": "x"}]',
        '{"a": [1], "b": ["x"]}',
    ],
)
def test_json_in_any_form_of_a_request_is_an_example(tmp_path: Path, text: str) -> None:
    (tmp_path / "e.json").write_text(text)
    split = content(tmp_path / "e.json")["dataframe_split"]
    assert split == {"columns": ["a", "b"], "data": [[1, "x"]], "types": ["integer", "text"]}


OIP = '{"inputs": [{"name": "%s", "datatype": "%s", "shape": %s, "data": %s}]}'


def test_a_request_of_the_open_inference_protocol_is_an_example(tmp_path: Path) -> None:
    path = tmp_path / "e.json"
    path.write_text(OIP % ("age", "INT64", [2], "[41, null]"))
    split = content(path)["dataframe_split"]
    assert (split["columns"], split["data"]) == (["age"], [[41], [None]])
    path.write_text(OIP % ("age", "FP64", [2], "[41, null]"))
    assert content(path)["dataframe_split"]["types"] == ["number"]
    path.write_text(OIP % ("x", "FP32", [2, 3], "[1, 2, 3, 4, 5, 6]"))
    assert content(path) == {"inputs": {"x": [[1, 2, 3], [4, 5, 6]]}}
    path.write_text(OIP % ("x", "FP32", [2, 3], "[1, 2]"))
    with pytest.raises(InvalidArgument, match="not of its shape"):
        content(path)


def test_types_in_a_file_are_kept_and_lines_of_json_are_rows(tmp_path: Path) -> None:
    split = {"columns": ["a", "t"], "data": [[1, "2026-01-02"]], "types": ["number", "datetime"]}
    (tmp_path / "e.json").write_text(json.dumps({"dataframe_split": split}))
    assert content(tmp_path / "e.json")["dataframe_split"] == split
    (tmp_path / "e.jsonl").write_text('{"a": 1.5}\n\n{"a": NaN}\n')
    assert content(tmp_path / "e.jsonl")["dataframe_split"]["data"] == [[1.5], [None]]


def test_arrays_are_examples_without_columns(tmp_path: Path) -> None:
    assert content([[1, 2]]) == {"instances": [[1, 2]]}
    assert content(np.array([["a"]])) == {"instances": [["a"]]}
    assert content({"x": [[1.5]], "n": [1]}) == {"inputs": {"x": [[1.5]], "n": [1]}}
    with pytest.raises(InvalidArgument, match="the example has none"):
        described_version(NewVersion(), ("a number",), [[1]])


def test_arrays_by_name_of_a_file_are_tensors(tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", x=np.arange(4, dtype=np.float32).reshape(1, 2, 2), lengths=np.array([2]))
    assert content(tmp_path / "e.npz") == {"inputs": {"x": [[[0, 1], [2, 3]]], "lengths": [2]}}
    np.save(tmp_path / "e.npy", np.ones((300, 2)))
    assert content(tmp_path / "e.npy") == {"instances": [[1, 1]] * ROWS}
    np.savez(tmp_path / "pickled.npz", x=np.array([{}], dtype=object))
    with pytest.raises(InvalidArgument, match="holds no arrays that can be read"):
        described_version(NewVersion(), (), tmp_path / "pickled.npz")


def test_an_image_is_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "e.JPG").write_bytes(b"\xff\xd8")
    assert content(tmp_path / "e.JPG") == {"instances": [{"b64": "/9g="}]}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('[{"x": [[1]], "n": 1}]', {"instances": [{"x": [[1]], "n": 1}]}),
        ('{"instances": [{"b64": "/9g="}]}', {"instances": [{"b64": "/9g="}]}),
        ('{"image": [{"b64": "/9g="}]}', {"inputs": {"image": [{"b64": "/9g="}]}}),
        ('{"instances": [[[1, 2]]]}', {"instances": [[[1, 2]]]}),
    ],
)
def test_what_is_more_than_a_table_is_kept_as_it_is(tmp_path: Path, text: str, kept: object) -> None:
    (tmp_path / "e.json").write_text(text)
    assert content(tmp_path / "e.json") == kept


def test_only_the_first_rows_are_kept_but_all_tell_the_type() -> None:
    split = content({"a": [1] * ROWS + [0.5]})["dataframe_split"]
    assert (len(split["data"]), split["types"]) == (ROWS, ["number"])


@pytest.mark.parametrize(
    ("example", "columns", "says"),
    [
        ({"a": [None]}, (), "no value of column 'a': say its type, e.g. 'a text'"),
        ({"a": [1]}, ("b number",), "'b' is declared, but the example has 'a'"),
        ({"a": [1]}, ("a number", "a text"), "declared twice"),
        ({"a": [1.5]}, ("a integer",), "'a' holds 1.5, which INT64 cannot hold"),
        ({"a": ["x"]}, ("a number",), "column 'a' is number .FP64., and texts were sent"),
        ({"a": [1.5, float("inf")]}, (), "row 1 of the example is infinite"),
        ({"a": [b"\xff"]}, (), "row 0 of the example: these bytes are no text"),
        ([], (), "the example has no rows"),
    ],
)
def test_what_is_no_example_is_refused(example: Any, columns: tuple[str, ...], says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        described_version(NewVersion(), columns, example)


def test_files_that_are_no_examples_are_named(tmp_path: Path) -> None:
    for name, text, says in (
        ("e.txt", "x", r"expected a file \.csv, \.json, \.jsonl, \.npz, \.npy or of an image"),
        ("e.json", "{", "not JSON"),
        ("e.json", "3", "expected rows, columns"),
        ("e.json", '{"columns": ["a"], "data": [[1, 2]]}', "row 0 of 'data' must be a list of 1 values"),
        ("e.json", '{"columns": ["a", "a"], "data": [[1, 2]]}', "names 'a' twice"),
        ("e.json", '{"columns": ["a"], "data": [[1]], "types": ["x", "y"]}', "'types' must say one type"),
        ("e.json", '{"columns": ["a"], "data": [[1]], "types": ["x"]}', "there is no type 'x'"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(InvalidArgument, match=says):
            described_version(NewVersion(), (), tmp_path / name)
    with pytest.raises(NotFound, match="no file"):
        described_version(NewVersion(), (), tmp_path / "absent.csv")
    (tmp_path / "latin.csv").write_bytes(b"a\n\xe9\n")
    with pytest.raises(InvalidArgument, match="not UTF-8"):
        described_version(NewVersion(), (), tmp_path / "latin.csv")


def test_a_table_and_tensors_are_not_declared_both() -> None:
    signature = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None,)),))
    tensors = NewVersion(signatures={"serving_default": signature})
    with pytest.raises(InvalidArgument, match="either tensors or a table"):
        described_version(tensors, ("a number",), None)
