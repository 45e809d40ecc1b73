"""What callers hand over, made what travels."""

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.sdk.predictions.sending import sent_of
from bms.sdk.predictions.sent import SentInputs
from bms.sdk.predictions.served import TensorInfo
from bms.sdk.tables.arrays import array_given, is_plain


def column(name: str, type: str, datatype: str, optional: bool = False) -> TensorInfo:
    return TensorInfo(name, datatype, (-1,), {"column": type, "optional": optional})


X = (TensorInfo("x", "FP32", (-1, 2)),)
TABLE = (
    column("age", "integer", "INT64"),
    column("pay", "number", "FP64"),
    column("city", "text", "BYTES", optional=True),
)


def sent(given: object, taken: tuple[TensorInfo, ...] = TABLE) -> SentInputs:
    made = sent_of(given, taken)
    assert made is not None
    return made


def structured(*rows: tuple[object, ...], **kinds: str) -> np.ndarray:
    return np.array(list(rows), dtype=list(kinds.items()))


def test_rows_become_columns_with_what_is_missing_marked() -> None:
    made = sent([{"age": 2**53 + 1, "pay": None, "city": "Köln"}, {"age": None, "pay": 1, "city": None}])
    assert made.arrays["age"].tolist() == [2**53 + 1, 0]
    assert made.arrays["city"].tolist() == ["Köln".encode(), b""]
    np.testing.assert_array_equal(made.arrays["pay"].astype(float), [0, 1])
    assert {name: mask.tolist() for name, mask in made.missing.items()} == {
        "age": [False, True],
        "pay": [True, False],
        "city": [False, True],
    }
    assert set(made.tensors()) == {"age", "pay", "city", "age:missing", "pay:missing", "city:missing"}


def test_only_an_optional_column_may_be_left_out_by_a_row() -> None:
    made = sent([{"age": 1, "pay": 2.0, "city": "a"}, {"age": 2, "pay": 3.0}])
    assert made.missing["city"].tolist() == [False, True]
    with pytest.raises(InvalidArgument, match=r"row 1: column 'age' is missing: .* city text\?"):
        sent([{"age": 1, "pay": 2.0}, {"pay": 3.0}])
    with pytest.raises(InvalidArgument, match="row 1 is a list"):
        sent([{"age": 1}, [2]])


def test_lists_by_name_may_hold_none_and_unknown_names_are_for_the_server_to_refuse() -> None:
    made = sent({"age": [1, None], "city": ("a", "b"), "size": [1, 2]})
    assert made.missing["age"].tolist() == [False, True]
    assert made.arrays["size"].tolist() == [1, 2]


def test_a_column_of_nothing_has_the_type_that_the_model_declares() -> None:
    made = sent({"age": [None], "pay": [None], "city": [None]})
    assert [made.arrays[name].dtype.kind for name in ("age", "pay", "city")] == ["i", "f", "O"]
    assert set(made.missing) == {"age", "city"}
    assert np.isnan(made.arrays["pay"]).all()


def test_a_frame_of_numbers_is_a_matrix_by_place_where_the_model_knows_no_names() -> None:
    made = sent(structured((1, 0.5), (3, np.nan), b="i8", a="f8"), X)
    np.testing.assert_array_equal(made.arrays["x"], [[1, 0.5], [3, np.nan]])
    assert sent(structured((1, 2), b="i4", a="u1"), X).arrays["x"].dtype == np.int32
    assert sent(structured((1, 2), b="f2", a="f4"), X).arrays["x"].dtype == np.float32
    with pytest.raises(InvalidArgument, match="column 'a' holds text: this model takes a matrix"):
        sent(structured((1, "x"), b="i4", a="U3"), X)
    with pytest.raises(InvalidArgument, match="column 'b' holds whole numbers that FP64"):
        sent(structured((2**53 + 1, 0.5), b="i8", a="f8"), X)
    assert sent(structured((2**53 + 1, 2), b="i8", a="i8"), X).arrays["x"].tolist() == [[2**53 + 1, 2]]


def test_rows_and_mappings_name_inputs_so_they_are_never_placed() -> None:
    assert set(sent([{"a": 1, "b": 2}], X).arrays) == {"a", "b"}
    assert set(sent({"a": [1], "b": [2]}, X).arrays) == {"a", "b"}


def test_columns_are_shaped_as_a_model_of_single_columns_takes_them() -> None:
    taken = (TensorInfo("age", "FP32", (-1, 1)), TensorInfo("city", "BYTES", (-1, 1)))
    made = sent([{"age": 1, "city": "a"}, {"age": 2, "city": "b"}], taken)
    assert (made.arrays["age"].shape, made.arrays["city"].shape) == ((2, 1), (2, 1))


def test_one_array_is_for_models_of_one_input() -> None:
    array = np.zeros((1, 2))
    assert sent(array, X).arrays["x"] is array
    assert sent_of(array, TABLE) is None
    assert sent_of([[1, 2, 3]], TABLE) is None


def test_lists_have_the_floating_type_that_is_declared_unless_they_would_lose_digits() -> None:
    assert sent([[0.1, 2]], X).arrays["x"].dtype == np.float32
    big = sent([[1764000010, 2]], X).arrays["x"]
    assert (big.dtype, big.tolist()) == (np.int64, [[1764000010, 2]])
    assert sent({"x": [[1764000010.0, 2]]}, X).arrays["x"].dtype == np.float64
    assert sent({"pay": [1, 2]}).arrays["pay"].dtype == np.float64


def test_fractions_for_whole_numbers_are_not_cut_off_here() -> None:
    assert sent({"n": [[1.5]]}, (TensorInfo("n", "INT64", (-1, 1)),)).arrays["n"].tolist() == [[1.5]]


def test_missing_values_in_lists_for_a_matrix_are_nan() -> None:
    np.testing.assert_array_equal(sent([[1.5, None]], X).arrays["x"], [[1.5, np.nan]])


def test_arrays_of_objects_times_and_masks() -> None:
    assert array_given("t", np.array([["a", "b"]], dtype=object), "BYTES").tolist() == [["a", "b"]]
    assert array_given("t", np.array([[1, 0.5]], dtype=object), "FP64").tolist() == [[1, 0.5]]
    assert array_given("t", "text", "BYTES").tolist() == [b"text"]
    times = np.array([["2026-01-02T03:04:05"]], dtype="M8[s]")
    assert array_given("t", times, "BYTES").tolist() == [[b"2026-01-02T03:04:05"]]
    masked = np.ma.masked_array([[1.5, 2.5]], [[False, True]])
    np.testing.assert_array_equal(array_given("x", masked, "FP32"), [[1.5, np.nan]])
    made = sent({"age": np.ma.masked_array([1, 2], [True, False]), "city": np.array(["a", None], dtype=object)})
    assert (made.missing["age"].tolist(), made.missing["city"].tolist()) == ([True, False], [False, True])
    for given, says in (
        (np.ma.masked_array([[1, 2]], [[False, True]]), "masked array of int64"),
        (np.array([[1j]]), "complex128"),
        (np.array([["NaT"]], dtype="M8[s]"), "values missing"),
        (object(), "a object can't be sent"),
    ):
        with pytest.raises(InvalidArgument, match=says):
            array_given("x", given, None)


def test_arrays_that_travel_as_they_are_need_no_question_what_the_model_takes() -> None:
    for plain in (np.zeros(2, ">f4"), np.array([True]), np.array(["a"]), np.array([b"\xff", "a"], dtype=object)):
        assert is_plain(plain)
    for other in (
        np.array(["a", None], dtype=object),
        np.array([1], dtype=object),
        np.zeros(2, "M8[s]"),
        np.zeros(2, np.longdouble),
        np.ma.masked_array([1.0]),
        [1.0],
    ):
        assert not is_plain(other)


def test_names_are_texts() -> None:
    with pytest.raises(InvalidArgument, match="named by texts: 3 is a int"):
        sent({3: [1]})
    with pytest.raises(InvalidArgument, match="names of columns must be texts: 3 is a int"):
        sent([{3: 1}])
