"""How people write tables as text, and what is understood by it: nothing changes silently, no digit is lost."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bms.adapters.datasets.csv import source as csv
from bms.adapters.datasets.json import jsonl
from bms.adapters.datasets.labels import with_label
from bms.adapters.datasets.table import Table
from bms.core.errors import InvalidArgument

Load = Callable[[str], Table]


@pytest.fixture
def read(tmp_path: Path) -> Load:
    def load(content: str) -> Table:
        (tmp_path / "source.csv").write_text(content)
        return csv.load(tmp_path / "source.csv")

    return load


@pytest.fixture
def read_json(tmp_path: Path) -> Load:
    def load(content: str) -> Table:
        (tmp_path / "source.jsonl").write_text(content)
        return jsonl.load(tmp_path / "source.jsonl")

    return load


def column(*cells: str) -> str:
    """A file of one column and another beside it, so that an empty cell is no empty line."""
    return "x,y\n" + "".join(f'"{cell}",1\n' for cell in cells)


def kind(table: Table, name: str = "x") -> str:
    return table.schema.feature(name).kind


def said(table: Table) -> list[tuple[str, str | None]]:
    return [(finding.kind, finding.feature) for finding in table.findings]


class TestNumbers:
    def test_doubles_and_large_integers_keep_every_digit(self, read: Load) -> None:
        table = read("t,id,v\n1764000001,9007199254740993,0.1\n1764000002,-9223372036854775808,1e300\n")
        assert table.numbers("t").tolist() == [1764000001, 1764000002]
        assert table.numbers("id").tolist() == [9007199254740993, -9223372036854775808]
        assert table.numbers("v").tolist() == [0.1, 1e300]
        assert table.findings == ()

    def test_integers_with_gaps_stay_integers(self, read: Load) -> None:
        table = read(column("9007199254740993", "", "NA", "1"))
        assert table.numbers("x").tolist() == [9007199254740993, None, None, 1]
        assert (kind(table), table.schema.feature("x").optional) == ("int", True)

    @pytest.mark.parametrize(
        ("cells", "message"),
        [
            (["1", "9223372036854775808"], "line 3, column 1 says '9223372036854775808', which does not fit 64 bits"),
            (["0.5", "9007199254740993"], "line 3, column 1 says '9007199254740993', which no float64 holds"),
            (["0.5", "9007199254740993.0"], "which no float64 holds"),
            (["0.5", "1e400"], "line 3, column 1 says '1e400', which no float64 holds"),
            (["1e-400"], "which no float64 holds"),
            (["0.5", "12345678901234567.89"], "line 3, column 1 says '12345678901234567.89', which no float64 holds"),
            (["9007199254740993.5"], "which no float64 holds"),
            (["0.5", "9007199254740993e0"], "which no float64 holds"),
            (["0.5", "1" * 400 + ".0"], "which no float64 holds"),
        ],
    )
    def test_what_no_number_holds_exactly_stays_text_and_is_said(
        self, read: Load, cells: list[str], message: str
    ) -> None:
        table = read(column(*cells, "NaN"))
        assert table.columns["x"] == [*cells, None]
        assert said(table) == [("as_text", "x"), ("understood", "x")]
        assert message in table.findings[0].message
        assert table.findings[1].message.startswith("NaN is read as missing: line ")

    def test_digits_that_no_double_has_are_told(self, read: Load) -> None:
        table = read(column("0.1", "3.14159265358979323846", "1.23456789e-320"))
        assert table.numbers("x").tolist() == [0.1, np.pi, 1.23456789e-320]
        assert table.findings[0].kind == "changed"
        assert table.findings[0].message.startswith(
            "2 numbers have more digits than a float64, which is the nearest: line 3, column 1 says '3.1415"
        )

    @pytest.mark.parametrize("form", [".17g", ".18e", ".20e", "r", ".60g"])
    def test_doubles_in_every_form_that_programs_write_are_as_they_were(self, read: Load, form: str) -> None:
        doubles = [0.1, np.pi, 1e300, 5e-324, 1 / 3, 2.0**53 + 2, 123456.789e-7]
        table = read(column(*(repr(one) if form == "r" else format(one, form) for one in doubles)))
        assert (table.numbers("x").tolist(), table.findings) == (doubles, ())

    @pytest.mark.parametrize("cell", ["9007199254740992", "18446744073709551616", "0e5", "inf", "-0.0", "5e-324"])
    def test_what_a_double_holds_is_a_number(self, read: Load, cell: str) -> None:
        assert read(column("0.5", cell)).numbers("x").tolist() == [0.5, float(cell)]

    def test_one_word_among_numbers_is_pointed_at(self, read: Load) -> None:
        table = read(column("1", "2.5", "abc", "4"))
        assert kind(table) == "text"
        assert table.findings[0].message == "kept as text: 3 cells are numbers, but line 4, column 1 says 'abc'"


class TestCodes:
    @pytest.mark.parametrize(
        ("cells", "words"),
        [
            (
                ["+4917012345678", "+14155550100"],
                "says '+4917012345678', with a plus in front as telephone numbers have it",
            ),
            (["4917012345678", "", "+4917012345678"], "line 4, column 1 says '+4917012345678', with a plus in front"),
            (["123", "1e5", "2e7"], "line 3, column 1 says '1e5', which is a number or a code"),
            (["12E4"], "line 2, column 1 says '12E4', which is a number or a code"),
        ],
    )
    def test_what_may_be_a_code_stays_text_and_is_said(self, read: Load, cells: list[str], words: str) -> None:
        table = read(column(*cells))
        assert table.columns["x"] == [cell or None for cell in cells]
        assert said(table) == [("as_text", "x")]
        assert words in table.findings[0].message

    @pytest.mark.parametrize(
        "cells",
        [["+1", "-1"], ["+12345678", "-1"], ["1e+05", "2"], ["1e-5", "2"], ["1e5", "0.5"], ["+12345678", "0.5"]],
    )
    def test_what_is_a_number_otherwise_is_one(self, read: Load, cells: list[str]) -> None:
        table = read(column(*cells))
        assert table.numbers("x").tolist() == [float(cell) for cell in cells]
        assert table.findings == ()

    def test_plus_and_minus_one_are_classes(self, read: Load) -> None:
        assert with_label(read(column("+1", "-1")), "x").schema.feature("x").labels == ("-1", "1")


class TestDecimalCommas:
    def test_a_comma_that_can_be_nothing_else_is_a_decimal_point(self, read: Load) -> None:
        table = read("a;b;c\n0,5;1,234;1\n1,5;-2e3;2\n;4,567;3\n")
        np.testing.assert_array_equal(table.numbers("a"), [0.5, 1.5, np.nan])
        assert table.numbers("b").tolist() == [1.234, -2000, 4.567]  # which the other column tells
        assert (kind(table, "c"), said(table)) == (
            "int",
            [("understood", None), ("understood", "a"), ("understood", "b")],
        )
        assert table.findings[1].message == "commas are read as decimal points: line 2, column 1 says '0,5'"

    def test_in_quotes_too(self, read: Load) -> None:
        assert read(column("0,5", "1")).numbers("x").tolist() == [0.5, 1]

    @pytest.mark.parametrize(
        "cells", [["1,234", "5"], ["1,234,567"], ["1.234.567", "1"], ["1,234.5"], ["1.234,5", "2.000,25"], ["-999,999"]]
    )
    def test_what_may_be_thousands_is_not_guessed(self, read: Load, cells: list[str]) -> None:
        table = read(column(*cells))
        assert table.columns["x"] == cells
        assert said(table) == [("as_text", "x")]
        assert (
            f"line 2, column 1 says {cells[0]!r}, with a decimal point or a thousands separator"
            in table.findings[0].message
        )

    def test_points_before_three_digits_are_doubtful_only_beside_decimal_commas(self, read: Load) -> None:
        assert read("a;b\n1.234;5\n").numbers("a").tolist() == [1.234]
        doubtful = read("a;b\n1.234;0,5\n2.345;1,5\n")
        assert doubtful.columns["a"] == ["1.234", "2.345"]
        assert ("as_text", "a") in said(doubtful)

    def test_a_file_of_both_marks_decides_for_neither(self, read: Load) -> None:
        table = read("a;b;c\n0.5;0,5;1,234\n")
        assert [kind(table, name) for name in "abc"] == ["float", "float", "text"]


class TestSeparators:
    def test_commas_within_quoted_names_separate_nothing(self, read: Load) -> None:
        table = read('"Income, USD, yearly";"Age"\n10;1\n20;2\n')
        assert [feature.name for feature in table.schema.features] == ["Income, USD, yearly", "Age"]
        assert table.findings[0].message == "columns are separated by ';'"

    def test_the_rows_must_agree_with_the_header(self, read: Load) -> None:
        assert list(read("name, first;age\nx;1\ny;2\n").columns) == ["name, first", "age"]

    def test_a_line_break_within_quotes_ends_no_row(self, read: Load) -> None:
        assert read('"a;b",c\n"x\ny;",1\nz,oops\n').columns == {"a;b": ["x\ny;", "z"], "c": ["1", "oops"]}


class TestIndex:
    def test_the_index_of_pandas_is_left_out(self, read: Load) -> None:
        table = read(",a\n2,0.5\n0,1.5\n")
        assert list(table.columns) == ["a"]
        assert said(table) == [("understood", None)]
        assert "it is left out" in table.findings[0].message


class TestWords:
    def test_white_space_alone_is_missing_and_said(self, read: Load) -> None:
        table = read('a,b\nx,1\n ,2\n"\t ", \n,4\n')
        assert table.columns["a"] == ["x", None, None, None]
        assert [(finding.feature, finding.count, finding.message) for finding in table.findings] == [
            ("a", 2, "2 cells hold white space alone, which is read as missing: line 3, column 1"),
            ("b", 1, "one cell holds white space alone, which is read as missing: line 4, column 2"),
        ]

    def test_missing_words_among_words_are_words(self, read: Load) -> None:
        table = read("code,x\nNA,1\nDE,2\n,3\nNone,4\n")
        assert table.columns["code"] == ["NA", "DE", None, "None"]
        assert said(table) == [("as_text", "code")]
        assert "line 2, column 1 says 'NA', a word like others here (NA, None)" in table.findings[0].message

    def test_they_can_be_classes(self, read: Load) -> None:
        table = with_label(read("code,x\nNA,1\nDE,2\nZA,3\n"), "code")
        assert table.schema.feature("code").labels == ("DE", "NA", "ZA")
        assert said(table) == [("as_text", "code")]

    def test_a_column_that_says_nothing_else_is_missing(self, read: Load) -> None:
        table = read(column("NaN", "", "NaN"))
        assert table.columns["x"] == [None] * 3
        assert said(table) == [("understood", "x")]
        assert said(read(column("", ""))) == []


class TestBooleans:
    @pytest.mark.parametrize("words", [("True", "False"), ("TRUE", "FALSE"), ("true", "false")])
    def test_in_any_case(self, read: Load, words: tuple[str, str]) -> None:
        table = read(column(*words, ""))
        assert table.numbers("x").tolist() == [True, False, None]
        assert table.findings[0].message == f"{words[1]} and {words[0]} are read as booleans"

    def test_other_words_are_none(self, read: Load) -> None:
        assert [kind(read(column(*cells))) for cells in (["yes", "no"], ["true", "1"], ["t", "f"])] == ["text"] * 3

    def test_as_labels_they_are_the_classes_false_and_true(self, read: Load) -> None:
        table = with_label(read(column("true", "true")), "x")
        assert table.schema.feature("x").labels == ("False", "True")
        assert table.numbers("x").tolist() == [1, 1]
        with pytest.raises(InvalidArgument, match="line 3 has no label"):
            with_label(read(column("true", "")), "x")

    def test_a_class_that_was_read_as_missing_is_told_so(self, read: Load) -> None:
        with pytest.raises(InvalidArgument) as refused:
            with_label(read(column("1", "None", "2")), "x")
        assert refused.value.message == (
            "line 3 has no label in column 'x': fill it or remove the row (None is read as missing: line 3, column 1 "
            "says 'None'; declare the column text if that is a class)"
        )


class TestDatetimes:
    @pytest.mark.parametrize(
        "cells",
        [
            ["2026-11-21"],
            ["2026-11-21", "2026-11-21 10:00", "2026-11-21T10:00:00.123456789"],
            ["2026-11-21T10:00:00Z", "2026-11-21T10:00:00+01:00"],
        ],
    )
    def test_are_kept_as_they_are_written(self, read: Load, cells: list[str]) -> None:
        table = read(column(*cells, "NaN"))
        assert (kind(table), table.columns["x"]) == ("datetime", [*cells, None])

    @pytest.mark.parametrize(
        "cells",
        [["2026-02-30"], ["2026-01-01T24:30"], ["01.02.2026"], ["2026-01-01", "soon"], ["20260101T10"],
         ["2026-11-21T10:00:00", "2026-11-21T10:00:00Z"], ["0000-01-01"], ["2026-01-01T10:00+99:00"]],
    )  # fmt: skip
    def test_what_is_no_date_or_only_sometimes_has_an_offset_is_text(self, read: Load, cells: list[str]) -> None:
        assert kind(read(column(*cells))) == "text"


class TestJson:
    def test_nan_is_missing_in_every_kind(self, read_json: Load) -> None:
        table = read_json(
            '\ufeff{"x": 0.5, "n": 9007199254740993, "t": "", "b": true, "d": "2026-01-01"}\n'
            '{"x": NaN, "n": NaN, "t": NaN, "b": NaN, "d": NaN}\n{"x": -Infinity}\n'
        )
        assert {feature.name: feature.kind for feature in table.schema.features} == {
            "x": "float", "n": "int", "t": "text", "b": "bool", "d": "datetime",
        }  # fmt: skip
        np.testing.assert_array_equal(table.numbers("x"), [0.5, np.nan, -np.inf])
        assert table.numbers("n").tolist() == [9007199254740993, None, None]
        assert table.columns["t"] == ["", None, None]
        assert table.numbers("b").tolist() == [True, None, None]
        assert all(feature.optional for feature in table.schema.features)
        assert "byte order mark of utf-8" in table.findings[0].message

    def test_columns_without_a_value(self, read_json: Load) -> None:
        table = read_json('{"a": null, "b": NaN}\n')
        assert {feature.name: feature.kind for feature in table.schema.features} == {"a": "text", "b": "float"}

    def test_lists_of_booleans_and_of_gaps(self, read_json: Load) -> None:
        table = read_json('{"b": [true, false], "x": [1, NaN]}\n{"b": [true, true], "x": [2, 3]}\n')
        assert table.numbers("b").tolist() == [[True, False], [True, True]]
        np.testing.assert_array_equal(table.numbers("x"), [[1, np.nan], [2, 3]])
