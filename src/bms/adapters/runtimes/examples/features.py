"""Converts an example's features by name to serialized `tf.train.Example`s, for models that parse these themselves."""

from collections.abc import Mapping

from bms.adapters.runtimes.examples.file import Example
from bms.adapters.runtimes.examples.values import tensor_of
from bms.core.errors import FailedPrecondition
from bms.core.formats.example_codec import Value, encode_example
from bms.core.tensors.features import Feature
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Array


def serialized_inputs(example: Example, signature: Signature) -> dict[str, Array] | None:
    """Serializes the example; None where it isn't features that it holds, or that are read. Raises FailedPrecondition
    for features that the model does not read, and for other values than it reads."""
    spec = signature.inputs[0] if len(signature.inputs) == 1 else None
    named: Mapping[str, object] = {**example.columns, **example.tensors}
    if spec is None or not spec.features or not named or spec.name in named:
        return None
    known = {feature.name: feature for feature in spec.features}
    if unknown := [name for name in named if name not in known]:
        raise FailedPrecondition(
            f"the example has a feature {unknown[0]!r}, the model reads {', '.join(map(repr, known))}"
        )
    columns = {name: list(values) for name, values in named.items() if isinstance(values, list | tuple)}
    if len({len(values) for values in columns.values()}) != 1:
        raise FailedPrecondition("the example's features must each have a value, or a list of them, for each row")
    made = [
        encode_example(
            {name: found for name in columns if (found := _value(known[name], columns[name][row])) is not None}
        )
        for row in range(len(next(iter(columns.values()))))
    ]
    return {spec.name: tensor_of(spec, made)}


def _value(feature: Feature, given: object) -> Value:
    """None for one that is left out."""
    if given is None or given == []:
        return None
    spec = TensorSpec(name=feature.name, dtype=feature.dtype, shape=(feature.size,))
    array = tensor_of(spec, given if isinstance(given, list) else [given])
    if array.ndim != 1 or feature.size not in (None, len(array)):
        wanted = "a flat list" if feature.size is None else f"{feature.size} values"
        raise FailedPrecondition(
            f"the example's feature {feature.name!r} has shape {list(array.shape)}, expected {wanted}"
        )
    return array.tolist() if feature.dtype == "BYTES" else array
