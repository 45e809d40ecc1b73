"""Converts an artifact's example to the inputs of a signature, to try and warm up a model."""

from collections.abc import Mapping

from bms.adapters.runtimes.examples.features import serialized_inputs
from bms.adapters.runtimes.examples.file import Example, tensors_of
from bms.adapters.runtimes.examples.values import tensor_of
from bms.core.errors import FailedPrecondition
from bms.core.tensors.fitting import names_differ
from bms.core.tensors.signature import Signature, TensorSpec, is_table, shape_text
from bms.core.tensors.tensor import Array


def example_inputs(example: Example | None, signature: Signature) -> dict[str, Array] | None:
    """Converts the example; None where there is none, or it is one of another signature: of names that this one does
    not take, or without any, but this one takes several. Raises FailedPrecondition where its columns or values are not
    those that are taken."""
    if example is None:
        return None
    if (serialized := serialized_inputs(example, signature)) is not None:
        return serialized
    if example.tensors:
        return _tensors(example.tensors, signature)
    if example.columns:
        names = {spec.name for spec in signature.inputs}
        by_name = is_table(signature) or names == set(example.columns)
        return _named(example, signature) if by_name else _side_by_side(example, signature)
    if len(signature.inputs) != 1 or signature.inputs[0].column is not None:
        return None
    spec = signature.inputs[0]
    return {spec.name: _shaped(spec, tensor_of(spec, list(example.rows)))}


def examples_of(
    example: Example | None, signatures: Mapping[str, Signature], *, must_fit: bool = False
) -> dict[str, dict[str, Array]]:
    """Converts the example for each signature, by name, that it is one of. Raises FailedPrecondition as
    `examples.inputs` does where it is one of none; `must_fit`: also where its names are those of none."""
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
    if must_fit and example is not None and signatures and not found:
        held = ", ".join(map(repr, [*example.columns, *example.tensors][:10])) or "rows without names"
        takes = ", ".join(
            f"{spec.name} {spec.dtype} {shape_text(spec.shape)}" for spec in next(iter(signatures.values())).inputs[:10]
        )
        raise FailedPrecondition(f"the example has {held}, the model takes {takes}: give it by these names")
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


def _tensors(given: Mapping[str, object], signature: Signature) -> dict[str, Array] | None:
    names = {spec.name for spec in signature.inputs}
    if is_table(signature) or not names & given.keys():
        return None
    if names != given.keys():
        missing = [name for name in names if name not in given]
        extra = [name for name in given if name not in names]
        raise FailedPrecondition(
            f"the example's names are not the model's: {names_differ(signature.inputs, missing, extra)}"
        )
    made = {spec.name: _shaped(spec, tensor_of(spec, given[spec.name])) for spec in signature.inputs}
    rows = {name: len(array) for name, array in made.items() if signature.batched and array.ndim}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name!r} has {count}" for name, count in rows.items())
        raise FailedPrecondition(f"the example's inputs must have as many rows as one another: {counts}")
    return made


def _side_by_side(example: Example, signature: Signature) -> dict[str, Array] | None:
    """Columns as the one matrix that is taken, in their order."""
    spec = signature.inputs[0] if len(signature.inputs) == 1 else None
    if spec is None or len(spec.shape) != 2 or spec.shape[1] not in (None, len(example.columns)):
        return None
    rows = [list(row) for row in zip(*example.columns.values(), strict=True)]
    return {spec.name: _shaped(spec, tensor_of(spec, rows))}


def _shaped(spec: TensorSpec, array: Array) -> Array:
    """[rows] is [rows, 1] where that is taken."""
    if array.ndim == 1 and spec.shape[1:] == (1,):
        array = array.reshape(-1, 1)
    if array.ndim and not array.size and spec.shape[:1] == (None,):
        raise FailedPrecondition(f"the example's input {spec.name!r} holds no rows")
    fits = zip(array.shape, spec.shape, strict=False)
    if array.ndim != len(spec.shape) or any(want is not None and have != want for have, want in fits):
        raise FailedPrecondition(
            f"the example's input {spec.name!r} has shape {list(array.shape)}, the model takes {shape_text(spec.shape)}"
        )
    return array
