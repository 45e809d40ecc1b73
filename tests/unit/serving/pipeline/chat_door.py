"""A whole door in few lines: a dialect of chats, whose body names the model and says whether to stream the answer."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from bms.core.errors import InvalidArgument
from bms.core.fitting import fit_inputs
from bms.core.inference import InferRequest
from bms.core.signature import DEFAULT, Signature
from bms.core.snapshot import KeyEntry
from bms.core.tensor import Tensor
from bms.serving.pipeline.turn import Answer
from bms.web.inference.answers import JSON
from bms.web.inference.door import HttpDoor
from bms.web.inference.event_stream import EventStream
from bms.web.inference.http_exchange import HttpExchange
from bms.web.inference.request import Request


class Body(msgspec.Struct):
    model: str
    prompt: list[float]
    stream: bool = False


class Chat(EventStream):
    said: Body

    def decode(self, signatures: Mapping[str, Signature]) -> None:
        self.streams = self.said.stream
        given = [Tensor("x", np.array([self.said.prompt], np.float32))]
        inputs, self.rows, _ = fit_inputs(signatures[DEFAULT], given)
        self.request = InferRequest(model=self.model, inputs=inputs, signature=DEFAULT)

    def event(self, outputs: Sequence[Tensor]) -> bytes:
        return b"data: %b\n\n" % msgspec.json.encode({"delta": outputs[0].array.ravel().tolist()})

    def encode(self, outputs: Sequence[Tensor]) -> Answer:
        if self.streams:
            return super().encode(outputs)
        return Answer(msgspec.json.encode({"text": outputs[0].array.ravel().tolist()}), JSON)


class ChatDoor(HttpDoor):
    def ask(self, request: Request, began: float) -> HttpExchange:
        assert isinstance(request.caller, KeyEntry)
        try:
            said = msgspec.json.decode(request.body(), type=Body)
        except msgspec.DecodeError as error:
            raise InvalidArgument(f"this is no chat: {error}") from None
        chat = Chat(request.caller, said.model, None, None, request.id.decode(), request.size, began)
        chat.http, chat.said = request, said
        self.pipeline.run(chat)
        return chat
