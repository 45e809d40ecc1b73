"""An artifact's example as the inputs of a signature: what a model is tried with and warmed up by."""

from collections.abc import Mapping

import numpy as np

from bms.adapters.runtimes.example_file import Example, tensors_of
from bms.core.errors import FailedPrecondition
from bms.core.fitting import names_differ
from bms.core.signature import Signature, TensorSpec, is_table, shape_text
from bms.core.tensor import NUMPY, Array


def example_inputs(example: Example | None, signature: Signature) -> dict[str, Array] | None:
    """None where there is no example, or it is one of another signature: of columns, but this one takes no table, or
    the other way round. Raises FailedPrecondition where its columns or values are not those that are taken."""
    if example is None:
        return None
    if example.columns:
        names = {spec.name for spec in signature.inputs}
        by_name = is_table(signature) or names == set(example.columns)
        return _named(example, signature) if by_name else None
    if len(signature.inputs) != 1 or signature.inputs[0].column is not None:
        return None
    return {signature.inputs[0].name: _rows(signature.inputs[0], example.rows)}


def examples_of(example: Example | None, signatures: Mapping[str, Signature]) -> dict[str, dict[str, Array]]:
    """The inputs for each signature, by name, that the example is one of. Raises FailedPrecondition as `example_inputs`
    does where it is one of none."""
    found: dict[str, dict[str, Array]] = {}
    failure: FailedPrecondition | None = None
    for name, signature in signatures.items():
        try:
            inputs = example_inputs(example, signature)
        except FailedPrecondition as error:
            failure = failure or error
        else:
            if inputs is not None:
                found[name] = inputs
    if failure is not None and not found:
        raise failure
    return found


def _named(example: Example, signature: Signature) -> dict[str, Array]:
    optional = {spec.name for spec in signature.inputs if spec.column is not None and spec.column.optional}
    names = [spec.name for spec in signature.inputs]
    missing = [name for name in names if name not in example.columns and name not in optional]
    extra = [name for name in example.columns if name not in names]
    if missing or extra:
        raise FailedPrecondition(
            f"the example's columns are not the model's: {names_differ(signature.inputs, missing, extra)}"
        )
    if is_table(signature):
        return tensors_of(example, signature)
    flat = tuple(TensorSpec(name=spec.name, dtype=spec.dtype, shape=(None,)) for spec in signature.inputs)
    made = tensors_of(example, Signature(inputs=flat))
    return {spec.name: _shaped(spec, made[spec.name]) for spec in signature.inputs}


def _rows(spec: TensorSpec, rows: tuple[object, ...]) -> Array:
    try:
        if spec.dtype != "BYTES":
            return _shaped(spec, np.asarray(rows, dtype=NUMPY[spec.dtype]))
        texts = np.asarray(rows, dtype=object)
        made = np.empty(texts.size, dtype=object)
        made[:] = [str(text).encode() for text in texts.ravel().tolist()]
    except (ValueError, TypeError, OverflowError) as error:
        raise FailedPrecondition(f"the example's rows are not {spec.dtype}: {error}") from error
    return _shaped(spec, made.reshape(texts.shape))


def _shaped(spec: TensorSpec, array: Array) -> Array:
    """[rows] is [rows, 1] where that is taken."""
    if array.ndim == 1 and spec.shape[1:] == (1,):
        array = array.reshape(-1, 1)
    fits = zip(array.shape, spec.shape, strict=False)
    if array.ndim != len(spec.shape) or any(want is not None and have != want for have, want in fits):
        raise FailedPrecondition(
            f"the example's input {spec.name!r} has shape {list(array.shape)}, the model takes {shape_text(spec.shape)}"
        )
    return array
