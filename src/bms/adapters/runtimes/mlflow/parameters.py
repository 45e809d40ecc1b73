"""The parameters of MLflow's signature: what `predict` takes beside its inputs, each with a default."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bms.adapters.runtimes.mlflow.file import MLMODEL
from bms.adapters.runtimes.mlflow.signature import listed
from bms.core.errors import FailedPrecondition
from bms.core.tensors.parameters import Parameter, ParameterType
from bms.serving.inference.reasons import reason

_TYPES: dict[str, ParameterType] = {
    "boolean": "boolean",
    "integer": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "string": "text",
    "datetime": "datetime",
    "object": "object",
}


def parameters_of(directory: str) -> tuple[Parameter, ...]:
    """Reads the parameters. Raises FailedPrecondition for those that can't be read or served."""
    try:
        return tuple(_parameter(one) for one in listed(directory, "params") or ())
    except FailedPrecondition:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FailedPrecondition(f"{MLMODEL!r} can't be read: {reason(error)}") from error


def _parameter(said: Mapping[str, Any]) -> Parameter:
    kind = said.get("type") or said["dtype"]
    if kind not in _TYPES:
        raise FailedPrecondition(
            f"parameter {said['name']!r} of {MLMODEL!r} is of MLflow's type {kind!r}, expected one of "
            f"{', '.join(_TYPES)}"
        )
    default, type = said["default"], _TYPES[kind]
    if type == "object" and default is not None:
        default = msgspec.json.encode(default).decode()
    many = said.get("shape") is not None
    return Parameter(name=str(said["name"]), type=type, default=tuple(default) if many else default, many=many)
