"""Predictions: arrays or tables in, NumPy arrays out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument, NotFound
from bms.core.tensors.sequences import SequenceId, SequenceStep
from bms.core.tensors.signature import MATRIX
from bms.core.tensors.tensor import Array
from bms.sdk.binding.resources import D, Resource, decode, operation, path_part
from bms.sdk.notes import CallSite, call_site, tell
from bms.sdk.predictions.answers import as_texts, decode_answer, decode_columns
from bms.sdk.predictions.bodies import JSON_LENGTH, encode_columns, encode_json, encode_raw
from bms.sdk.predictions.sending import sent_of
from bms.sdk.predictions.sent import SentInputs
from bms.sdk.predictions.served import ModelInfo, SavedModelInfo, TensorInfo
from bms.sdk.tables.arrays import array_given, is_plain
from bms.sdk.transport.flow import ClientRequest, Flow, Reply, locally

Wire = Literal["raw", "json", "tfserving"]
Inputs = Any  # arrays by name, one array, or a table: see `predict`
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Prediction:
    """The answer of a model. `version` is None where the wire does not carry it (TF Serving's).

    `outputs` are numpy arrays by name: numbers in the model's type, texts as `str` (arrays of objects; as `bytes` where
    one of them is no UTF-8).
    """

    outputs: dict[str, Array]
    version: int | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", {name: as_texts(array) for name, array in self.outputs.items()})

    @property
    def array(self) -> Array:
        """The only output. Raises InvalidArgument when there are several."""
        if len(self.outputs) != 1:
            raise InvalidArgument(f"this model has outputs {', '.join(self.outputs)}: take one from `outputs`")
        return next(iter(self.outputs.values()))

    @property
    def text(self) -> str:
        """The only output as one text, its elements joined. Raises InvalidArgument where it holds numbers."""
        array = self.array
        if array.dtype.kind != "O":
            raise InvalidArgument(f"this model answers with {array.dtype}, not with texts: take it from `array`")
        return "".join([one.decode() if isinstance(one, bytes) else str(one) for one in array.ravel()])


@dataclass(frozen=True)
class PredictOptions:
    """The options of one prediction."""

    version: int | None
    alias: str | None
    signature: str | None
    wire: Wire
    timeout_s: float | None
    params: Mapping[str, object] = field(default_factory=dict)
    step: SequenceStep | None = None


class _Status(msgspec.Struct):
    version: str
    state: str


class _Statuses(msgspec.Struct):
    model_version_status: list[_Status]


class Inference(Resource[D]):
    """Asks served models (`/v1/models` and `/v2/models`)."""

    @operation
    def predict(
        self,
        name: str,
        inputs: Inputs,
        *,
        version: int | None = None,
        alias: str | None = None,
        signature: str | None = None,
        wire: Wire = "raw",
        timeout_s: float | None = None,
        params: Mapping[str, object] | None = None,
        sequence_id: SequenceId | None = None,
        sequence_start: bool = False,
        sequence_end: bool = False,
    ) -> Flow[Prediction]:
        """What deployment `name` answers to `inputs`:

            client.predict("digits", np.zeros((1, 64))).outputs["label"]
            client.predict("buyers", [{"age": 41, "city": "Köln"}]).array  # its only output

        `inputs` are arrays by input name; one array, for a model of one input or for a table of numbers; or a table: a
        pandas or Polars DataFrame, a pyarrow Table or RecordBatch, a list of rows that are mappings, or a mapping of
        lists. Columns are joined to the model's by name; None, NaN and null are missing values. A frame for a model of
        one matrix, which has no names, is sent by place. An index is not sent.

        Everything travels in the type that it has, and whole; where the model takes another, the server casts, and
        RoundedWarning tells where digits were lost by that. Lists have the types that the model declares.

        Wires "raw" and "json" are the Open Inference Protocol, of which "raw" is faster and keeps every bit;
        "tfserving" is JSON and answers with the types that JSON has. `signature` names another than the default one.
        `params` are what the model takes beside its inputs, MLflow's parameters; those left out have their defaults.

        A model that keeps something from one request to the next is asked in sequences, whose steps say which one they
        are of, and which is the first and the last. Wire "tfserving" has no place for that. A step whose answer was
        lost is never repeated by itself, since it may have run:

            client.predict("counter", {"x": [5]}, sequence_id=7, sequence_start=True)
            client.predict("counter", {"x": [6]}, sequence_id=7, sequence_end=True)

        Raises InvalidArgument for what does not fit the model, NotFound, ResourceExhausted, Unavailable; Aborted where
        a sequence is lost with the replica that it was on: begin it again.
        """
        step = _step(sequence_id, start=sequence_start, end=sequence_end, wire=wire)
        asked = PredictOptions(version, alias, signature, wire, timeout_s, params or {}, step)
        return self._predict(name, inputs, asked, call_site())

    def _predict(self, name: str, inputs: Inputs, asked: PredictOptions, site: CallSite) -> Flow[Prediction]:
        version, alias, wire = asked.version, asked.alias, asked.wire
        if version is not None and alias is not None:
            raise InvalidArgument("give a version or an alias, not both")
        if alias is not None and wire != "tfserving":
            version = yield from self._version_of(name, alias)
        sent = replace((yield from self._sent(name, inputs, asked, version)), params=asked.params, step=asked.step)
        if wire == "tfserving":
            path = f"/v1/models/{path_part(name)}{version_segment(version, alias)}:predict"
            reply = yield from self._infer(path, encode_columns(sent), JSON, asked.timeout_s, site)
            return Prediction(decode_columns(reply.content), None)
        path = f"/v2/models/{path_part(name)}{version_segment(version, None)}/infer"
        if wire == "json":
            reply = yield from self._infer(path, encode_json(sent), JSON, asked.timeout_s, site)
        else:
            body, length = encode_raw(sent)
            headers = {"content-type": "application/octet-stream", JSON_LENGTH: str(length)}
            reply = yield from self._infer(path, body, headers, asked.timeout_s, site)
        told = reply.headers.get(JSON_LENGTH)
        answered_by, outputs = decode_answer(reply.content, None if told is None else int(told))
        return Prediction(outputs, answered_by)

    @operation
    def metadata(self, name: str, *, version: int | None = None, alias: str | None = None) -> Flow[ModelInfo]:
        """The tensors, or the table's columns, that a served model takes, and the outputs that it gives."""
        if alias is not None:
            version = yield from self._version_of(name, alias)
        return (yield from self._metadata(name, version))

    @operation
    def ready(self) -> Flow[bool]:
        """Whether the server answers predictions."""
        reply = yield from self._retrying(ClientRequest("GET", "/v2/health/ready"))
        return reply.ok

    def _metadata(self, name: str, version: int | None) -> Flow[ModelInfo]:
        reply = yield from self._retrying(
            ClientRequest("GET", f"/v2/models/{path_part(name)}{version_segment(version, None)}")
        )
        return decode(reply, ModelInfo)

    def _infer(
        self, path: str, body: bytes, headers: Mapping[str, str], timeout_s: float | None, site: CallSite
    ) -> Flow[Reply]:
        request = ClientRequest("POST", path, headers=headers, content=body, timed="infer", timeout_s=timeout_s)
        reply = yield from self._retrying(request)
        tell(reply.headers, site)
        return reply

    def _sent(self, name: str, inputs: Inputs, asked: PredictOptions, version: int | None) -> Flow[SentInputs]:
        """`inputs` as they travel. What the model takes is asked for only where that depends on it."""
        if isinstance(inputs, Mapping) and all(is_plain(value) for value in inputs.values()):
            return SentInputs({key: np.asarray(value) for key, value in inputs.items()}, signature=asked.signature)
        if version is None and asked.alias is not None:
            version = yield from self._version_of(name, asked.alias)
        if asked.signature is not None:
            ways = yield from self._ways(name, version)
            if asked.signature not in ways:
                raise InvalidArgument(f"no signature {asked.signature!r}: model {name!r} has {', '.join(ways)}")
            taken = ways[asked.signature]
        else:
            taken = (yield from self._metadata(name, version)).inputs
        sent = yield from locally(partial(sent_of, inputs, taken))
        if sent is None:  # an array, for a model of several inputs
            ways = yield from self._ways(name, version)
            matrix = ways.get(MATRIX, ())
            if asked.signature is not None or len(matrix) != 1:
                raise InvalidArgument(f"model {name!r} takes {', '.join(map(str, taken))}: give them by name")
            return SentInputs(
                {matrix[0].name: array_given(matrix[0].name, inputs, matrix[0].datatype)}, signature=MATRIX
            )
        return replace(sent, signature=asked.signature)

    def _ways(self, name: str, version: int | None) -> Flow[dict[str, tuple[TensorInfo, ...]]]:
        """The inputs of each signature."""
        path = f"/v1/models/{path_part(name)}{version_segment(version, None)}/metadata"
        reply = yield from self._retrying(ClientRequest("GET", path))
        return decode(reply, SavedModelInfo).inputs()

    def _version_of(self, name: str, alias: str) -> Flow[int]:
        path = f"/v1/models/{path_part(name)}/labels/{path_part(alias)}"
        reply = yield from self._retrying(ClientRequest("GET", path))
        statuses = decode(reply, _Statuses).model_version_status
        if not statuses:
            raise NotFound(f"alias {alias!r} of {name!r} leads to no version")
        return int(statuses[0].version)


def _step(id: SequenceId | None, *, start: bool, end: bool, wire: Wire) -> SequenceStep | None:
    """Raises InvalidArgument for what names no sequence, and where the wire has no place for one."""
    if id is None:
        if start or end:
            raise InvalidArgument("sequence_start and sequence_end are of a sequence: give its sequence_id, too")
        return None
    if isinstance(id, bool) or not id:
        raise InvalidArgument(f"sequence_id is a number other than 0, or a text; not {id!r}")
    if wire == "tfserving":
        raise InvalidArgument('wire "tfserving" has no place for a sequence: use "raw" or "json"')
    return SequenceStep(id, start, end)


def version_segment(version: int | None, alias: str | None) -> str:
    """The part of a path after the model's name that selects a version."""
    if version is not None:
        return f"/versions/{version}"
    return "" if alias is None else f"/labels/{path_part(alias)}"
