"""The signature that MLflow keeps in `MLmodel`: tensors as they are, columns as an input each."""

import json
from typing import Any, NamedTuple

import numpy as np

from bms.adapters.runtimes.description import small_file
from bms.adapters.runtimes.mlflow_file import MLMODEL, signature_inputs
from bms.core.errors import BmsError, FailedPrecondition, InvalidArgument
from bms.core.signature import TensorSpec
from bms.core.tensor import Array, DType, dtype_of

# mlflow.types.DataType; dates and nested values have no tensor of their own.
_COLUMNS: dict[str, DType] = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
    "binary": "BYTES",
}


class Schema(NamedTuple):
    """What goes in. `columns`: the inputs are the columns of one table; else they are tensors, of which a single one
    may have no name (empty)."""

    inputs: tuple[TensorSpec, ...]
    columns: bool
    text: frozenset[str] = frozenset()  # inputs that are text, not bytes


def schema_of(directory: str) -> Schema | None:
    """None where the model was saved without one. Raises FailedPrecondition for what can't be read or served."""
    try:
        said = signature_inputs((small_file(directory, MLMODEL) or b"").decode())
        specs = json.loads(said) if said else None
        return None if not specs else _schema(specs)
    except BmsError:
        raise
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise FailedPrecondition(f"{MLMODEL!r} can't be read: {type(error).__name__}: {str(error)[:200]}") from error


def _schema(specs: list[Any]) -> Schema:
    columns = [spec["type"] != "tensor" for spec in specs]
    if any(columns) and not all(columns):
        raise FailedPrecondition(f"the signature in {MLMODEL!r} mixes columns and tensors")
    if all(columns):
        inputs = tuple(TensorSpec(name=spec["name"], dtype=_column(spec), shape=(None,)) for spec in specs)
        return Schema(inputs, True, frozenset(spec["name"] for spec in specs if spec["type"] == "string"))
    return Schema(tuple(_tensor(spec) for spec in specs), False)


def _column(spec: dict[str, Any]) -> DType:
    kind = _COLUMNS.get(spec["type"])
    if kind is None:
        raise FailedPrecondition(
            f"column {spec.get('name')!r} is of MLflow's type {spec['type']!r}, which has no tensor: use one of "
            f"{', '.join(_COLUMNS)}"
        )
    return kind


def _tensor(spec: dict[str, Any]) -> TensorSpec:
    told = spec["tensor-spec"]
    try:
        dtype = dtype_of(np.empty(0, np.dtype(told["dtype"])))
    except InvalidArgument as error:
        raise FailedPrecondition(f"tensor {spec.get('name')!r} of {MLMODEL!r}: {error.message}") from error
    shape = tuple(None if size < 0 else int(size) for size in told["shape"])
    return TensorSpec(name=spec.get("name") or "", dtype=dtype, shape=shape)


def decoded(array: Array) -> list[str]:
    """Texts of a BYTES array. Raises InvalidArgument for what is not UTF-8."""
    try:
        return [item.decode() if isinstance(item, bytes) else str(item) for item in array.ravel().tolist()]
    except UnicodeDecodeError as error:
        raise InvalidArgument("a text column holds bytes that are not UTF-8") from error
