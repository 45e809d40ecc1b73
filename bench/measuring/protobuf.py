"""ModelInfer of the Open Inference Protocol, and TensorFlow Serving's Predict, as protobuf bytes by hand.

Field numbers are those of the protocol's grpc_service.proto (https://github.com/kserve/open-inference-protocol), and of
predict.proto and tensor.proto (https://github.com/tensorflow); the encoding is
https://protobuf.dev/programming-guides/encoding.
A gRPC message is preceded by a byte 0 (not compressed) and its length, u32 big-endian.
"""

import struct
from collections.abc import Iterator, Sequence

import numpy as np

from measuring.models import Floats

_VARINT, _I64, _LENGTH, _I32 = 0, 1, 2, 5
_FP32_CONTENTS = 6
_FLOAT, _TENSOR_CONTENT, _FLOAT_VAL = 1, 4, 5


def infer_request(model: str, name: str, tensor: Floats) -> bytes:
    """A ModelInferRequest that carries one FP32 tensor in raw_input_contents."""
    described = _text(1, name) + _text(2, "FP32") + _field(3, b"".join(map(_varint, tensor.shape)))
    return _text(1, model) + _field(5, described) + _field(7, tensor.astype("<f4").tobytes())


def predict_request(model: str, name: str, tensor: Floats) -> bytes:
    """A PredictRequest that carries one tensor in tensor_content, as `tf.make_tensor_proto` writes it."""
    dims = b"".join(_field(2, _varint(1 << 3) + _varint(size)) for size in tensor.shape)
    content = _field(_TENSOR_CONTENT, tensor.astype("<f4").tobytes())
    proto = _varint(1 << 3) + _varint(_FLOAT) + _field(2, dims) + content
    return _field(1, _text(1, model)) + _field(2, _text(1, name) + _field(2, proto))


def predicted(answer: bytes, name: str) -> Floats:
    """One DT_FLOAT output of a PredictResponse. Raises ValueError where it is missing."""
    for number, value in _fields(answer):
        entry = dict(_fields(_bytes(value))) if number == 1 else {}
        if entry.get(1) == name.encode():
            proto = dict(_fields(_bytes(entry[2])))
            return np.frombuffer(_bytes(proto.get(_FLOAT_VAL, proto.get(_TENSOR_CONTENT, b""))), dtype="<f4")
    raise ValueError(f"no output {name!r} in an answer of {len(answer)} bytes")


def message(body: bytes) -> bytes:
    """As gRPC sends it over HTTP/2."""
    return struct.pack(">BI", 0, len(body)) + body


def output(answer: bytes, name: str) -> Floats:
    """One FP32 output of a ModelInferResponse, raw or not. Raises ValueError where it is missing."""
    described = [dict(_fields(value)) for number, value in _fields(answer) if number == 5]
    raws = [value for number, value in _fields(answer) if number == 6]
    for index, each in enumerate(described):
        if each[1] == name.encode():
            raw = raws[index] if raws else dict(_fields(_bytes(each[5])))[_FP32_CONTENTS]
            return np.frombuffer(_bytes(raw), dtype="<f4")
    raise ValueError(f"no output {name!r} in an answer of {len(answer)} bytes")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _field(number, value.encode())


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value: bytes | int
            value, at = _read_varint(data, at)
        else:
            if kind == _LENGTH:
                size, at = _read_varint(data, at)
            else:
                size = {_I64: 8, _I32: 4}[kind]
            value, at = data[at : at + size], at + size
        yield tag >> 3, value


def _read_varint(data: Sequence[int], at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where bytes were expected")
    return value
