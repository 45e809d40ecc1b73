"""Converts examples in JSON to the serialized `tf.train.Example`s that a model parses itself.

As TensorFlow Serving does: https://www.tensorflow.org/tfx/serving/api_rest. Where it is known which features the model
reads, values are taken for what they are there, so that `2` is a float where the model reads one; else texts are bytes,
whole numbers and truth values integers, and other numbers floats.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.formats.example_codec import Value, encode_example
from bms.core.tensors.features import Feature
from bms.core.tensors.signature import TensorSpec
from bms.core.tensors.tensor import Tensor
from bms.protocols.json.tensors import array_of
from bms.protocols.json.values import JsonValue, first_character, first_element, joined

_NUMBER_PARTS = (b".", b"e", b"E", b"N")  # of JSON that is no whole number
_KINDS = {'"': "BYTES", "{": "BYTES", "t": "BOOL", "f": "BOOL"}


def takes_features(spec: TensorSpec, example: Mapping[str, JsonValue]) -> bool:
    """Whether an example for an input of serialized ones is written as features, and not itself serialized, by the
    input's own name."""
    if spec.features is None:
        return False
    return example.keys() != {spec.name} or any(feature.name == spec.name for feature in spec.features)


def serialized(spec: TensorSpec, examples: Sequence[Mapping[str, JsonValue]], notes: list[str]) -> Tensor:
    """Serializes examples as `tf.train.Example`s. What is null or an empty list is left out, as if it were not there:
    whether it may be is for the model to say. Raises InvalidArgument naming the example, the feature and what was
    expected."""
    known = {feature.name: feature for feature in spec.features or ()}
    rows = np.empty(len(examples), dtype=object)
    for index, example in enumerate(examples):
        features: dict[str, Value] = {}
        for name, value in example.items():
            feature = known.get(name)
            if known and feature is None:
                names = ", ".join(map(repr, known))
                raise InvalidArgument(f"example {index}: no feature {name[:80]!r}: this model reads {names}")
            begins = first_character(value)
            listed = value if begins == "[" else joined([value])
            if begins == "n" or first_element(listed) == "]":
                continue
            features[name] = _values(f"{name} of example {index}", listed, feature, notes)
        rows[index] = encode_example(features)
    return Tensor(spec.name, rows)


def _values(what: str, listed: JsonValue, feature: Feature | None, notes: list[str]) -> Value:
    kind = _KINDS.get(first_element(listed), "INT64" if _whole(listed) else "FP32")
    # Truth values are integers there, and no other kind of value is another one's.
    dtype = kind if feature is None or (kind == "BOOL" and feature.dtype == "INT64") else feature.dtype
    array = array_of(listed, dtype, 1, what, notes)
    if feature is not None and feature.size is not None and len(array) != feature.size:
        raise InvalidArgument(f"{what!r} has {len(array)} values, expected {feature.size}")
    return list(array) if dtype == "BYTES" else array


def _whole(listed: JsonValue) -> bool:
    if isinstance(listed, msgspec.Raw):
        return not any(part in bytes(listed) for part in _NUMBER_PARTS)
    return isinstance(listed, list) and not any(isinstance(one, float) for one in listed)
