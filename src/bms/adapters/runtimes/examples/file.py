"""Reads an artifact's example request, the file `example.json`.

Four forms are read: `{"dataframe_split": {"columns": […], "data": [[…], …], "types": […]}}` (types may be left out),
`{"dataframe_records": [{…}, …]}`, `{"instances": …}` and `{"inputs": …}`, also as the Open Inference Protocol has it
(`core.named_tensors`); and, as MLflow's `input_example.json` has it, `{"columns": […], "data": [[…], …]}` by itself.
`{"b64": "…"}` stands for bytes, such as those of an image.
"""

import binascii
import math
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec
import numpy as np

from bms.adapters.runtimes.artifacts.description import small_file
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.columns import TYPES, ColumnType, mask_name
from bms.core.tensors.named_tensors import named_tensors
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import NUMPY, Array

EXAMPLE = "example.json"
MAX_BYTES = 16 << 20


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """An example's values by column, a missing one None; or nested values by name, `tensors`; or, where nothing is
    named, `rows` as they are.

    `types` are those of the columns that the file declares; `kinds` those that its values have, "integer" where all
    numbers are whole. A column of which nothing is known is in neither.
    """

    columns: dict[str, tuple[object, ...]] = {}
    rows: tuple[object, ...] = ()
    tensors: dict[str, object] = {}
    types: dict[str, ColumnType] = {}

    @property
    def kinds(self) -> dict[str, ColumnType]:
        found = {name: kind_of(values) for name, values in self.columns.items()}
        return {name: kind for name, kind in found.items() if kind is not None}


def read_example(directory: str, name: str = EXAMPLE) -> Example | None:
    """Reads the artifact's example; None where it has none. Raises FailedPrecondition for one that can't be read."""
    content = small_file(directory, name, MAX_BYTES)
    return None if content is None else parsed_example(content, name)


def parsed_example(content: bytes, name: str = EXAMPLE) -> Example:
    """Parses an example. Raises FailedPrecondition for what is none of the forms, or not as they say."""
    try:
        given = _with_bytes(msgspec.json.decode(content))
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, RecursionError) as error:
        raise FailedPrecondition(f"{name!r} is no example: {error}") from error
    if isinstance(given, dict):
        if "dataframe_split" in given:
            return _split(given["dataframe_split"], name)
        if "dataframe_records" in given:
            return _records(given["dataframe_records"], name)
        if "instances" in given:
            return _instances(given["instances"], name)
        if "inputs" in given:
            return _inputs(_by_name(given, name)["inputs"], name)
        if "columns" in given and "data" in given:
            return _split(given, name)
    raise FailedPrecondition(
        f"{name!r} is no example: expected one of 'dataframe_split', 'dataframe_records', 'instances' and 'inputs'"
    )


def kind_of(values: Iterable[object]) -> ColumnType | None:
    """Detects the type that all of these JSON values have, those that are missing left aside; None where there is none.

    Raises FailedPrecondition for values of several types, and for those that no column has.
    """
    present = [value for value in values if not _missing(value)]
    if not present:
        return None
    if all(isinstance(value, bool) for value in present):
        return "boolean"
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return "integer" if all(isinstance(value, int) for value in present) else "number"
    if all(isinstance(value, str) for value in present):
        return "text"
    raise FailedPrecondition(f"an example's column holds {_few(present)}: expected values of one type")


def tensors_of(example: Example, signature: Signature) -> dict[str, Array]:
    """Converts the example to the inputs of a table, masks of what is missing among them; columns that it lacks have no
    values.

    Raises FailedPrecondition naming the first value that is not of its column's type.
    """
    made: dict[str, Array] = {}
    rows = len(next(iter(example.columns.values())))
    for spec in signature.inputs:
        values = example.columns.get(spec.name, (None,) * rows)
        made[spec.name] = _column(spec, values)
        gaps = np.array([_missing(value) for value in values], dtype=np.bool_)
        if gaps.any() and NUMPY[spec.dtype].kind != "f":
            made[mask_name(spec.name)] = gaps
    return made


def _column(spec: TensorSpec, values: tuple[object, ...]) -> Array:
    kind = NUMPY[spec.dtype]
    filler: object = b"" if spec.dtype == "BYTES" else math.nan if kind.kind == "f" else 0
    array = np.empty(len(values), dtype=kind)
    for row, value in enumerate(values):
        try:
            array[row] = filler if _missing(value) else _encoded(spec, value)
        except (ValueError, TypeError, OverflowError):
            raise FailedPrecondition(
                f"the example's column {spec.name!r} holds {_few([value])} in row {row}, expected {spec.dtype}"
            ) from None
    return array


def _encoded(spec: TensorSpec, value: object) -> object:
    """Raises TypeError for a value that is not of the column's type."""
    kind = NUMPY[spec.dtype].kind
    if spec.dtype == "BYTES" and isinstance(value, str):
        return value.encode()
    number = isinstance(value, int | float)
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if (kind == "f" and number) or (kind == "b" and isinstance(value, bool)) or (kind in "iu" and whole):
        return value
    raise TypeError


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _split(given: object, name: str) -> Example:
    if not isinstance(given, dict) or not isinstance(given.get("data"), list):
        raise FailedPrecondition(f"{name!r}: 'dataframe_split' must have 'columns' and 'data'")
    data = given["data"]
    columns = given.get("columns")
    if columns is None:
        return _rows(data, name)
    if not isinstance(columns, list) or len(set(map(str, columns))) != len(columns):
        raise FailedPrecondition(f"{name!r}: 'columns' must be a list of names, each of them once")
    names = [str(column) for column in columns]
    if any(not isinstance(row, list) or len(row) != len(names) for row in data):
        raise FailedPrecondition(f"{name!r}: every row of 'data' must have {len(names)} values, one for each column")
    types = given.get("types") or []
    if types and (not isinstance(types, list) or len(types) != len(names) or any(one not in TYPES for one in types)):
        raise FailedPrecondition(f"{name!r}: 'types' must say one of {', '.join(TYPES)} for each of the columns")
    values = {column: tuple(row[place] for row in data) for place, column in enumerate(names)}
    return _checked(
        Example(columns=values, types=cast(dict[str, ColumnType], dict(zip(names, types, strict=False)))), name
    )


def _records(given: object, name: str) -> Example:
    if not isinstance(given, list) or any(not isinstance(row, dict) for row in given):
        raise FailedPrecondition(f"{name!r}: records must be a list of objects, one for each row")
    names = list(dict.fromkeys(column for row in given for column in row))
    if any(isinstance(_flat(value), list | bytes) for row in given for value in row.values()):
        for number, row in enumerate(given):
            if missing := [one for one in names if one not in row]:
                raise FailedPrecondition(f"{name!r}: row {number} lacks {missing[0]!r}, which others have")
        return Example(tensors={one: [row[one] for row in given] for one in names})
    columns = {column: tuple(_flat(row.get(column)) for row in given) for column in names}
    return _checked(Example(columns=columns), name)


def _instances(given: object, name: str) -> Example:
    if isinstance(given, list) and given and all(isinstance(row, dict) for row in given):
        return _records(given, name)
    return _rows(given, name)


def _by_name(given: dict[str, object], name: str) -> dict[str, object]:
    try:
        return cast(dict[str, object], named_tensors(given))
    except InvalidArgument as error:
        raise FailedPrecondition(f"{name!r}: {error.message}") from error


def _inputs(given: object, name: str) -> Example:
    if not isinstance(given, dict):
        return _rows(given, name)
    columns: Mapping[str, Any] = given
    if any(not isinstance(values, list) or any(_nests(value) for value in values) for values in columns.values()):
        return Example(tensors=dict(columns))
    lengths = {len(values) if isinstance(values, list) else -1 for values in columns.values()}
    if len(lengths) != 1 or -1 in lengths:
        raise FailedPrecondition(f"{name!r}: 'inputs' must have a list for each column, all of one length")
    return _checked(
        Example(columns={column: tuple(_flat(value) for value in columns[column]) for column in columns}), name
    )


def _nests(value: object) -> bool:
    """Whether it is more than a column's value."""
    return isinstance(value, bytes) or (isinstance(value, list) and isinstance(_flat(value), list | bytes))


def _with_bytes(value: object) -> object:
    """The same with bytes in place of `{"b64": "…"}`."""
    if isinstance(value, list):
        return [_with_bytes(one) for one in value] if value and not isinstance(value[0], int | float) else value
    if not isinstance(value, dict):
        return value
    if value.keys() == {"b64"} and isinstance(value["b64"], str):
        return b64decode(value["b64"], validate=True)
    return {key: _with_bytes(one) for key, one in value.items()}


def _flat(value: object) -> object:
    """A column's value, which may also come as [value]."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _rows(given: object, name: str) -> Example:
    if not isinstance(given, list) or not given:
        raise FailedPrecondition(f"{name!r} holds no rows")
    return Example(rows=tuple(given))


def _checked(example: Example, name: str) -> Example:
    if not example.columns or not next(iter(example.columns.values())):
        raise FailedPrecondition(f"{name!r} holds no rows")
    for column, values in example.columns.items():
        try:
            kind_of(values)
        except FailedPrecondition as error:
            raise FailedPrecondition(f"{name!r}, column {column!r}: {error.message}") from error
    return example


def _few(values: list[object]) -> str:
    return ", ".join(repr(value)[:40] for value in values[:3])
