"""Converts a table's tensors to the pandas frame that a model fitted on a frame is handed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, Array


def frame_of(pandas: Any, signature: Signature, inputs: Mapping[str, Array]) -> Any:
    """Makes a DataFrame with the signature's columns, in its order, of such types as pandas gives them when it reads a
    table.

    Numbers are as they are, NaN where missing; integers and booleans of their own type, or where some are missing
    float64 and objects; texts objects; date-times datetime64, in UTC where they carry an offset; a category with known
    levels is categorical, to which any other value is missing, else it is as its levels are. Missing objects are NaN.

    Raises InvalidArgument, naming column and row (counted from 0), for bytes that are not UTF-8, for date-times that
    can't be read, and for integers that float64 does not hold, beside missing ones.
    """
    columns = {}
    for spec in signature.inputs:
        mask = inputs.get(mask_name(spec.name))
        columns[spec.name] = _column(pandas, spec, inputs[spec.name], mask)
    return pandas.DataFrame(columns)


def _column(pandas: Any, spec: TensorSpec, array: Array, mask: Array | None) -> Any:
    column = spec.column
    assert column is not None
    if column.type == "datetime":
        return _times(pandas, spec.name, texts_of(spec.name, array, mask), mask)
    if column.type == "category" and column.categories:
        values = texts_of(spec.name, array, mask) if spec.dtype == "BYTES" else _with_gaps(spec, array, mask)
        return pandas.Categorical(values, categories=list(column.categories))
    if spec.dtype == "BYTES":
        return pandas.Series(texts_of(spec.name, array, mask), dtype=object)
    return _with_gaps(spec, array, mask)


def texts_of(name: str, array: Array, mask: Array | None) -> Any:
    """Converts texts to an array of objects, NaN where missing. Raises InvalidArgument for bytes that are not UTF-8."""
    texts = np.empty(len(array), dtype=object)
    gaps = mask.tolist() if mask is not None else None
    for row, content in enumerate(array.tolist()):
        if gaps is not None and gaps[row]:
            texts[row] = np.nan
            continue
        try:
            texts[row] = content.decode()
        except UnicodeDecodeError:
            raise InvalidArgument(
                f"column {name!r}, row {row}: these bytes are not UTF-8, which texts must be"
            ) from None
    return texts


def _with_gaps(spec: TensorSpec, array: Array, mask: Array | None) -> Any:
    if mask is None:
        return array
    values: Any = array
    kind = NUMPY[spec.dtype].kind
    if kind == "b":
        values = values.astype(object)
        values[mask] = np.nan
        return values
    wide = values.astype(np.float64)
    if kind in "iu":
        lost = np.flatnonzero(~np.asarray(mask, dtype=np.bool_) & (np.abs(wide) >= 2.0**53))
        if lost.size:
            raise InvalidArgument(
                f"column {spec.name!r}, row {lost[0]}: {array[lost[0]]} would lose digits beside missing values, as "
                "a frame keeps whole numbers with gaps in floating point: send it in a request without gaps"
            )
    wide[mask] = np.nan
    return wide


def _times(pandas: Any, name: str, texts: Any, mask: Array | None) -> Any:
    given = [None if mask is not None and mask[row] else text for row, text in enumerate(texts)]
    offsets = {_has_offset(text) for text in given if text is not None}
    if len(offsets) > 1:  # never made alike: what others sent must not change what a time means
        raise InvalidArgument(f"column {name!r}: date-times with and without an offset from UTC can't be mixed")
    offset = True in offsets
    try:
        return pandas.to_datetime(pandas.Series(given, dtype=object), utc=offset or None, format="ISO8601").astype(
            "datetime64[ns, UTC]" if offset else "datetime64[ns]"
        )
    except (ValueError, OverflowError, TypeError):
        raise _unreadable(pandas, name, given) from None


def _unreadable(pandas: Any, name: str, given: list[Any]) -> InvalidArgument:
    for row, text in enumerate(given):
        if text is None:
            continue
        where = f"column {name!r}, row {row}: {str(text)[:80]!r}"
        try:
            pandas.to_datetime(text, format="ISO8601").as_unit("ns")
        except pandas.errors.OutOfBoundsDatetime:
            return InvalidArgument(f"{where} is beyond what a frame's date-times hold: expected one from 1678 to 2261")
        except (ValueError, OverflowError, TypeError):
            return InvalidArgument(f"{where} is no date-time of ISO 8601, like 2026-01-31T12:30:00")
    return InvalidArgument(f"column {name!r} holds date-times that can't be read together")


def _has_offset(text: str) -> bool:
    time = text[10:]
    return time.endswith(("Z", "z")) or "+" in time or "-" in time
