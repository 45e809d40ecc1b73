"""Converts JSON values to arrays of a declared type and back, and refuses what does not fit instead of guessing."""

import base64
import binascii
import json
import struct
import types
from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import msgspec
import numpy as np
import orjson

from bms.core.errors import InvalidArgument
from bms.core.tensors.casting import EXACT_UP_TO, SMALL, holds_exactly
from bms.core.tensors.tensor import NUMPY, Array, check_texts
from bms.protocols.json.numbers import LARGE, large_array
from bms.protocols.json.values import JsonValue, ValueDecoder

MAX_RANK = 16
_NARROW = frozenset({"FP16", "FP32"})
_LETTERS = {"FP32": "f", "FP64": "d"}
_SHORT = 1024  # numbers
_LONG = 1 << 20  # bytes; shorter texts hold less than is counted
MOST_OBJECTS = 1 << 22


class Base64(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes as TF Serving's JSON writes them."""

    b64: str


def array_of(value: JsonValue, dtype: str, rank: int, what: str, notes: list[str] | None = None) -> Array:
    """Converts `value`, nested lists, to an array of `dtype` with `rank` dimensions.

    BYTES elements are strings (their UTF-8) or `{"b64": …}`; `null` is NaN where the type has one. Whole numbers that
    the type had to round are recorded in `notes`. Raises InvalidArgument, naming the tensor by `what`, for another
    depth, another type, numbers out of range, or rows of different lengths.
    """
    if isinstance(value, msgspec.Raw) and len(value) > LARGE and dtype in NUMPY:
        array = large_array(bytes(value), dtype, rank)
        if array is not None and (array.dtype.kind != "f" or holds_exactly(array, dtype)):
            return array
    if isinstance(value, msgspec.Raw) and len(value) > _LONG:
        _check_count(value, dtype)
    nested = _nested(value, dtype, rank, what)
    if rank == 2 and dtype in _LETTERS and (row := _lone_row(nested, dtype)) is not None:
        return row
    try:
        if dtype in _NARROW:
            with np.errstate(over="raise"):
                array = np.array(nested, dtype=NUMPY[dtype])
        else:
            array = np.array(nested, dtype=NUMPY[dtype])
    except (OverflowError, FloatingPointError):
        raise InvalidArgument(f"{what!r} holds a number that {dtype} cannot hold") from None
    except ValueError:
        raise _ragged(what) from None
    if array.ndim != rank:
        if array.size == 0:
            raise InvalidArgument(f"{what!r} is empty: send at least one element")
        raise _ragged(what)
    if notes is not None and array.dtype.kind == "f" and not holds_exactly(array, dtype):
        notes += _rounded(value, array, dtype, rank, what)
    return _contents(array, what) if dtype == "BYTES" else array


def _check_count(value: msgspec.Raw, dtype: str) -> None:
    """Raises InvalidArgument for more elements than may become Python objects, before any does."""
    if dtype == "BYTES":
        check_texts(value_count(value, b'"', 2))
    elif (count := value_count(value, b",", 1)) > MOST_OBJECTS:
        raise InvalidArgument(
            f"{count} values were sent in JSON in a form that is read one by one (null, booleans, lists of unequal "
            f"depth), at most {MOST_OBJECTS} are taken at once: send them in parts, or as binary"
        )


def value_count(value: msgspec.Raw, mark: bytes, each: int) -> int:
    """Estimates how many values a text writes, by the marks that every one of them has."""
    return memoryview(value).tobytes().count(mark) // each


def _lone_row(nested: Any, dtype: str) -> Array | None:
    """Converts one short row of floats, the commonest tensor, in a third of the time that NumPy takes; None for all
    others, and for numbers that are too large, which may have to be rounded."""
    if len(nested) != 1 or not 0 < len(nested[0]) <= _SHORT:
        return None
    kind = NUMPY[dtype]
    try:
        raw = struct.pack(f"<{len(nested[0])}{_LETTERS[dtype]}", *nested[0])
    except (struct.error, OverflowError):
        return None
    if raw[kind.itemsize - 1 :: kind.itemsize].translate(None, SMALL[dtype]):
        return None
    return np.ndarray((1, len(nested[0])), kind, raw)


def _nested(value: JsonValue, dtype: str, rank: int, what: str) -> object:
    try:
        return _decoder(dtype, rank)(value)
    except RecursionError:
        raise InvalidArgument(f"{what!r} is nested too deeply: it must be {dtype}, {rank} lists deep") from None
    except msgspec.DecodeError as error:
        if dtype.startswith("FP"):
            try:
                return _decoder(dtype, rank, gaps=True)(value)  # NumPy takes None for NaN
            except msgspec.DecodeError:
                pass  # the error was raised above
        elif NUMPY[dtype].kind in "iu" and (written := _whole(value, dtype, rank)) is not None:
            return written
        raise InvalidArgument(f"{what!r} must be {dtype}, nested {rank} lists deep: {error}") from None


def _whole(value: JsonValue, dtype: str, rank: int) -> object | None:
    """Converts whole numbers some of which are written with a point, as languages do that have one kind of number; None
    where they are none, or so large that floating point would have rounded them."""

    def plain(one: Any) -> Any:
        if isinstance(one, list):
            return [plain(each) for each in one]
        if isinstance(one, float) and not (one.is_integer() and abs(one) < EXACT_UP_TO["FP64"]):
            raise ValueError
        return int(one)

    try:
        return plain(_decoder(dtype, rank, whole=True)(value))  # type: ignore[no-any-return]
    except (msgspec.DecodeError, ValueError):
        return None


def _rounded(value: JsonValue, array: Array, dtype: str, rank: int, what: str) -> list[str]:
    """Returns the note on numbers so large that the array of `dtype` does not hold all digits before their point."""
    gap = EXACT_UP_TO[dtype]
    written = np.array(_decoder(dtype, rank, gaps=True, whole=True)(value), dtype=object).ravel().tolist()
    held = array.ravel().tolist()
    pairs = zip(written, held, strict=True)
    lost = [one for one, other in pairs if one is not None and one == one and one != other and abs(one) >= gap]
    if not lost:
        return []
    return [f"input {what!r}: {lost[0]} was rounded to {dtype}"]


def text_values(array: Array, as_base64: bool) -> object:
    """Converts a BYTES array to nested lists of strings; `{"b64": …}` where asked for, and for elements that are not
    UTF-8."""
    flat = np.empty(array.size, dtype=object)
    for index, item in enumerate(array.ravel()):
        flat[index] = _text(item if isinstance(item, bytes) else str(item).encode(), as_base64)
    return flat.reshape(array.shape).tolist()


def dump(value: object) -> bytes:
    """Encodes dicts, lists, text and arrays as JSON; float32 in its own shortest digits, NaN and Infinity bare."""
    encoded = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY, default=_default)
    if b"null" in encoded and not _finite(value):  # orjson writes null where JSON has no word for a number
        return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode()
    return encoded


def _ragged(what: str) -> InvalidArgument:
    return InvalidArgument(f"{what!r} has rows of different lengths: lists of one level must be equally long")


@lru_cache(maxsize=512)
def _decoder(dtype: str, rank: int, *, gaps: bool = False, whole: bool = False) -> ValueDecoder[object]:
    """Returns a decoder of nested lists of the type's elements; `gaps`: null is one, too; `whole`: of numbers, integers
    stay what they are, and floats too."""
    if dtype not in NUMPY:
        raise InvalidArgument(f"unknown data type {dtype!r}: use one of {', '.join(NUMPY)}")
    if rank > MAX_RANK:
        raise InvalidArgument(f"a tensor has {rank} dimensions; at most {MAX_RANK} can be written as JSON")
    kind: object = str | Base64 if dtype == "BYTES" else bool if dtype == "BOOL" else int
    if whole:
        kind = int | float
    elif dtype.startswith("FP"):
        kind = float
    if gaps:
        kind = kind | None  # type: ignore[operator]
    for _ in range(rank):
        kind = types.GenericAlias(list, (kind,))
    return ValueDecoder(kind, kind)


def _contents(array: Array, what: str) -> Array:
    out = np.empty(array.size, dtype=object)
    for index, item in enumerate(array.ravel()):
        try:
            if isinstance(item, str):
                out[index] = item.encode()
                continue
            out[index] = base64.b64decode(cast(Base64, item).b64, validate=True)
        except UnicodeEncodeError:
            raise InvalidArgument(f"{what!r} holds half of a character: JSON must be UTF-8") from None
        except (binascii.Error, ValueError):
            raise InvalidArgument(f"{what!r} holds a b64 value that is not base64") from None
    return out.reshape(array.shape)


def _text(content: bytes, as_base64: bool) -> object:
    if not as_base64:
        try:
            return content.decode()
        except UnicodeDecodeError:
            pass  # no string could carry it back: base64 can
    return {"b64": base64.b64encode(content).decode()}


def _default(value: object) -> object:
    if isinstance(value, np.ndarray):  # of no dimensions, or not contiguous
        return value[()] if value.ndim == 0 else np.ascontiguousarray(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _walk(value: object, visit: Callable[[Array | np.generic], object]) -> object:
    if isinstance(value, dict):
        return {key: _walk(item, visit) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, visit) for item in value]
    return visit(value) if isinstance(value, np.ndarray | np.generic) else value


def _finite(value: object) -> bool:
    found: list[bool] = []
    _walk(value, lambda item: found.append(item.dtype.kind != "f" or bool(np.isfinite(item).all())))
    return all(found)


def _plain(value: object) -> object:
    def plain(item: Array | np.generic) -> object:
        if item.dtype.kind != "f" or item.dtype.itemsize == 8:
            return item.tolist()
        # FP16 in the digits of FP32, as where all are finite: 65504, for which 65500 would do.
        shortest = [float(str(number)) for number in np.ravel(item).astype(np.float32)]
        return np.array(shortest, dtype=np.float64).reshape(item.shape).tolist()

    return _walk(value, plain)
