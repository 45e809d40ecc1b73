"""A whole dialect in few lines: chats, whose body names the model and says whether to stream the answer."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.tensors.fitting import fit_inputs
from bms.core.tensors.request import InferRequest, InferResponse
from bms.core.tensors.signature import DEFAULT
from bms.core.tensors.tensor import Tensor
from bms.serving.pipeline.write_batch import ExchangeAnswer
from bms.web.inference.dialect import Fields, Signatures, Streams
from bms.web.inference.http.answers import JSON


class Body(msgspec.Struct):
    model: str
    prompt: list[float]
    stream: bool = False
    version: int | None = None
    alias: str | None = None


class Decoded(NamedTuple):
    request: InferRequest
    rows: int
    stream: bool


class Chat(Streams):
    def read(self, body: bytes | memoryview) -> Body:
        try:
            return msgspec.json.decode(body, type=Body)
        except msgspec.DecodeError as error:
            raise InvalidArgument(f"this is no chat: {error}") from None

    def decode(self, body: Body, fields: Fields, model: str, signatures: Signatures) -> Decoded:
        inputs, rows, _ = fit_inputs(signatures[DEFAULT], [Tensor("x", np.array([body.prompt], np.float32))])
        return Decoded(InferRequest(model=model, inputs=inputs, signature=DEFAULT), rows, body.stream)

    def wants_stream(self, decoded: Decoded) -> bool:
        return decoded.stream

    def encode_part(self, response: InferResponse, decoded: Decoded) -> bytes:
        return b"data: %b\n\n" % msgspec.json.encode({"delta": response.outputs[0].array.ravel().tolist()})

    def encode_end(self, response: InferResponse, decoded: Decoded) -> bytes:
        said = msgspec.json.encode({"finish": response.finish, "usage": dict(response.tokens)})
        return b"data: %b\n\ndata: [DONE]\n\n" % said

    def gather(self, parts: Sequence[Sequence[Tensor]], decoded: Decoded) -> list[Tensor]:
        return [Tensor("y", np.concatenate([outputs[0].array for outputs in parts]))]

    def encode(self, response: InferResponse, decoded: Decoded, signatures: Signatures) -> ExchangeAnswer:
        return ExchangeAnswer(msgspec.json.encode({"text": response.outputs[0].array.ravel().tolist()}), JSON)
