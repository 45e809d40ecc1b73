"""TensorFlow's data types: their numbers, and the field of a TensorProto that holds values of each.

Source: tensorflow/core/framework/types.proto and tensor.proto.
"""

from typing import NamedTuple

from bms.core.errors import InvalidArgument
from bms.protocols.protobuf.pool import POOL


class DataType(NamedTuple):
    """One data type: `dtype` is our name; `field` holds the values that are not in `tensor_content`."""

    dtype: str
    field: str


_TYPES: dict[str, DataType] = {
    "DT_FLOAT": DataType("FP32", "float_val"),
    "DT_DOUBLE": DataType("FP64", "double_val"),
    "DT_INT32": DataType("INT32", "int_val"),
    "DT_UINT8": DataType("UINT8", "int_val"),
    "DT_INT16": DataType("INT16", "int_val"),
    "DT_INT8": DataType("INT8", "int_val"),
    "DT_STRING": DataType("BYTES", "string_val"),
    "DT_INT64": DataType("INT64", "int64_val"),
    "DT_BOOL": DataType("BOOL", "bool_val"),
    "DT_BFLOAT16": DataType("BF16", "half_val"),
    "DT_UINT16": DataType("UINT16", "int_val"),
    "DT_HALF": DataType("FP16", "half_val"),
    "DT_UINT32": DataType("UINT32", "uint32_val"),
    "DT_UINT64": DataType("UINT64", "uint64_val"),
}
_KNOWN = POOL.FindEnumTypeByName("tensorflow.DataType").values_by_name
_NAMES = {value.number: name for name, value in _KNOWN.items()}
NUMBERS = {each.dtype: _KNOWN[name].number for name, each in _TYPES.items()}
FIELDS = {
    field.name: field.number
    for field in POOL.FindMessageTypeByName("tensorflow.TensorProto").fields
    if field.name.endswith("_val")
}
FIELD_OF = {each.dtype: FIELDS[each.field] for each in _TYPES.values()}


def data_type(number: int, what: str) -> DataType:
    """Returns a data type by its number. Raises InvalidArgument for a type that no model here takes."""
    name = _NAMES.get(number)
    found = _TYPES.get(name or "")
    if found is None:
        told = f"data type {number}" if name is None else name
        raise InvalidArgument(f"{what} is {told}, which is not served: use one of {', '.join(_TYPES)}")
    return found
