"""What a CSV file is told or says of its own form: encoding, separator, decimal mark, words for missing, types."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest

from bms.adapters.datasets.csv import source as csv
from bms.adapters.datasets.findings import DatasetFinding
from bms.adapters.datasets.table import Table
from bms.core.errors import InvalidArgument
from bms.core.formats.text_options import COLUMN_WORDS, ENCODINGS, Reading, check_reading, codec_of
from tests.pages import DOCS

Load = Callable[..., Table]


@pytest.fixture
def read(tmp_path: Path) -> Load:
    def load(content: str | bytes, **told: object) -> Table:
        (tmp_path / "source.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return csv.load(tmp_path / "source.csv", Reading(**told))  # type: ignore[arg-type]

    return load


def kinds(table: Table) -> dict[str, str]:
    return {feature.name: feature.kind for feature in table.schema.features}


def messages(table: Table) -> list[str]:
    return [f"{finding.kind}: {finding.feature or '*'}: {finding.message}" for finding in table.findings]


def test_every_doubt_of_a_file_of_all_kinds_is_named(read: Load) -> None:
    table = read('\ufeff"Land, Code";x;n;ok\nNA;0,5;1;True\nDE;1,25;NA;False\nZA;"2";3;True\n')
    assert kinds(table) == {"Land, Code": "text", "x": "float", "n": "int", "ok": "bool"}
    assert table.columns["Land, Code"] == ["NA", "DE", "ZA"]
    assert table.numbers("x").tolist() == [0.5, 1.25, 2]
    assert table.numbers("n").tolist() == [1, None, 3]
    assert messages(table) == [
        "understood: *: the file begins with the byte order mark of utf-8: it is read as that, and the mark is left "
        "out",
        "understood: *: columns are separated by ';'",
        "as_text: Land, Code: kept as text: line 2, column 1 says 'NA', a word like others here (NA); empty the cells "
        "that mean a missing one, or say by `--na` which words do",
        "understood: x: commas are read as decimal points: line 2, column 2 says '0,5'",
        "understood: n: NA is read as missing: line 3, column 3 says 'NA'",
        "understood: ok: False and True are read as booleans",
    ]


class TestEncoding:
    def test_utf_16_is_told_by_its_mark(self, read: Load) -> None:
        table = read("a,b\né,1\n".encode("utf-16"))
        assert table.columns["a"] == ["é"]
        assert "byte order mark of utf-16" in messages(table)[0]

    @pytest.mark.parametrize("name", ["cp1252", "windows-1252", "Latin-1", "GB18030", "utf_16_le", "Shift_JIS"])
    def test_others_are_told_by_name(self, read: Load, name: str) -> None:
        word = "é" if codec_of(name) in ("cp1252", "latin-1") else "日"
        assert read(f"a,b\n{word},1\n".encode(codec_of(name)), encoding=name).columns["a"] == [word]

    def test_every_encoding_is_one_of_python_s(self) -> None:
        assert all("é,日".encode(codec_of(name), "replace") for name in ENCODINGS)

    def test_what_is_not_utf_8_is_refused_with_its_place_and_what_it_may_be(self, read: Load) -> None:
        with pytest.raises(InvalidArgument) as refused:
            read("a,b\nx,1\ncafé,2\n".encode("cp1252"))
        assert "source.csv is not UTF-8: line 3, character 4 is the byte 0xE9" in refused.value.message
        assert "say its encoding (as cp1252 it reads 'café,2'" in refused.value.message

    def test_what_is_not_of_the_told_encoding_is_refused_with_its_place(self, read: Load) -> None:
        with pytest.raises(InvalidArgument, match="is not ascii: line 2, character 1 is the byte 0xC3"):
            read("a,b\né,1\n", encoding="ascii")

    def test_a_mark_that_says_otherwise_is_believed(self, read: Load) -> None:
        with pytest.raises(
            InvalidArgument, match="byte order mark of utf-8, but encoding is cp1252: leave the option out"
        ):
            read("\ufeffa,b\n", encoding="cp1252")
        assert read("\ufeffa,b\n1,2\n", encoding="UTF-8").numbers("a").tolist() == [1]


class TestSeparator:
    def test_any_character_may_be_told(self, read: Load) -> None:
        assert read("a^b\n1^2\n", separator="^").numbers("b").tolist() == [2]

    def test_one_that_separates_nothing_is_doubted(self, read: Load) -> None:
        assert messages(read("a;b\nx;y\n", separator=",")) == [
            "understood: *: there is one column, since no ',' separates the first line; ';' would"
        ]
        assert messages(read("a\nx\n", separator=",")) == []

    def test_two_that_fit_are_told(self, read: Load) -> None:
        table = read("a,b;c\n1,2;3\n")
        assert messages(table)[0] == (
            "understood: *: columns are separated by ','; in the first rows ';' (2 columns) would do so as well"
        )

    def test_a_spreadsheet_s_line_that_says_it_is_understood(self, read: Load) -> None:
        table = read("sep=;\na;b\n1;2\nx;3\n4;5\n")
        assert (
            messages(table)[0] == "understood: *: the first line says that ';' separates the columns, and is left out"
        )
        assert "line 4, column 1 says 'x'" in messages(table)[1]
        assert list(read("sep=;\na;b|c\n1;2|3\n", separator="|").columns) == ["a;b", "c"]

    def test_spaces_are_asked_for(self, read: Load) -> None:
        assert "a space would: is it that?" in messages(read("a b\n1 2\n"))[0]
        assert read("a b\n1 2\n", separator=" ").numbers("b").tolist() == [2]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ('a,b\n1,2\n"x"y,2\n', "line 3 begins a row in which something follows a closing quote; double the quotes"),
            ('a,b\n"x,2\n1,2\n', "line 2 begins a row in which a quote is opened and never closed"),
        ],
    )
    def test_quotes_that_do_not_fit_are_refused_with_their_place(self, read: Load, content: str, words: str) -> None:
        with pytest.raises(InvalidArgument, match=words):
            read(content)


class TestNearlyOfAnotherKind:
    @pytest.mark.parametrize(
        ("cells", "words"),
        [
            (["21.11.2026", "1.12.2026"], "line 2, column 1 says '21.11.2026', which looks like a date"),
            (["2026-02-30"], "which looks like a date: only existing days are read"),
            (["11/21/26", ""], "which looks like a date"),
            (["yes", "no", "yes"], "which may be true or false: declare the column boolean"),
            (["50%", "60.5 %"], "which looks like a number with other signs"),
            (["1 000", "12"], "which looks like a number with other signs"),
            (["007", "12"], "line 2, column 1 says '007', with zeros in front as a code has them: declare the column"),
            (["$5", "(12)"], "which looks like a number with other signs"),
        ],
    )
    def test_texts_are_kept_and_told(self, read: Load, cells: list[str], words: str) -> None:
        table = read("x,y\n" + "".join(f'"{cell}",1\n' for cell in cells))
        assert table.columns["x"] == [cell or None for cell in cells]
        assert len(table.findings) == 1
        assert words in messages(table)[0]

    def test_none_beside_yes_and_no_is_a_word(self, read: Load) -> None:
        table = read("x,y\nyes,1\nNone,2\nno,3\n")
        assert table.columns["x"] == ["yes", "None", "no"]
        assert "line 3, column 1 says 'None', a word like others here" in messages(table)[0]

    @pytest.mark.parametrize("cells", [["1.2.3", "1.2.4"], ["yes", "yes"], ["10.0.0.1"], ["12 kg"], ["a"]])
    def test_others_are_texts_without_a_word(self, read: Load, cells: list[str]) -> None:
        assert messages(read("x,y\n" + "".join(f"{cell},1\n" for cell in cells))) == []


class TestDecimal:
    def test_commas_are_decimal_where_that_is_told(self, read: Load) -> None:
        table = read("a;b\n1,234;5\n", decimal=",")
        assert table.numbers("a").tolist() == [1.234]
        assert len(table.findings) == 1, "what was told is not said again"

    def test_what_is_a_number_by_the_other_mark_alone_is_pointed_at(self, read: Load) -> None:
        table = read("a;b\n0.5;5\n1.5;6\n", decimal=",")
        assert table.columns["a"] == ["0.5", "1.5"]
        assert "2 cells are numbers, but line 2, column 1 says '0.5', and the decimal mark is ','" in messages(table)[1]


class TestThousands:
    @pytest.mark.parametrize(
        ("cells", "mark", "said"),
        [
            (["9.233,50", "1,5"], ",", "'.' is"),
            (["9,233.50", "12"], ".", "',' is"),
            (["9'233.50", "1'000'000"], ".", "an apostrophe is"),
            (["9 233,50", "-1\u202f000,25"], ",", "a blank is"),
        ],
    )
    @pytest.mark.parametrize("how", ["decimal", "columns"])
    def test_they_are_read_where_the_mark_or_the_type_is_told(
        self, read: Load, cells: list[str], mark: str, said: str, how: str
    ) -> None:
        told = {"decimal": mark} if how == "decimal" else {"columns": {"x": "number"}}
        table = read("x;y\n" + "".join(f"{cell};a\n" for cell in cells), **told)
        assert kinds(table)["x"] == "float"
        assert table.numbers("x")[0] == 9233.5
        assert f"{said} read as the mark of thousands: line 2, column 1 says {cells[0]!r}" in messages(table)[-1]

    def test_whole_ones_are_integers(self, read: Load) -> None:
        table = read("x;y\n1.234;a\n5;b\n", decimal=",")
        assert (kinds(table)["x"], table.numbers("x").tolist()) == ("int", [1234, 5])

    def test_a_column_of_which_one_cell_is_not_so_is_left_as_it_is(self, read: Load) -> None:
        assert read("x;y\n1.234,5;a\n12.34;b\n", decimal=",").columns["x"] == ["1.234,5", "12.34"]
        assert read("x;y\n99.999.999.999.999.999.999;a\n", decimal=",").columns["x"] == ["99.999.999.999.999.999.999"]

    def test_two_ways_to_read_a_number_are_no_guess(self, read: Load) -> None:
        with pytest.raises(InvalidArgument, match="`--decimal"):
            read("x;y\n1,234;a\n", columns={"x": "number"})


class TestBlanks:
    def test_those_that_are_left_out_are_told_and_texts_keep_theirs(self, read: Load) -> None:
        table = read("a , b\n 1, c\n2,d\n")
        assert table.columns["b"] == [" c", "d"]
        assert messages(table) == [
            "understood: *: blanks around names of columns are left out: 'a '",
            "understood: *: blanks around cells are left out: line 2, column 1 says ' 1'",
        ]


class TestMissing:
    def test_words_that_are_told_are_missing_in_every_column_beside_the_usual_ones(self, read: Load) -> None:
        table = read("n,t,x\n-999,-,0.5\n1,y,-\nNA,x,-999\n", na=["-999", "-"])
        assert table.numbers("n").tolist() == [None, 1, None]
        assert table.columns["t"] == [None, "y", "x"]
        np.testing.assert_array_equal(table.numbers("x"), [0.5, np.nan, np.nan])
        assert messages(table) == ["understood: n: NA is read as missing: line 4, column 1 says 'NA'"]

    def test_a_word_that_is_nowhere_is_told(self, read: Load) -> None:
        assert messages(read("n\n1\n", na=["-999"])) == ["unfound: *: no cell says '-999', which `--na` names"]

    def test_none_of_them_leaves_the_empty_cell_alone(self, read: Load) -> None:
        for none in ([], [""]):
            assert read("n,t\n1,NA\nNA,\n", na=none).columns == {"n": ["1", "NA"], "t": ["NA", None]}


class TestColumns:
    def test_declared_types_are_kept_to(self, read: Load) -> None:
        table = read(
            "zip,n,x,ok,day,word\n01234,007,1,yes,2026-11-21,1\n99999,3.0,NA,0,,NA\n",
            columns={
                "zip": "text", "n": "integer", "x": "number", "ok": "boolean", "day": "datetime", "word": "text",
            },
        )  # fmt: skip
        assert kinds(table) == {
            "zip": "text", "n": "int", "x": "float", "ok": "bool", "day": "datetime", "word": "text",
        }  # fmt: skip
        assert table.columns["zip"] == ["01234", "99999"]
        assert table.numbers("n").tolist() == [7, 3]
        assert table.numbers("ok").tolist() == [True, False]
        assert table.columns["word"] == ["1", "NA"]
        assert messages(table) == ["understood: x: NA is read as missing: line 3, column 3 says 'NA'"]

    @pytest.mark.parametrize(
        ("cells", "type", "message"),
        [
            (["1", "old"], "number", "line 3, column 1 says 'old', which is no number with the decimal mark '.'"),
            (["1", "0.5"], "integer", "line 3, column 1 says '0.5', which is no integer"),
            (["1,000", "2"], "integer", "line 2, column 1 says '1,000', which is no integer"),
            (["1" * 30], "integer", "line 2, column 1 holds an integer of 30 digits, which does not fit 64 bits"),
            (["1,234", "5"], "number", "'1,234', which could be read in two ways"),
            (["1e400"], "number", "which no float64 holds: declare 'x' as text"),
            (["true", "maybe"], "boolean", "line 3, column 1 says 'maybe', which is no boolean"),
            (["2026-02-30"], "datetime", "line 2, column 1 says '2026-02-30', which is no date or time"),
            (["2026-01-01T10:00", "2026-01-01T10:00Z"], "datetime", "have an offset from UTC, or none has"),
        ],
    )
    def test_a_cell_that_is_not_of_its_type_is_refused_with_its_place(
        self, read: Load, cells: list[str], type: str, message: str
    ) -> None:
        with pytest.raises(InvalidArgument) as refused:
            read("x,y\n" + "".join(f'"{cell}",1\n' for cell in cells), columns={"x": type})
        assert message in refused.value.message

    def test_a_column_that_is_not_there_is_refused(self, read: Load) -> None:
        with pytest.raises(InvalidArgument, match="line 1 names no column 'agee'; it names age, x"):
            read("age,x\n1,2\n", columns={"agee": "number"})


class TestHeader:
    def test_a_first_line_that_may_be_a_row_is_refused(self, read: Load) -> None:
        with pytest.raises(InvalidArgument, match=r"line 1 holds numbers alone \(5.1,3.5\), and names the columns"):
            read("5.1,3.5\n4.9,3.0\n")

    def test_columns_that_are_counted_are_named_so_and_doubted(self, read: Load) -> None:
        table = read(",0,1\n0,0.5,2\n1,1.5,3\n")
        assert kinds(table) == {"0": "float", "1": "int"}
        assert "the first line counts the columns" in messages(table)[1]

    def test_an_empty_column_without_a_name_is_left_out(self, read: Load) -> None:
        table = read("a,b,\n1,2,\n3,4,\n")
        assert kinds(table) == {"a": "int", "b": "int"}
        assert messages(table) == ["understood: *: column 3 has no name and no value: it is left out"]

    def test_empty_lines_of_a_single_column_are_told(self, read: Load) -> None:
        assert messages(read('x\n1\n\n3\n""\n\n'))[0].startswith("left_out: *: 1 empty lines are passed over: write")
        assert messages(read("x,y\n1,2\n\n3,4\n")) == []

    def test_names_that_are_there_twice_are_refused_with_their_places(self, read: Load) -> None:
        with pytest.raises(InvalidArgument, match=r"named twice: 'a' \(columns 1 and 3\)"):
            read("a,b,a\n1,2,3\n")

    def test_blank_lines_before_it_are_passed_over_and_lines_counted_on(self, read: Load) -> None:
        with pytest.raises(InvalidArgument, match="line 6: 1 cells where the header names 2 columns"):
            read('\n\na,b\n"1\n2",3\n4\n')

    def test_the_only_file_may_have_any_name(self, tmp_path: Path) -> None:
        (tmp_path / "data.txt").write_text("a\n1\n")
        assert csv.load(tmp_path).rows == 1

    def test_files_beside_the_one_that_is_meant_are_told(self, tmp_path: Path) -> None:
        (tmp_path / "data.csv").write_text("a\n1\n")
        (tmp_path / "README.md").write_text("words")
        (tmp_path / ".DS_Store").write_text("x")
        assert messages(csv.load(tmp_path)) == [
            "left_out: *: one file is of no use here, and left out: README.md",
            "left_out: *: one file is what systems leave, and passed over: .DS_Store",
        ]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"columns": {"a": "category"}}, "column 'a' can't be 'category': its type is one of number, integer, text"),
        ({"separator": ";;"}, "the separator can't be ';;': expected one character"),
        ({"separator": "x"}, "the separator can't be 'x'"),
        ({"separator": '"'}, "the separator can't be"),
        ({"decimal": "'"}, "expected . or ,"),
        ({"encoding": "klingon"}, "there is no encoding 'klingon' here; there are utf-8"),
        ({"encoding": "unicode_escape"}, "there is no encoding"),
        ({"na": tuple(map(str, range(101)))}, "at most 100 words"),
    ],
)
def test_what_can_not_be_told_of_a_file_is_refused(told: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        Reading(**told)  # type: ignore[arg-type]
    assert message in refused.value.message


def test_what_other_formats_say_themselves_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="'decimal' is an option of CSV alone, and the source is parquet"):
        check_reading("parquet", Reading(decimal=","))
    check_reading("csv", Reading(decimal=","))
    check_reading("parquet", Reading())


@pytest.mark.parametrize("page", ["datasets.md", "datasets.zh-CN.md"])
def test_the_pages_name_every_kind_of_finding_and_every_type(page: str) -> None:
    text = (DOCS / page).read_text()
    kinds = get_args(get_type_hints(DatasetFinding)["kind"])
    assert [word for word in (*kinds, *COLUMN_WORDS) if f"`{word}`" not in text] == []
