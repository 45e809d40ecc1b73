"""What an ONNX file refers to, read from its protobuf without executing it and without the onnx package.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

import mmap
from collections.abc import Iterator
from typing import NamedTuple

_MAX_DEPTH = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1  # TensorProto.DataLocation


class External(NamedTuple):
    """Where a tensor's data lie outside the model's file. `length` None: to the end of the file."""

    location: str
    offset: int
    length: int | None


class OnnxFile(NamedTuple):
    """`operators` holds (domain, operator) of every node, subgraphs and functions included; `functions` the
    domains that the file defines itself; `producers` the operator behind each of the main graph's tensors."""

    ir_version: int
    operators: frozenset[tuple[str, str]]
    functions: frozenset[str]
    external: tuple[External, ...]
    producers: dict[str, str]


class NotOnnx(Exception):
    """The bytes are not an ONNX model; the text says where they stop being one."""


def mapped(path: str) -> memoryview:
    """The file's bytes, unmapped when the last view of them is gone. Raises OSError; ValueError for an empty file."""
    with open(path, "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def is_onnx(data: memoryview) -> bool:
    """Whether the outermost message is a ModelProto: an IR version, a graph, and nothing of an unknown kind."""
    try:
        seen = dict(_fields(data))
    except NotOnnx:
        return False
    version = seen.get(1)
    return isinstance(version, int) and 0 < version < 1000 and isinstance(seen.get(7), memoryview) and 8 in seen


def read(data: memoryview) -> OnnxFile:
    """Raises NotOnnx where the bytes break the format."""
    if not is_onnx(data):
        raise NotOnnx("no ModelProto with an IR version, an operator set and a graph")
    walk = _Walk()
    version = 0
    for number, value in _fields(data):
        if number == 1 and isinstance(value, int):
            version = value
        elif number == 7:
            walk.graph(_message(value), 0)
        elif number == 20:  # training information: its graphs are never run, their data must not lead out either
            for inner, graph in _fields(_message(value)):
                if inner in (1, 2):
                    walk.graph(_message(graph), 1)
        elif number == 25:
            walk.function(_message(value))
    return OnnxFile(version, frozenset(walk.operators), frozenset(walk.functions), tuple(walk.external), walk.producers)


class _Walk:
    def __init__(self) -> None:
        self.operators: set[tuple[str, str]] = set()
        self.functions: set[str] = set()
        self.external: list[External] = []
        self.producers: dict[str, str] = {}

    def graph(self, data: memoryview, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise NotOnnx(f"graphs are nested deeper than {_MAX_DEPTH}")
        for number, value in _fields(data):
            if number == 1:
                self._node(_message(value), depth)
            elif number == 5:
                self._tensor(_message(value))
            elif number == 15:
                self._sparse(_message(value))

    def function(self, data: memoryview) -> None:
        for number, value in _fields(data):
            if number == 7:
                self._node(_message(value), 1)
            elif number == 10:
                self.functions.add(_text(value))

    def _node(self, data: memoryview, depth: int) -> None:
        operator, domain, outputs = "", "", []
        for number, value in _fields(data):
            if number == 2:
                outputs.append(_text(value))
            elif number == 4:
                operator = _text(value)
            elif number == 7:
                domain = _text(value)
            elif number == 5:
                self._attribute(_message(value), depth)
        self.operators.add((domain, operator))
        if depth == 0:
            self.producers.update(dict.fromkeys(outputs, operator))

    def _attribute(self, data: memoryview, depth: int) -> None:
        for number, value in _fields(data):
            if number in (5, 10):
                self._tensor(_message(value))
            elif number in (6, 11):
                self.graph(_message(value), depth + 1)
            elif number in (22, 23):
                self._sparse(_message(value))

    def _sparse(self, data: memoryview) -> None:
        for number, value in _fields(data):
            if number in (1, 2):
                self._tensor(_message(value))

    def _tensor(self, data: memoryview) -> None:
        entries: dict[str, str] = {}
        outside = False
        for number, value in _fields(data):
            if number == 14:
                outside = value == _EXTERNAL
            elif number == 13:
                pair = {inner: _text(text) for inner, text in _fields(_message(value))}
                entries[pair.get(1, "")] = pair.get(2, "")
        if not outside and not entries:
            return
        try:
            length = int(entries["length"]) if "length" in entries else None
            self.external.append(External(entries.get("location", ""), int(entries.get("offset", "0")), length))
        except ValueError as error:
            raise NotOnnx(f"external data with offset or length that is no number: {entries}") from error


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise NotOnnx("a number where a message is expected")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode(errors="replace")


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of one message; fixed-size values are given as 0, for nothing here needs them."""
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        value: int | memoryview = 0
        if kind == _VARINT:
            value, at = varint(data, at)
        elif kind == _BYTES:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise NotOnnx(f"wire type {kind} at byte {at}")
        if at > end or number == 0:
            raise NotOnnx(f"a field ends beyond its message at byte {at}")
        yield number, value


def varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise NotOnnx(f"a number breaks off at byte {at}")
