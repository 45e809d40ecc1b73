"""Converts bodies of the Open Inference Protocol, `{"inputs": [{"name", "datatype", "shape", "data"}]}`, to values by
name."""

from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument


def named_tensors(value: Any) -> Any:
    """Returns `{"inputs": {name: nested values}}` of such a request as it was parsed; anything else as it is.

    Raises InvalidArgument naming the input that lacks its data, is there twice, or holds not what its shape says.
    """
    tensors = value.get("inputs") if isinstance(value, dict) else None
    if not isinstance(tensors, list) or not tensors:
        return value
    if not all(isinstance(one, dict) and one.keys() >= {"name", "datatype", "shape"} for one in tensors):
        return value
    named = {str(one["name"]): _nested(one) for one in tensors}
    if len(named) < len(tensors):
        raise InvalidArgument(f"an input is given twice: {', '.join(repr(one['name'])[:40] for one in tensors[:10])}")
    return {"inputs": named}


def _nested(tensor: dict[str, Any]) -> Any:
    """Nests flat data by its shape. Whole numbers of a floating-point tensor become floats: 3000 is 3000.0."""
    name = repr(tensor["name"])[:40]
    if "data" not in tensor:
        raise InvalidArgument(f"input {name} has no 'data': write its values there")
    try:
        data = np.array(tensor["data"], object).reshape(tensor["shape"])
        if str(tensor["datatype"]).startswith("FP"):
            data = np.array([one if one is None else float(one) for one in data.ravel()], object).reshape(data.shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(f"the data of input {name} are not of its shape {tensor['shape']!r}: {error}") from None
    return data.tolist()
