"""Tensors go to bytes and back unchanged, and nothing that lies about its size gets in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import NUMPY, Tensor, dtype_of, from_raw, to_raw

NUMERIC = [name for name in NUMPY if name != "BYTES"]


@given(st.data())
def test_numbers_come_back_bit_for_bit(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NUMERIC))
    array = data.draw(hnp.arrays(NUMPY[name], hnp.array_shapes(min_dims=0, max_dims=4, min_side=0)))
    back = from_raw(name, array.shape, bytes(to_raw(array)))
    assert dtype_of(back) == name
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_byte_strings_come_back(items: list[bytes]) -> None:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    assert list(from_raw("BYTES", (len(items),), to_raw(array))) == items


def test_text_counts_as_bytes_and_other_orders_are_made_little_endian() -> None:
    assert Tensor("t", np.array(["ä"])).dtype == "BYTES"
    assert to_raw(np.array(["ä"])) == b"\x02\x00\x00\x00\xc3\xa4"
    assert bytes(to_raw(np.array([1], dtype=">i4"))) == b"\x01\x00\x00\x00"
    assert bytes(to_raw(np.arange(6, dtype=np.uint8).reshape(2, 3).T)) == bytes([0, 3, 1, 4, 2, 5])


def test_types_without_a_name_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="complex128"):
        dtype_of(np.zeros(1, np.complex128))


@pytest.mark.parametrize(
    ("dtype", "shape", "raw", "words"),
    [
        ("FP128", (1,), b"", "unknown data type"),
        ("FP32", (-1, 2), b"", "negative"),
        ("FP32", (2,), b"1234567", "needs 8 bytes, 7"),
        ("FP32", (1 << 40, 1 << 40), b"", "needs"),
        ("FP32", (1 << 62,) * 100_000, b"", "100000 dimensions, expected 64 at most"),
        ("BYTES", (3,), b"\x00" * 8, "need at least 12"),
        ("BYTES", (1 << 62,), b"", "elements was sent, at most"),
        ("BYTES", (1,), b"\x05\x00\x00\x00abcd", "declares 5 bytes, 4 are left"),
        ("BYTES", (2,), b"\x04\x00\x00\x00abcd", "ends within element 1"),
        ("BYTES", (1,), b"\x00\x00\x00\x00x", "1 bytes are left over"),
    ],
)
def test_lies_about_size_are_refused(dtype: str, shape: tuple[int, ...], raw: bytes, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        from_raw(dtype, shape, raw)
