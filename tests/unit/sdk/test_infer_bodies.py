"""Bodies of predictions: what the client writes is what the gateway's own codec reads, and the other way round."""

import msgspec
import numpy as np
import pytest

from bms.core.errors import Internal
from bms.core.inference import InferResponse
from bms.core.signature import Signature, TensorSpec
from bms.core.tensor import Array, Tensor
from bms.protocols.oip import decode_infer, encode_infer
from bms.protocols.tfserving import decode_predict
from bms.sdk.infer_bodies import array_of, decode_answer, decode_columns, encode_columns, encode_json, encode_raw


def signature(array: Array, dtype: str) -> dict[str, Signature]:
    spec = TensorSpec(name="x", dtype=dtype, shape=(None, *array.shape[1:]))  # type: ignore[arg-type]
    return {"serving_default": Signature(inputs=(spec,), outputs=(spec,))}


def of_bytes(*items: bytes) -> Array:
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


ARRAYS: list[tuple[str, Array]] = [
    ("FP32", np.array([[0.1, -3e38], [1e-45, 7]], np.float32)),
    ("FP64", np.array([0.1, 1e300])),
    ("INT64", np.array([[2**62, -1]])),
    ("UINT8", np.arange(6, dtype=np.uint8).reshape(1, 2, 3)),
    ("BOOL", np.array([True, False])),
    ("BYTES", of_bytes(b"", b"\xff\x00", "é".encode())),
    ("FP32", np.arange(12, dtype=np.float32).reshape(4, 3)[::2]),
]


@pytest.mark.parametrize(("dtype", "array"), ARRAYS)
def test_raw_tensors_keep_every_bit_both_ways(dtype: str, array: Array) -> None:
    body, length = encode_raw({"x": array})
    decoded = decode_infer(body, length, "m", signature(array, dtype))
    assert decoded.request.inputs[0].dtype == dtype
    np.testing.assert_array_equal(decoded.request.inputs[0].array, array)
    answer, told = encode_infer(InferResponse(model="m", version=3, outputs=[Tensor("x", array)]), decoded)
    version, outputs = decode_answer(answer, told)
    assert (version, outputs["x"].dtype) == (3, array.dtype)
    np.testing.assert_array_equal(outputs["x"], array)


@pytest.mark.parametrize(("dtype", "array"), [each for each in ARRAYS if each[0] != "BYTES"])
def test_json_tensors_keep_every_bit_both_ways(dtype: str, array: Array) -> None:
    decoded = decode_infer(encode_json({"x": array}), None, "m", signature(array, dtype))
    np.testing.assert_array_equal(decoded.request.inputs[0].array, array)
    answer, told = encode_infer(InferResponse(model="m", version=1, outputs=[Tensor("x", array)]), decoded)
    assert told is None
    outputs = decode_answer(answer, None)[1]
    assert outputs["x"].dtype == array.dtype
    np.testing.assert_array_equal(outputs["x"], array)


@pytest.mark.parametrize(("dtype", "array"), ARRAYS)
def test_columns_are_read_by_tensorflow_servings_rules(dtype: str, array: Array) -> None:
    decoded = decode_predict(encode_columns({"x": array}), "m", signature(array, dtype))
    np.testing.assert_array_equal(decoded.request.inputs[0].array, array)


def test_columns_of_one_output_get_a_name() -> None:
    assert decode_columns(b'{"outputs": [[1, 2]]}')["output"].tolist() == [[1, 2]]
    assert set(decode_columns(b'{"outputs": {"a": [1], "b": [2]}}')) == {"a", "b"}


def test_lists_become_what_the_model_declares() -> None:
    assert array_of([[1, 2]], "FP32").dtype == np.float32
    assert array_of(["a", b"b"], "BYTES").tolist() == [b"a", b"b"]
    assert array_of("one", "BYTES").tolist() == [b"one"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"outputs": 3}', b'{"model_version": "x", "outputs": []}'])
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(Internal, match="no prediction"):
        decode_answer(body, None)
    with pytest.raises(Internal, match="no prediction"):
        decode_columns(body[:-1])


def test_fields_from_the_future_are_no_obstacle() -> None:
    answer = {
        "model_version": "2",
        "new": 1,
        "outputs": [{"name": "y", "datatype": "INT64", "shape": [1], "data": [4]}],
    }
    assert decode_answer(msgspec.json.encode(answer), None)[1]["y"].tolist() == [4]
