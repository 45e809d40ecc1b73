"""Converts features of `tf.train.Example`s to the inputs of a model that does not parse examples itself: an input for
each feature, a row for each example."""

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.formats.example_codec import Numbers, Value
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import Signature, TensorSpec, is_table
from bms.core.tensors.tensor import Array, Tensor

Features = Mapping[str, Value]
_FILLERS: dict[str, Value] = {
    "bytes": [b""],
    "float32": np.zeros(1, np.float32),
    "int64": np.zeros(1, np.int64),
}


def tensors_of(examples: Sequence[Features], signature: Signature) -> list[Tensor]:
    """Converts features to tensors. Of a table, what an example does not have is missing there, if it may be; else all
    have the same features.

    Raises InvalidArgument naming the example and the feature.
    """
    if is_table(signature):
        names = dict.fromkeys(name for example in examples for name in example)
        return [tensor for name in names for tensor in _column(name, examples)]
    given = examples[0].keys()
    for index, example in enumerate(examples):
        if example.keys() != given:
            raise InvalidArgument(f"example {index} has features {sorted(example)}, the first one {sorted(given)}")
    specs = [signature.input(name) for name in given]
    return [Tensor(spec.name, _rows(spec, [example[spec.name] for example in examples])) for spec in specs]


def _column(name: str, examples: Sequence[Features]) -> list[Tensor]:
    """Returns one value of each example, and a mask of missing ones."""
    values = [example.get(name) for example in examples]
    sizes = [0 if value is None else len(value) for value in values]
    if max(sizes) > 1:
        index = sizes.index(max(sizes))
        raise InvalidArgument(f"feature {name[:80]!r} of example {index} has {sizes[index]} values, expected one")
    filled = [value for value, size in zip(values, sizes, strict=True) if value is not None and size]
    if not filled:
        return []
    filler = _FILLERS[_kind(filled[0])]
    column = _joined(name, [value if size else filler for value, size in zip(values, sizes, strict=True)])
    tensors = [Tensor(name, column)]
    if len(filled) < len(values):
        tensors.append(Tensor(mask_name(name), np.array([not size for size in sizes])))
    return tensors


def _rows(spec: TensorSpec, values: list[Value]) -> Array:
    sizes = {0 if value is None else len(value) for value in values}
    if len(sizes) != 1:
        raise InvalidArgument(f"feature {spec.name!r} has {min(sizes)} to {max(sizes)} values: send as many in each")
    size, inner = sizes.pop(), spec.shape[1:]
    if not size:
        raise InvalidArgument(f"feature {spec.name!r} has no values: this model takes it of every example")
    flat = _joined(spec.name, values)
    if not inner and size == 1:
        return flat
    known = tuple(length for length in inner if length is not None)
    if len(inner) == 1:
        return flat.reshape(len(values), size)
    if len(known) != len(inner) or size != prod(known):
        raise InvalidArgument(f"feature {spec.name!r} has {size} values, expected shape {list(inner)}")
    return flat.reshape(len(values), *known)


def _joined(name: str, values: Sequence[Value]) -> Array:
    kinds = {_kind(value) for value in values}
    if len(kinds) != 1:
        told = " in one example and ".join(sorted(kinds))
        raise InvalidArgument(f"feature {name[:80]!r} is {told} in another: send the same kind in all")
    texts: list[bytes] = []
    numbers: list[Numbers] = []
    for value in values:
        if isinstance(value, list):
            texts += value
        elif value is not None:
            numbers.append(value)
    if numbers:
        return np.concatenate(numbers)
    joined = np.empty(len(texts), dtype=object)
    joined[:] = texts
    return joined


def _kind(value: Value) -> str:
    if value is None:
        return "nothing"
    return "bytes" if isinstance(value, list) else str(value.dtype)
