"""The unmodified grpcio, with its health and reflection clients, against our layer: both sides are processes."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.peers.grpc_echo import echo

_START = """
import concurrent.futures
import json
import sys
import threading
import time
import grpc

url = "127.0.0.1:" + sys.argv[1]
options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
channel = grpc.insecure_channel(url, options=options)

def unary(name, channel=channel):
    return channel.unary_unary("/test.Echo/" + name)

def fails(call, code, said=""):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, (error.code(), error.details())
        assert said in error.details(), error.details()
        return error
    raise AssertionError(f"expected {code}")
"""
PROGRAMS = {
    "unary": """
echo = unary("Unary")
for message in (b"", b"a", bytes(100_000), bytes(range(256)) * 32768):
    assert echo(message) == message, len(message)
many = [echo.future(b"%d" % n) for n in range(2000)]
assert [each.result() for each in many] == [b"%d" % n for n in range(2000)]
assert len(unary("Large")(b"20000000")) == 20_000_000
fails(lambda: echo(bytes((16 << 20) + 1)), grpc.StatusCode.RESOURCE_EXHAUSTED, "too large")
assert echo(b"still there") == b"still there"
""",
    "concurrent": """
echo, never = unary("Unary"), unary("Never")
waiting = [never.future(b"") for _ in range(100)]
with concurrent.futures.ThreadPoolExecutor(100) as pool:
    big = [bytes([n]) * 300_000 for n in range(100)]
    assert list(pool.map(echo, big)) == big
for each in waiting:
    each.cancel()
while unary("Cancelled")(b"") != b"100":
    time.sleep(0.05)
""",
    "deadline": """
began = time.monotonic()
fails(lambda: unary("Never")(b"", timeout=0.3), grpc.StatusCode.DEADLINE_EXCEEDED)
assert 0.2 < time.monotonic() - began < 5
while unary("Cancelled")(b"") != b"1":
    time.sleep(0.05)
left = json.loads(unary("Head")(b"", timeout=50))["left_s"]
assert 40 < left < 55, left  # grpcio rounds up
assert json.loads(unary("Head")(b""))["left_s"] is None
""",
    "metadata": """
said = [("authorization", "Bearer k"), ("x-api-key", "a"), ("x-request-id", "r")]
head = json.loads(unary("Head")(b"", metadata=said))
assert head["authorization"] == "Bearer k" and head["api_key"] == "a" and head["id"] == "r", head
answer, call = unary("Unary").with_call(b"", metadata=[("x-request-id", "mine"), ("some-bin", bytes(range(256)))])
assert dict(call.initial_metadata())["x-request-id"] == "mine", call.initial_metadata()
answer, call = unary("Unary").with_call(b"")
assert dict(call.initial_metadata())["x-request-id"].startswith("echo-")
twice = [("x-api-key", "a"), ("x-api-key", "b")]
fails(lambda: unary("Head")(b"", metadata=twice), grpc.StatusCode.INVALID_ARGUMENT, "more than once")
large = [(f"a{n}", "v" * 3000) for n in range(30)]
fails(lambda: unary("Unary")(b"", metadata=large), grpc.StatusCode.RESOURCE_EXHAUSTED)
assert unary("Unary")(b"x", metadata=[(f"n{n}", f"v{n}") for n in range(80)]) == b"x"
""",
    "errors": """
error = fails(lambda: unary("Fail")(b"NOT_FOUND"), grpc.StatusCode.NOT_FOUND)
assert error.details() == "100 % \\u201cwrong\\u201d\\n", error.details()
error = fails(lambda: unary("Fail")(b"RESOURCE_EXHAUSTED 0.25"), grpc.StatusCode.RESOURCE_EXHAUSTED)
assert dict(error.trailing_metadata())["grpc-retry-pushback-ms"] == "250", error.trailing_metadata()
fails(lambda: unary("Broken")(b""), grpc.StatusCode.INTERNAL, "a defect of ours")
fails(lambda: unary("None")(b""), grpc.StatusCode.UNIMPLEMENTED, "no method '/test.Echo/None'")
fails(lambda: next(channel.stream_stream("/test.Echo/Stream")(iter([b"refuse"]))), grpc.StatusCode.INVALID_ARGUMENT)
assert unary("Unary")(b"still there") == b"still there"
""",
    "gzip": """
for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate, grpc.Compression.NoCompression):
    packed = grpc.insecure_channel(url, options=options, compression=compression)
    echo = unary("Unary", packed)
    for message in (b"", b"a", b"a" * 1_000_000):
        assert echo(message) == message
    stream = packed.stream_stream("/test.Echo/Stream")
    assert list(stream(iter([b"b" * 10_000] * 10))) == [b"b" * 10_000] * 10
packed = grpc.insecure_channel(url, options=options, compression=grpc.Compression.Gzip)
fails(lambda: unary("Unary", packed)(bytes(17 << 20)), grpc.StatusCode.RESOURCE_EXHAUSTED, "inflates")
""",
    "stream": """
stream = channel.stream_stream("/test.Echo/Stream")
messages = [b"%d" % n * (n % 50) for n in range(5000)]
assert list(stream(iter(messages))) == messages
assert list(stream(iter([]))) == []
big = [bytes([n]) * 1_000_000 for n in range(40)]
assert list(stream(iter(big))) == big

said = threading.Semaphore(0)
def slowly():
    for n in range(3):
        said.acquire()
        yield b"%d" % n
answers = stream(slowly())
for n in range(3):
    said.release()
    assert next(answers) == b"%d" % n  # each comes before the next is sent
assert list(answers) == []

begun = threading.Event()
def endless():
    yield b"first"
    begun.wait()
answers = stream(endless())
assert next(answers) == b"first"
answers.cancel()
begun.set()
assert unary("Unary")(b"still there") == b"still there"
""",
    "health": """
from grpc_health.v1 import health_pb2, health_pb2_grpc
stub = health_pb2_grpc.HealthStub(channel)
ask = health_pb2.HealthCheckRequest
SERVING, NOT_SERVING, UNKNOWN = 1, 2, 3
assert stub.Check(ask()).status == stub.Check(ask(service="test.Echo")).status == SERVING
fails(lambda: stub.Check(ask(service="nobody")), grpc.StatusCode.NOT_FOUND, "nobody")
listed = channel.unary_unary("/grpc.health.v1.Health/List")(b"")
assert b"test.Echo" in listed and len(listed) == 2 + 2 + 4 + 2 + 11 + 4, listed  # two entries, each SERVING
watched, unknown = stub.Watch(ask(service="test.Echo")), stub.Watch(ask(service="nobody"))
assert next(watched).status == SERVING and next(unknown).status == UNKNOWN
unary("Turn")(b"")
assert next(watched).status == NOT_SERVING and stub.Check(ask()).status == NOT_SERVING
unary("Turn")(b"")
assert next(watched).status == SERVING
watched.cancel()
fails(lambda: list(stub.Watch(ask(), timeout=0.5)), grpc.StatusCode.DEADLINE_EXCEEDED)
""",
    "reflection": """
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

database = ProtoReflectionDescriptorDatabase(channel)
assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= set(database.get_services())
pool = DescriptorPool(database)
service = pool.FindServiceByName("inference.GRPCInferenceService")
assert len(service.methods) == 20 and service.methods_by_name["ModelStreamInfer"].client_streaming
parameter = GetMessageClass(pool.FindMessageTypeByName("inference.InferParameter"))
assert parameter(double_param=0.5).SerializeToString()[0] == 4 << 3 | 1
assert pool.FindFileByName("grpc/health/v1/health.proto").package == "grpc.health.v1"
for find in (pool.FindMessageTypeByName, pool.FindFileByName):
    try:
        find("not.there")
    except KeyError:
        continue
    raise AssertionError(find)

assert pool.FindServiceByName("tensorflow.serving.PredictionService").FindMethodByName("Predict")
assert pool.FindMessageTypeByName("tensorflow.TensorProto").fields_by_name["half_val"].number == 13
stub = reflection_pb2_grpc.ServerReflectionStub(channel)
ask = reflection_pb2.ServerReflectionRequest
answers = list(stub.ServerReflectionInfo(iter([
    ask(), ask(host="h", all_extension_numbers_of_type="inference.ModelInferRequest"),
    ask(file_containing_extension={"containing_type": "inference.InferParameter", "extension_number": 1}),
])))
assert [each.error_response.error_code for each in answers] == [3, 0, 5], answers
assert answers[1].valid_host == "h" and answers[1].original_request.host == "h"
v1 = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
listed = reflection_pb2.ServerReflectionResponse.FromString(next(v1(iter([ask(list_services="").SerializeToString()]))))
assert "grpc.reflection.v1.ServerReflection" in {each.name for each in listed.list_services_response.service}
""",
}


async def run(program: str, *arguments: str) -> None:
    client = await asyncio.create_subprocess_exec(
        sys.executable, program, *arguments, stdout=-1, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(client.communicate(), 90)
    assert said.decode().endswith("done\n"), said.decode()
    assert client.returncode == 0


@pytest.mark.parametrize("name", PROGRAMS)
async def test_grpcio_is_answered(tmp_path: Path, name: str) -> None:
    path = tmp_path / "client.py"
    path.write_text(_START + PROGRAMS[name] + '\nchannel.close()\nprint("done")\n')
    async with echo() as port:
        await run(str(path), port)
