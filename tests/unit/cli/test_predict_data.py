"""What `bms predict --data` may be, and how answers are shown."""

import io
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bms.cli.output.printing import CommandOutput
from bms.cli.predict.answer import number_text, show_rows, warnings_to_stderr
from bms.cli.predict.data import is_table, parameters, read_data, typed
from bms.core.errors import InvalidArgument
from bms.sdk import RoundedWarning
from bms.sdk.inference import Prediction
from bms.sdk.predictions.sending import sent_of
from bms.sdk.predictions.served import TensorInfo
from bms.sdk.tables.column_values import OrderedTable

TABLE = (
    TensorInfo("zip", "BYTES", (-1,), {"column": "text"}),
    TensorInfo("age", "INT64", (-1,), {"column": "integer"}),
    TensorInfo("paid", "BOOL", (-1,), {"column": "boolean", "optional": True}),
)


def csv(folder: Path, text: str) -> Any:
    (folder / "rows.csv").write_text(text)
    return read_data(str(folder / "rows.csv"))


def test_cells_of_csv_mean_what_the_model_declares(tmp_path: Path) -> None:
    frame = typed(csv(tmp_path, "age,zip,paid\n9007199254740993,8001,\n,08001,1\n"), TABLE)
    assert is_table(frame)
    sent = sent_of(frame, TABLE)
    assert sent is not None
    assert sent.arrays["zip"].tolist() == [b"8001", b"08001"]
    assert sent.arrays["age"].tolist() == [2**53 + 1, 0]
    assert sent.missing["paid"].tolist() == [True, False]


def test_separator_and_decimal_commas_are_found_as_by_an_import(tmp_path: Path) -> None:
    taken = (TensorInfo("area", "FP64", (-1,), {"column": "number"}), TABLE[0])
    for said in ("", "sep=;\n"):
        sent = sent_of(typed(csv(tmp_path, f"{said}area;zip\n825,6;8,1\n;08001\n"), taken), taken)
        assert sent is not None
        np.testing.assert_array_equal(sent.arrays["area"], [825.6, np.nan])
        assert sent.arrays["zip"].tolist() == [b"8,1", b"08001"]


def test_a_cell_of_another_type_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="column 'age', row 1: 'old' is no whole number"):
        typed(csv(tmp_path, "age,zip\n1,a\nold,b\n"), TABLE)


def test_csv_of_numbers_is_a_matrix_by_place_for_a_model_without_names(tmp_path: Path) -> None:
    taken = (TensorInfo("x", "FP32", (-1, 2)),)
    sent = sent_of(typed(csv(tmp_path, "b,a\n1,0.5\n3,\n"), taken), taken)
    assert sent is not None
    np.testing.assert_array_equal(sent.arrays["x"], [[1, 0.5], [3, np.nan]])


def test_csv_without_a_header_is_refused_unless_the_model_calls_a_column_so(tmp_path: Path) -> None:
    cells = csv(tmp_path, "0.5,2\n1,3\n")
    with pytest.raises(InvalidArgument, match=r"--data: the first line, 0\.5,2, is numbers alone"):
        typed(cells, (TensorInfo("x", "FP32", (-1, 2)),))
    assert list(typed(cells, (TensorInfo("2", "FP32", (-1,)), TensorInfo("0.5", "FP32", (-1,)))).columns) == [
        "0.5",
        "2",
    ]


def test_rows_of_json_in_every_form(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": "x"}, {"a": None, "b": "y"}]
    (tmp_path / "rows.jsonl").write_text('{"a": 1, "b": "x"}\n\n{"a": null, "b": "y"}\n')
    assert read_data(str(tmp_path / "rows.jsonl")) == rows
    assert read_data('{"dataframe_records": [{"a": 1}]}') == [{"a": 1}]
    assert is_table(rows)
    assert not is_table([[1]])
    split = read_data('{"dataframe_split": {"columns": ["a"], "data": [[1], [null]]}}')
    assert isinstance(split, OrderedTable)
    assert split.columns["a"].array.tolist() == [1, 0]
    assert np.isnan(read_data("[[NaN]]")[0][0])
    (tmp_path / "bad.jsonl").write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(InvalidArgument, match=r"bad\.jsonl, line 2 is not JSON"):
        read_data(str(tmp_path / "bad.jsonl"))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("[[1]]", [[1]]),
        ("3", 3),
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('{"inputs": {"a": [1]}}', {"a": [1]}),
        ("a,b\n1,2\n", {"a": ["1"], "b": ["2"]}),
    ],
)
def test_stdin_is_known_by_how_it_begins(text: str, read: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    assert read_data("-") == read


def test_answers_to_rows_are_numbered(capsys: pytest.CaptureFixture[str]) -> None:
    session: Any = SimpleNamespace(out=CommandOutput(json=False))
    labels = np.array([b"yes", b"no"], dtype=object)
    answer = Prediction({"probabilities": np.array([[0.25, 0.75], [1, 0]], np.float32), "label": labels}, 1)
    show_rows(session, answer)
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["ROW", "probabilities[0]", "probabilities[1]", "label"],
        ["0", "0.25", "0.75", "yes"],
        ["1", "1", "0", "no"],
    ]
    show_rows(session, Prediction({"embedding": np.zeros((2, 99))}, 1))
    assert "embedding  float64 [2, 99]" in capsys.readouterr().out
    json: Any = SimpleNamespace(out=CommandOutput(json=True))
    show_rows(json, answer)
    assert capsys.readouterr().out.startswith('{"version":1,"outputs":{"probabilities":[[0.25,0.75]')


def test_numbers_keep_the_digits_that_matter() -> None:
    assert [number_text(value) for value in (1764000010.0, 0.1, 1e20, float("nan"), -2.0)] == [
        "1764000010",
        "0.1",
        "1e+20",
        "nan",
        "-2",
    ]


def test_warnings_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings_to_stderr():
        warnings.warn("input 'x': rounded", RoundedWarning, stacklevel=1)
    assert capsys.readouterr().err == "bms: input 'x': rounded\n"


def test_bytes_are_given_as_requests_have_them() -> None:
    assert read_data('{"image": [{"b64": "AAE="}, {"b64": ""}]}') == {"image": [b"\x00\x01", b""]}
    assert read_data('{"instances": [{"b64": "AAE="}]}') == [b"\x00\x01"]
    assert read_data('[{"b64": 3}]') == [{"b64": 3}]
    with pytest.raises(InvalidArgument, match="is not base64"):
        read_data('[{"b64": "iVB"}]')


def test_parameters_are_json_or_else_texts() -> None:
    given = ["t=0.5", "n=3", "b=false", "few=[1, 2]", 'how={"a": 1}', "word=so = so", 'quoted="3"', "empty="]
    assert parameters(given) == {
        "t": 0.5,
        "n": 3,
        "b": False,
        "few": [1, 2],
        "how": {"a": 1},
        "word": "so = so",
        "quoted": "3",
        "empty": "",
    }
    for wrong, says in (("t", "no NAME=VALUE"), ("=1", "no NAME=VALUE"), ("n=4", "says 'n' twice")):
        with pytest.raises(InvalidArgument, match=says):
            parameters([*given, wrong])
