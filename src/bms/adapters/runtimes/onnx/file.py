"""Lists what an ONNX file refers to, from its protobuf, without executing it and without the onnx package.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from typing import NamedTuple

from bms.adapters.runtimes.formats.protobuf_wire import NotProtobuf, fields, message, text

_MAX_DEPTH = 64
_EXTERNAL = 1  # TensorProto.DataLocation


class External(NamedTuple):
    """A tensor's external data, outside the model's file. `length` None: to the end of the file."""

    location: str
    offset: int
    length: int | None


class OnnxFile(NamedTuple):
    """The content of an ONNX file, as far as it is looked at. `operators` holds (domain, operator) of every node,
    subgraphs and functions included; `functions` the domains that the file defines itself; `producers` the operator
    behind each of the main graph's tensors; `unranked` the main graph's inputs that say nothing of their dimensions."""

    ir_version: int
    operators: frozenset[tuple[str, str]]
    functions: frozenset[str]
    external: tuple[External, ...]
    producers: dict[str, str]
    unranked: frozenset[str]


def is_onnx(data: memoryview) -> bool:
    """Whether the outermost message is a ModelProto: an IR version, a graph, and nothing of an unknown kind."""
    try:
        seen = dict(fields(data))
    except NotProtobuf:
        return False
    version = seen.get(1)
    return isinstance(version, int) and 0 < version < 1000 and isinstance(seen.get(7), memoryview) and 8 in seen


def read(data: memoryview) -> OnnxFile:
    """Reads the file. Raises NotProtobuf where the bytes break the format."""
    if not is_onnx(data):
        raise NotProtobuf("no ModelProto with an IR version, an operator set and a graph")
    walk = _Walk()
    version = 0
    for number, value in fields(data):
        if number == 1 and isinstance(value, int):
            version = value
        elif number == 7:
            walk.graph(message(value), 0)
        elif number == 20:  # training information: its graphs are never run, their data must not lead out either
            for inner, graph in fields(message(value)):
                if inner in (1, 2):
                    walk.graph(message(graph), 1)
        elif number == 25:
            walk.function(message(value))
    return OnnxFile(
        version,
        frozenset(walk.operators),
        frozenset(walk.functions),
        tuple(walk.external),
        walk.producers,
        frozenset(walk.unranked),
    )


class _Walk:
    def __init__(self) -> None:
        self.operators: set[tuple[str, str]] = set()
        self.functions: set[str] = set()
        self.external: list[External] = []
        self.producers: dict[str, str] = {}
        self.unranked: set[str] = set()

    def graph(self, data: memoryview, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise NotProtobuf(f"graphs are nested deeper than {_MAX_DEPTH}")
        for number, value in fields(data):
            if number == 1:
                self._node(message(value), depth)
            elif number == 5:
                self._tensor(message(value))
            elif number == 15:
                self._sparse(message(value))
            elif number == 11 and depth == 0:
                self._input(message(value))

    def _input(self, data: memoryview) -> None:
        named = dict(fields(data))  # ValueInfoProto
        kind = dict(fields(message(named[2]))) if 2 in named else {}  # TypeProto
        if 1 in named and 1 in kind and 2 not in dict(fields(message(kind[1]))):  # a tensor without a shape
            self.unranked.add(text(named[1]))

    def function(self, data: memoryview) -> None:
        for number, value in fields(data):
            if number == 7:
                self._node(message(value), 1)
            elif number == 10:
                self.functions.add(text(value))

    def _node(self, data: memoryview, depth: int) -> None:
        operator, domain, outputs = "", "", []
        for number, value in fields(data):
            if number == 2:
                outputs.append(text(value))
            elif number == 4:
                operator = text(value)
            elif number == 7:
                domain = text(value)
            elif number == 5:
                self._attribute(message(value), depth)
        self.operators.add((domain, operator))
        if depth == 0:
            self.producers.update(dict.fromkeys(outputs, operator))

    def _attribute(self, data: memoryview, depth: int) -> None:
        for number, value in fields(data):
            if number in (5, 10):
                self._tensor(message(value))
            elif number in (6, 11):
                self.graph(message(value), depth + 1)
            elif number in (22, 23):
                self._sparse(message(value))

    def _sparse(self, data: memoryview) -> None:
        for number, value in fields(data):
            if number in (1, 2):
                self._tensor(message(value))

    def _tensor(self, data: memoryview) -> None:
        entries: dict[str, str] = {}
        outside = False
        for number, value in fields(data):
            if number == 14:
                outside = value == _EXTERNAL
            elif number == 13:
                pair = {inner: text(content) for inner, content in fields(message(value))}
                entries[pair.get(1, "")] = pair.get(2, "")
        if not outside and not entries:
            return
        try:
            length = int(entries["length"]) if "length" in entries else None
            self.external.append(External(entries.get("location", ""), int(entries.get("offset", "0")), length))
        except ValueError as error:
            raise NotProtobuf(f"external data with offset or length that is no number: {entries}") from error
