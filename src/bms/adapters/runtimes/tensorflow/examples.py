"""Finds which features of serialized `tf.train.Example`s a SavedModel's graph parses.

Inputs and attributes are those of ParseExample and ParseExampleV2 in
https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/ops/parsing_ops.cc.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import prod

from bms.adapters.runtimes.formats.protobuf_wire import NotProtobuf, fields, message, signed, varint
from bms.adapters.runtimes.tensorflow.file import GraphNode, MetaGraph, SavedTensor
from bms.core.tensors.features import Feature

_PARSERS = frozenset({"ParseExample", "ParseExampleV2"})
_PASSED_ON = frozenset({"Identity", "IdentityN", "Reshape"})
_KINDS: Mapping[int, str] = {1: "FP32", 7: "BYTES", 9: "INT64"}  # types.proto
_DEEPEST = 20


def features_of(graph: MetaGraph, tensor: SavedTensor) -> tuple[Feature, ...] | None:
    """The features that are parsed of the examples in this input, by name. None where it holds none that are parsed, or
    what is read isn't given by constants.

    Of functions, which the input reaches by other names, it is enough that all that they parse is read alike.
    """
    source = _bare(tensor.tensor)
    own = [_features(node, graph.nodes) for node in graph.nodes if _parses(node, source, graph.nodes)]
    if own:
        return _one(own)
    return _one([_features(node, body) for body in graph.functions.values() for node in body if _is_parser(node)])


def _one(found: Sequence[tuple[Feature, ...] | None]) -> tuple[Feature, ...] | None:
    """All features of several operations, if they agree on those that they share."""
    known: dict[str, Feature] = {}
    for features in found:
        for feature in features or ():
            if known.setdefault(feature.name, feature) != feature:
                return None
    return tuple(known[name] for name in sorted(known)) if found and None not in found else None


def _is_parser(node: GraphNode) -> bool:
    return node.operator in _PARSERS and bool(node.inputs)


def _parses(node: GraphNode, source: str, nodes: Sequence[GraphNode]) -> bool:
    if not _is_parser(node):
        return False
    by_name = {one.name: one for one in nodes}
    name = _bare(node.inputs[0])
    for _ in range(_DEEPEST):
        if name == source:
            return True
        before = by_name.get(name)
        if before is None or before.operator not in _PASSED_ON or not before.inputs:
            return False
        name = _bare(before.inputs[0])
    return False


def _features(node: GraphNode, nodes: Iterable[GraphNode]) -> tuple[Feature, ...] | None:
    constants = {one.name: one for one in nodes if one.operator == "Const"}
    try:
        return _read(node, constants)
    except (NotProtobuf, LookupError, ValueError):
        return None


def _read(node: GraphNode, constants: Mapping[str, GraphNode]) -> tuple[Feature, ...]:
    attributes, inputs = node.attributes, [_bare(one) for one in node.inputs if not one.startswith("^")]
    sparse, dense = _numbers(attributes, "sparse_types", 6), _numbers(attributes, "Tdense", 6)
    ragged: list[int] = []
    if node.operator == "ParseExampleV2":
        ragged = _numbers(attributes, "ragged_value_types", 6)
        names = [one for key in inputs[2:5] for one in _texts(constants[key])]
    else:
        names = [one for key in inputs[2 : 2 + len(sparse) + len(dense)] for one in _texts(constants[key])]
    order = [*sparse, *dense, *ragged]
    sizes = [*(None for _ in sparse), *_sizes(attributes), *(None for _ in ragged)]
    made = zip(names, order, sizes, strict=True)
    return tuple(Feature(name=name, dtype=_KINDS[kind], size=size) for name, kind, size in made)  # type: ignore[arg-type]


def _bare(name: str) -> str:
    """A node's name, of one of its outputs: `node:0` in a graph, `node:keys:0` in a function."""
    return name.lstrip("^").split(":")[0]


def _listed(attributes: Mapping[str, memoryview], name: str) -> memoryview:
    """The list of an attribute, empty where it has none."""
    content = attributes.get(name, memoryview(b""))
    return next((message(value) for number, value in fields(content) if number == 1), memoryview(b""))


def _numbers(attributes: Mapping[str, memoryview], name: str, field: int) -> list[int]:
    """Numbers of a list, packed or not."""
    made: list[int] = []
    for number, value in fields(_listed(attributes, name)):
        if number == field and isinstance(value, int):
            made.append(value)
        elif number == field:
            at, packed = 0, message(value)
            while at < len(packed):
                one, at = varint(packed, at)
                made.append(one)
    return made


def _sizes(attributes: Mapping[str, memoryview]) -> list[int | None]:
    """How many values each dense feature has."""
    made: list[int | None] = []
    for number, value in fields(_listed(attributes, "dense_shapes")):
        if number == 7:
            sizes: list[int] = []
            for inner, one in fields(message(value)):
                if inner == 2:
                    sizes.append(next((signed(size) for key, size in fields(message(one)) if key == 1), 0))
                elif inner == 3 and one:
                    sizes.append(-1)
            made.append(None if any(size < 0 for size in sizes) else prod(sizes))
    return made


def _texts(constant: GraphNode) -> list[str]:
    """The texts of a constant of them; one that stands for all of its shape is written once."""
    tensor = next(message(value) for number, value in fields(constant.attributes["value"]) if number == 8)
    texts = [bytes(message(value)).decode() for number, value in fields(tensor) if number == 8]
    shape = next((message(value) for number, value in fields(tensor) if number == 2), memoryview(b""))
    sizes = [
        next((signed(size) for key, size in fields(message(value)) if key == 1), 0)
        for number, value in fields(shape)
        if number == 2
    ]
    count = prod(sizes)
    if len(texts) not in (1, count) and count:
        raise ValueError("texts that do not fill their shape")
    return texts * count if len(texts) == 1 else texts[:count]
