"""Converts what an MLflow model's `predict` returned to arrays by name, with the form in which MLflow's own server
answers it."""

import base64
import datetime
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace

from bms.adapters.runtimes.mlflow.gaps import Gapped, gapped
from bms.adapters.runtimes.mlflow.signature import ONLY
from bms.adapters.runtimes.python.signature import returned
from bms.core.errors import Internal
from bms.core.tensors.columns import mask_name
from bms.core.tensors.predicted import Predicted
from bms.core.tensors.tensor import Array
from bms.serving.inference.reasons import plain

_Values = dict[str, object]


class ReturnedOutputs(NamedTuple):
    """Arrays of the wire's types, and the form in which they were returned."""

    outputs: dict[str, Array]
    predicted: Predicted


def returned_outputs(
    pandas: Any, value: Any, nested: frozenset[str], settled: Mapping[str, str] | None = None
) -> ReturnedOutputs:
    """Converts a returned value. `nested` are the outputs that are known to hold more than numbers and texts: of them,
    and of those of which that is seen here, each value is its JSON. Where the outputs' types are `settled`, no more
    become nested, and beside an output of which values are missing, other than NaN, stands its mask, as beside inputs.
    Raises Internal for what can't be sent, or not as what is settled."""
    value = _dumped(value)
    if isinstance(value, pandas.DataFrame):
        names = [str(name) for name in value.columns]
        return _converted(
            pandas,
            "records",
            {name: _values(pandas, value.iloc[:, at]) for at, name in enumerate(names)},
            nested,
            settled,
        )
    if isinstance(value, pandas.Series):
        name = "0" if value.name is None else str(value.name)
        told = _converted(pandas, "records", {ONLY: _values(pandas, value)}, nested, settled)
        return told._replace(predicted=_named(told.predicted, name))
    if isinstance(value, Mapping):
        return _converted(pandas, "columns", {str(name): _array(one) for name, one in value.items()}, nested, settled)
    return _converted(pandas, "value", {ONLY: _array(value)}, nested, settled)


def _converted(
    pandas: Any, form: Any, values: _Values, nested: frozenset[str], settled: Mapping[str, str] | None
) -> ReturnedOutputs:
    outputs: dict[str, Array] = {}
    found: list[str] = []
    raw: list[str] = []
    for name, one in values.items():
        if _holds_bytes(one):
            raw.append(name)
        if name in nested:
            found.append(name)
            one = _texts(pandas, name, one)
        elif (told := _told(pandas, one, (settled or {}).get(name))) is not None:
            one = told.values
            if told.gaps is not None and settled is not None:
                outputs[mask_name(name)] = told.gaps
        elif not _is_plain(one):
            if settled is not None:
                raise Internal(
                    f"output {name!r} is not {settled.get(name, 'known')}, which it was when the model was tried: give "
                    "it an example (`--example FILE`) whose answer is like this one, or a signature that says so"
                )
            found.append(name)
            one = _texts(pandas, name, one)
        outputs |= returned({name: one}, None, None)
    if not outputs:
        raise Internal("the model returned no column and no value: return at least one")
    return ReturnedOutputs(
        outputs, Predicted(form=form, nested=tuple(found), base64=tuple(name for name in raw if name not in found))
    )


def _told(pandas: Any, value: object, dtype: str | None) -> Gapped | None:
    if isinstance(value, Gapped):
        return value
    return gapped(pandas, value, dtype) if isinstance(value, list | tuple | np.ndarray) else None


def _named(predicted: Predicted, name: str) -> Predicted:
    return replace(predicted, outputs=(ONLY,), names=(name,))


def _holds_bytes(value: object) -> bool:
    """Whether it is bytes, or an array or list of such, no texts."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "S" or (value.dtype.kind == "O" and _holds_bytes(value.ravel().tolist()))
    if isinstance(value, list | tuple):
        return bool(value) and all(_holds_bytes(one) for one in value)
    return isinstance(value, bytes)


def _array(value: object) -> object:
    """NumPy's date-times as texts, and those in lists."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "M":
        return np.array([one.isoformat() for one in value.ravel().tolist()], dtype=object).reshape(value.shape)
    return value


def _is_plain(value: object) -> bool:
    """Whether it is an array of numbers or texts, or lists that are as good as one."""
    if (
        value is None
        or isinstance(value, str | bytes | int | float)
        or not isinstance(value, list | tuple | np.ndarray)
    ):
        return True  # whatever it is, `returned` has words for it
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return True
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        return False
    return array.dtype.kind != "O" or all(isinstance(one, str | bytes) for one in array.ravel().tolist())


def _texts(pandas: Any, name: str, value: Any) -> Any:
    """The JSON of each value of a list."""
    if isinstance(value, Gapped):
        value = [None if gap else one for one, gap in zip(value.values.tolist(), _gaps(value), strict=True)]
    if not isinstance(value, list | tuple | np.ndarray):
        raise Internal(f"output {name!r} is a {type(value).__name__}, expected a list with one value for each row")
    texts = np.empty(len(value), dtype=object)
    for row, one in enumerate(value):
        try:
            texts[row] = json.dumps(None if one is pandas.NA else one, default=lambda value: _jsonable(pandas, value))
        except (TypeError, ValueError, RecursionError) as error:
            raise Internal(f"output {name!r}, row {row}, can't be written as JSON: {plain(str(error))}") from error
    return texts


def _dumped(value: Any) -> Any:
    """The models of pydantic within a list, and by themselves, as dictionaries."""
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, list) and any(hasattr(one, "model_dump") for one in value):
        return [_dumped(one) for one in value]
    return value


def _jsonable(pandas: Any, value: Any) -> Any:
    if value is pandas.NA:
        return None
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return base64.encodebytes(value).decode("ascii")
    if hasattr(value, "model_dump"):
        return value.model_dump()
    raise TypeError(f"a {type(value).__name__}")


def _gaps(value: Gapped) -> list[bool]:
    return [False] * len(value.values) if value.gaps is None else value.gaps.tolist()


def _values(pandas: Any, series: Any) -> Any:
    """Date-times as texts of ISO 8601; pandas's own types of numbers as NumPy's."""
    if pandas.api.types.is_datetime64_any_dtype(series.dtype):
        return np.array([time.isoformat() for time in series], dtype=object)
    if pandas.api.types.is_extension_array_dtype(series.dtype) and pandas.api.types.is_numeric_dtype(series.dtype):
        kind = np.dtype(series.dtype.numpy_dtype)
        if not series.hasnans:
            return series.to_numpy(dtype=kind)
        if kind.kind == "f":
            return series.to_numpy(dtype=kind, na_value=np.nan)
        return Gapped(series.to_numpy(dtype=kind, na_value=0), series.isna().to_numpy())  # floats would be rounded
    return series.to_numpy()
