"""Converts JSON values or texts to the columns of a table: checked, with a mask of missing values."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.casting import holds_exactly
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import TensorSpec
from bms.core.tensors.tensor import NUMPY, Tensor
from bms.protocols.json.cells import Misread, read_cells, read_texts
from bms.protocols.json.values import JsonValue, ValueDecoder

_EXACT = 2.0**53  # from here on a number with a point may have lost digits before it came
_WORDS = {"FP": "a number", "IN": "a whole number", "UI": "a whole number", "BO": "true or false", "BY": "a text"}
_any: ValueDecoder[list[Any]] = ValueDecoder(list[Any], list[Any])


def column_of(spec: TensorSpec, value: JsonValue, notes: list[str]) -> list[Tensor]:
    """Converts the list `value` to column `spec`: its tensor, and the mask of its nulls where there are any.

    A number may be written as a whole one and the other way round where nothing is lost; what had to be rounded is
    recorded in `notes`. Raises InvalidArgument naming column, row (counted from 0) and value of what does not fit.
    """
    if _is_json(spec):
        return column_of_values(spec, list_of(value), notes)
    try:
        values = _decoder(spec.dtype)(value)
    except RecursionError:
        raise InvalidArgument(f"column {spec.name!r} is nested too deeply: it must be a list of values") from None
    except msgspec.DecodeError as error:
        values = _one_by_one(spec, value, error)
    return column_of_values(spec, values, notes)


def list_of(value: JsonValue) -> list[object]:
    """Returns the values of a list, whatever they are. Raises InvalidArgument for what is no list."""
    try:
        return _any(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgument(f"a column must be a list of values: {error}") from None


def column_of_texts(spec: TensorSpec, texts: Sequence[str], notes: list[str]) -> list[Tensor]:
    """Converts cells as CSV has them; an empty one is missing. Otherwise as `column_of`."""
    try:
        values = read_texts(texts, msgspec.json.decode) if _is_json(spec) else read_cells(texts, spec.dtype)
    except Misread as error:
        raise _misfit(spec, error.row, texts[error.row]) from None
    return column_of_values(spec, values, notes)


def column_of_values(spec: TensorSpec, values: list[Any], notes: list[str]) -> list[Tensor]:
    """Converts values of the column's type and None. Otherwise as `column_of`."""
    if spec.dtype == "BYTES":
        return _texts(spec, values)
    kind = NUMPY[spec.dtype]
    gaps = None in values
    if kind.kind == "f":
        return [Tensor(spec.name, _numbers(spec, values, kind, notes))]
    mask = [value is None for value in values] if gaps else []
    try:
        array = np.array([0 if value is None else value for value in values] if gaps else values, dtype=kind)
    except OverflowError:
        row = next(row for row, value in enumerate(values) if value is not None and not _inside(value, kind))
        raise _misfit(spec, row, values[row], f" that {spec.dtype} holds") from None
    return (
        [Tensor(spec.name, array), Tensor(mask_name(spec.name), np.array(mask))] if gaps else [Tensor(spec.name, array)]
    )


def _numbers(spec: TensorSpec, values: list[Any], kind: np.dtype[Any], notes: list[str]) -> Any:
    with np.errstate(over="ignore"):
        try:
            array = np.array(values, dtype=kind)  # None becomes NaN
        except OverflowError:
            row = next(row for row, value in enumerate(values) if isinstance(value, int) and abs(value) >= 2**1024)
            raise _misfit(spec, row, values[row], f" that {spec.dtype} holds") from None
    if not holds_exactly(array, spec.dtype):
        for row, (value, held) in enumerate(zip(values, array.tolist(), strict=True)):
            if value is None or value == held or value != value:
                continue
            if held in (np.inf, -np.inf):
                raise _misfit(spec, row, value, f" that {spec.dtype} holds")
            notes.append(f"column {spec.name!r}, row {row}: {value} was rounded to {spec.dtype}")
            break
    return array


def _texts(spec: TensorSpec, values: list[Any]) -> list[Tensor]:
    array = np.empty(len(values), dtype=object)
    times = spec.column is not None and spec.column.type == "datetime"
    nested = _is_json(spec)
    gaps = False
    for row, value in enumerate(values):
        if value is None:
            gaps = True
            array[row] = b""
            continue
        if nested:
            array[row] = msgspec.json.encode(value)
            continue
        if times:
            _check_time(spec, row, value)
        try:
            array[row] = value.encode()
        except UnicodeEncodeError:
            raise InvalidArgument(f"column {spec.name!r}, row {row} holds half of a character: send UTF-8") from None
    tensor = Tensor(spec.name, array)
    if not gaps:
        return [tensor]
    return [tensor, Tensor(mask_name(spec.name), np.array([value is None for value in values]))]


def _is_json(spec: TensorSpec) -> bool:
    return spec.column is not None and spec.column.type == "json"


def _check_time(spec: TensorSpec, row: int, value: str) -> None:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise InvalidArgument(
            f"column {spec.name!r}, row {row}: {value[:80]!r} is no date-time of ISO 8601, like 2026-01-31T12:30:00"
        ) from None


def _one_by_one(spec: TensorSpec, value: JsonValue, error: msgspec.DecodeError) -> list[Any]:
    """Converts values some of which are written otherwise than their type is: 41.0 for a whole number. Raises
    InvalidArgument naming the first that is no such value at all."""
    try:
        values = _any(value)
    except (msgspec.DecodeError, RecursionError):
        raise InvalidArgument(f"column {spec.name!r} must be a list of values: {error}") from None
    kind = NUMPY[spec.dtype].kind
    for row, one in enumerate(values):
        if one is None:
            continue
        if isinstance(one, bool) and kind in "iuf":
            values[row] = int(one)  # as typed tensors of booleans are cast, and as a frame's are
        elif kind in "iu" and isinstance(one, float) and one.is_integer() and abs(one) < _EXACT:
            values[row] = int(one)
        elif not _is_one(one, kind):
            raise _misfit(spec, row, one)
    return values


def _is_one(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "b"
    return isinstance(value, {"f": int | float, "i": int, "u": int, "O": str}.get(kind, bool))


def _misfit(spec: TensorSpec, row: int, value: object, more: str = "") -> InvalidArgument:
    shown = msgspec.json.encode(value).decode()[:80] if isinstance(value, list | dict) else repr(value)[:80]
    type = spec.column.type if spec.column is not None else spec.dtype
    return InvalidArgument(
        f"column {spec.name!r} ({type}), row {row}: expected {_WORDS[spec.dtype[:2]]}{more} or null, got {shown}"
    )


def _inside(value: int, kind: np.dtype[Any]) -> bool:
    bounds = np.iinfo(kind)
    return int(bounds.min) <= value <= int(bounds.max)


@lru_cache(maxsize=16)
def _decoder(dtype: str) -> ValueDecoder[list[Any]]:
    kind: Any = {"f": int | float, "b": bool, "O": str}.get(NUMPY[dtype].kind, int)
    wanted = list[kind | None]
    return ValueDecoder(wanted, wanted)
