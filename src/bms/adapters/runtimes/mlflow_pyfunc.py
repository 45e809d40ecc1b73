"""MLflow's python_function models: code and pickles, run through MLflow itself, only where that is allowed."""

import os
from collections.abc import Mapping
from typing import Any

from bms.adapters.runtimes.artifact import lacking
from bms.adapters.runtimes.called import CalledServable, served
from bms.adapters.runtimes.mlflow_signature import Schema, decoded, schema_of
from bms.adapters.runtimes.python_code import told
from bms.adapters.runtimes.python_signature import returned
from bms.core.errors import FailedPrecondition, Internal
from bms.core.programs import ServableConfig
from bms.core.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensor import Array

INPUT = "x"  # of a tensor without a name


def load_pyfunc(config: ServableConfig) -> CalledServable:
    """Raises FailedPrecondition unless `config` allows pickles: loading runs whatever the artifact holds."""
    if not config.allow_pickle:
        raise FailedPrecondition(
            "this MLflow model is code and pickles (python_function), which run as they are loaded: save it in a "
            "flavor of its library, or, if you trust whoever made it, allow pickles for this version"
        )
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    try:
        import mlflow.pyfunc
        import pandas
    except ImportError as error:
        raise lacking("mlflow", "mlflow-skinny" if "mlflow" in str(error) else "pandas") from error
    schema = schema_of(config.directory)
    found = None
    if schema is not None:
        inputs = tuple(_named(spec) for spec in schema.inputs)
        batched = all(spec.shape[:1] == (None,) for spec in inputs)
        found = {DEFAULT: Signature(inputs=inputs, batched=batched)}
    directory = config.directory
    model = told(
        FailedPrecondition, "MLflow can't load the model", directory, lambda: mlflow.pyfunc.load_model(directory)
    )

    def call(signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...]) -> dict[str, Array]:
        given = _handed(pandas, schema, inputs)
        value = told(Internal, "the model's predict failed", directory, lambda: model.predict(given))
        return returned(_plain(pandas, value), None, None)

    return served(config, "mlflow-pyfunc", call, found, why="it was saved without a signature")


def _named(spec: TensorSpec) -> TensorSpec:
    return TensorSpec(name=spec.name or INPUT, dtype=spec.dtype, shape=spec.shape)


def _handed(pandas: Any, schema: Schema | None, inputs: Mapping[str, Array]) -> Any:
    """A table for columns, else an array or a dictionary of arrays, as MLflow's signature means them."""
    if schema is not None and schema.columns:
        columns = {name: decoded(array) if name in schema.text else array for name, array in inputs.items()}
        return pandas.DataFrame({spec.name: columns[spec.name] for spec in schema.inputs})
    arrays = {name: array.copy() for name, array in inputs.items()}
    if len(arrays) == 1 and (schema is None or not schema.inputs[0].name):
        return next(iter(arrays.values()))
    return arrays


def _plain(pandas: Any, value: Any) -> Any:
    if isinstance(value, pandas.DataFrame):
        return {str(name): value[name].to_numpy() for name in value.columns}
    return value.to_numpy() if isinstance(value, pandas.Series) else value
