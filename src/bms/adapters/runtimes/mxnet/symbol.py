"""Reads an MXNet symbol file: its arguments, outputs and operators, without MXNet."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import TensorSpec
from bms.core.tensors.tensor import DType

MAX_BYTES = 64 << 20
REFUSED = {
    "Custom": "it calls Python functions of the process that saved it",
    "_Native": "it calls an address in memory",
    "_NDArray": "it calls an address in memory",
    "_CustomFunction": "it calls Python functions of the process that saved it",
    "_cvimread": "it reads files",
    "_TensorRT": "it runs native code of its own",
}
_LABELLED = frozenset(
    {
        "SoftmaxOutput",
        "LinearRegressionOutput",
        "LogisticRegressionOutput",
        "MAERegressionOutput",
        "SVMOutput",
        "Softmax",
    }
)
_SOFTMAX = frozenset({"softmax", "SoftmaxOutput", "SoftmaxActivation", "Softmax"})
_DTYPES: dict[str, DType] = {
    "0": "FP32",
    "1": "FP64",
    "2": "FP16",
    "3": "UINT8",
    "4": "INT32",
    "5": "INT8",
    "6": "INT64",
    "float32": "FP32",
    "float64": "FP64",
    "float16": "FP16",
    "uint8": "UINT8",
    "int32": "INT32",
    "int8": "INT8",
    "int64": "INT64",
}
_MAX_DEPTH = 32


class SymbolNode(msgspec.Struct, frozen=True):
    op: str
    name: str
    inputs: tuple[tuple[int, ...], ...] = ()
    attrs: Mapping[str, str] = {}
    attr: Mapping[str, str] = {}  # as it was called before 1.0
    subgraphs: tuple[dict[str, Any], ...] = ()


class Symbol(msgspec.Struct, frozen=True):
    nodes: tuple[SymbolNode, ...]
    arg_nodes: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]


class Argument(NamedTuple):
    """An argument that is no parameter. `shape` None: unknown. `label`: of a loss, which does not change answers."""

    name: str
    shape: tuple[int | None, ...] | None
    dtype: DType
    label: bool


def parsed(content: bytes | memoryview) -> Symbol | None:
    """Parses a symbol; None for what is none."""
    try:
        symbol = msgspec.json.decode(content, type=Symbol)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    known = range(len(symbol.nodes))
    indexes = [*symbol.arg_nodes, *(head[0] if head else -1 for head in symbol.heads)]
    indexes += [given[0] if given else -1 for node in symbol.nodes for given in node.inputs]
    return symbol if symbol.nodes and symbol.heads and all(index in known for index in indexes) else None


def check(symbol: Symbol, name: str) -> None:
    """Checks the operators. Raises FailedPrecondition for operators that reach beyond computing."""
    for node in _every(symbol, 0):
        if node.op in REFUSED:
            raise FailedPrecondition(
                f"{name!r} uses the operator {node.op} ({node.name[:80]!r}), which is refused: {REFUSED[node.op]}. "
                "Export a model of MXNet's own operators"
            )


def arguments(symbol: Symbol, parameters: frozenset[str]) -> tuple[Argument, ...]:
    """The arguments that the parameter file does not fill, in the symbol's order."""
    labels = _labels(symbol)
    found = []
    for index in symbol.arg_nodes:
        node = symbol.nodes[index]
        if node.name not in parameters:
            said = {**node.attr, **node.attrs}
            dtype = _DTYPES.get(said.get("__dtype__", "0"), "FP32")
            found.append(Argument(node.name, _shape(said.get("__shape__")), dtype, index in labels))
    return tuple(found)


def spec(argument: Argument) -> TensorSpec | None:
    """The tensor of an argument; None where its shape is not known."""
    if argument.shape is None:
        return None
    return TensorSpec(name=argument.name, dtype=argument.dtype, shape=argument.shape)


def probabilities(symbol: Symbol, outputs: list[str]) -> frozenset[str]:
    """The outputs, in the order of the heads, that a softmax makes."""
    return frozenset(
        name for name, head in zip(outputs, symbol.heads, strict=False) if symbol.nodes[head[0]].op in _SOFTMAX
    )


def _labels(symbol: Symbol) -> set[int]:
    used: dict[int, list[bool]] = {}
    for node in symbol.nodes:
        for at, given in enumerate(node.inputs):
            used.setdefault(given[0], []).append(node.op in _LABELLED and at == 1)
    return {index for index, uses in used.items() if all(uses)}


def _shape(text: str | None) -> tuple[int | None, ...] | None:
    if text is None or not re.fullmatch(r"\(\s*(-?\d+\s*,?\s*)+\)", text) or len(text) > 200:
        return None
    try:
        sizes = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return tuple(size if size > 0 else None for size in (sizes if isinstance(sizes, tuple) else (sizes,)))


def _every(symbol: Symbol, depth: int) -> Iterator[SymbolNode]:
    if depth > _MAX_DEPTH:
        raise FailedPrecondition(f"the symbol's graphs are nested deeper than {_MAX_DEPTH}")
    for node in symbol.nodes:
        yield node
        for graph in node.subgraphs:
            inner = parsed(msgspec.json.encode(graph))
            if inner is None:
                raise FailedPrecondition(
                    f"the operator {node.op} ({node.name[:80]!r}) holds a graph that can't be read"
                )
            yield from _every(inner, depth + 1)
