"""The wires by which the sweep asks: each writes a request as a client of its kind does, and reads the answer.

Rows are an array (a model of one input "x"), or columns by name with None where something is missing.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc
import httpx
import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from bms.protocols.protobuf.pool import message
from bms.protocols.tfserving.grpc.data_types import NUMBERS
from bms.protocols.tfserving.grpc.read_tensor import read_tensor

Predict = message("tensorflow.serving.PredictRequest")
Predicted = message("tensorflow.serving.PredictResponse")

Rows = Any
Outputs = dict[str, Any]
Columns = Mapping[str, list[Any]]
DTYPES = {float: "FP64", int: "INT64", bool: "BOOL", str: "BYTES"}


class Refused(Exception):
    """The server refused; `status` is HTTP's, or 400 for gRPC's INVALID_ARGUMENT."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"{status}: {words}")
        self.status = status


class Asker:
    """A client of one gateway. `names` are the model's inputs and outputs, as it says itself."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60, trust_env=False)
        self._grpc = triton.InferenceServerClient(url.removeprefix("http://"))
        self._channel = grpc.insecure_channel(url.removeprefix("http://"))
        self._headers = {"authorization": f"Bearer {key}"}

    def close(self) -> None:
        self._http.close()
        self._grpc.close()
        self._channel.close()

    def ask(self, wire: str, model: str, rows: Rows, outputs: list[str]) -> Outputs:
        """What the model answers, by output name. Raises Refused."""
        if wire == "grpc":
            return self._by_grpc(model, rows)
        if wire == "predict":
            return self._by_predict(model, rows)
        if wire.startswith("oip"):
            return self._by_oip(model, rows, binary=wire == "oip-binary")
        content, kind = BODIES[wire](rows)
        answer = self._http.post(f"/v1/models/{model}:predict", content=content, headers={"content-type": kind})
        told = _told(answer)
        if "outputs" in told:
            given = told["outputs"]
            return given if len(outputs) > 1 else {outputs[0]: given}
        given = told["predictions"]
        if len(outputs) == 1:
            return {outputs[0]: given}
        return {name: [row[name] for row in given] for name in outputs}

    def _by_oip(self, model: str, rows: Rows, *, binary: bool) -> Outputs:
        inputs, raws = [], []
        for name, dtype, shape, values in tensors(rows):
            one: dict[str, Any] = {"name": name, "datatype": dtype, "shape": shape}
            if binary:
                filled, mask = _apart(values, dtype)
                for title, part, type in ((name, filled, dtype), (f"{name}:missing", mask, "BOOL")):
                    if part is None:
                        continue
                    raw = _raw(part, type)
                    raws.append(raw)
                    inputs.append(
                        {
                            "name": title,
                            "datatype": type,
                            "shape": shape if title == name else [len(part)],
                            "parameters": {"binary_data_size": len(raw)},
                        }
                    )
            else:
                inputs.append({**one, "data": values})
        body = json.dumps({"inputs": inputs}).encode()
        headers = {"inference-header-content-length": str(len(body))} if binary else {}
        told = _told(self._http.post(f"/v2/models/{model}/infer", content=body + b"".join(raws), headers=headers))
        return {one["name"]: np.array(one["data"], dtype=object).reshape(one["shape"]) for one in told["outputs"]}

    def _by_grpc(self, model: str, rows: Rows) -> Outputs:
        inputs = []
        for title, dtype, array in _arrays(rows):
            given = triton.InferInput(title, list(array.shape), dtype)
            given.set_data_from_numpy(array)
            inputs.append(given)
        try:
            answer = self._grpc.infer(model, inputs, headers=self._headers)
        except InferenceServerException as error:
            raise Refused(400 if "INVALID_ARGUMENT" in str(error.status()) else 500, error.message()) from None
        return {one.name: answer.as_numpy(one.name) for one in answer.get_response().outputs}

    def _by_predict(self, model: str, rows: Rows) -> Outputs:
        """As TensorFlow Serving's clients ask."""
        request = Predict(model_spec={"name": model})
        for title, dtype, array in _arrays(rows):
            given = request.inputs[title]
            given.dtype = NUMBERS[dtype]
            for size in array.shape:
                given.tensor_shape.dim.add(size=size)
            if dtype == "BYTES":
                given.string_val.extend([str(text).encode() for text in array.ravel()])
            else:
                given.tensor_content = array.tobytes()
        call = self._channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        try:
            answer = call(request.SerializeToString(), metadata=tuple(self._headers.items()))
        except grpc.RpcError as error:
            raise Refused(400 if error.code() == grpc.StatusCode.INVALID_ARGUMENT else 500, error.details()) from None
        return {name: read_tensor(name, given) for name, given in Predicted.FromString(answer).outputs.items()}


_KINDS = {"FP64": "<f8", "INT64": "<i8", "BOOL": "?"}


def tensors(rows: Rows) -> list[tuple[str, str, list[int], list[Any]]]:
    """(name, datatype, shape, flat values with None)."""
    if isinstance(rows, Mapping):
        made = []
        for name, values in rows.items():
            kinds = {type(value) for value in values if value is not None} or {float}
            dtype = "FP64" if kinds == {int, float} else DTYPES[kinds.pop()]
            made.append((name, dtype, [len(values)], list(values)))
        return made
    if rows.dtype == object:
        return [("x", "BYTES", list(rows.shape), rows.tolist())]
    flat = [None if isinstance(value, float) and math.isnan(value) else value for value in rows.ravel().tolist()]
    return [("x", "FP64", list(rows.shape), flat)]


def _apart(values: list[Any], dtype: str) -> tuple[list[Any], list[bool] | None]:
    if dtype == "FP64":
        return [math.nan if value is None else value for value in values], None
    if None not in values:
        return values, None
    filler = {"BYTES": "", "BOOL": False}.get(dtype, 0)
    return [filler if value is None else value for value in values], [value is None for value in values]


def _arrays(rows: Rows) -> Iterator[tuple[str, str, Any]]:
    """Every tensor, and beside it where something is missing, which its type has no way to say."""
    for name, dtype, shape, values in tensors(rows):
        filled, mask = _apart(values, dtype)
        yield name, dtype, np.array(filled, dtype=object if dtype == "BYTES" else _KINDS[dtype]).reshape(shape)
        if mask is not None:
            yield f"{name}:missing", "BOOL", np.array(mask, dtype="?")


def _raw(values: list[Any], dtype: str) -> bytes:
    if dtype != "BYTES":
        return np.array(values, dtype=_KINDS[dtype]).tobytes()
    texts = [str(value).encode() for value in values]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def _told(answer: httpx.Response) -> Any:
    told = json.loads(answer.content)
    if answer.status_code != 200:
        raise Refused(answer.status_code, str(told))
    return told


def _plain(value: Any) -> Any:
    """JSON's own values; null where a number is missing."""
    if isinstance(value, float) and math.isnan(value):
        return None
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _objects(rows: Columns) -> list[dict[str, Any]]:
    count = len(next(iter(rows.values())))
    return [{name: rows[name][row] for name in reversed(list(rows))} for row in range(count)]


def _json(body: dict[str, Any]) -> tuple[bytes, str]:
    return json.dumps(body, ensure_ascii=False).encode(), "application/json"


def _instances(rows: Rows) -> tuple[bytes, str]:
    return _json({"instances": _objects(rows) if isinstance(rows, Mapping) else _plain(rows.tolist())})


def _inputs(rows: Rows) -> tuple[bytes, str]:
    return _json({"inputs": dict(rows) if isinstance(rows, Mapping) else _plain(rows.tolist())})


def _records(rows: Columns) -> tuple[bytes, str]:
    return _json({"dataframe_records": _objects(rows)})


def _split(rows: Columns) -> tuple[bytes, str]:
    names = sorted(rows)
    data = [list(row) for row in zip(*(rows[name] for name in names), strict=True)]
    return _json({"dataframe_split": {"columns": names, "data": data}})


def _csv(rows: Columns) -> tuple[bytes, str]:
    text = io.StringIO()
    writer = csv.writer(text)
    names = sorted(rows)
    writer.writerow(names)
    for row in zip(*(rows[name] for name in names), strict=True):
        writer.writerow(["" if cell is None else repr(cell) if isinstance(cell, float) else cell for cell in row])
    return text.getvalue().encode(), "text/csv"


BODIES: dict[str, Callable[[Any], tuple[bytes, str]]] = {
    "instances": _instances,
    "inputs": _inputs,
    "records": _records,
    "split": _split,
    "csv": _csv,
}
OF_ARRAYS = ("instances", "inputs", "oip-json", "oip-binary", "grpc", "predict")
OF_TABLES = ("instances", "inputs", "records", "split", "csv", "oip-json", "oip-binary", "grpc", "predict")
