"""Converts an ONNX graph's outputs to tensors: maps of classes become columns, sequences are stacked or split."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from bms.core.errors import FailedPrecondition, Internal
from bms.core.tensors.signature import TensorSpec
from bms.core.tensors.tensor import Array, DType

_DTYPES: dict[str, DType] = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}
_TENSOR = re.compile(r"tensor\((\w+)\)")
_SEQUENCE = re.compile(r"seq\(tensor\((\w+)\)\)")
_MAPS = ("seq(map(int64,tensor(float)))", "seq(map(string,tensor(float)))")
Run = Callable[[Sequence[str], int], list[Any] | None]
"""(outputs, rows) -> what an example with so many rows gives; None where it does not run."""


class ServedOutput(NamedTuple):
    """An output as it is served, made of the graph's output `source`.

    `keys`: of maps, the classes in order. `part`: the one element of a sequence that it is. `axis`: where the elements
    of a sequence are put beside one another.
    """

    spec: TensorSpec
    source: str
    keys: tuple[Any, ...] = ()
    part: int | None = None
    axis: int | None = None

    @property
    def as_it_is(self) -> bool:
        """Whether it is the graph's output unchanged."""
        of_graph = self.spec.name == self.source and not self.keys and self.part is None and self.axis is None
        return of_graph and self.spec.dtype != "BYTES"

    def array(self, value: Any) -> Array:
        """Converts the graph's output. Raises Internal where a sequence is other than it was found to be."""
        if self.keys:
            return np.array([[row[key] for key in self.keys] for row in value], dtype=np.float32)
        if self.part is not None:
            if self.part >= len(value):
                raise Internal(f"output {self.source!r} is a sequence of {len(value)}, which had more elements before")
            return plain(value[self.part])
        if self.axis is not None:
            try:
                return plain(np.stack(value, axis=self.axis))
            except ValueError as error:
                raise Internal(
                    f"output {self.source!r} is a sequence whose elements can't be stacked: {error}"
                ) from error
        return plain(value)


def outputs_of(arguments: Sequence[Any], run: Run) -> tuple[ServedOutput, ...]:
    """The served outputs; `arguments`: the session's outputs. Raises FailedPrecondition for one that can't be made
    tensors."""
    several = [argument.name for argument in arguments if not _TENSOR.fullmatch(argument.type)]
    told = {rows: _values(several, run, rows) for rows in (1, 3)} if several else {}
    made = [output for argument in arguments for output in _made(argument, told)]
    names = sorted(output.spec.name for output in made)
    twice = [name for name, same in groupby(names) if len(list(same)) > 1]
    if twice:
        raise FailedPrecondition(f"the parts of a sequence have the name of another output, {twice[0]!r}: rename that")
    return tuple(made)


def tensor_spec(argument: Any, what: str) -> TensorSpec:
    """The tensor of a graph's argument. Raises FailedPrecondition for what is no tensor that can be carried."""
    found = _TENSOR.fullmatch(argument.type)
    dtype = _DTYPES.get(found[1]) if found else None
    if dtype is None:
        raise _refused(argument, what, "which can't be sent")
    shape = tuple(size if isinstance(size, int) and size >= 0 else None for size in argument.shape or ())
    return TensorSpec(name=argument.name, dtype=dtype, shape=shape)


def plain(value: Any) -> Array:
    """Encodes texts as UTF-8."""
    array: Array = np.asarray(value)
    if array.dtype.kind not in "OU":
        return array
    encoded = np.empty(array.size, dtype=object)
    encoded[:] = [text.encode() for text in array.ravel().tolist()]
    return encoded.reshape(array.shape)


def _values(names: list[str], run: Run, rows: int) -> Mapping[str, Any]:
    values = run(names, rows)
    return {} if values is None else dict(zip(names, values, strict=True))


def _made(argument: Any, told: Mapping[int, Mapping[str, Any]]) -> list[ServedOutput]:
    name = argument.name
    sequence = _SEQUENCE.fullmatch(argument.type)
    if argument.type not in _MAPS and (sequence is None or sequence[1] not in _DTYPES):
        return [ServedOutput(tensor_spec(argument, "output"), name)]
    one, three = told[1].get(name), told[3].get(name)
    if one is None:
        raise _refused(argument, "output", "which can't be looked at, since the model does not run on an example")
    if argument.type in _MAPS:
        keys = tuple(one[0])
        return [ServedOutput(TensorSpec(name=name, dtype="FP32", shape=(None, len(keys))), name, keys)]
    assert sequence is not None
    return _sequence(argument, _DTYPES[sequence[1]], one, three)


def _sequence(argument: Any, dtype: DType, one: list[Array], three: list[Array] | None) -> list[ServedOutput]:
    """One element for each of several targets is stacked beside the rows, where all have one shape, else each is an
    output of its own; one for each row is a row."""
    name, shapes = argument.name, [array.shape for array in one]
    if not one:
        raise _refused(argument, "output", "which is empty for an example")
    if three is not None and len(three) == 3 * len(one) == 3 and len({array.shape for array in three}) == 1:
        return [ServedOutput(TensorSpec(name=name, dtype=dtype, shape=(None, *shapes[0])), name, axis=0)]
    if three is not None and len(three) != len(one):
        raise _refused(argument, "output", f"of {len(one)} elements for one row and {len(three)} for three")
    by_row = three is not None and all(
        few.shape[:1] == (1,) and many.shape == (3, *few.shape[1:]) for few, many in zip(one, three, strict=True)
    )
    if len(set(shapes)) == 1:
        shape = (None, len(one), *shapes[0][1:]) if by_row else (len(one), *shapes[0])
        return [ServedOutput(TensorSpec(name=name, dtype=dtype, shape=shape), name, axis=1 if by_row else 0)]
    return [
        ServedOutput(
            TensorSpec(name=f"{name}_{part}", dtype=dtype, shape=(None, *shape[1:]) if by_row else shape),
            name,
            part=part,
        )
        for part, shape in enumerate(shapes)
    ]


def _refused(argument: Any, what: str, why: str) -> FailedPrecondition:
    advice = "export the model so that it is a tensor of a standard type"
    if "map(" in argument.type:
        advice += " (scikit-learn: to_onnx(…, options={'zipmap': False}))"
    elif argument.type.startswith("seq("):
        advice += ": in the graph, ConcatFromSequence makes one of a sequence, SequenceAt takes one of its elements"
    return FailedPrecondition(f"{what} {argument.name!r} is a {argument.type}, {why}: {advice}")
