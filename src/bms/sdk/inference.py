"""Predictions: numpy arrays in, numpy arrays out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from bms.core.errors import InvalidArgument, NotFound
from bms.core.tensor import Array
from bms.sdk.binding import D, Resource, decode, operation, path_part
from bms.sdk.flow import Flow, Reply, Request
from bms.sdk.infer_bodies import (
    JSON_LENGTH,
    array_of,
    decode_answer,
    decode_columns,
    encode_columns,
    encode_json,
    encode_raw,
)

Wire = Literal["raw", "json", "tfserving"]
Inputs = Mapping[str, npt.ArrayLike] | npt.ArrayLike
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Prediction:
    """What a model answered. `version` is None where the wire does not tell it (TF Serving's)."""

    outputs: dict[str, Array]
    version: int | None

    @property
    def array(self) -> Array:
        """The only output. Raises InvalidArgument when there are several."""
        if len(self.outputs) != 1:
            raise InvalidArgument(f"this model has outputs {', '.join(self.outputs)}: take one from `outputs`")
        return next(iter(self.outputs.values()))


class TensorInfo(msgspec.Struct, frozen=True):
    name: str
    datatype: str
    shape: tuple[int, ...]


class ModelInfo(msgspec.Struct, frozen=True):
    """What the server says of a served model; free dimensions are -1."""

    name: str
    versions: tuple[str, ...] = ()
    platform: str = ""
    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()


class _Status(msgspec.Struct):
    version: str
    state: str


class _Statuses(msgspec.Struct):
    model_version_status: list[_Status]


class Inference(Resource[D]):
    """The paths under /v1/models and /v2/models."""

    @operation
    def predict(
        self,
        name: str,
        inputs: Inputs,
        *,
        version: int | None = None,
        alias: str | None = None,
        wire: Wire = "raw",
        timeout_s: float | None = None,
    ) -> Flow[Prediction]:
        """What deployment `name` answers to `inputs`: arrays by input name, or one array for a model of one input.

        Lists are converted to the types that the model declares; numpy arrays are sent as they are. Wires "raw"
        and "json" are the Open Inference Protocol, of which "raw" is faster and keeps every bit; "tfserving" is
        JSON and answers with the types that JSON has. Raises InvalidArgument for what does not fit the model,
        NotFound, ResourceExhausted, Unavailable.
        """
        if version is not None and alias is not None:
            raise InvalidArgument("give a version or an alias, not both")
        if alias is not None and wire != "tfserving":
            version = yield from self._version_of(name, alias)
        tensors = yield from self._tensors(name, inputs, version)
        if wire == "tfserving":
            path = f"/v1/models/{path_part(name)}{which(version, alias)}:predict"
            reply = yield from self._infer(path, encode_columns(tensors), JSON, timeout_s)
            return Prediction(decode_columns(reply.content), None)
        path = f"/v2/models/{path_part(name)}{which(version, None)}/infer"
        if wire == "json":
            reply = yield from self._infer(path, encode_json(tensors), JSON, timeout_s)
        else:
            body, length = encode_raw(tensors)
            headers = {"content-type": "application/octet-stream", JSON_LENGTH: str(length)}
            reply = yield from self._infer(path, body, headers, timeout_s)
        told = reply.headers.get(JSON_LENGTH)
        answered_by, outputs = decode_answer(reply.content, None if told is None else int(told))
        return Prediction(outputs, answered_by)

    @operation
    def metadata(self, name: str, *, version: int | None = None) -> Flow[ModelInfo]:
        """The tensors a served model takes and gives."""
        return self._metadata(name, version)

    @operation
    def ready(self) -> Flow[bool]:
        """Whether the server answers predictions."""
        reply = yield from self._retrying(Request("GET", "/v2/health/ready"))
        return reply.ok

    def _metadata(self, name: str, version: int | None) -> Flow[ModelInfo]:
        reply = yield from self._retrying(Request("GET", f"/v2/models/{path_part(name)}{which(version, None)}"))
        return decode(reply, ModelInfo)

    def _infer(self, path: str, body: bytes, headers: Mapping[str, str], timeout_s: float | None) -> Flow[Reply]:
        request = Request("POST", path, headers=headers, content=body, timed="infer", timeout_s=timeout_s)
        return (yield from self._retrying(request))

    def _tensors(self, name: str, inputs: Inputs, version: int | None) -> Flow[dict[str, Array]]:
        if isinstance(inputs, Mapping):
            given: Mapping[str, object] = inputs
            if all(isinstance(value, np.ndarray) for value in given.values()):
                return {key: np.asarray(value) for key, value in given.items()}
        info = yield from self._metadata(name, version)
        if not isinstance(inputs, Mapping):
            if len(info.inputs) != 1:
                names = ", ".join(tensor.name for tensor in info.inputs)
                raise InvalidArgument(f"model {name!r} takes inputs {names}: give arrays by name")
            given = {info.inputs[0].name: inputs}
        kinds = {tensor.name: tensor.datatype for tensor in info.inputs}
        return {key: _array(value, kinds.get(key)) for key, value in given.items()}

    def _version_of(self, name: str, alias: str) -> Flow[int]:
        path = f"/v1/models/{path_part(name)}/labels/{path_part(alias)}"
        reply = yield from self._retrying(Request("GET", path))
        statuses = decode(reply, _Statuses).model_version_status
        if not statuses:
            raise NotFound(f"alias {alias!r} of {name!r} leads to no version")
        return int(statuses[0].version)


def _array(value: object, datatype: str | None) -> Array:
    if isinstance(value, np.ndarray) or datatype is None:
        return np.asarray(value)
    try:
        return array_of(value, datatype)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidArgument(f"the input can't be made an array of {datatype}: {error}") from None


def which(version: int | None, alias: str | None) -> str:
    """What a path says after the model's name, to mean one version."""
    if version is not None:
        return f"/versions/{version}"
    return "" if alias is None else f"/labels/{path_part(alias)}"
