"""tf.train.Example built by the real Protocol Buffers library, from a descriptor made here.

Field names, numbers and types are those of tensorflow/core/example/{feature,example}.proto.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.unknown_fields import UnknownFieldSet

Field = descriptor_pb2.FieldDescriptorProto


def _message_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="bms_tests/example.proto", package="bms_tests", syntax="proto3")
    for name, kind in (
        ("BytesList", Field.TYPE_BYTES),
        ("FloatList", Field.TYPE_FLOAT),
        ("Int64List", Field.TYPE_INT64),
    ):
        file.message_type.add(name=name).field.add(name="value", number=1, type=kind, label=Field.LABEL_REPEATED)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("BytesList", "FloatList", "Int64List"), 1):
        feature.field.add(
            name=("bytes_list", "float_list", "int64_list")[number - 1], number=number, type=Field.TYPE_MESSAGE,
            type_name=f".bms_tests.{name}", label=Field.LABEL_OPTIONAL, oneof_index=0,
        )  # fmt: skip
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=Field.TYPE_STRING, label=Field.LABEL_OPTIONAL)
    entry.field.add(
        name="value", number=2, type=Field.TYPE_MESSAGE, type_name=".bms_tests.Feature", label=Field.LABEL_OPTIONAL
    )
    features.field.add(
        name="feature", number=1, type=Field.TYPE_MESSAGE, label=Field.LABEL_REPEATED,
        type_name=".bms_tests.Features.FeatureEntry",
    )  # fmt: skip
    example = file.message_type.add(name="Example")
    example.field.add(
        name="features", number=1, type=Field.TYPE_MESSAGE, type_name=".bms_tests.Features", label=Field.LABEL_OPTIONAL
    )
    pool = descriptor_pool.DescriptorPool()  # a private one: other libraries register the real name
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("bms_tests.Example"))


Example = _message_class()


class EntryLeftOut(Exception):
    """The C implementation takes a map entry with an unknown field for unknown as a whole; the C++ one does not."""


def serialized(features: Mapping[str, Any]) -> bytes:
    """What Protocol Buffers itself writes for these features."""
    example = Example()
    example.features.SetInParent()
    for name, value in features.items():
        feature = example.features.feature[name]
        if value is None:
            continue
        if isinstance(value, list):
            feature.bytes_list.SetInParent()
            feature.bytes_list.value.extend(value)
        elif value.dtype.kind == "f":
            feature.float_list.SetInParent()
            feature.float_list.value.extend(value.tolist())
        else:
            feature.int64_list.SetInParent()
            feature.int64_list.value.extend(value.tolist())
    return bytes(example.SerializeToString(deterministic=True))


def parsed(data: bytes) -> dict[str, Any]:
    """What Protocol Buffers itself reads. Raises google.protobuf.message.DecodeError, EntryLeftOut."""
    example = Example.FromString(data)
    if any(field.field_number == 1 for field in UnknownFieldSet(example.features)):
        raise EntryLeftOut
    read: dict[str, Any] = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind is None:
            read[name] = None
        elif kind == "bytes_list":
            read[name] = list(feature.bytes_list.value)
        elif kind == "float_list":
            read[name] = np.array(feature.float_list.value, np.float32)
        else:
            read[name] = np.array(feature.int64_list.value, np.int64)
    return read


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Equal to the bit, NaN included."""
    return {name: _plain(value) for name, value in one.items()} == {name: _plain(v) for name, v in other.items()}


def _plain(value: Any) -> Any:
    return (value.dtype.str, value.tobytes()) if isinstance(value, np.ndarray) else value
