"""Examples for models that take nested values: stored ones, and synthetic ones where none is stored."""

import json
from collections.abc import Mapping
from typing import Any

from bms.adapters.runtimes.examples.file import Example
from bms.adapters.runtimes.mlflow.signature import NESTED, MlflowSchema
from bms.serving.lifecycle.examples import column_values

_ROWS = 8


def made_example(schema: MlflowSchema | None) -> Example | None:
    """Makes synthetic rows for a schema of which some columns are nested; None for others, for which plain synthetic
    rows will do."""
    if schema is None or not schema.is_table or not any(kind in NESTED for kind in schema.kinds):
        return None
    columns: dict[str, tuple[object, ...]] = {}
    for spec, said in zip(schema.inputs, schema.raw, strict=True):
        if said["type"] in NESTED:
            columns[spec.name] = tuple(json.dumps(made_value(said, row)) for row in range(1, _ROWS + 1))
        elif spec.column is not None:
            values = column_values(spec, spec.column, list(range(1, _ROWS + 1))).tolist()
            columns[spec.name] = tuple(one.decode() if isinstance(one, bytes) else one for one in values)
    return Example(columns=columns)


def kept_example(given: object, schema: MlflowSchema) -> Example | None:
    """Reads the stored example, its nested values as their JSON; None for another form than MLflow writes."""
    columns: dict[str, list[Any]] = {}
    if isinstance(given, dict) and isinstance(split := given.get("dataframe_split"), dict):
        columns = dict(zip(map(str, split["columns"]), map(list, zip(*split["data"], strict=True)), strict=True))
    elif isinstance(given, dict) and isinstance(rows := given.get("inputs"), list) and len(schema.inputs) == 1:
        columns = {schema.inputs[0].name: rows}
    if len(columns) == 1 == len(schema.inputs):  # by place: it may have had no name
        columns = {schema.inputs[0].name: next(iter(columns.values()))}
    nested = {spec.name for spec, kind in zip(schema.inputs, schema.kinds, strict=True) if kind in NESTED}
    if not columns or not all(columns.values()):
        return None
    made = {
        name: tuple(json.dumps(one) if name in nested and one is not None else one for one in values)
        for name, values in columns.items()
    }
    return Example(columns=made)


def made_value(said: Mapping[str, Any], number: int) -> Any:
    """Makes a value of an MLflow type, another one for another number. What is not required is there, too."""
    kind = said.get("type", "any")
    if kind == "array":
        return [made_value(said.get("items", {}), number)] * (number % 3 + 1)
    if kind == "map":
        return {"key": made_value(said.get("values", {}), number)}
    if kind == "object":
        return {name: made_value(one, number) for name, one in said.get("properties", {}).items()}
    plain: dict[str, Any] = {
        "boolean": number % 2 == 1,
        "float": number + 0.5,
        "double": number + 0.5,
        "string": f"text {number}",
        "datetime": f"2026-01-{number % 28 + 1:02}T00:00:00",
    }
    return plain.get(kind, number)
