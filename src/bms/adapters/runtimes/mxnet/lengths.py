"""Checks the lengths that MXNet's sequence operators take unchecked: with wrong ones they write out of bounds.

Known of 1.9.1, the last release: a length of -1 for SequenceMask overwrites the memory before the tensor.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from bms.adapters.runtimes.mxnet.symbol import Symbol
from bms.core.tensors.tensor import Array

_LOWEST = {"SequenceMask": 0, "SequenceReverse": 0, "SequenceLast": 1}


class Lengths(NamedTuple):
    """A sequence operator's lengths: `argument` holds lengths of rows of what the node `data` gives, whose steps lie
    along `axis`."""

    argument: str
    data: str
    axis: int
    lowest: int


def lengths_of(symbol: Symbol, takes: Collection[str]) -> tuple[Lengths, ...]:
    """Finds the lengths that a caller sends; what the graph computes itself is its own affair."""
    found = []
    for node in symbol.nodes:
        said = {**node.attr, **node.attrs}
        if node.op not in _LOWEST or said.get("use_sequence_length") not in ("True", "true", "1"):
            continue
        data, lengths = (symbol.nodes[given[0]] for given in node.inputs[:2])
        if lengths.op == "null" and lengths.name in takes:
            axis = int(said.get("axis", "0"))
            found.append(Lengths(lengths.name, data.name, axis, _LOWEST[node.op]))
    return tuple(found)


def check_lengths(known: Collection[Lengths], symbol: Any, inputs: Mapping[str, Array]) -> None:
    """Checks the lengths of a call. Raises ValueError naming a length that is none of its tensor. `symbol` is MXNet's
    own."""
    for one in known:
        steps = _steps(one, symbol.get_internals(), inputs)
        values: Any = inputs[one.argument]
        wrong = values[~((values > one.lowest - 1) & (values < steps + 1))]  # fractions are cut off
        if wrong.size:
            told = f"input {one.argument!r} holds {wrong.flat[0]}"
            raise ValueError(f"{told}: expected lengths from {one.lowest} to {steps}")


def _steps(one: Lengths, internals: Any, inputs: Mapping[str, Array]) -> int:
    names = internals.list_outputs()
    place = next(name for name in (one.data, f"{one.data}_output", f"{one.data}_output0") if name in names)
    part = internals[place]
    needed = set(part.list_arguments())
    _, (shape,), _ = part.infer_shape(**{name: array.shape for name, array in inputs.items() if name in needed})
    return int(shape[one.axis])
