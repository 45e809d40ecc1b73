"""Converts an example's nested values to the tensor that an input takes, or finds the first value that does not fit."""

from math import prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import TensorSpec
from bms.core.tensors.tensor import NUMPY, Array

_DEEPEST = 32


def tensor_of(spec: TensorSpec, nested: object) -> Array:
    """Converts the values to a tensor. Raises FailedPrecondition naming input, place, value and what was expected."""
    kind = NUMPY[spec.dtype]
    numbers = _numbers(nested)
    if numbers is None or kind.kind == "O":
        return _one_by_one(spec, nested)
    if kind.kind == "b":
        wrong = np.full(numbers.shape, numbers.dtype.kind != "b")
    elif kind.kind == "f":
        wrong = _too_large(numbers, kind) if numbers.dtype.kind != "b" else np.full(numbers.shape, True)
    else:
        limits = np.iinfo(cast(Any, kind))
        wrong = (np.trunc(numbers) != numbers) | (numbers < limits.min) | (numbers > limits.max)
    if wrong.any():
        place = tuple(int(one) for one in np.argwhere(wrong)[0])
        raise _not_taken(spec, list(place), numbers[place].item())
    return numbers.astype(kind)


def _too_large(numbers: NDArray[Any], kind: np.dtype[np.generic]) -> NDArray[np.bool_]:
    with np.errstate(over="ignore"):
        wrong: NDArray[np.bool_] = np.isinf(numbers.astype(kind).astype(np.float64)) & ~np.isinf(
            numbers.astype(np.float64)
        )
    return wrong


def _numbers(nested: object) -> NDArray[Any] | None:
    """Numbers, or truth values, and nothing else; None for what is more, or ragged."""
    try:
        made = np.array(nested)
    except (ValueError, OverflowError):
        return None
    return made if made.dtype.kind in "biuf" else None


def _one_by_one(spec: TensorSpec, nested: object) -> Array:
    shape: list[int] = []
    flat: list[object] = []
    _flatten(spec, nested, [], shape, flat)
    if prod(shape) != len(flat):
        raise FailedPrecondition(f"the example's input {spec.name!r} holds lists of several lengths, expected one")
    made = np.empty(len(flat), dtype=NUMPY[spec.dtype])
    made[:] = flat
    return made.reshape(shape)


def _flatten(spec: TensorSpec, nested: object, place: list[int], shape: list[int], flat: list[object]) -> None:
    depth = len(place)
    if isinstance(nested, list):
        if depth == len(shape) and not flat and depth < _DEEPEST:
            shape.append(len(nested))
        if depth >= len(shape) or len(nested) != shape[depth]:
            raise FailedPrecondition(
                f"the example's input {spec.name!r} holds lists of several lengths: at {place} one of {len(nested)}"
            )
        for at, one in enumerate(nested):
            _flatten(spec, one, [*place, at], shape, flat)
        return
    if depth != len(shape):
        raise FailedPrecondition(f"the example's input {spec.name!r} holds a value at {place}, expected a list there")
    flat.append(_value(spec, nested, place))


def _value(spec: TensorSpec, value: object, place: list[int]) -> object:
    kind = NUMPY[spec.dtype].kind
    if spec.dtype == "BYTES" and isinstance(value, str | bytes):
        return value.encode() if isinstance(value, str) else value
    if kind == "f" and value is None:
        return float("nan")
    if kind == "f" and isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if kind in "iu" and isinstance(value, int) and not isinstance(value, bool):
        limits = np.iinfo(cast(Any, NUMPY[spec.dtype]))
        if limits.min <= value <= limits.max:
            return value
    raise _not_taken(spec, place, value)


def _not_taken(spec: TensorSpec, place: list[int], value: object) -> FailedPrecondition:
    return FailedPrecondition(
        f"the example's input {spec.name!r} holds {repr(value)[:40]} at {place}, expected {spec.dtype}"
    )
