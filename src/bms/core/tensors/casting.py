"""Casts numbers from one data type to another: exactly, rounded with a note, or not at all."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import NUMPY, Array, dtype_of

EXACT_UP_TO = {"FP16": 2.0**11, "FP32": 2.0**24, "FP64": 2.0**53}  # the whole numbers that each holds without a gap
# The last bytes, sign aside, of numbers that are surely smaller: of two, four and eight bytes.
SMALL = {
    "FP16": bytes(high for high in range(256) if high & 0x7F < 0x68),
    "FP32": bytes(high for high in range(256) if high & 0x7F < 0x4B),
    "FP64": bytes(high for high in range(256) if high & 0x7F < 0x43),
}
_FEW = 4096  # bytes


def cast(array: Array, dtype: str, what: str) -> tuple[Array, bool]:
    """Returns `array` as `dtype`, and whether some of its numbers were rounded.

    Floating-point types take every number, rounded to the nearest that they have; all others only what they hold
    exactly. NaN and infinities stay what they are. Raises InvalidArgument, naming the input by `what`, for texts, for
    numbers that are out of range, and for fractions where whole numbers are expected.
    """
    wanted = NUMPY[dtype]
    if array.dtype == wanted:
        return array, False
    if dtype == "BYTES" or array.dtype.kind not in "biuf":
        raise InvalidArgument(f"input {what!r} is {dtype_of(array)}, expected {dtype}")
    given: NDArray[Any] = array
    with np.errstate(all="ignore"):
        made = given.astype(wanted)
        if wanted.kind == "f":
            return made, _rounded(given, made, dtype, what)
        if wanted.kind == "b":
            lost = (given != 0) & (given != 1)  # true for NaN, too
        else:
            lost = ~_inside(given, wanted) | (made.astype(given.dtype) != given)
    if lost.any():
        raise _beyond(given[lost][0], dtype, what)
    return made, False


def holds_exactly(array: NDArray[Any], dtype: str) -> bool:
    """Whether no digits were lost before: false where `array`, of the floating-point type `dtype`, has whole numbers so
    large that their neighbours may be more than one away."""
    if array.nbytes <= _FEW:  # the commonest rows: a tenth of the time that NumPy takes to compare so few numbers
        step = array.dtype.itemsize
        return not array.tobytes()[step - 1 :: step].translate(None, SMALL[dtype])
    limit = EXACT_UP_TO[dtype]
    with np.errstate(invalid="ignore"):
        return not bool(((array >= limit) | (array <= -limit)).any())


def rounded_note(what: str, given: str, dtype: str) -> str:
    """Returns the note to the caller that numbers were rounded."""
    return f"input {what!r}: {given} numbers were rounded to {dtype}, which the model takes"


def _rounded(array: NDArray[Any], made: NDArray[Any], dtype: str, what: str) -> bool:
    if array.dtype.kind == "b":
        return False
    if array.dtype.kind == "f":
        if made.dtype.itemsize >= array.dtype.itemsize:
            return False
        overflown = np.isinf(made) & np.isfinite(array)
        changed = (made.astype(array.dtype) != array) & ~np.isnan(array)
    else:
        if holds_exactly(made, dtype):
            return False
        overflown = np.isinf(made)
        # By way of Python's whole numbers, which alone compare all of them exactly.
        whole = made.astype(np.float64).ravel().tolist()
        pairs = zip(whole, array.ravel().tolist(), strict=True)
        changed = np.array([here != there for here, there in pairs], dtype=bool)
    if overflown.any():
        raise _beyond(array[overflown][0], dtype, what)
    return bool(changed.any())


def _inside(array: NDArray[Any], wanted: np.dtype[Any]) -> NDArray[np.bool_]:
    bounds = np.iinfo(wanted)
    if array.dtype.kind == "f":  # the first float above the upper bound, since 64 bits' own is none
        inside: NDArray[np.bool_] = (array >= float(bounds.min)) & (array < float(bounds.max) + 1)
        return inside
    if array.dtype.kind == "u" and wanted.kind == "i":
        return np.asarray(array <= np.uint64(bounds.max))
    if array.dtype.kind == "i" and wanted.kind == "u":
        return np.asarray(array >= 0)
    return np.ones(array.shape, dtype=np.bool_)


def _beyond(value: Any, dtype: str, what: str) -> InvalidArgument:
    return InvalidArgument(f"input {what!r} holds {value.item()}, which {dtype} cannot hold")
