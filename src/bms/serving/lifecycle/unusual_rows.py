"""Unusual rows (NaN, huge numbers, long texts): a caller may send them, and no other caller's answer may change by
that."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, cast

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.formats.example_codec import decode_example, encode_example
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, Array

# Each changes all inputs of one kind and leaves the others as they are, which a model may refuse on its own account.
# Whole numbers are not larger: `np.eye(highest)` would take more memory than a replica has.
_FLOATS = (np.nan, 1e6, -1e6, np.inf)
_WHOLE = (-1, 5000)
_LONG = b"More of it than anybody else says. " * 60


class UnusualRow(NamedTuple):
    """One row; `what` is unusual about it; and whether the answer to it is `exact`: of a huge number it is rounding."""

    row: dict[str, Array]
    what: str
    exact: bool


def unusual_rows(signature: Signature, row: Mapping[str, Array]) -> Iterator[UnusualRow]:
    """Returns rows like `row` but for floats that are no numbers, or huge, texts that are long, and whole numbers below
    zero or beyond the usual; those first that most models take. Of categories and dates there are none."""
    yield from _with(signature, row, _is_float, _FLOATS[0])
    yield from _with(signature, row, _is_text, _LONG)
    for number in _FLOATS[1:]:
        yield from _with(signature, row, _is_float, number)
    for whole in _WHOLE:
        yield from _with(signature, row, partial(_holds, whole), whole)


def _with(
    signature: Signature, row: Mapping[str, Array], wanted: Callable[[TensorSpec], bool], value: float | bytes
) -> Iterator[UnusualRow]:
    changed = {
        spec.name: _in_examples(spec, row[spec.name], wanted, value)
        if spec.features
        else _full(spec, row[spec.name].shape, value)
        for spec in signature.inputs
        if any(map(wanted, _parts(spec)))
    }
    if changed:
        said = "a long text" if isinstance(value, bytes) else f"{value:.0f}"
        huge = isinstance(value, float) and not np.isnan(value)
        yield UnusualRow({**row, **changed}, f"{', '.join(map(repr, changed))} is {said}", not huge)


def _full(spec: TensorSpec, shape: tuple[int, ...], value: float | bytes) -> Array:
    with np.errstate(over="ignore"):  # half precision ends at 65504
        return np.full(shape, value, dtype=NUMPY[spec.dtype])


def _parts(spec: TensorSpec) -> Iterator[TensorSpec]:
    """Returns the input, or, of serialized examples, their features."""
    if not spec.features:
        yield spec
    for feature in spec.features or ():
        yield TensorSpec(name=feature.name, dtype=feature.dtype, shape=(feature.size,))


def _in_examples(
    spec: TensorSpec,
    serialized: Array,
    wanted: Callable[[TensorSpec], bool],
    value: float | bytes,
) -> Array:
    """Returns the same `tf.train.Example`s with another value of the wanted features, as often as each has one."""
    names = {part.name for part in _parts(spec) if wanted(part)}
    made = np.empty_like(serialized)
    for place, one in np.ndenumerate(serialized):
        try:
            read = decode_example(cast(bytes, one))
        except InvalidArgument:  # the model takes what is no example, too
            made[place] = value if isinstance(value, bytes) else one
            continue
        for name in names & read.keys():
            held = read[name]
            if isinstance(held, np.ndarray):
                read[name] = np.full_like(held, value)
            elif held is not None:
                read[name] = [cast(bytes, value)] * len(held)
        made[place] = encode_example(read)
    return made


def _is_float(spec: TensorSpec) -> bool:
    return NUMPY[spec.dtype].kind == "f" and not _categories(spec)


def _is_text(spec: TensorSpec) -> bool:
    return spec.dtype == "BYTES" and (spec.column is None or spec.column.type == "text")


def _holds(value: int, spec: TensorSpec) -> bool:
    kind = NUMPY[spec.dtype]
    return kind.kind in "iu" and not _categories(spec) and bool(np.can_cast(np.min_scalar_type(value), kind))


def _categories(spec: TensorSpec) -> bool:
    return spec.column is not None and bool(spec.column.categories)
