"""Converts typed contents of the Open Inference Protocol over gRPC, `InferTensorContents`, to arrays."""

from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import NUMPY, Array, check_texts, count_of, shaped
from bms.protocols.content_types import one_text

_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def typed_array(name: str, datatype: str, shape: tuple[int, ...], contents: Any) -> Array:
    """Returns the elements as an array in row-major order. Raises InvalidArgument where they are not what is
    declared."""
    field = _FIELDS.get(datatype)
    if field is None:
        if datatype in ("FP16", "BF16"):
            raise InvalidArgument(f"input {name[:80]!r} is {datatype}: send it in raw_input_contents")
        raise InvalidArgument(f"input {name[:80]!r} has unknown type {datatype[:40]!r}: use one of {', '.join(NUMPY)}")
    filled = [descriptor.name for descriptor, _ in contents.ListFields()]
    if filled not in ([], [field]):
        raise InvalidArgument(f"input {name[:80]!r} is {datatype}: its contents go in {field} alone, not {filled}")
    elements = getattr(contents, field)
    count = count_of(shape)
    if len(elements) != count and datatype == "BYTES" and one_text(shape, elements):
        shape, count = (1,), 1
    if len(elements) != count:
        raise InvalidArgument(
            f"input {name[:80]!r} declares shape {list(shape)}, {count} elements; {len(elements)} were delivered"
        )
    return shaped(_array(name, datatype, elements), shape)


def _array(name: str, datatype: str, elements: Any) -> Array:
    kind = NUMPY[datatype]
    if datatype == "BYTES":
        check_texts(len(elements))
        out = np.empty(len(elements), dtype=object)
        out[:] = list(elements)
        return out
    if datatype in ("INT8", "INT16", "UINT8", "UINT16"):
        wide = np.fromiter(elements, np.int64, len(elements))
        limits = np.iinfo(kind)  # type: ignore[type-var]
        if wide.size and not limits.min <= wide.min() <= wide.max() <= limits.max:
            raise InvalidArgument(f"input {name[:80]!r} holds a number beyond {datatype}")
        return wide.astype(kind)
    return np.fromiter(elements, kind, len(elements))
