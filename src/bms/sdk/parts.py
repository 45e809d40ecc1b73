"""Streaming predictions: each part of an answer, such as a word, is handed on as it comes."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from bms.core.errors import Internal, InvalidArgument, from_code
from bms.core.tensors.tensor import Array
from bms.sdk.binding.resources import D, decode, path_part, stream
from bms.sdk.contents import Contents
from bms.sdk.inference import JSON, Inputs, Prediction, PredictOptions, version_segment
from bms.sdk.notes import CallSite, call_site, tell
from bms.sdk.predictions.answers import array_of, read
from bms.sdk.predictions.bodies import encode_inputs
from bms.sdk.predictions.served import SavedModelInfo, TensorInfo
from bms.sdk.transport.flow import ClientRequest, Flow, Item, NextBytes, Stream

_EVENT = b"data: "
_SAID = frozenset({"model_name", "model_version", "id"})


class Parts(Contents[D]):
    """Streaming predictions, as methods of a client."""

    @stream
    def predict_stream(
        self,
        name: str,
        inputs: Inputs,
        *,
        version: int | None = None,
        alias: str | None = None,
        signature: str | None = None,
        timeout_s: float | None = None,
    ) -> Stream[Prediction]:
        """Yields the answer of deployment `name` to `inputs`, which are those of `predict`, part by part:

            for part in client.predict_stream("poet", {"prompt": "to be"}):
                print(part.text)

        A model that answers at once gives one part. Leaving the loop ends the model's work, too. `timeout_s` is for
        each part. Raises as `predict` does, also after some parts; InvalidArgument for tables with missing values.
        """
        return self._parts(name, inputs, PredictOptions(version, alias, signature, "json", timeout_s), call_site())

    def _parts(self, name: str, inputs: Inputs, asked: PredictOptions, site: CallSite) -> Stream[Prediction]:
        version = asked.version
        if version is not None and asked.alias is not None:
            raise InvalidArgument("give a version or an alias, not both")
        if asked.alias is not None:
            version = yield from self._version_of(name, asked.alias)
        outputs = yield from self._outputs(name, version, asked.signature)
        sent = yield from self._sent(name, inputs, asked, version)
        path = f"/v2/models/{path_part(name)}{version_segment(version, None)}/generate_stream"
        body = encode_inputs(sent)
        request = ClientRequest(
            "POST", path, headers=JSON, content=body, timed="infer", timeout_s=asked.timeout_s, streamed=True
        )
        reply = yield from self._retrying(request)
        tell(reply.headers, site)
        rest = b""
        while piece := (yield NextBytes(reply)):
            *events, rest = (rest + piece).split(b"\n\n")
            for event in events:
                yield Item(_part(event, outputs))
        if rest.strip():
            raise Internal("the server's stream ended within a part")

    def _outputs(self, name: str, version: int | None, signature: str | None) -> Flow[Mapping[str, TensorInfo]]:
        if signature is None:
            told = (yield from self._metadata(name, version)).outputs
        else:
            path = f"/v1/models/{path_part(name)}{version_segment(version, None)}/metadata"
            ways = decode((yield from self._retrying(ClientRequest("GET", path))), SavedModelInfo).outputs()
            if signature not in ways:
                raise InvalidArgument(f"no signature {signature!r}: model {name!r} has {', '.join(ways)}")
            told = ways[signature]
        return {one.name: one for one in told}


def _part(event: bytes, outputs: Mapping[str, TensorInfo]) -> Prediction:
    """Raises the error in an event, and Internal for what is no event of a generate stream."""
    try:
        told = read(event.removeprefix(_EVENT), dict[str, Any])
        if isinstance(told.get("error"), str) and "model_version" not in told:
            raise from_code(str(told.get("code", "")), told["error"])
        given = {key: _array(outputs[key], value) for key, value in told.items() if key not in _SAID}
        return Prediction(given, int(told["model_version"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Internal(f"the server's stream holds no part of an answer: {error}") from error


def _array(spec: TensorInfo, value: object) -> Array:
    """With the dimensions of 1 that were left out on the way."""
    array = array_of(value, spec.datatype) if spec.datatype != "BYTES" else _texts(value)
    return array.reshape((1,) * (len(spec.shape) - array.ndim) + array.shape)


def _texts(value: object) -> Array:
    nested = np.empty((), dtype=object) if not isinstance(value, list) else np.array(value, dtype=object)
    if not isinstance(value, list):
        nested[()] = value
    flat = np.empty(nested.size, dtype=object)
    flat[:] = [base64.b64decode(one["b64"]) if isinstance(one, dict) else str(one).encode() for one in nested.ravel()]
    return flat.reshape(nested.shape)
