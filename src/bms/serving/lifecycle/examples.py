"""Synthetic inputs for a signature: to warm a servable up, and to observe how it answers."""

from collections.abc import Iterable, Mapping

import numpy as np

from bms.core.tensors.columns import Column
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, Array


def constant(signature: Signature, rows: int, value: int) -> dict[str, Array]:
    """Returns inputs full of `value` (empty texts for BYTES; in a table a value of each column's type), of `rows` rows
    where batched; other free dimensions are 1."""
    return {
        spec.name: _filled(spec, _shape(spec, signature.batched, rows), value)
        if spec.column is None
        else column_values(spec, spec.column, [value] * rows)
        for spec in signature.inputs
    }


def varied(signature: Signature, rows: int) -> dict[str, Array]:
    """Returns inputs whose rows differ, the same on every call: noise for floats, 0 1 0 1 … for integers."""
    noise = np.random.default_rng(20260101)
    made: dict[str, Array] = {}
    for spec in signature.inputs:
        if spec.column is not None:
            made[spec.name] = column_values(spec, spec.column, [row + 1 for row in range(rows)])
            continue
        shape = _shape(spec, signature.batched, rows)
        array = _filled(spec, shape, 1)
        if spec.dtype.startswith("FP"):
            array = noise.standard_normal(shape).astype(NUMPY[spec.dtype])
        elif spec.dtype != "BYTES" and shape:
            array[::2] = 0
        made[spec.name] = array
    return made


def column_values(spec: TensorSpec, column: Column, numbers: list[int]) -> Array:
    """Returns a value of the column's type for each of these numbers, different ones for different numbers as far as
    there are."""
    made: list[object] = list(numbers)
    if column.categories:
        levels = [level.encode() if isinstance(level, str) else level for level in column.categories]
        made = [levels[number % len(levels)] for number in numbers]
    elif column.type == "datetime":
        made = [b"2026-01-%02dT00:00:00" % (number % 28 + 1) for number in numbers]
    elif column.type == "json":
        made = [b"%d" % number for number in numbers]
    elif spec.dtype == "BYTES":
        made = [b"text %d" % number for number in numbers]
    elif spec.dtype == "BOOL":
        made = [number % 2 == 1 for number in numbers]
    values = np.empty(len(made), dtype=NUMPY[spec.dtype])
    values[:] = made
    return values


def repeated(arrays: Mapping[str, Array], rows: int) -> dict[str, Array]:
    """Returns so many rows of every array, repeated from the first on."""
    return {name: array[np.arange(rows) % len(array)] for name, array in arrays.items()}


def rows_of(arrays: dict[str, Array], rows: Iterable[int]) -> dict[str, Array]:
    """Returns the given rows of every array, in that order."""
    wanted = list(rows)
    return {name: array[wanted] for name, array in arrays.items()}


def _shape(spec: TensorSpec, batched: bool, rows: int) -> tuple[int, ...]:
    shape = tuple(1 if size is None else size for size in spec.shape)
    return (rows, *shape[1:]) if batched else shape


def _filled(spec: TensorSpec, shape: tuple[int, ...], value: int) -> Array:
    return np.full(shape, b"" if spec.dtype == "BYTES" else value, dtype=NUMPY[spec.dtype])
