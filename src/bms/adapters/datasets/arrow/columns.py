"""Converts Arrow columns; each value is kept exactly, or the column is refused."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from bms.adapters.datasets.columns import Column
from bms.adapters.datasets.datetimes import texts_of
from bms.adapters.datasets.exact import LARGEST_INT64, in_int64
from bms.adapters.datasets.images.pictures import checked, shape_of
from bms.adapters.datasets.schema import ColumnSchema
from bms.core.errors import InvalidArgument


def column_of(name: str, column: Any, arrow: Any) -> tuple[ColumnSchema, Column]:
    """Converts a pyarrow.ChunkedArray; `arrow` is the module pyarrow. Null is missing.

    Integers are int, floats float, booleans bool, strings text; a dictionary is what it encodes. Timestamps and dates
    are datetime, to the last digit of their unit, in UTC (`…Z`) if they have a time zone. Decimals are int if their
    scale is 0, else float if a double keeps every digit (15 always are). Binary values are image, if they are.

    Raises InvalidArgument, naming the column, for other types and for values that would change.
    """
    kinds, kind = arrow.types, column.type
    if kinds.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if kinds.is_null(kind):
        return ColumnSchema(name=name, kind="text"), [None] * len(column)
    if kinds.is_boolean(kind):
        return ColumnSchema(name=name, kind="bool"), np.array(column.to_pylist(), object)
    if kinds.is_integer(kind):
        return ColumnSchema(name=name, kind="int"), _integers(name, column, arrow)
    if kinds.is_floating(kind):
        return ColumnSchema(name=name, kind="float"), column.to_numpy().astype(np.float64)
    if kinds.is_decimal(kind):
        return _decimals(name, column)
    if kinds.is_timestamp(kind) or kinds.is_date(kind):
        return ColumnSchema(name=name, kind="datetime"), _datetimes(name, column, arrow)
    if str(kind) in ("string", "large_string", "string_view"):
        return ColumnSchema(name=name, kind="text"), _texts(name, column)
    if str(kind) in ("binary", "large_binary", "binary_view") or kinds.is_fixed_size_binary(kind):
        return _images(name, column.to_pylist())
    advice = "give each of its parts a column" if kinds.is_nested(kind) else "write it as numbers or as text"
    raise InvalidArgument(f"column {name!r} is {kind}, which is no column here: {advice}")


def _texts(name: str, column: Any) -> Column:
    texts: list[str | None] = []
    try:
        for cell in column:
            texts.append(cell.as_py())
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"column {name!r}, row {len(texts) + 1} is not UTF-8 text: {error}") from error
    return texts


def _integers(name: str, column: Any, arrow: Any) -> Column:
    if arrow.types.is_uint64(column.type):
        for row, value in enumerate(column.to_pylist()):
            if value is not None and value > LARGEST_INT64:
                raise InvalidArgument(
                    f"column {name!r}, row {row + 1} holds {value}, which does not fit int64; write it as text"
                )
    if column.null_count:
        return np.array(column.to_pylist(), object)
    return column.to_numpy().astype(np.int64)  # type: ignore[no-any-return]


def _decimals(name: str, column: Any) -> tuple[ColumnSchema, Column]:
    values: Sequence[Decimal | None] = column.to_pylist()
    whole = column.type.scale <= 0
    for row, value in enumerate(values):
        if value is None or (in_int64(int(value)) if whole else Decimal(repr(float(value))) == value):
            continue
        held = "64 bits" if whole else "a float64"
        raise InvalidArgument(
            f"column {name!r}, row {row + 1}: {value} has more digits than {held}; cast it to float64 or to text"
        )
    if whole:
        return ColumnSchema(name=name, kind="int"), np.array(
            [None if value is None else int(value) for value in values], object
        )
    floats = np.array([np.nan if value is None else float(value) for value in values])
    return ColumnSchema(name=name, kind="float"), floats


def _datetimes(name: str, column: Any, arrow: Any) -> Column:
    kind, kinds = column.type, arrow.types
    unit = "D" if kinds.is_date32(kind) else "ms" if kinds.is_date64(kind) else kind.unit
    ticks = column.cast(arrow.int32() if unit == "D" else arrow.int64())
    moments = ticks.fill_null(0).to_numpy().astype(f"M8[{unit}]")
    moments[column.is_null().to_numpy()] = np.datetime64("NaT")
    texts = texts_of(moments.astype("M8[D]") if kinds.is_date64(kind) else moments)
    if texts is None:
        raise InvalidArgument(f"column {name!r} is {kind} and holds times outside the years 1 to 9999")
    aware = kinds.is_timestamp(kind) and kind.tz is not None
    return [f"{text}Z" if aware and text is not None else text for text in texts]


def _images(name: str, values: list[bytes | None]) -> tuple[ColumnSchema, Column]:
    images = [value or b"" for value in values]
    looks = [checked(image, f"column {name!r} of bytes, row {row}") for row, image in enumerate(images, 1)]
    return ColumnSchema(name=name, kind="image", shape=shape_of(looks)), images
