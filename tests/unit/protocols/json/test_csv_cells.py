"""Cells of CSV: read at once and one by one to the same values, and quickly."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import TensorSpec
from bms.core.tensors.tensor import NUMPY
from bms.protocols.csv_bodies import read_csv
from bms.protocols.json import cells
from bms.protocols.json.cells import Misread, _number, _whole, read_cells, read_texts
from bms.protocols.json.columns import column_of_texts, column_of_values

ODD = (
    "", "0", "-0", "-0.0", "+1", " 1", "1 ", " True ", "True", "tRue", "1_000", "1e5", "1E-400", "1e400", "-1e400",
    "nan", "-NaN", "inf", "-Infinity", "infinit", ".5", "5.", ".", "+", "--1", "1 2", "1,5", "0x10", "\t1", "1\n",
    "١", "é",
    "\ud800", "null", "1.0", "9007199254740993", "9007199254740993.0", "-9223372036854775808", "18446744073709551615",
    "16777217", "65505", "1" * 400, "1" * 400 + ".", "1" * 5000, "1" * 5000 + ".", "007", "  ", "e5", "1e", "nani",
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.integers(-(2**66), 2**66).map(str),
    st.floats().map(repr),
    st.integers(-(2**54), 2**54).map(lambda whole: f"{whole}.0"),
    st.text("0123456789.eE+- _naif", max_size=6),
)
DTYPES = ("FP16", "FP32", "FP64", "INT8", "INT64", "UINT64")


def outcome(texts: list[str], dtype: str, *, slowly: bool) -> Any:
    spec = TensorSpec(name="a", dtype=dtype, shape=(None,))
    notes: list[str] = []
    try:
        if slowly:
            values = read_texts(texts, _number if NUMPY[dtype].kind == "f" else _whole)
            tensors = column_of_values(spec, values, notes)
        else:
            tensors = column_of_texts(spec, texts, notes)
    except Misread as error:
        return "misread", error.row
    except InvalidArgument as error:
        # Of a cell that is no value, the words are those of the column: only its row is told apart here.
        words = str(error)
        holds = f"that {dtype} holds" in words
        return ("too large", words) if holds else ("misread", int(words.split("row ")[1].split(":")[0]))
    return [(tensor.name, tensor.array.dtype, tensor.array.tobytes()) for tensor in tensors], notes


@given(st.lists(TEXTS, min_size=1, max_size=6), st.sampled_from(DTYPES))
def test_columns_read_at_once_are_those_read_one_by_one(texts: list[str], dtype: str) -> None:
    assert outcome(texts, dtype, slowly=False) == outcome(texts, dtype, slowly=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beside", ["", "1", "2.5", "3.0", "True", "nan"])
def test_every_odd_cell_reads_the_same_beside_others(dtype: str, beside: str) -> None:
    for text in ODD:
        for texts in ([text, beside], [beside, text]):
            assert outcome(texts, dtype, slowly=False) == outcome(texts, dtype, slowly=True), texts


def test_the_first_misread_row_is_named_across_slices() -> None:
    texts = ["+1.5"] * 5000 + ["oops"] + ["1"] * 10 + ["no"]
    with pytest.raises(Misread) as caught:
        read_cells(texts, "FP64")
    assert caught.value.row == 5000


@pytest.mark.parametrize("cell", ["{}.5", "+{}.5", "1e{}", "{}.0", " {}.25 "])
def test_plain_cells_are_not_read_one_by_one(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = _counted(monkeypatch)
    read_cells([cell.format(number % 300) for number in range(10_000)], "FP64")
    assert alone == []


def test_a_refused_column_is_read_one_by_one_in_one_slice_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = _counted(monkeypatch)
    with pytest.raises(Misread):
        read_cells(["+1.5"] * 10_000 + ["oops"], "FP64")
    assert 0 < len(alone) <= 1024


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cells that are read by themselves from now on."""
    alone: list[str] = []
    read = cells._number

    def counting(text: str) -> float | int:
        alone.append(text)
        return read(text)

    monkeypatch.setattr(cells, "_number", counting)
    return alone


@pytest.mark.parametrize(
    ("body", "words"),
    [(b'a,b\n1,2\n\n1\n"', "line 4 has 1 cells for 2 columns"), (b'a,b\n1,2\n"x"y,2\n', "line 3 is not CSV")],
)
def test_the_first_wrong_line_is_named(body: bytes, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        read_csv(body)


def test_empty_lines_are_rows_of_one_column_only() -> None:
    assert read_csv(b"a,b\n1,2\n\n3,4\n") == (["a", "b"], [["1", "3"], ["2", "4"]])
    assert read_csv(b"a\n1\n\n3\n") == (["a"], [["1", "", "3"]])
    assert read_csv(b"a,b\n") == (["a", "b"], [[], []])
