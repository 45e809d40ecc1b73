"""TensorProtos of TensorFlow to arrays and back, in each of their forms."""

import tracemalloc
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import MOST_TEXTS, NUMPY
from bms.protocols.protobuf.pool import message, parse
from bms.protocols.tfserving.grpc.data_types import FIELDS
from bms.protocols.tfserving.grpc.read_tensor import MOST_FILLED, read_tensor
from bms.protocols.tfserving.grpc.write_tensor import write_entry

Proto = message("tensorflow.TensorProto")
Response = message("tensorflow.serving.PredictResponse")
TYPES = Proto.DESCRIPTOR.fields_by_name["dtype"].enum_type.values_by_name


def proto(dtype: str, shape: tuple[int, ...] = (), **fields: Any) -> Any:
    made = Proto(dtype=TYPES[dtype].number, **fields)
    made.tensor_shape.SetInParent()
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    return made


def arrays(dtype: str) -> st.SearchStrategy[Any]:
    shapes = npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
    if dtype != "BYTES":
        return npst.arrays(NUMPY[dtype], shapes)
    return shapes.flatmap(
        lambda shape: st.lists(st.binary(max_size=9), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))).map(
            lambda items: np.array([*items, None], dtype=object)[:-1].reshape(shape)
        )
    )


@given(st.sampled_from(sorted(NUMPY)).flatmap(arrays), st.text(max_size=5))
def test_what_is_written_is_read_again(array: Any, name: str) -> None:
    parts: list[bytes | memoryview] = []
    write_entry(1, name, array, parts)
    outputs = parse(Response, b"".join(parts)).outputs
    assert list(outputs) == [name]
    read = read_tensor(name, outputs[name])
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert read.tolist() == array.tolist() or read.tobytes() == array.tobytes()


def test_many_whole_numbers_are_written_in_pieces() -> None:
    array = np.arange(-100_000, 100_000, dtype=np.int64)
    parts: list[bytes | memoryview] = []
    write_entry(1, "y", array, parts)
    assert np.array_equal(parse(Response, b"".join(parts)).outputs["y"].int64_val, array)


HALF = np.float16(1.5).view(np.uint16).item()
BRAIN = np.array(1.5, ml_dtypes.bfloat16).view(np.uint16).item()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (proto("DT_FLOAT", (2,), float_val=[1.5, 2]), np.array([1.5, 2], "<f4")),
        (proto("DT_FLOAT", (2,), tensor_content=np.array([1.5, 2], "<f4").tobytes()), np.array([1.5, 2], "<f4")),
        (proto("DT_FLOAT", (), float_val=[1.5]), np.array(1.5, "<f4")),
        (proto("DT_DOUBLE", (1, 1), double_val=[1.5]), np.array([[1.5]])),
        (proto("DT_INT8", (2,), int_val=[-128, 127]), np.array([-128, 127], "i1")),
        (proto("DT_UINT16", (1,), int_val=[65535]), np.array([65535], "<u2")),
        (proto("DT_INT32", (3,), int_val=[1, -2]), np.array([1, -2, -2], "<i4")),
        (proto("DT_INT64", (2, 2), int64_val=[7]), np.full((2, 2), 7)),
        (proto("DT_UINT32", (2,)), np.zeros(2, "<u4")),
        (proto("DT_UINT64", (1,), uint64_val=[2**64 - 1]), np.array([2**64 - 1], "<u8")),
        (proto("DT_BOOL", (3,), bool_val=[True, False]), np.array([True, False, False])),
        (proto("DT_HALF", (3,), half_val=[0, HALF]), np.array([0, 1.5, 1.5], "<f2")),
        (proto("DT_HALF", (1,), tensor_content=np.float16(1.5).tobytes()), np.array([1.5], "<f2")),
        (proto("DT_BFLOAT16", (2,), half_val=[BRAIN]), np.array([1.5, 1.5], "<f4")),
        (proto("DT_BFLOAT16", (1,), tensor_content=BRAIN.to_bytes(2, "little")), np.array([1.5], "<f4")),
        (proto("DT_STRING", (3,), string_val=[b"a", b"\xff"]), np.array([b"a", b"\xff", b"\xff"], object)),
        (proto("DT_STRING", (2,)), np.array([b"", b""], object)),
        (proto("DT_STRING", (2, 1), tensor_content=b"\1\3abcd"), np.array([[b"a"], [b"bcd"]], object)),
        (proto("DT_FLOAT", (2, 0)), np.zeros((2, 0), "<f4")),
    ],
)
def test_each_form_that_tensorflow_reads_is_read(given: Any, expected: Any) -> None:
    read = read_tensor("x", given)
    assert (read.dtype, read.shape, read.tolist()) == (expected.dtype, expected.shape, expected.tolist())


def unknown_rank() -> Any:
    made = proto("DT_FLOAT", float_val=[1])
    made.tensor_shape.unknown_rank = True
    return made


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (proto("DT_FLOAT", (2,), tensor_content=b"abc"), r"FP32 \[2\] needs 8 bytes, 3 were delivered"),
        (proto("DT_FLOAT", (1,), float_val=[1, 2]), "1 elements; 2 were delivered"),
        (proto("DT_FLOAT", (0,), float_val=[1]), "0 elements; 1 were delivered"),
        (proto("DT_FLOAT", (-1,), float_val=[1]), "must not be negative"),
        (proto("DT_FLOAT", (-1, -4), tensor_content=bytes(16)), "must not be negative"),
        (unknown_rank(), "of unknown rank: send the shape"),
        (proto("DT_FLOAT", (1 << 40,), float_val=[1]), f"at most {MOST_FILLED} are filled in"),
        (proto("DT_STRING", (1 << 40,), string_val=[b"a"]), f"at most {MOST_FILLED} are filled in"),
        (proto("DT_INT64", (1 << 62, 1 << 62)), f"at most {MOST_FILLED} are filled in"),
        (proto("DT_FLOAT", (1 << 62,), tensor_content=bytes(4)), "4 were delivered"),
        (proto("DT_FLOAT", (1 << 62,) * 65, float_val=[1]), "65 dimensions, expected 64 at most"),
        (proto("DT_STRING", (3,), string_val=[b""] * 1_000_000), "3 elements; 1000000 were delivered"),
        (proto("DT_STRING", (MOST_TEXTS + 1,), string_val=[b"a"]), "1048577 elements was sent, at most 1048576"),
        (proto("DT_STRING", (1 << 40,), tensor_content=b"\0"), "at most 1048576 are taken at once"),
        (proto("DT_STRING", (9,), tensor_content=b"\0"), "its 1 bytes cannot hold 9 texts"),
        (proto("DT_STRING", (1,), tensor_content=b"\5abc"), "texts of 5 bytes; 3 were delivered"),
        (proto("DT_STRING", (1,), tensor_content=b"\xff" * 11), "a number that does not end"),
        (proto("DT_FLOAT", (1,), double_val=[1]), "its values go in float_val"),
        (proto("DT_FLOAT", (1,), float_val=[1], tensor_content=bytes(4)), "float_val beside tensor_content"),
        (proto("DT_INT8", (1,), int_val=[128]), "a number beyond INT8"),
        (proto("DT_HALF", (1,), half_val=[70_000]), "a number beyond FP16"),
        (proto("DT_INVALID", (1,)), "DT_INVALID, which is not served: use one of DT_FLOAT"),
        (proto("DT_COMPLEX64", (1,), scomplex_val=[1, 2]), "DT_COMPLEX64, which is not served"),
        (proto("DT_RESOURCE", (1,)), "DT_RESOURCE, which is not served"),
        (Proto.FromString(b"\x08\x7e"), "data type 126, which is not served"),
    ],
)
def test_what_is_no_tensor_is_refused_in_words(given: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        read_tensor("x", given)


def test_nothing_is_made_in_proportion_to_a_shape_that_is_refused() -> None:
    asked = [
        proto(dtype, (1 << 30,), **{field: [1]}) for dtype, field in (("DT_INT8", "int_val"), ("DT_BOOL", "bool_val"))
    ]
    tracemalloc.start()
    for each in asked:
        with pytest.raises(InvalidArgument):
            read_tensor("x", each)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1 << 20


def test_the_fields_of_values_are_known_by_their_numbers() -> None:
    assert FIELDS["float_val"] == 5
    assert FIELDS["uint64_val"] == 17
