"""What the checks of every library of frames share."""

from typing import Any

from bms.sdk.tables.column_values import ColumnValues
from bms.sdk.tables.given import frame_of


def read(frame: Any) -> dict[str, ColumnValues]:
    table = frame_of(frame)
    assert table is not None
    return dict(table)


def told(column: ColumnValues) -> tuple[object, ...]:
    """A column's type, dtype, values and gaps."""
    gaps = None if column.missing is None else column.missing.tolist()
    return column.type, column.array.dtype.str, column.array.tolist(), gaps
