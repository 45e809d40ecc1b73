"""Reads the input example that MLflow stores beside a model."""

import msgspec
from msgspec import structs

from bms.adapters.runtimes.artifacts.description import small_file
from bms.adapters.runtimes.examples.file import Example, parsed_example
from bms.adapters.runtimes.mlflow.nested import kept_example
from bms.adapters.runtimes.mlflow.signature import NESTED, MlflowSchema
from bms.core.errors import FailedPrecondition

FILE = "serving_input_example.json"


def mlflow_example(directory: str, schema: MlflowSchema | None = None) -> Example | None:
    """Reads the example of the columns that `schema` lists, where there is one. None where there is no example of
    columns or rows: it is MLflow's, which also keeps such as no server of tensors takes, and synthetic rows will do."""
    try:
        content = small_file(directory, FILE)
        given = None if content is None else msgspec.json.decode(content)
        if schema is not None and schema.is_table and (schema.hinted or any(kind in NESTED for kind in schema.kinds)):
            return kept_example(given, schema)
        if content is None or not isinstance(given, dict) or not given.keys() & {"dataframe_split", "inputs"}:
            return None
        example = parsed_example(content, FILE)
    except (FailedPrecondition, msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        return None
    if schema is None or not schema.columns:
        return example
    columns = dict(example.columns)
    if None in schema.keys and len(columns) == len(schema.inputs):  # by place
        columns = {spec.name: values for spec, values in zip(schema.inputs, columns.values(), strict=True)}
    columns = {spec.name: columns[spec.name] for spec in schema.inputs if spec.name in columns}
    return structs.replace(example, columns=columns) if columns else None
