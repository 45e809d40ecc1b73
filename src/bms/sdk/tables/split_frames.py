"""Frames in JSON as MLflow and pandas write them: `{"columns": […], "data": [[…], …]}`, and of ours `types`."""

from collections.abc import Mapping
from typing import Any

from bms.core.errors import InvalidArgument
from bms.sdk.tables.column_values import Table
from bms.sdk.tables.python_values import of_values


def table_of_split(split: Any, where: str) -> tuple[Table, dict[str, str]]:
    """Columns, and their declared types. Raises InvalidArgument, naming `where` and the row."""
    names = split.get("columns") if isinstance(split, Mapping) else None
    data = split.get("data") if isinstance(split, Mapping) else None
    if not isinstance(names, list) or not isinstance(data, list) or not names:
        raise InvalidArgument(f"{where}: 'dataframe_split' must have 'columns' and 'data', a list of rows")
    names = [str(name) for name in names]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidArgument(f"{where}: 'columns' names {twice!r} twice")
    for at, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(names):
            raise InvalidArgument(f"{where}: row {at} of 'data' must be a list of {len(names)} values")
    types = split.get("types") or []
    if not isinstance(types, list) or (types and len(types) != len(names)):
        raise InvalidArgument(f"{where}: 'types' must say one type for each of the {len(names)} columns")
    table = {name: of_values(name, [row[at] for row in data]) for at, name in enumerate(names)}
    return table, {name: str(type) for name, type in zip(names, types, strict=False)}
