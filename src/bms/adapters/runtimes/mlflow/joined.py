"""Maps the inputs that `MLmodel` declares to those of the model itself: by name wherever both have names."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

from bms.adapters.runtimes.mlflow.signature import BINARY, MlflowSchema
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.casting import cast
from bms.core.tensors.columns import mask_name
from bms.core.tensors.fitting import columns_text
from bms.core.tensors.signature import Signature, TensorSpec, is_table, shape_text
from bms.core.tensors.tensor import NUMPY, Array

Inputs = Mapping[str, Array]
_WHOLE = ("integer", "long")  # in which MLflow takes no missing values


class JoinedInputs(NamedTuple):
    """The inputs as they are served, and the mapping to the model's own."""

    inputs: tuple[TensorSpec, ...]
    handed: Callable[[Inputs], dict[str, Array]]


def joined(schema: MlflowSchema, of: Signature, *, named: bool) -> JoinedInputs:
    """Maps the inputs. `named`: the tensors that the model takes have names of its own, not ours.

    Raises FailedPrecondition, listing both sides, where the names differ, and where columns can't be what the model
    takes.
    """
    if not schema.columns:
        return _tensors(schema, of, named)
    if is_table(of):
        return _by_name(schema, of, _partners(schema, of))
    if len(of.inputs) == 1:
        return _by_place(schema, of)
    if all(spec.shape in ((None,), (None, 1)) for spec in of.inputs):
        return _by_name(schema, of, _partners(schema, of))
    raise _mismatch(schema, of, "can't be put together to what the model takes")


def _partners(schema: MlflowSchema, of: Signature) -> list[TensorSpec]:
    """The model's own input for each column. LightGBM has an underline where a column's name has a space."""
    own = {spec.name: spec for spec in of.inputs}
    names = [spec.name for spec in schema.inputs]
    if set(names) != set(own):
        names = [name.replace(" ", "_") for name in names]
    if set(names) != set(own) or len(names) != len(own):
        raise _mismatch(schema, of, "are not those of the model, which takes")
    return [own[name] for name in names]


def _by_name(schema: MlflowSchema, of: Signature, partners: list[TensorSpec]) -> JoinedInputs:
    pairs = list(zip(schema.inputs, schema.kinds, partners, strict=True))
    for given, kind, own in pairs:
        if not _goes(given, kind, own):
            raise _mismatch(schema, of, f"can't be those of the model: {given.name!r} is {kind} there. It takes")

    def handed(inputs: Inputs) -> dict[str, Array]:
        made: dict[str, Array] = {}
        for given, kind, own in pairs:
            array, mask = _value(given, kind, own, inputs)
            made[own.name] = array.reshape(-1, *own.shape[1:])
            if mask is not None:
                made[mask_name(own.name)] = mask
        return made

    return JoinedInputs(tuple(_served(given, own) for given, _, own in pairs), handed)


def _served(given: TensorSpec, own: TensorSpec) -> TensorSpec:
    """A column as MLmodel has it, with the levels that the model knows; a category, of which MLflow knows none, as the
    model has it."""
    if given.column is None or own.column is None:
        return given
    if own.column.type == "category":
        return structs.replace(own, name=given.name, column=structs.replace(own.column, optional=given.column.optional))
    if given.column.type != own.column.type or given.dtype != own.dtype:
        return given
    return structs.replace(given, column=structs.replace(given.column, categories=own.column.categories))


def _by_place(schema: MlflowSchema, of: Signature) -> JoinedInputs:
    """Columns side by side, in the order of `MLmodel`: the model has no names for them."""
    own = of.inputs[0]
    pairs = _in_order(list(zip(schema.inputs, schema.kinds, strict=True)))
    width = (len(pairs),) if len(own.shape) == 2 else ()
    fits = own.shape[1:] in (width, (None,)) and (bool(width) or len(pairs) == 1)
    if not fits or any((given.dtype == "BYTES") != (own.dtype == "BYTES") for given, _ in pairs):
        raise _mismatch(schema, of, "can't be put together to what the model takes")

    def handed(inputs: Inputs) -> dict[str, Array]:
        arrays = [_value(given, kind, own, inputs)[0] for given, kind in pairs]
        return {own.name: np.stack(arrays, axis=1) if width else arrays[0]}

    return JoinedInputs(schema.inputs, handed)


def _in_order(pairs: list[tuple[TensorSpec, str]]) -> list[tuple[TensorSpec, str]]:
    """Numbers in the place of names, as a frame without names has, are places."""
    numbers = {spec.name: int(spec.name) for spec, _ in pairs if spec.name.isdecimal()}
    if sorted(numbers.values()) != list(range(len(pairs))):
        return pairs
    return sorted(pairs, key=lambda pair: numbers[pair[0].name])


def _tensors(schema: MlflowSchema, of: Signature, named: bool) -> JoinedInputs:
    keys = schema.keys
    if len(schema.inputs) == 1 == len(of.inputs) and (keys[0] is None or not named or keys[0] == of.inputs[0].name):
        own, given = of.inputs[0], schema.inputs[0]
        spec = given if keys[0] is not None else structs.replace(given, name=own.name)
        return JoinedInputs((spec,), lambda inputs: {own.name: _shaped(inputs[spec.name], own)})
    if {spec.name for spec in schema.inputs} != {spec.name for spec in of.inputs}:
        raise _mismatch(schema, of, "are not those of the model, which takes")

    def handed(inputs: Inputs) -> dict[str, Array]:
        return {spec.name: _shaped(inputs[spec.name], spec) for spec in of.inputs}

    return JoinedInputs(schema.inputs, handed)


def _goes(given: TensorSpec, kind: str, own: TensorSpec) -> bool:
    if kind == "datetime" or (own.column is not None and own.column.type == "datetime"):
        return given.column is not None and own.column is not None and given.column.type == own.column.type
    return (given.dtype == "BYTES") == (own.dtype == "BYTES") and (kind != BINARY or own.column is None)


def _value(given: TensorSpec, kind: str, own: TensorSpec, inputs: Inputs) -> tuple[Array, Array | None]:
    """A column as the model takes it, and where it has no value if that is not NaN in it."""
    array, mask = inputs[given.name], inputs.get(mask_name(given.name))
    if mask is not None and kind in _WHOLE and mask.any():
        raise InvalidArgument(
            f"column {given.name!r}, row {int(np.argmax(mask))}: there is no value, which MLflow's type {kind} does "
            "not allow: save the model with a signature in which it is a double"
        )
    made = _number(array, own) if own.dtype != "BYTES" else array
    if mask is None or (own.column is not None and NUMPY[own.dtype].kind != "f"):
        return made, mask
    if NUMPY[own.dtype].kind != "f":
        raise InvalidArgument(
            f"column {given.name!r}, row {int(np.argmax(mask))}: there is no value, which {own.dtype} has no way to say"
        )
    return np.where(mask, np.nan, made).astype(made.dtype), None


def _number(array: Array, own: TensorSpec) -> Array:
    """In the model's type: floating-point numbers as near as it holds them, all else exactly."""
    wanted = NUMPY[own.dtype]
    return array.astype(wanted, copy=False) if wanted.kind == "f" else cast(array, own.dtype, own.name)[0]


def _shaped(array: Array, own: TensorSpec) -> Array:
    """A tensor in the model's type; [rows] is [rows, 1] where it takes that, and the other way round."""
    made = array if own.dtype == "BYTES" else array.astype(NUMPY[own.dtype], copy=False)
    if made.ndim + 1 == len(own.shape) and own.shape[-1] == 1:
        return made.reshape(*made.shape, 1)
    return made.reshape(made.shape[:-1]) if made.ndim == 2 and made.shape[1] == 1 and len(own.shape) == 1 else made


def _mismatch(schema: MlflowSchema, of: Signature, why: str) -> FailedPrecondition:
    what = "columns" if schema.columns else "tensors"
    own: Any = columns_text(of.inputs) if is_table(of) else ", ".join(map(_text, of.inputs))
    return FailedPrecondition(
        f"the {what} that MLmodel names ({', '.join(repr(spec.name) for spec in schema.inputs[:40])}) {why} {own}: "
        "save the model with a signature of what it was trained on"
    )


def _text(spec: TensorSpec) -> str:
    return f"{spec.name!r} {spec.dtype} {shape_text(spec.shape)}"
