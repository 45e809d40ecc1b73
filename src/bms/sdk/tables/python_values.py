"""Converts lists of Python values (numbers, texts, dates, None) to columns without losing a digit."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.casting import holds_exactly
from bms.core.tensors.tensor import Array, dtype_of
from bms.sdk.tables.column_values import ColumnValues, Mask, empty, of_array

_PLAIN: dict[type, str] = {str: "texts", bool: "booleans", int: "whole numbers", float: "numbers"}
_NUMBERS = frozenset({"whole numbers", "numbers"})
_TEXTS = frozenset({"texts", "bytes"})


class _Given(NamedTuple):
    """What is converted and where its values stand, for error messages: rows of a column, or an array of this
    `shape`."""

    what: str
    shape: tuple[int, ...] | None = None

    def place(self, number: int) -> str:
        if self.shape is None:
            return f"row {number}"
        return str([int(at) for at in np.unravel_index(number, self.shape)])

    def at(self, number: int) -> str:
        return f"{self.what}, {self.place(number)}" if self.shape is None else f"{self.what} at {self.place(number)}"


def input_words(name: str) -> str:
    """How error messages name an input; an array without a name is just that."""
    return f"input {name!r}" if name else "the array"


def of_values(name: str, items: Sequence[Any]) -> ColumnValues:
    """Converts the values `items` of column `name`: None, NaN, NaT and pandas.NA are missing.

    Raises InvalidArgument, naming column and row, where values are of several kinds, of one that can't be sent, or
    numbers that no type holds exactly.
    """
    return _read(_Given(f"column {name!r}"), items)


def _read(given: _Given, items: Sequence[Any]) -> ColumnValues:
    values, kinds = list(items), []
    for row, item in enumerate(values):
        kind = _PLAIN.get(type(item))
        if kind is None or (kind == "numbers" and item != item):
            kind, values[row] = _looked_at(given, row, item)
        kinds.append(kind)
    present = dict.fromkeys(kind for kind in kinds if kind)
    if not present:
        return empty(len(values))
    missing = None if all(kinds) else np.array([not kind for kind in kinds], dtype=np.bool_)
    if set(present) <= _TEXTS:
        return _texts(given, values, missing)
    if set(present) <= _NUMBERS:
        return _numbers(given, values, missing, whole="numbers" not in present)
    if len(present) > 1:
        first, second = list(present)[:2]
        places = [kinds.index(first), kinds.index(second)]
        raise InvalidArgument(
            f"{given.what} mixes {first} and {second}: {given.place(places[0])} holds {_shown(values[places[0]])}, "
            f"{given.place(places[1])} {_shown(values[places[1]])}; make its values one kind"
        )
    if "booleans" in present:
        return of_array(np.array([bool(item) for item in values], dtype=np.bool_), missing)
    if "dates" in present:
        return ColumnValues(_texts(given, values, missing).array, "datetime", missing)
    return _lists(given, values, missing)


def _looked_at(given: _Given, row: int, item: Any) -> tuple[str, Any]:
    """What kind a value is, and the plain Python value of it. "" for one that is missing."""
    if _is_missing(item):
        return "", None
    if isinstance(item, np.generic) and not isinstance(item, str | bytes):
        return _of_numpy(given, row, item)
    if isinstance(item, Decimal):
        return "numbers", _of_decimal(given, row, item)
    if isinstance(item, date):  # also a datetime, or pandas.Timestamp, whose isoformat has nanoseconds
        return "dates", item.isoformat()
    if isinstance(item, str):
        return "texts", str.__str__(item)  # of an enumeration, too, the text itself
    if isinstance(item, bytes):
        return "bytes", bytes(item)
    if isinstance(item, int):
        return "whole numbers", int(item)
    if isinstance(item, float):
        return "numbers", float(item)
    if isinstance(item, list | tuple | np.ndarray):
        return "lists", item
    raise _unsendable(given, row, item)


def _is_missing(item: Any) -> bool:
    if item is None:
        return True
    if isinstance(item, float | np.floating | Decimal | np.datetime64 | datetime):  # pandas.NaT is a datetime, too
        return bool(item != item)
    return type(item).__name__ in ("NAType", "NaTType") and type(item).__module__.startswith("pandas.")


def _of_numpy(given: _Given, row: int, item: np.generic) -> tuple[str, Any]:
    if isinstance(item, np.datetime64):
        return "dates", str(item)
    plain = item.item()
    kind = _PLAIN.get(type(plain))
    if kind is None:
        raise _unsendable(given, row, item)
    return kind, plain


def _of_decimal(given: _Given, row: int, item: Decimal) -> float | int:
    if item == item.to_integral_value():
        return int(item)
    if Decimal(repr(float(item))) != item:
        raise InvalidArgument(f"{given.at(row)}: {item} has more digits than FP64 holds: round it")
    return float(item)


def _texts(given: _Given, values: list[Any], missing: Mask | None) -> ColumnValues:
    array = np.empty(len(values), dtype=object)
    for row, item in enumerate(values):
        try:
            array[row] = item if isinstance(item, bytes) else b"" if item is None else item.encode()
        except UnicodeEncodeError:
            raise InvalidArgument(f"{given.at(row)}: {item!r} holds half of a character") from None
    return of_array(array, missing)


def _numbers(given: _Given, values: list[Any], missing: Mask | None, *, whole: bool) -> ColumnValues:
    if whole:
        filled = [0 if item is None else item for item in values]
        low, high = min(filled), max(filled)
        kind = "i8" if low >= -(2**63) and high < 2**63 else "u8" if low >= 0 and high < 2**64 else ""
        if not kind:
            row = next(row for row, item in enumerate(filled) if not -(2**63) <= item < 2**63)
            raise InvalidArgument(f"{given.at(row)}: {_shown(filled[row])} is larger than INT64 holds")
        return of_array(np.array(filled, dtype=f"<{kind}"), missing)
    for row, item in enumerate(values):
        if isinstance(item, int) and not _is_float(item):
            raise InvalidArgument(f"{given.at(row)}: {_shown(item)} beside fractions: FP64 can't hold it")
    return of_array(np.array([np.nan if item is None else float(item) for item in values], dtype=np.float64))


def _is_float(item: int) -> bool:
    try:
        return int(float(item)) == item
    except OverflowError:
        return False


def nested_array(name: str, value: Any) -> Array:
    """Converts nested lists of numbers, booleans or texts to an array; None among numbers is NaN.

    Raises InvalidArgument as `of_values` does, and for lists of different lengths.
    """
    return _nested(input_words(name), value)


def _nested(what: str, value: Any) -> Array:
    array = _at_once(value)
    if array is not None:
        return array
    cells = np.array(value, dtype=object)
    flat = cells.ravel().tolist()
    if any(isinstance(item, list | tuple | np.ndarray) for item in flat):
        raise InvalidArgument(f"{what} holds lists of different lengths: those of one level must be equally long")
    made = _read(_Given(what, cells.shape), flat)
    if made.missing is None:
        return made.array.reshape(cells.shape)
    numbers = made.array.astype(np.float64) if made.array.dtype.kind in "iu" else None
    if numbers is None or not holds_exactly(numbers, "FP64"):
        raise InvalidArgument(f"{what} has values missing among {made.type}s, which an array has no way to say")
    numbers[made.missing] = np.nan
    return numbers.reshape(cells.shape)


def _at_once(value: Any) -> Array | None:
    """What NumPy makes of it, unless numbers may have been rounded or turned to text by that."""
    try:
        array = np.array(value)
    except (ValueError, OverflowError):
        return None
    kind = array.dtype.kind
    exact = kind in "biu" or (kind == "f" and array.dtype.itemsize <= 8 and holds_exactly(array, dtype_of(array)))
    return array if exact else None


def _lists(given: _Given, values: list[Any], missing: Mask | None) -> ColumnValues:
    if missing is not None:
        raise InvalidArgument(f"{given.at(int(missing.argmax()))}: a list is missing: send one a row")
    return of_array(_nested(given.what, values))


def _unsendable(given: _Given, row: int, item: object) -> InvalidArgument:
    return InvalidArgument(
        f"{given.at(row)}: a {type(item).__name__} can't be sent: make it a number, text, boolean or date"
    )


def _shown(item: object) -> str:
    text = repr(item)
    return text if len(text) <= 60 else f"{text[:57]}…"
