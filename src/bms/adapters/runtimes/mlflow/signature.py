"""Reads the signature in `MLmodel`: tensors as they are, columns as those of one table."""

import json
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs

from bms.adapters.runtimes.artifacts.description import small_file
from bms.adapters.runtimes.mlflow.file import MLMODEL, signature_part
from bms.core.errors import BmsError, FailedPrecondition, InvalidArgument
from bms.core.tensors.columns import Column, ColumnType
from bms.core.tensors.signature import TensorSpec, column_spec
from bms.core.tensors.tensor import DType, dtype_of
from bms.serving.inference.reasons import reason

ONLY = "output"  # what a value without a name is called where it is answered
INPUT = "x"  # of the only one, where it has no name
# mlflow.types.DataType, with the data type that a pandas frame has for it; nested values have no tensor of their own.
_COLUMNS: dict[str, tuple[ColumnType, DType]] = {
    "boolean": ("boolean", "BOOL"),
    "integer": ("integer", "INT32"),
    "long": ("integer", "INT64"),
    "float": ("number", "FP32"),
    "double": ("number", "FP64"),
    "string": ("text", "BYTES"),
    "datetime": ("datetime", "BYTES"),
}
NESTED = ("array", "object", "map", "any")  # of values that have more within: they travel as their JSON
BINARY = "binary"  # bytes, which no column of a table holds
Key = str | int | None


class MlflowSchema(NamedTuple):
    """The declared inputs of an MLflow model. `columns`: the inputs are the columns of one frame; else they are
    tensors.

    Of each input, in order: `keys`, its name in a frame or a dictionary, which may be a number, None where it has none;
    `kinds`, MLflow's name for a column's type, or NumPy's letter for a tensor's. `hinted`: they are what a type hint of
    `predict` says, which is handed a list of one column's values.
    """

    inputs: tuple[TensorSpec, ...]
    columns: bool
    keys: tuple[Key, ...]
    kinds: tuple[str, ...]
    hinted: bool = False
    raw: tuple[dict[str, Any], ...] = ()  # as MLflow wrote them

    @property
    def is_table(self) -> bool:
        return self.columns and BINARY not in self.kinds


def schema_of(directory: str) -> MlflowSchema | None:
    """Reads the schema; None where the model was saved without one. Raises FailedPrecondition for what can't be read or
    served."""
    try:
        specs = listed(directory, "inputs")
        return None if not specs else _schema(specs)._replace(hinted=_is_hinted(directory))
    except BmsError:
        raise
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise FailedPrecondition(f"{MLMODEL!r} can't be read: {reason(error)}") from error


def nested_outputs(directory: str) -> frozenset[str]:
    """The outputs that, by the signature, hold more than numbers and texts. Raises FailedPrecondition as
    `schema_of`."""
    try:
        specs = listed(directory, "outputs") or ()
        return frozenset(str(spec.get("name") or ONLY) for spec in specs if spec["type"] in NESTED)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise FailedPrecondition(f"{MLMODEL!r} can't be read: {reason(error)}") from error


def output_rank(directory: str) -> int | None:
    """The rank of the only output, where the signature says that it is a tensor. Raises FailedPrecondition as
    `schema_of`."""
    try:
        specs = listed(directory, "outputs") or []
        return len(specs[0]["tensor-spec"]["shape"]) if len(specs) == 1 and specs[0]["type"] == "tensor" else None
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise FailedPrecondition(f"{MLMODEL!r} can't be read: {reason(error)}") from error


def _is_hinted(directory: str) -> bool:
    text = (small_file(directory, MLMODEL) or b"").decode()
    return "\nis_signature_from_type_hint: true\n" in f"\n{text}\n"


def listed(directory: str, part: str) -> Any:
    """Reads the JSON of a part of the signature, "inputs", "outputs" or "params"; None where it has none."""
    said = signature_part((small_file(directory, MLMODEL) or b"").decode(), part)
    return json.loads(said) if said else None


def _schema(specs: list[Any]) -> MlflowSchema:
    columns = [spec["type"] != "tensor" for spec in specs]
    if any(columns) and not all(columns):
        raise FailedPrecondition(f"the signature in {MLMODEL!r} mixes columns and tensors")
    keys = tuple(_key(spec) for spec in specs)
    names = [_name(key, place, len(keys)) for place, key in enumerate(keys)]
    if len(set(names)) != len(names):
        raise FailedPrecondition(f"the signature in {MLMODEL!r} has two inputs of one name: {', '.join(names)}")
    if not all(columns):
        tensors = [_tensor(name, spec["tensor-spec"]) for name, spec in zip(names, specs, strict=True)]
        letters = tuple(np.dtype(spec["tensor-spec"]["dtype"]).kind for spec in specs)
        return MlflowSchema(tuple(tensors), False, keys, letters, raw=tuple(specs))
    kinds = tuple(str(spec["type"]) for spec in specs)
    made = [_column(name, spec) for name, spec in zip(names, specs, strict=True)]
    if BINARY in kinds:
        made = [TensorSpec(name=spec.name, dtype=spec.dtype, shape=spec.shape) for spec in made]
    return MlflowSchema(tuple(made), True, keys, kinds, raw=tuple(specs))


def _key(spec: dict[str, Any]) -> Key:
    key = spec.get("name")
    if key is not None and not (isinstance(key, str | int) and not isinstance(key, bool)):
        raise ValueError(f"an input has the name {key!r}")
    return key


def _name(key: Key, place: int, count: int) -> str:
    if key is None or key == "":
        return INPUT if count == 1 else str(place)
    return str(key)


def _column(name: str, spec: dict[str, Any]) -> TensorSpec:
    if spec["type"] == BINARY:
        return TensorSpec(name=name, dtype="BYTES", shape=(None,))
    if spec["type"] in NESTED:
        made = column_spec(name, "json", optional=spec.get("required") is False)
        column = Column(type="json", optional=spec.get("required") is False, nameless="name" not in spec)
        return structs.replace(made, column=column)
    if spec["type"] not in _COLUMNS:
        raise FailedPrecondition(
            f"column {name!r} is of MLflow's type {spec['type']!r}, which has no tensor: use one of "
            f"{', '.join(_COLUMNS)}, {BINARY}, {', '.join(NESTED)}"
        )
    kind, dtype = _COLUMNS[spec["type"]]
    return column_spec(name, kind, dtype=dtype, optional=spec.get("required") is False)


def _tensor(name: str, told: dict[str, Any]) -> TensorSpec:
    kind = np.dtype(told["dtype"])
    try:
        dtype: DType = "BYTES" if kind.kind in "OUS" else dtype_of(np.empty(0, kind))
    except InvalidArgument as error:
        raise FailedPrecondition(f"tensor {name!r} of {MLMODEL!r}: {error.message}") from error
    shape = tuple(None if size < 0 else int(size) for size in told["shape"])
    return TensorSpec(name=name, dtype=dtype, shape=shape)
