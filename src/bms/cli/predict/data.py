"""Reads the input of `bms predict --data`: JSON in any form of a request, CSV, JSON lines, NumPy's files."""

import binascii
import json
import sys
from base64 import b64decode
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from bms.adapters.datasets.csv.decimals import decimals_of
from bms.adapters.datasets.csv.separator import separator_of
from bms.core.errors import InvalidArgument, NotFound
from bms.sdk.files.arrays import read_arrays
from bms.sdk.files.json_text import read_json
from bms.sdk.predictions.served import TensorInfo
from bms.sdk.tables.column_values import ColumnValues, OrderedTable
from bms.sdk.tables.csv_cells import CsvCells, check_header, read_cells, shown_column, typed_values
from bms.sdk.tables.python_values import of_values
from bms.sdk.tables.split_frames import table_of_split

_LINES = (".jsonl", ".ndjson")


def read_data(text: str) -> Any:
    """Reads inputs as `Client.predict` takes them; of CSV its cells, for `typed` to convert.

    Raises InvalidArgument for what can't be read, NotFound for a file that is not there.
    """
    if text == "-":
        return _from_text(sys.stdin.buffer.read(), "stdin")
    if text.lstrip()[:1] in ("[", "{") or _is_number(text):
        return _unwrapped(read_json(text, "--data"), "--data")
    path = Path(text)
    if path.suffix in (".npy", ".npz"):
        return read_arrays(existing(path))
    content = existing(path).read_bytes()
    if path.suffix == ".csv":
        return _cells(_decoded(content, text), text)
    if path.suffix in _LINES:
        return _lines(_decoded(content, text), text)
    return _unwrapped(read_json(_decoded(content, text), text), text)


def parameters(given: Sequence[str]) -> dict[str, Any]:
    """Parses `--param NAME=VALUE`; a value that is no JSON is a text. Raises InvalidArgument."""
    said: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not name or not equals:
            raise InvalidArgument(f"--param {one[:80]!r} is no NAME=VALUE, like --param temperature=0.5")
        if name in said:
            raise InvalidArgument(f"--param says {name[:80]!r} twice")
        try:
            said[name] = json.loads(text)
        except ValueError:
            said[name] = text
    return said


def with_bytes(value: Any) -> Any:
    """Replaces each `{"b64": "…"}` in `value` by its bytes, as requests do. Raises InvalidArgument."""
    if isinstance(value, list):
        return [with_bytes(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1 and isinstance(text := value.get("b64"), str):
        try:
            return b64decode(text, validate=True)
        except binascii.Error as error:
            raise InvalidArgument(f'{{"b64": "{text[:20]}…"}} is not base64: {error}') from None
    return {name: with_bytes(each) for name, each in value.items()}


def typed(cells: CsvCells, taken: tuple[TensorInfo, ...]) -> OrderedTable:
    """Converts CSV cells to the types that a model takes; columns that it does not name to those that they suggest.
    Commas are decimal points where an import would read them so.

    Raises InvalidArgument, naming column and row, for a cell of another type, and for a first line of numbers that
    names no column.
    """
    kinds = {spec.name: spec.datatype for spec in taken}
    check_header(cells, "the CSV of --data", kinds)
    numbers = {name: texts for name, texts in cells.items() if kinds.get(name) not in ("BYTES", "text")}
    commas = decimals_of({name: [cell for cell in texts if cell] for name, texts in numbers.items()}).commas

    def column(name: str, texts: list[str]) -> ColumnValues:
        if name in commas:
            texts = [cell.replace(",", ".") for cell in texts]
        kind = kinds.get(name)
        return shown_column(name, texts) if kind is None else of_values(name, typed_values(name, texts, kind))

    return OrderedTable({name: column(name, texts) for name, texts in cells.items()})


def is_table(data: Any) -> bool:
    """Whether the values are named and in rows, so that answers are shown as a table, too."""
    return isinstance(data, OrderedTable) or (isinstance(data, list) and bool(data) and isinstance(data[0], Mapping))


def existing(path: Path) -> Path:
    """Raises NotFound."""
    if not path.is_file():
        raise NotFound(f"there is no file {str(path)!r}, and it is no JSON either")
    return path


def _from_text(content: bytes, where: str) -> Any:
    """By what it begins with: JSON, lines of it, or CSV."""
    text = _decoded(content, where)
    if text.lstrip()[:1] not in ("[", "{"):
        return _cells(text, where) if not _is_number(text) else read_json(text, where)
    try:
        return _unwrapped(read_json(text, where), where)
    except InvalidArgument:
        if text.lstrip().startswith("{") and len(text.splitlines()) > 1:
            return _lines(text, where)
        raise


def _cells(text: str, where: str) -> CsvCells:
    """Of CSV with the separator that it shows, as an import finds it."""
    found = separator_of(StringIO(text, newline=""))
    return read_cells("".join(text.splitlines(keepends=True)[found.sep_lines :]), where, found.text)


def _lines(text: str, where: str) -> Any:
    rows = [read_json(line, f"{where}, line {at}") for at, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not rows:
        raise InvalidArgument(f"{where} has no rows")
    return rows


def _unwrapped(value: Any, where: str) -> Any:
    """What a request's body holds; other values as they are."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return with_bytes(value)
    form, inner = next(iter(value.items()))
    if form == "dataframe_split":
        return OrderedTable(table_of_split(inner, where)[0])
    return with_bytes(inner if form in ("instances", "inputs", "dataframe_records") else value)


def _decoded(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidArgument(f"{where} is not UTF-8: save it as that") from None


def _is_number(text: str) -> bool:
    return text.strip().lstrip("-").replace(".", "", 1).isdecimal()
