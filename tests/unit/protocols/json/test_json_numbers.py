"""The fast way for large arrays gives what the usual way gives, or steps aside."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.core.errors import InvalidArgument
from bms.protocols.json import numbers as json_numbers
from bms.protocols.json import tensors as json_tensors
from bms.protocols.json.numbers import large_array

NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(-300, 300),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)
VALUES = st.recursive(st.one_of(NUMBERS, st.none(), st.text(max_size=3)), lambda inner: st.lists(inner, max_size=4))
REGULAR = st.lists(st.integers(1, 4), min_size=1, max_size=4).flatmap(
    lambda shape: st.lists(NUMBERS, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))).map(
        lambda flat: np.array(flat, dtype=object).reshape(shape).tolist()
    )
)

fast_way = pytest.mark.skipif(json_numbers.simdjson is None, reason="simdjson has no wheels for this Python")


@given(
    st.one_of(REGULAR, VALUES), st.sampled_from(["FP32", "FP64", "INT64", "INT8", "UINT16", "BOOL", "BYTES"]), st.data()
)
def test_it_gives_what_the_usual_way_gives_or_nothing(value: object, dtype: str, data: st.DataObject) -> None:
    text = json.dumps(value, separators=data.draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", ":")]))).encode()
    rank = data.draw(st.integers(1, 4))
    fast = large_array(text, dtype, rank)
    if fast is None:
        return
    usual = json_tensors.array_of(msgspec.Raw(text), dtype, rank, "x")
    assert (fast.dtype, fast.shape) == (usual.dtype, usual.shape)
    np.testing.assert_array_equal(fast, usual)


@fast_way
@pytest.mark.parametrize("shape", [(1,), (7,), (2, 3), (1, 1), (3, 1, 2), (1, 3, 4, 5)])
@pytest.mark.parametrize("dtype", ["FP32", "FP64", "INT32", "UINT8"])
def test_regular_arrays_are_read(shape: tuple[int, ...], dtype: str) -> None:
    wanted = (np.arange(np.prod(shape)).reshape(shape) % 200).astype(json_tensors.NUMPY[dtype])
    array = large_array(json.dumps(wanted.tolist(), indent=1).encode(), dtype, len(shape))
    assert array is not None
    assert array.dtype == wanted.dtype
    np.testing.assert_array_equal(array, wanted)


@pytest.mark.parametrize(
    "text",
    [
        b"[1,[2]]", b"[[1,2],[3]]", b"[[1],[2,3]]", b"[[1],2]", b"[]", b"[[],[]]", b"[1,true]", b'[1,"2"]', b"[1,null]",
        b"[NaN]", b"[1,2,]", b"[1,2", b"1,2]", b"[1]]", b"[1][2]", b"[1] [2]", b"{}", b"", b"[1e39]", b"[1 2]", b"[01]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("rank", [1, 2])
def test_whatever_is_not_plainly_an_array_is_left_to_others(text: bytes, rank: int) -> None:
    assert large_array(text, "FP32", rank) is None


def test_large_bodies_take_the_fast_way_and_errors_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def spied(text: bytes, dtype: str, rank: int) -> object:
        asked.append(len(text))
        return large_array(text, dtype, rank)

    monkeypatch.setattr(json_tensors, "large_array", spied)
    rows = [[0.5] * 100] * 100
    array = json_tensors.array_of(msgspec.Raw(json.dumps(rows).encode()), "FP32", 2, "x")
    assert array.shape == (100, 100)
    assert len(asked) == 1
    assert asked[0] > json_numbers.LARGE
    with pytest.raises(InvalidArgument, match="different lengths"):
        json_tensors.array_of(msgspec.Raw(json.dumps([*rows, [0.5]]).encode()), "FP32", 2, "x")
    with pytest.raises(InvalidArgument, match="cannot hold"):
        json_tensors.array_of(msgspec.Raw(json.dumps([*rows, [1e39] * 100]).encode()), "FP32", 2, "x")


def test_where_simdjson_is_not_to_be_had_large_bodies_mean_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = msgspec.Raw(json.dumps([[0.5, 1e300, -7]] * 1000).encode())
    fast = json_tensors.array_of(rows, "FP64", 2, "x")
    monkeypatch.setattr(json_numbers, "simdjson", None)
    assert large_array(bytes(rows), "FP64", 2) is None
    np.testing.assert_array_equal(json_tensors.array_of(rows, "FP64", 2, "x"), fast)
