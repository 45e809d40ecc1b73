"""ONNX files of a few nodes, written by hand: for tests on machines that have no `onnx` package.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

import json
from collections.abc import Sequence

import numpy as np

FLOAT, INT64 = 1, 7
IR_VERSION, OPSET = 8, 17


def adds(number: float) -> bytes:
    """y = x + number; x and y FP32 [N, 2]."""
    node = _node("Add", ["x", "number"], "y")
    return _model([node], [_tensor("number", np.array([number], np.float32))], columns=2)


def breaks_beyond(rows: int) -> bytes:
    """y = x; fails for more rows than `rows`. x and y FP32 [N, 2]."""
    nodes = [
        _node("Shape", ["x"], "shape"),
        _node("Gather", ["shape", "first"], "count"),
        _node("Gather", ["ones", "count"], "one"),
        _node("Mul", ["x", "one"], "y"),
    ]
    tensors = [_tensor("first", np.array(0, np.int64)), _tensor("ones", np.ones(rows + 1, np.float32))]
    return _model(nodes, tensors, columns=2)


def centres() -> bytes:
    """y = x less the mean of all rows; x and y FP32 [N, 2]."""
    mean = _node("ReduceMean", ["x"], "mean", _integers("axes", [0]))
    return _model([mean, _node("Sub", ["x", "mean"], "y")], [], columns=2)


def reshapes(rows: int, columns: int) -> bytes:
    """y is x as [N, rows, columns]; x FP32 [N, width], which nobody would guess."""
    shape = _tensor("shape", np.array([0, rows, columns], np.int64))
    given, made = _dimensions("x", b"N", b"width"), _dimensions("y", b"N", b"rows", b"columns")
    return _graph([_node("Reshape", ["x", "shape"], "y")], [shape], given, made)


def takes_memory(per_row: int) -> bytes:
    """y is each row's sum; takes `per_row` bytes of memory a row. x FP32 [N, 2], y FP32 [N, 1]."""
    nodes = [
        _node("ConstantOfShape", ["wide"], "zeros"),
        _node("MatMul", ["x", "zeros"], "hidden"),
        _node("ReduceMax", ["hidden"], "zero", _integers("axes", [1])),
        _node("MatMul", ["x", "ones"], "sum"),
        _node("Add", ["sum", "zero"], "y"),
    ]
    tensors = [
        _tensor("wide", np.array([2, per_row // 4], np.int64)),
        _tensor("ones", np.ones((2, 1), np.float32)),
    ]
    return _model(nodes, tensors, columns=1)


def classifies(weights: Sequence[Sequence[float]], labels: Sequence[str] = ()) -> bytes:
    """probabilities = softmax(x · weights); x FP32 [N, features], probabilities FP32 [N, classes]. Metadata name the
    classes if `labels` do."""
    array = np.array(weights, np.float32)
    nodes = [_node("MatMul", ["x", "weights"], "z"), _node("Softmax", ["z"], "probabilities")]
    inputs, outputs = _rows("x", array.shape[0]), _rows("probabilities", array.shape[1])
    named = _field(1, b"labels") + _field(2, json.dumps(list(labels)).encode())
    return _graph(nodes, [_tensor("weights", array)], inputs, outputs) + (_field(14, named) if labels else b"")


def brightest(height: int, width: int) -> bytes:
    """y is the mean of each channel; x FP32 [N, height, width, 3], y FP32 [N, 1, 1, 3]."""
    mean = _node("ReduceMean", ["x"], "y", _integers("axes", [1, 2]))
    return _graph([mean], [], _rows("x", height, width, 3), _rows("y", 1, 1, 3))


def _model(nodes: Sequence[bytes], tensors: Sequence[bytes], columns: int) -> bytes:
    return _graph(nodes, tensors, _rows("x", 2), _rows("y", columns))


def _graph(nodes: Sequence[bytes], tensors: Sequence[bytes], given: bytes, made: bytes) -> bytes:
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"tiny")
    graph += b"".join(_field(5, tensor) for tensor in tensors)
    graph += _field(11, given) + _field(12, made)
    return _field(1, IR_VERSION) + _field(8, _field(1, b"") + _field(2, OPSET)) + _field(7, graph)


def _node(kind: str, inputs: Sequence[str], output: str, attribute: bytes = b"") -> bytes:
    given = b"".join(_field(1, name.encode()) for name in inputs) + _field(2, output.encode())
    return given + _field(4, kind.encode()) + (_field(5, attribute) if attribute else b"")


def _integers(name: str, values: Sequence[int]) -> bytes:
    return _field(1, name.encode()) + b"".join(_field(8, value) for value in values) + _field(20, 7)


def _tensor(name: str, array: np.ndarray) -> bytes:
    kind = FLOAT if array.dtype == np.float32 else INT64
    dims = b"".join(_field(1, size) for size in array.shape)
    return dims + _field(2, kind) + _field(8, name.encode()) + _field(9, array.tobytes())


def _rows(name: str, *columns: int) -> bytes:
    shape = _field(1, _field(2, b"N")) + b"".join(_field(1, _field(1, size)) for size in columns)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, FLOAT) + _field(2, shape)))


def _dimensions(name: str, *sizes: bytes) -> bytes:
    shape = b"".join(_field(1, _field(2, size)) for size in sizes)
    return _field(1, name.encode()) + _field(2, _field(1, _field(1, FLOAT) + _field(2, shape)))


def _field(number: int, value: int | bytes) -> bytes:
    """A varint, or a length and bytes (protobuf's encoding)."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
