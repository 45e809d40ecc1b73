import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import NUMPY
from bms.protocols.json.tensors import MAX_RANK, array_of, dump, text_values


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("value", "dtype", "rank", "said"),
    [
        ([1, "2"], "FP32", 1, "Expected `float`, got `str`"),
        ([1.5], "INT64", 1, "Expected `int`, got `float`"),
        ([2.0**53], "INT64", 1, "Expected `int`, got `float`"),
        ([1e300], "INT64", 1, "Expected `int`, got `float`"),
        ([256.0], "UINT8", 1, "cannot hold"),
        ([1.0, True], "INT64", 1, "Expected `int`, got `float`"),
        ([True], "INT32", 1, "Expected `int`, got `bool`"),
        ([1], "BOOL", 1, "Expected `bool`, got `int`"),
        ([1], "BYTES", 1, "got `int`"),
        ([[1]], "FP32", 1, "nested 1 lists deep"),
        ([1], "FP32", 2, "nested 2 lists deep"),
        ([[1, 2], [3]], "FP32", 2, "rows of different lengths"),
        ([["a", "b"], ["c"]], "BYTES", 2, "rows of different lengths"),
        ([], "FP32", 2, "empty"),
        ([300], "UINT8", 1, "cannot hold"),
        ([-1], "UINT64", 1, "cannot hold"),
        ([2**70], "INT64", 1, "cannot hold"),
        ([1e39], "FP32", 1, "cannot hold"),
        ([70000.0], "FP16", 1, "cannot hold"),
        ([{"b64": "%%"}], "BYTES", 1, "not base64"),
        ([{"b65": "aa"}], "BYTES", 1, "must be BYTES"),
        ([1], "BF16", 1, "unknown data type"),
        ([1], "FP32", MAX_RANK + 1, "at most 16"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_name_and_reason(value: object, dtype: str, rank: int, said: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        array_of(raw(value), dtype, rank, "x")
    assert said in refusal.value.message


def test_deep_nesting_is_refused_and_does_not_exhaust_the_stack() -> None:
    with pytest.raises(InvalidArgument):
        array_of(msgspec.Raw(b"[" * 100_000 + b"]" * 100_000), "FP32", 2, "x")


def test_bytes_come_from_text_and_from_base64() -> None:
    assert array_of(raw(["hé", {"b64": "AP8="}]), "BYTES", 1, "x").tolist() == ["hé".encode(), b"\x00\xff"]


@pytest.mark.parametrize("bare", [b"", b" NaN"])
def test_whole_numbers_with_a_point_are_accepted_where_integers_are_wanted(bare: bytes) -> None:
    written = b"[[1.0, 2e3], [-3, 9007199254740993]]"
    value = json.loads(written) if bare else msgspec.Raw(written)  # as the slow parser gives it, beside a bare NaN
    array = array_of(value, "INT64", 2, "x")
    assert (array.dtype, array.tolist()) == (np.int64, [[1, 2000], [-3, 9007199254740993]])


def test_integers_are_accepted_where_floats_are_wanted() -> None:
    assert array_of(raw([1, 2.5]), "FP32", 1, "x").tolist() == [1.0, 2.5]


def test_values_of_the_slow_parser_are_read_alike() -> None:
    got = array_of([1.0, float("nan"), float("inf")], "FP32", 1, "x")
    assert np.array_equal(got, np.array([1, np.nan, np.inf], dtype="f4"), equal_nan=True)


def test_floats_carry_a_decimal_point_and_their_own_shortest_digits() -> None:
    assert dump({"a": np.array([1, 0.1], dtype="f4")}) == b'{"a":[1.0,0.1]}'
    assert dump([np.float32(0.1), np.float16(0.1)]) == b"[0.1,0.099975586]"


def test_nan_and_infinity_appear_bare() -> None:
    value = {"a": np.array([[0.1, np.nan], [np.inf, -np.inf]], dtype="f4"), "b": ["null", None, np.float32("nan")]}
    assert dump(value) == b'{"a":[[0.1,NaN],[Infinity,-Infinity]],"b":["null",null,NaN]}'


def test_arrays_without_dimensions_and_strided_ones_are_written() -> None:
    assert dump([np.array(2.5), np.arange(4)[::2]]) == b"[2.5,[0,2]]"


def test_text_that_is_no_text_becomes_base64() -> None:
    array = np.array([[b"a", b"\xff"]], dtype=object)
    assert text_values(array, as_base64=False) == [["a", {"b64": "/w=="}]]
    assert text_values(array, as_base64=True) == [[{"b64": "YQ=="}, {"b64": "/w=="}]]


@given(
    st.sampled_from(["FP16", "FP32", "FP64", "INT8", "INT64", "UINT64", "UINT8", "BOOL"]).flatmap(
        lambda name: st.tuples(
            st.just(name),
            arrays.arrays(
                NUMPY[name],
                arrays.array_shapes(min_dims=1, max_dims=4, max_side=4),
                elements=({"allow_nan": False, "allow_infinity": False} if name.startswith("FP") else None),
            ),
        )
    )
)
def test_numbers_survive_the_way_out_and_back_exactly(drawn: tuple[str, np.ndarray]) -> None:  # type: ignore[type-arg]
    dtype, array = drawn
    back = array_of(msgspec.Raw(dump(array)), dtype, array.ndim, "x")
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_bytes_survive_the_way_out_and_back_exactly(items: list[bytes]) -> None:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    for as_base64 in (True, False):
        written = msgspec.Raw(dump(text_values(array, as_base64)))
        assert array_of(written, "BYTES", 1, "x").tolist() == items


def test_half_a_character_beside_a_bare_nan_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="half of a character"):
        array_of([["\ud800"]], "BYTES", 2, "x")


def test_null_is_missing_where_the_type_can_say_so() -> None:
    np.testing.assert_array_equal(array_of(msgspec.Raw(b"[[1, null]]"), "FP32", 2, "x"), [[1, np.nan]])
    with pytest.raises(InvalidArgument, match="Expected `int`, got `null`"):
        array_of(msgspec.Raw(b"[1, null]"), "INT64", 1, "x")


@pytest.mark.parametrize(
    ("text", "dtype", "told"),
    [
        (b"[1764000010]", "FP32", ["input 'x': 1764000010 was rounded to FP32"]),
        (b"[1764000010.0]", "FP32", ["input 'x': 1764000010.0 was rounded to FP32"]),
        (b"[16777216, 16777215.5, 0.1]", "FP32", []),
        (b"[1764000000.5]", "FP32", ["input 'x': 1764000000.5 was rounded to FP32"]),
        (b"[null, 9007199254740993]", "FP64", ["input 'x': 9007199254740993 was rounded to FP64"]),
        (b"[1764000010, 0.1]", "FP64", []),
        (b"[2049]", "FP16", ["input 'x': 2049 was rounded to FP16"]),
        (b"[" + b"0.5," * 4000 + b"16777217]", "FP32", ["input 'x': 16777217 was rounded to FP32"]),
    ],
)
def test_whole_numbers_that_lose_digits_are_told(text: bytes, dtype: str, told: list[str]) -> None:
    notes: list[str] = []
    array_of(msgspec.Raw(text), dtype, 1, "x", notes)
    assert notes == told
