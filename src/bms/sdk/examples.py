"""Builds the file `example.json` of an artifact: one example request, as JSON.

It shows the types of a table's columns, and the model is verified with it.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument, NotFound
from bms.core.tensors import signature
from bms.core.tensors.columns import ColumnType, mask_name
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.named_tensors import named_tensors
from bms.core.tensors.signature import DEFAULT
from bms.core.tensors.tensor import Tensor
from bms.sdk.files.arrays import read_arrays
from bms.sdk.files.json_text import read_json
from bms.sdk.nouns.columns import column, parse_column
from bms.sdk.nouns.models import NewVersion
from bms.sdk.nouns.signatures import Signature, TensorSpec
from bms.sdk.tables.arrays import array_given, is_plain
from bms.sdk.tables.column_values import ColumnValues, Mask, Table, of_array
from bms.sdk.tables.csv_cells import check_header, read_cells, shown_column, typed_values
from bms.sdk.tables.given import column_of, frame_of, rows_of
from bms.sdk.tables.pandas_frames import numpy_column
from bms.sdk.tables.python_values import of_values
from bms.sdk.tables.split_frames import table_of_split

EXAMPLE = "example.json"
ROWS = 20  # of a table the example keeps the first; types are those of all
MANY = 256  # rows of a tensor are no more an example than the first of them
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


@dataclass(frozen=True)
class DescribedVersion:
    """The settings of a new version, and the content of its example file, if there is one."""

    new: NewVersion
    example: bytes | None = None


def described_version(new: NewVersion, columns: Sequence[TensorSpec | str], example: Any) -> DescribedVersion:
    """`new` with the signature that `columns` declare, and the `example` as its file.

    An example is a data frame, an Arrow table, rows, columns by name, an array, arrays by name, or the path of a file
    of CSV, JSON, JSONL, NPY or NPZ, or of an image. Where there are both, the columns are the example's, and `columns`
    only say more of some. Raises
    InvalidArgument, naming column and row, and NotFound.
    """
    declared = {spec.name: spec for spec in (parse_column(one) if isinstance(one, str) else one for one in columns)}
    if len(declared) < len(columns):
        raise InvalidArgument("a column is declared twice")
    if declared and DEFAULT in new.signatures:
        raise InvalidArgument("inputs and columns are declared: a model takes either tensors or a table")
    if example is None:
        return DescribedVersion(_with(new, tuple(declared.values())))
    table = _of_file(Path(example), declared) if isinstance(example, str | Path) else _table(example)
    if isinstance(table, bytes):
        if declared:
            raise InvalidArgument("columns are declared, but the example has none: give a table")
        return DescribedVersion(new, table)
    for name, spec in declared.items():
        if name not in table and spec.column is not None and not spec.column.optional:
            raise InvalidArgument(f"column {name!r} is declared, but the example has {', '.join(map(repr, table))}")
    typed = {name: _typed(name, values, declared.get(name)) for name, values in table.items()}
    specs = {name: _spec(name, values) for name, values in typed.items() if name not in declared} | declared
    inputs = tuple(specs[name] for name in dict.fromkeys((*typed, *declared)))
    return DescribedVersion(_with(new, inputs) if declared else new, _content(typed))


def _spec(name: str, values: ColumnValues) -> TensorSpec:
    return column(name, _type(values), categories=values.categories)


def _type(values: ColumnValues) -> str:
    """That of a category of which no levels are known is that of its values, unless these are texts."""
    unknown = values.type == "category" and not values.categories and values.array.dtype.kind != "O"
    return str(of_array(values.array).type if unknown else values.type)


def _with(new: NewVersion, inputs: tuple[TensorSpec, ...]) -> NewVersion:
    if not inputs:
        return new
    return msgspec.structs.replace(new, signatures={**new.signatures, DEFAULT: Signature(inputs=inputs)})


def _table(example: Any) -> Table | bytes:
    """The example's columns; of what has none, the content of its file."""
    table = frame_of(example) or rows_of(example)
    if table is None and isinstance(example, Mapping):
        found = {name: _column(name, values) for name, values in example.items()}
        table = {name: values for name, values in found.items() if values is not None and values.array.ndim == 1}
        if len(table) < len(example):
            return msgspec.json.encode({"inputs": {name: _nested(name, one) for name, one in example.items()}})
    return msgspec.json.encode({"instances": _nested("", example)}) if table is None else table


def _column(name: str, values: Any) -> ColumnValues | None:
    if is_plain(values) and values.ndim == 1:
        return numpy_column(name, values, values.dtype)
    return column_of(name, values)


def _of_file(path: Path, declared: Mapping[str, TensorSpec]) -> Table | bytes:
    if not path.is_file():
        raise NotFound(f"there is no file {str(path)!r} to be an example")
    suffix = path.suffix.lower()
    if suffix in IMAGES:
        return msgspec.json.encode({"instances": [{"b64": b64encode(path.read_bytes()).decode()}]})
    if suffix in (".npz", ".npy"):
        return _of_arrays(path)
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidArgument(f"{path} is not UTF-8: save it as that") from None
    if suffix == ".csv":
        read = read_cells(text, str(path))
        check_header(read, str(path), declared)
        return {name: _of_cells(name, cells, declared.get(name)) for name, cells in read.items()}
    if suffix in (".jsonl", ".ndjson"):
        return _table([read_json(line, str(path)) for line in text.splitlines() if line.strip()])
    if suffix != ".json":
        raise InvalidArgument(f"{path} is no example: expected a file .csv, .json, .jsonl, .npz, .npy or of an image")
    return _of_json(read_json(text, str(path)), str(path))


def _of_arrays(path: Path) -> bytes:
    """Arrays by name; those of several numbers are tensors, whatever their rank."""
    loaded = read_arrays(path)
    arrays = {"instances": loaded} if isinstance(loaded, np.ndarray) else loaded
    nested = {name: _nested(name, array) for name, array in arrays.items()}
    return msgspec.json.encode(nested if isinstance(loaded, np.ndarray) else {"inputs": nested})


def _of_cells(name: str, cells: list[str], spec: TensorSpec | None) -> ColumnValues:
    return shown_column(name, cells) if spec is None else of_values(name, typed_values(name, cells, spec.dtype))


def _of_json(value: Any, where: str) -> Table | bytes:
    """A request in any of its forms, rows, or columns. What holds more than a table can, such as lists in rows or
    `{"b64": "…"}`, is kept as it is."""
    try:
        value = named_tensors(value)
    except InvalidArgument as error:
        raise InvalidArgument(f"{where}: {error.message}") from None
    if _is_more_than_a_table(value):
        formed = isinstance(value, dict) and any(form in value for form in _FORMS)
        return msgspec.json.encode(value if formed else {"instances" if isinstance(value, list) else "inputs": value})
    if isinstance(value, dict) and (forms := [form for form in _FORMS if form in value]):
        inner = value[forms[0]]
        if forms[0] == "dataframe_split":
            return _of_split(inner, where)
        return _table(inner)
    if isinstance(value, dict) and isinstance(value.get("data"), list) and isinstance(value.get("columns"), list):
        return _of_split(value, where)
    if isinstance(value, dict | list):
        return _table(value)
    raise InvalidArgument(f"{where} is no example: expected rows, columns, or a request as {' or '.join(_FORMS)}")


def _is_more_than_a_table(value: Any) -> bool:
    inner = next((value[form] for form in _FORMS[1:] if form in value), value) if isinstance(value, dict) else value
    rows = inner if isinstance(inner, list) else []
    lists = [cell for row in rows if isinstance(row, dict) for cell in row.values() if isinstance(cell, list | dict)]
    return bool(lists) or _holds_bytes(inner)


def _holds_bytes(value: Any) -> bool:
    if isinstance(value, dict):
        return value.keys() == {"b64"} or any(_holds_bytes(one) for one in value.values())
    return isinstance(value, list) and any(_holds_bytes(one) for one in value if isinstance(one, list | dict))


def _of_split(split: Any, where: str) -> Table:
    table, types = table_of_split(split, where)
    said = {name: column(name, type) for name, type in types.items() if type != "category"}
    return {name: _typed(name, values, said.get(name)) for name, values in table.items()}


def _typed(name: str, values: ColumnValues, spec: TensorSpec | None) -> ColumnValues:
    """As declared; where nothing is, of the type that the values have."""
    if values.array.ndim != 1:
        raise InvalidArgument(f"column {name!r} of the example holds lists: a table has one value a row")
    if spec is None or spec.column is None:
        if values.type is None:
            raise InvalidArgument(f"the example has no value of column {name!r}: say its type, e.g. '{name} text'")
        return values
    values = values.as_dtype(spec.dtype)
    masks = [] if values.missing is None else [Tensor(mask_name(name), values.missing)]
    table = signature.Signature(inputs=(msgspec.convert(msgspec.to_builtins(spec), signature.TensorSpec),))
    fitted = dict(fit_inputs(table, [Tensor(name, values.array), *masks]).tensors)
    return ColumnValues(
        fitted[name], cast(ColumnType, spec.column.type), cast(Mask | None, fitted.get(mask_name(name)))
    )


def _content(table: Table) -> bytes:
    rows = len(next(iter(table.values())).array)
    if not rows:
        raise InvalidArgument("the example has no rows")
    columns = [_cells(name, values) for name, values in table.items()]
    split = {
        "columns": list(table),
        "data": [list(row) for row in zip(*columns, strict=True)],
        "types": [_type(replace(values, categories=())) for values in table.values()],
    }
    return msgspec.json.encode({"dataframe_split": split})


def _cells(name: str, values: ColumnValues) -> list[object]:
    cells: list[object] = values.array[:ROWS].tolist()
    gaps = [False] * len(cells) if values.missing is None else values.missing[:ROWS].tolist()
    for row, cell in enumerate(cells):
        if gaps[row]:
            cells[row] = None
        elif isinstance(cell, bytes):
            try:
                cells[row] = cell.decode()
            except UnicodeDecodeError:
                raise InvalidArgument(f"column {name!r}, row {row} of the example: these bytes are no text") from None
        elif isinstance(cell, float) and cell in (float("inf"), float("-inf")):
            raise InvalidArgument(f"column {name!r}, row {row} of the example is infinite: take another row")
    return cells


def _nested(name: str, value: Any) -> Any:
    array = array_given(name, value, None)
    if not array.ndim or not array.size:
        raise InvalidArgument("the example has no rows")
    if len(array) > MANY:
        array = array[:ROWS]
    if array.dtype.kind == "f" and np.isinf(array).any():
        what = f"the example's {name!r}" if name else "the example"
        raise InvalidArgument(f"{what} is infinite: take other rows")
    if array.dtype.kind not in "OSU":
        return array.tolist()
    texts = np.empty(array.size, dtype=object)
    texts[:] = [one.decode() if isinstance(one, bytes) else one for one in array.ravel().tolist()]
    return texts.reshape(array.shape).tolist()
