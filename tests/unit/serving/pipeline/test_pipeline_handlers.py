"""Every handler takes the same pipeline, and another one is a small file."""

import asyncio
import json
import sys
from itertools import cycle
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from msgspec.structs import replace

from bms.core.errors import BmsError
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.tensors.tensor import Tensor
from bms.protocols.frames import AnswerEnd, AnswerMeta, ErrorMeta
from bms.protocols.protobuf.pool import message
from bms.serving.pipeline import collected_answer as gathered
from bms.web.inference.dialects import DIALECTS
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.call_head import CallHead
from bms.web.inference.grpc.infer import ModelInfer
from bms.web.inference.grpc.infer_stream import ModelStreamInfer
from bms.web.inference.grpc.tfserving.infer import Predict
from bms.web.inference.grpc.tfserving.multi import MultiInference
from bms.web.inference.handler import HttpHandler, InferenceHandler
from bms.web.inference.http.answers import JSON, plain_error
from bms.web.inference.http.heads import Heads
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import HttpRequest
from bms.web.inference.http1.connection import HttpConnection
from bms.web.inference.paths import Operation, read_path
from tests.unit.serving.pipeline import chat_dialect
from tests.unit.serving.pipeline.steps import Quota, Recorder, always, only_for
from tests.unit.serving.pipeline.world import World, deployment, version
from tests.unit.serving.traffic.test_traffic_dispatcher import LOST

ONE = deployment(version(1, "one"))
LIMITS = HttpLimits()
INFER = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}
CHAT = Operation("chat")  # type: ignore[arg-type]
PLACES = [
    "admit(route)", "choose(route)", "choose_decoded(version request)", "answer(deadline)", "sent(replica)",
    "answered()", "ended 200()",
]  # fmt: skip


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, pieces: tuple[bytes, ...]) -> None:
        self.written += b"".join(pieces)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False


class Host:
    """A server context with one handler."""

    limits = LIMITS
    date = b"date: now\r\n"
    draining = False

    def __init__(self, handler: HttpHandler) -> None:
        self.handler = handler
        self.heads = Heads()
        self.connections: set[object] = set()

    def now(self) -> float:
        return 0.0

    def fresh_id(self) -> bytes:
        return b"fresh"

    def open(self, request: HttpRequest) -> None:
        path = request.target
        request.head.operation = CHAT if path == b"/chat" else read_path(request.method, path)
        request.handler = self.handler
        self.handler.open(request)

    def remembers(self, request: HttpRequest) -> bool:
        return False

    def error_body(self, request: HttpRequest, error: BmsError) -> tuple[bytes, bytes]:
        return JSON, plain_error(error)

    def refused(self, request: HttpRequest, error: BmsError) -> None: ...


class Client:
    """A connection of HTTP/1.1 to one handler of `world`."""

    def __init__(self, world: World, handler: HttpHandler) -> None:
        self.world = world
        self.transport = Transport()
        self.connection = HttpConnection(Host(handler))  # type: ignore[arg-type]
        self.connection.connection_made(self.transport)

    def post(self, path: str, body: object) -> None:
        sent = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {self.world.text}\r\n"
        self.connection.data_received(f"{head}content-length: {len(sent)}\r\n\r\n".encode() + sent)

    def take(self) -> tuple[int, bytes]:
        """Status and body of the answer so far."""
        head, _, body = self.transport.written.partition(b"\r\n\r\n")
        self.transport.written = b""
        return int(head.split()[1]), body


class GrpcStream:
    """What a call says of its metadata."""

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        self.head = self
        self.method, self.path, self.fields, self.repeated = b"POST", b"/a/B", fields, frozenset[bytes]()


class GrpcCall(RpcCall):
    """A call whose client keeps what it is told."""

    def __init__(self, world: World) -> None:
        fields = {b"content-type": b"application/grpc", b"authorization": f"Bearer {world.text}".encode()}
        self.stream = GrpcStream(fields)  # type: ignore[assignment]
        self.head = CallHead(self.stream, True)  # type: ignore[arg-type]
        self.id, self.deadline, self.size, self.over, self.through = b"id", None, 9, False, True
        self.state = self.caller = None
        self.told: list[object] = []

    def respond(self, message: bytes, fields: bytes = b"") -> None:
        self.told.append(message)

    send = respond
    congested = False

    def fail(self, error: BmsError) -> None:
        self.told.append(error.code)

    def finish(self) -> None: ...

    def hold(self, yes: bool) -> None: ...


def model_infer() -> bytes:
    asked = message("inference.ModelInferRequest")(model_name="m")
    given = asked.inputs.add(name="x", datatype="FP32", shape=[1, 2])
    given.contents.fp32_contents.extend([1, 2])
    return asked.SerializeToString()


def predict() -> bytes:
    asked = message("tensorflow.serving.PredictRequest")()
    asked.model_spec.name = "m"
    given = asked.inputs["x"]
    given.dtype = 1
    given.tensor_shape.dim.add(size=1)
    given.tensor_shape.dim.add(size=2)
    given.float_val.extend([1, 2])
    return asked.SerializeToString()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/models/m/infer", INFER),
        ("/v2/models/m/generate", {"x": [[1, 2]]}),
        ("/v2/models/m/generate_stream", {"x": [[1, 2]]}),
        ("/v1/models/m:predict", {"instances": [[1, 2]]}),
        ("/endpoints/m/invocations", {"inputs": [[1, 2]]}),
        ("/chat", {"model": "m", "prompt": [1, 2]}),
        ("/chat", {"model": "m", "prompt": [1, 2], "stream": True}),
    ],
)
def test_handlers_of_http_take_every_place_in_the_same_order(path: str, body: object) -> None:
    recorder = Recorder()
    world = World(ONE, steps=(always(recorder),))
    client = Client(world, InferenceHandler(world.pipeline, LIMITS, {**DIALECTS, "chat": chat_dialect.Chat()}))
    client.post(path, body)
    world.answer("one")
    assert client.take()[0] == 200
    assert recorder.seen == PLACES


@pytest.mark.parametrize(
    ("method", "sent"), [(ModelInfer, model_infer), (ModelStreamInfer, model_infer), (Predict, predict)]
)
def test_handlers_of_grpc_take_every_place_in_the_same_order(method: object, sent: object) -> None:
    recorder = Recorder()
    world = World(ONE, steps=(always(recorder),))
    call, handler = GrpcCall(world), method(world.pipeline)  # type: ignore[operator]
    handler.opened(call)
    handler.message(call, sent())  # type: ignore[operator]
    world.answer("one")
    assert (len(call.told), recorder.seen) == (1, PLACES)


def multi() -> bytes:
    """Classify and regress of one example."""
    example = message("tensorflow.Example")()
    example.features.feature["x"].float_list.value.append(1)
    asked = message("tensorflow.serving.MultiInferenceRequest")()
    asked.input.example_list.examples.append(example)
    for name in ("classify", "regress"):
        task = asked.tasks.add(method_name=f"tensorflow/serving/{name}")
        task.model_spec.name, task.model_spec.signature_name = "m", name
    return asked.SerializeToString()


def test_parts_of_one_call_are_all_asked_of_the_version_that_the_first_drew() -> None:
    given, made = TensorSpec(name="x", dtype="FP32", shape=(None,)), TensorSpec(name="y", dtype="FP32", shape=(None, 1))
    both = {
        "classify": Signature(inputs=(given,), outputs=(made,), method="classify", scores="y"),
        "regress": Signature(inputs=(given,), outputs=(made,), method="regress"),
    }
    one, two = (replace(version(number, name), signatures=both) for number, name in ((1, "one"), (2, "two")))
    world = World(deployment(one, two))
    world.draws = cycle((0.0, 0.9))
    call, handler = GrpcCall(world), MultiInference(world.pipeline)
    handler.opened(call)
    handler.message(call, multi())
    assert (world.sent("one"), world.sent("two")) == (2, 0)
    world.links["one"].fail(1, LOST)
    world.write_batch.close()
    assert (call.told, world.sent("two")) == (["UNAVAILABLE"], 0)
    assert world.pipeline.admission.total == 0


def calls_of(world: World) -> int:
    """Calls of functions of ours for one more request over HTTP, from its bytes to its answer's."""
    client = Client(world, InferenceHandler(world.pipeline, LIMITS))
    count = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and "/bms/" in frame.f_code.co_filename

    for profile in (None, note):
        sys.setprofile(profile)
        try:
            client.post("/v2/models/m/infer", INFER)
            world.answer("one")
        finally:
            sys.setprofile(None)
        assert client.take()[0] == 200
    return count


def test_a_deployment_without_steps_pays_nothing_for_those_of_others() -> None:
    other = deployment(version(1, "other"), name="n")
    plain = calls_of(World(ONE, other))
    assert calls_of(World(ONE, other, steps=(only_for("n", Recorder()),))) == plain
    assert calls_of(World(ONE, other, steps=(only_for("m", Recorder()),))) > plain


def test_a_streaming_dialect_with_its_flag_in_the_body_is_under_sixty_lines() -> None:
    assert len(Path(chat_dialect.__file__).read_text().splitlines()) < 60
    quota = Quota(1)
    world = World(ONE, steps=(always(quota),))
    client = Client(world, InferenceHandler(world.pipeline, LIMITS, {"chat": chat_dialect.Chat()}))
    client.post("/chat", {"model": "m", "prompt": [1, 2]})
    world.answer("one")
    assert client.take() == (200, b'{"text":[7.0,7.0]}')

    client.post("/chat", {"model": "m", "prompt": [1, 2], "stream": True})
    link = world.links["one"]
    (id,) = link.sent
    for value in (1.0, 2.0):
        link.sent[id].on_answer(AnswerMeta(False, 0, 0, ()), [Tensor("y", np.full((1, 1), value, np.float32))])
    assert quota.now.total() == 1
    link.sent.pop(id).on_answer(AnswerMeta(True, 0, 9, (), end=AnswerEnd("stop", 4, 2)), [])
    world.write_batch.close()
    status, body = client.take()
    events = [piece for piece in body.split(b"\r\n") if piece.startswith(b"data: ")]
    assert (status, events[:2]) == (200, [b'data: {"delta":[1.0]}\n\n', b'data: {"delta":[2.0]}\n\n'])
    end = b'data: {"finish":"stop","usage":{"input_tokens":4,"output_tokens":2}}\n\ndata: [DONE]\n\n'
    assert events[2:] == [end]
    assert body.endswith(b"0\r\n\r\n")
    sent = sum(map(len, events))
    assert [(usage[7], usage[10], usage[11]) for usage in world.usages] == [(200, 18, 5), (200, sent, 9)]
    assert [usage[15:] for usage in world.usages] == [(), ((("input_tokens", 4), ("output_tokens", 2)),)]
    assert (quota.now.total(), quota.ends) == (0, [200, 200])

    for body, status in (({"model": "n", "prompt": [1, 2]}, 404), ({"model": "m", "prompt": [1]}, 400), ({}, 400)):
        client.post("/chat", body)
        assert client.take()[0] == status
    client.post("/chat", {"model": "m", "prompt": [1, 2], "stream": True})
    client.connection.connection_lost(None)
    assert (world.sent("one"), quota.ends[-1]) == (0, 499)


def test_what_fails_behind_the_first_part_and_a_whole_answer_are_told_in_the_dialect_of_the_stream() -> None:
    world = World(ONE)
    client = Client(world, InferenceHandler(world.pipeline, LIMITS, {"chat": chat_dialect.Chat()}))
    client.post("/chat", {"model": "m", "prompt": [1, 2], "stream": True})
    link = world.links["one"]
    (id,) = link.sent
    link.sent[id].on_answer(AnswerMeta(False, 0, 0, ()), [Tensor("y", np.ones((1, 1), np.float32))])
    link.sent.pop(id).on_error(ErrorMeta("INTERNAL", "the model failed", False))
    world.write_batch.close()
    assert b'data: {"error":"the model failed","code":"INTERNAL"}\n\n\r\n0\r\n\r\n' in client.take()[1]
    client.post("/chat", {"model": "m", "prompt": [1, 2], "stream": True})
    world.answer("one")
    whole = b'data: {"delta":[7.0,7.0]}\n\ndata: {"finish":"","usage":{}}\n\ndata: [DONE]\n\n'
    assert client.take() == (200, whole)


def test_parts_are_one_answer_for_who_wants_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(ONE)
    client = Client(world, InferenceHandler(world.pipeline, LIMITS, {"chat": chat_dialect.Chat()}))
    link = world.links["one"]

    def answered(*values: float) -> tuple[int, bytes]:
        client.post("/chat", {"model": "m", "prompt": [1, 2]})
        ((id, sink),) = link.sent.items()
        for value in values:
            sink.on_answer(AnswerMeta(False, 0, 0, ()), [Tensor("y", np.full((1, 1), value, np.float32))])
        if id in link.sent:
            link.sent.pop(id).on_answer(AnswerMeta(True, 0, 9, (), end=AnswerEnd("stop", 4, 2)), [])
        world.write_batch.close()
        return client.take()

    assert answered(1.0, 2.0) == (200, b'{"text":[1.0,2.0]}')
    assert world.usages[-1][7:12] == (200, 1, 32, 18, 9)
    assert world.usages[-1][15:] == ((("input_tokens", 4), ("output_tokens", 2)),)
    monkeypatch.setattr(gathered, "MOST", 7)
    status, body = answered(1.0, 2.0)
    assert (status, world.sent("one")) == (429, 0)
    assert b"ask for it in a stream" in body
