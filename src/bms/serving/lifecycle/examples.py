"""Inputs made up from a signature: to warm a servable up, and to look at how it answers."""

from collections.abc import Iterable

import numpy as np

from bms.core.signature import Signature, TensorSpec
from bms.core.tensor import NUMPY, Array


def constant(signature: Signature, rows: int, value: int) -> dict[str, Array]:
    """Inputs full of `value` (empty texts for BYTES), of `rows` rows where batched; other free dimensions are 1."""
    return {spec.name: _filled(spec, _shape(spec, signature.batched, rows), value) for spec in signature.inputs}


def varied(signature: Signature, rows: int) -> dict[str, Array]:
    """Inputs whose rows differ, the same on every call: noise for floats, 0 1 0 1 … for integers."""
    noise = np.random.default_rng(20260101)
    made: dict[str, Array] = {}
    for spec in signature.inputs:
        shape = _shape(spec, signature.batched, rows)
        array = _filled(spec, shape, 1)
        if spec.dtype.startswith("FP"):
            array = noise.standard_normal(shape).astype(NUMPY[spec.dtype])
        elif spec.dtype != "BYTES" and shape:
            array[::2] = 0
        made[spec.name] = array
    return made


def rows_of(arrays: dict[str, Array], rows: Iterable[int]) -> dict[str, Array]:
    """The given rows of every array, in that order."""
    wanted = list(rows)
    return {name: array[wanted] for name, array in arrays.items()}


def _shape(spec: TensorSpec, batched: bool, rows: int) -> tuple[int, ...]:
    shape = tuple(1 if size is None else size for size in spec.shape)
    return (rows, *shape[1:]) if batched else shape


def _filled(spec: TensorSpec, shape: tuple[int, ...], value: int) -> Array:
    return np.full(shape, b"" if spec.dtype == "BYTES" else value, dtype=NUMPY[spec.dtype])
