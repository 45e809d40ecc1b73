"""Reads the signatures that a model's class declares, and checks what it returns against them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from bms.core.errors import BmsError, FailedPrecondition, Internal
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec, shape_text
from bms.core.tensors.tensor import Array, dtype_of
from bms.serving.inference.reasons import plain

_TENSOR = re.compile(r"\s*(\S+?)[\s:]+([A-Z]+\d*)(\?)?\s*\[\s*(-?\d+(?:\s*,\s*-?\d+)*)?\s*\]\s*")


def declared_signatures(model: Any) -> dict[str, Signature]:
    """Reads the class's attribute `signatures`, by name, or `signature`; none where it has neither.

    One is a mapping as in bms.json, or shorter: `{"inputs": ["x FP32 [-1, 4]"], "outputs": ["y FP32 [-1]"]}`. Raises
    FailedPrecondition for what is none.
    """
    given = getattr(model, "signatures", None)
    if given is None:
        one = getattr(model, "signature", None)
        given = {} if one is None else {DEFAULT: one}
    if not isinstance(given, Mapping):
        raise FailedPrecondition("the attribute 'signatures' of class Model must be a dictionary of signatures by name")
    return {str(name): _signature(name, one) for name, one in given.items()}


def returned(value: object, signature: Signature | None, rows: int | None) -> dict[str, Array]:
    """Converts `value`, a mapping of arrays or, for a single output, one array, to arrays of the wire's types.

    `rows`: how many there must be of each; None: not known. Of a signature that is not batched, a text or a number by
    itself is an output of one element, as in a stream. Raises Internal saying what was returned instead.
    """
    if signature is not None and not signature.batched:
        return streamed(value, signature)
    specs = () if signature is None else signature.outputs
    arrays = _named(value, specs)
    for spec in specs:
        _check(spec, arrays, rows)
    return arrays


def _named(value: object, specs: tuple[TensorSpec, ...]) -> dict[str, Array]:
    if isinstance(value, Iterator):
        raise Internal(
            f"the model returned a {type(value).__name__}, but this signature does not stream: to answer in parts "
            "write `yield` in Model.predict itself, or `return` one array or a dictionary of arrays"
        )
    if value is None:
        raise Internal("the model returned None: return a dictionary of arrays, or one array")
    if not isinstance(value, Mapping):
        if len(specs) > 1:
            names = ", ".join(repr(spec.name) for spec in specs)
            raise Internal(f"the model returned a {type(value).__name__}, its signature has the outputs {names}")
        value = {specs[0].name if specs else "output": value}
    return {str(name): _array(str(name), item) for name, item in value.items()}


def streamed(value: object, signature: Signature | None) -> dict[str, Array]:
    """Converts one part of a stream, likewise: a text or a number by itself is an output of one element, where that is
    what the signature says."""
    specs = () if signature is None else signature.outputs
    arrays = _named(value, specs)
    for spec in specs:
        array = arrays.get(spec.name)
        if array is not None and array.ndim == 0 and len(spec.shape) == 1:
            arrays[spec.name] = array.reshape(1)
        _check(spec, arrays, None)
    return arrays


def _check(spec: TensorSpec, arrays: Mapping[str, Array], rows: int | None) -> None:
    array = arrays.get(spec.name)
    if array is None:
        raise Internal(f"the model returned no output {spec.name!r}: it returned {', '.join(map(repr, arrays))}")
    if (dtype := dtype_of(array)) != spec.dtype:
        raise Internal(f"output {spec.name!r} is {dtype}, the signature says {spec.dtype}: convert it with .astype(…)")
    if len(array.shape) != len(spec.shape) or any(
        want is not None and want != have for want, have in zip(spec.shape, array.shape, strict=True)
    ):
        raise Internal(
            f"output {spec.name!r} has shape {list(array.shape)}, the signature says {shape_text(spec.shape)}"
        )
    if rows is not None and array.shape[0] != rows:
        raise Internal(f"output {spec.name!r} has {array.shape[0]} rows for {rows}: the signature is batched")


def _array(name: str, value: object) -> Array:
    try:
        array: Array = np.asarray(value)
        if array.dtype.kind == "O" or array.dtype.kind in "US":
            flat = [_bytes(item) for item in array.ravel().tolist()]
            texts = np.empty(len(flat), dtype=object)
            texts[:] = flat
            return texts.reshape(array.shape)
        dtype_of(array)
    except (BmsError, ValueError, TypeError, OverflowError) as error:
        words = error.message if isinstance(error, BmsError) else str(error)
        raise Internal(f"output {name!r} is no array that can be sent: {plain(words)}") from error
    return array


def _bytes(item: object) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, bytes):
        return item
    raise TypeError(f"it holds a {type(item).__name__}, expected numbers of one type, or texts")


def _signature(name: object, given: object) -> Signature:
    try:
        if isinstance(given, Mapping):
            given = {**given, **{side: [_tensor(one) for one in given[side]] for side in _SIDES if side in given}}
        return msgspec.convert(given, Signature)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise FailedPrecondition(
            f"signature {name!r} of class Model can't be read: {error}; write for example "
            '{"inputs": ["x FP32 [-1, 4]"], "outputs": ["y FP32 [-1, 2]"]}'
        ) from error


_SIDES = ("inputs", "outputs")


def _tensor(given: object) -> object:
    if isinstance(given, str):
        found = _TENSOR.fullmatch(given)
        if not found:
            raise ValueError(f"{given[:80]!r} is no tensor")
        sizes = [int(size) for size in (found[4] or "").split(",") if size.strip()]
        given = {"name": found[1], "dtype": found[2], "shape": sizes, "optional": found[3] is not None}
    if isinstance(given, Mapping) and "shape" in given:
        return {**given, "shape": [None if size is None or size < 0 else size for size in given["shape"]]}
    return given
