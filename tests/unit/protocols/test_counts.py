"""More elements than may become objects are refused before any does, whatever the wire."""

import struct

import msgspec
import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import MOST_TEXTS, from_raw
from bms.protocols.json.tensors import MOST_OBJECTS, array_of
from bms.protocols.tfserving.predict import decode_predict

FLOATS = {
    DEFAULT: Signature(
        inputs=(TensorSpec(name="x", dtype="FP32", shape=(None,)),),
        outputs=(TensorSpec(name="y", dtype="FP32", shape=(None,)),),
        batched=True,
    )
}


def listed(value: bytes, count: int) -> bytes:
    return b"[" + b",".join([value] * count) + b"]"


def test_texts_are_counted_in_json_and_in_raw_tensors() -> None:
    with pytest.raises(InvalidArgument, match=f"of {MOST_TEXTS + 1} elements was sent, at most {MOST_TEXTS}"):
        array_of(msgspec.Raw(listed(b'"a"', MOST_TEXTS + 1)), "BYTES", 1, "x")
    with pytest.raises(InvalidArgument, match="of 10000000 elements was sent"):
        from_raw("BYTES", (10_000_000,), struct.pack("<I", 0) * 10)


def test_numbers_are_read_as_many_as_there_are_and_what_is_read_one_by_one_is_counted() -> None:
    assert array_of(msgspec.Raw(listed(b"1", MOST_OBJECTS + 2)), "FP32", 1, "x").shape == (MOST_OBJECTS + 2,)
    with pytest.raises(InvalidArgument, match="read one by one"):
        array_of(msgspec.Raw(listed(b"null", MOST_OBJECTS + 2)), "FP32", 1, "x")
    with pytest.raises(InvalidArgument, match="NaN or Infinity and"):
        decode_predict(b'{"instances":' + listed(b"NaN", MOST_OBJECTS + 2) + b"}", "m", FLOATS)
