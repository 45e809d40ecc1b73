"""CSV as columns."""

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.sdk.tables.csv_cells import check_header, read_cells, shown_column, typed_values


def test_cells_are_read_by_the_rules_of_csv() -> None:
    cells = read_cells('\ufeff"a,b",c\r\n1,"x\ny"\r\n\r\n,"say ""hi"""\r\n', "f.csv")
    assert cells == {"a,b": ["1", ""], "c": ["x\ny", 'say "hi"']}


@pytest.mark.parametrize("line", ["5.1,3.5,1.4", "5,3,1", "1e3,nan", "-1,0", "7", "0.0,1.0"])
def test_a_first_line_of_numbers_alone_names_no_columns(line: str) -> None:
    cells = read_cells(f"{line}\n{line}\n", "f.csv")
    with pytest.raises(InvalidArgument, match=r"f\.csv: the first line, .*, is numbers alone: .* names the columns"):
        check_header(cells, "f.csv", ())
    check_header(cells, "f.csv", [line.split(",")[0]])  # a column of the model is called so


@pytest.mark.parametrize("line", ["a,b", "0,1,2", "1,2,3", "5.1,b", ",0,1", "nan,inf", "2020-01-01,b"])
def test_names_and_numbers_that_count_columns_are_a_header(line: str) -> None:
    check_header(read_cells(f"{line}\n{line}\n", "f.csv"), "f.csv", ())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "f.csv is empty"),
        ("a,b\n", "no rows"),
        ("a,a\n1,2\n", "names column 'a' twice"),
        ("0.5,0.5\n1,2\n", "names column '0.5' twice: its first line must name the columns"),
        ("a,b\n1,2\n3\n", "f.csv, line 3: 1 cells for 2 columns"),
        ('a\n"x\n', "line 2 is not CSV"),
    ],
)
def test_what_is_no_table_is_refused_by_line(text: str, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        read_cells(text, "f.csv")


@pytest.mark.parametrize(
    ("cells", "type", "values"),
    [
        (["1", "-2", "9007199254740993"], "integer", [1, -2, 2**53 + 1]),
        (["18446744073709551615", "0"], "integer", [2**64 - 1, 0]),
        (["1", "0.5", ".5", "1e3"], "number", [1, 0.5, 0.5, 1000]),
        (["true", "False", "TRUE"], "boolean", [True, False, True]),
        (["2026-01-02", "2026-01-02T03:04:05.123456789Z"], "datetime", None),
        (["2026-01-02 03:04", "2026-01-02T03:04:05+01:00"], "datetime", None),
        (["1", "x"], "text", [b"1", b"x"]),
        (["01", "2"], "text", [b"01", b"2"]),
        (["1_000"], "text", [b"1_000"]),
        (["9007199254740993", "0.5"], "text", None),
        (["18446744073709551616"], "text", None),
        (["18446744073709551615", "-1"], "text", None),
        (["nan", "NaN"], "text", [b"nan", b"NaN"]),
        (["1", "0"], "integer", [1, 0]),
        (["yes", "no"], "text", [b"yes", b"no"]),
        (["2026-02-30"], "text", [b"2026-02-30"]),
        (["NA", "1"], "text", [b"NA", b"1"]),
    ],
)
def test_a_column_has_the_type_that_its_cells_show(cells: list[str], type: str, values: list[object] | None) -> None:
    column = shown_column("c", cells)
    assert column.type == type
    assert column.array.tolist() == (values if values is not None else [cell.encode() for cell in cells])


def test_empty_cells_are_missing_and_nan_is_a_number_among_numbers() -> None:
    column = shown_column("c", ["1", "", "3"])
    assert column.missing is not None
    assert (column.type, column.missing.tolist()) == ("integer", [False, True, False])
    np.testing.assert_array_equal(shown_column("c", ["0.5", "nan", "-inf", ""]).array, [0.5, np.nan, -np.inf, np.nan])
    assert shown_column("c", ["", ""]).type is None


def test_declared_types_decide_what_a_cell_means() -> None:
    assert typed_values("zip", ["08001", "1", ""], "text") == ["08001", "1", None]
    assert typed_values("n", ["1", "2.0", "9007199254740993"], "integer") == [1, 2, 2**53 + 1]
    assert typed_values("x", ["1", "nan", "0.5"], "FP32")[::2] == [1, 0.5]
    assert typed_values("b", ["1", "false", ""], "BOOL") == [True, False, None]
    for cell, kind, word in (("x", "number", "number"), ("1.5", "INT64", "whole"), ("2", "boolean", "boolean")):
        with pytest.raises(InvalidArgument, match=f"column 'c', row 1: '{cell}' is no {word}"):
            typed_values("c", ["", cell], kind)
    with pytest.raises(InvalidArgument, match="row 0: '1_0'"):
        typed_values("c", ["1_0"], "number")
