"""Parses large JSON arrays of numbers with simdjson, three times as fast as by way of Python objects.

simdjson flattens nested lists without asking whether their lengths agree, so that is checked apart: what is left of
the text without its numbers must be the brackets and commas of a regular array, and nothing else. Python 3.14 has no
wheels of it yet: there, `simdjson` is None, and everything is read the usual way.
"""

from math import prod
from typing import Any

import numpy as np

from bms.core.tensors.tensor import NUMPY, Array

try:
    import simdjson as _simdjson
except ModuleNotFoundError:
    simdjson: Any = None
else:
    simdjson = _simdjson

LARGE = 1 << 13  # bytes of text; below it the usual way is as fast
_NUMBERS = b"0123456789.eE+- \n\r\t"


def large_array(text: bytes, dtype: str, rank: int) -> Array | None:
    """Parses the array of `dtype` with `rank` dimensions that `text` writes; None for anything else, which others parse
    or refuse."""
    if simdjson is None or NUMPY[dtype].kind not in "fiu":
        return None
    shape = _shape(text.translate(None, _NUMBERS), rank)
    if shape is None:
        return None
    try:
        parsed = simdjson.Parser().parse(text)
        array = numbers(parsed, dtype) if isinstance(parsed, simdjson.Array) else None
    except (ValueError, TypeError, RuntimeError):  # its words for: not JSON; not a number of this type; too large
        return None
    return array.reshape(shape) if array is not None and array.size == prod(shape) else None


def numbers(parsed: Any, dtype: str) -> Array | None:
    """Returns all numbers in a `simdjson.Array`, in order, as `dtype`; None for a type that is none of numbers, or
    can't hold them.

    Raises ValueError, TypeError or RuntimeError, as simdjson does, for what is no number, or none that it can hold.
    """
    kind = NUMPY.get(dtype)
    if kind is None or kind.kind not in "fiu" or dtype == "UINT64":  # whose values simdjson's int64 cannot all hold
        return None
    if kind.kind == "f":
        return _floats(parsed.as_buffer(of_type="d"), kind)
    return _integers(parsed.as_buffer(of_type="i"), kind)


def _floats(found: Any, kind: np.dtype[Any]) -> Array | None:
    wide = np.frombuffer(found, dtype="<f8")
    with np.errstate(over="ignore"):
        array = wide.astype(kind, copy=False)
    return array if np.isfinite(array).all() else None


def _integers(found: Any, kind: np.dtype[Any]) -> Array | None:
    wide = np.frombuffer(found, dtype="<i8")
    limits = np.iinfo(kind)
    fits = wide.size and limits.min <= int(wide.min()) and int(wide.max()) <= limits.max
    return wide.astype(kind, copy=False) if fits else None


def _shape(skeleton: bytes, rank: int) -> tuple[int, ...] | None:
    """Returns the sizes of a regular nested list of which only brackets and commas are left; None for any other
    text."""
    if rank < 1 or not skeleton.startswith(b"[" * rank):
        return None
    end = skeleton.find(b"]")
    sizes = [end - rank + 1]  # of the innermost list: its commas, and one
    level = skeleton[rank - 1 : end + 1]
    for depth in range(rank - 2, -1, -1):
        start = depth + 1
        last = skeleton.find(level + b"]", start)
        if last < 0:
            return None
        count = (last - start) // (len(level) + 1) + 1
        sizes.append(count)
        level = b"[%b]" % b",".join([level] * count)
        if len(level) > len(skeleton):
            return None
    return tuple(reversed(sizes)) if level == skeleton else None
