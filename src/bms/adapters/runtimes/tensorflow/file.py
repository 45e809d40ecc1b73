"""Reads a `saved_model.pb` from its protobuf, without TensorFlow and without executing anything.

Field numbers are those of saved_model.proto, meta_graph.proto, graph.proto, function.proto, node_def.proto and
saved_object_graph.proto in https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from bms.adapters.runtimes.formats.protobuf_wire import NotProtobuf, Value, entry, fields, message, signed, text

_MAX_DEPTH = 32
KEPT = frozenset({"Const", "ParseExample", "ParseExampleV2"})


class GraphNode(NamedTuple):
    """A node of a graph. `calls` are the library's functions that its attributes name, `texts` its attributes that are
    text; `attributes` all of them, as they were read, of the operators `KEPT`."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    calls: tuple[str, ...]
    texts: Mapping[str, str]
    attributes: Mapping[str, memoryview] = MappingProxyType({})


class SavedTensor(NamedTuple):
    """A tensor of a signature; `shape` None for an unknown rank, `dtype` a number of types.proto. `plain` is false for
    sparse tensors and composites."""

    tensor: str
    dtype: int
    shape: tuple[int | None, ...] | None
    plain: bool


class SavedSignature(NamedTuple):
    """A signature; `method` is what TensorFlow Serving calls it by, "tensorflow/serving/classify" for one."""

    inputs: dict[str, SavedTensor]
    outputs: dict[str, SavedTensor]
    method: str = ""


class MetaGraph(NamedTuple):
    """One graph of a SavedModel. `assets` are file names by the tensor that gives them; `at_load` what TensorFlow runs
    of it on its own accord: nodes of collections, and functions of its objects."""

    tags: frozenset[str]
    nodes: tuple[GraphNode, ...]
    functions: dict[str, tuple[GraphNode, ...]]
    signatures: dict[str, SavedSignature]
    assets: dict[str, str]
    starting_nodes: frozenset[str]
    object_functions: frozenset[str]


def is_saved_model(data: memoryview) -> bool:
    """Whether the outermost message is a SavedModel with a version and a graph in its first meta graph."""
    try:
        version, inner = 0, None
        for number, value in fields(data):
            if number == 1 and isinstance(value, int):
                version = value
            elif number == 2:
                inner = inner or message(value)
            else:
                return False
        return version == 1 and inner is not None and {1, 2} <= {number for number, _ in fields(inner)}
    except NotProtobuf:
        return False


def read(data: memoryview) -> tuple[MetaGraph, ...]:
    """Reads every meta graph. Raises NotProtobuf where the bytes break the format."""
    if not is_saved_model(data):
        raise NotProtobuf("no SavedModel of version 1 with a graph")
    return tuple(_meta_graph(message(value)) for number, value in fields(data) if number == 2)


def _meta_graph(data: memoryview) -> MetaGraph:
    tags: set[str] = set()
    nodes: list[GraphNode] = []
    functions: dict[str, tuple[GraphNode, ...]] = {}
    signatures: dict[str, SavedSignature] = {}
    assets: dict[str, str] = {}
    starting: set[str] = set()
    objects: set[str] = set()
    for number, value in fields(data):
        content = message(value)
        if number == 1:
            tags.update(text(one) for inner, one in fields(content) if inner == 4)
        elif number == 2:
            _graph(content, nodes, functions)
        elif number == 4:
            key, collection = entry(content)
            if key.endswith("_op"):  # saved_model_main_op, legacy_init_op, saved_model_train_op
                starting.update(_node_list(collection))
        elif number == 5:
            key, one = entry(content)
            signatures[key] = _signature(one)
        elif number == 6:
            tensor, file = _asset(content)
            assets[tensor] = file
        elif number == 7:
            objects.update(entry(message(one))[0] for inner, one in fields(content) if inner == 2)
    return MetaGraph(
        frozenset(tags), tuple(nodes), functions, signatures, assets, frozenset(starting), frozenset(objects)
    )


def _graph(data: memoryview, nodes: list[GraphNode], functions: dict[str, tuple[GraphNode, ...]]) -> None:
    for number, value in fields(data):
        if number == 1:
            nodes.append(_node(message(value)))
        elif number == 2:
            for inner, one in fields(message(value)):
                if inner == 1:
                    name, body = _function(message(one))
                    functions[name] = (*functions.get(name, ()), *body)


def _function(data: memoryview) -> tuple[str, tuple[GraphNode, ...]]:
    name, body = "", []
    for number, value in fields(data):
        if number == 1:
            name = next((text(one) for inner, one in fields(message(value)) if inner == 1), "")
        elif number == 3:
            body.append(_node(message(value)))
    return name, tuple(body)


def _node(data: memoryview) -> GraphNode:
    name, operator = "", ""
    inputs: list[str] = []
    calls: list[str] = []
    texts: dict[str, str] = {}
    attributes: dict[str, memoryview] = {}
    for number, value in fields(data):
        if number == 1:
            name = text(value)
        elif number == 2:
            operator = text(value)
        elif number == 3:
            inputs.append(text(value))
        elif number == 5:
            key, attribute = entry(message(value))
            attributes[key] = attribute
            calls += _called(attribute, 0)
            for inner, one in fields(attribute):
                if inner == 2:
                    texts[key] = bytes(message(one)[:1000]).decode(errors="replace")
    kept = attributes if operator in KEPT else {}
    return GraphNode(name, operator, tuple(inputs), tuple(calls), texts, kept)


def _called(attribute: memoryview, depth: int) -> Iterator[str]:
    """The functions named by an AttrValue, those in lists and in attributes of functions included."""
    if depth > _MAX_DEPTH:
        raise NotProtobuf(f"attributes are nested deeper than {_MAX_DEPTH}")
    for number, value in fields(attribute):
        named: Iterable[Value] = ()
        if number == 10:
            named = (value,)
        elif number == 1:
            named = [one for inner, one in fields(message(value)) if inner == 9]
        for function in named:
            for inner, one in fields(message(function)):
                if inner == 1:
                    yield text(one)
                elif inner == 2:
                    yield from _called(entry(message(one))[1], depth + 1)


def _node_list(collection: memoryview) -> Iterator[str]:
    for number, value in fields(collection):
        if number == 1:
            yield from (text(one) for inner, one in fields(message(value)) if inner == 1)


def _signature(data: memoryview) -> SavedSignature:
    sides: dict[int, dict[str, SavedTensor]] = {1: {}, 2: {}}
    method = ""
    for number, value in fields(data):
        if number == 3:
            method = text(value)
        if number in sides:
            key, one = entry(message(value))
            sides[number][key] = _tensor_info(one)
    return SavedSignature(sides[1], sides[2], method)


def _tensor_info(data: memoryview) -> SavedTensor:
    tensor, dtype, plain = "", 0, True
    shape: tuple[int | None, ...] | None = ()
    for number, value in fields(data):
        if number == 1:
            tensor = text(value)
        elif number == 2:
            dtype = signed(value)
        elif number == 3:
            shape = _shape(message(value))
        elif number in (4, 5):
            plain = False
    return SavedTensor(tensor, dtype, shape, plain)


def _shape(data: memoryview) -> tuple[int | None, ...] | None:
    sizes: list[int | None] = []
    for number, value in fields(data):
        if number == 2:
            size = next((signed(one) for inner, one in fields(message(value)) if inner == 1), 0)
            sizes.append(None if size < 0 else size)
        elif number == 3 and value:
            return None
    return tuple(sizes)


def _asset(data: memoryview) -> tuple[str, str]:
    tensor, file = "", ""
    for number, value in fields(data):
        if number == 1:
            tensor = _tensor_info(message(value)).tensor
        elif number == 2:
            file = text(value)
    return tensor, file
