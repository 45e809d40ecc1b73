"""gRPC calls of a real gateway: streams of one model, keys, limits, deadlines, drains, TLS, and what the books say.

The clients are grpcio's, each in a process of its own, so messages are the ones tritonclient was generated with.
"""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from tests.peers.certificates import issue
from tests.peers.frames_server import RunningServer
from tests.worlds.gateways import FakeBus, Scene, deployment, gateway, key, scene, version

_START = """
import sys
import threading
import time
import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as messages
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

url, key, *more = sys.argv[1:]
headers = [("authorization", "Bearer " + key)]
if more:
    secure = grpc.ssl_channel_credentials(open(more[0], "rb").read())
    channel = grpc.secure_channel(url, secure)
else:
    channel = grpc.insecure_channel(url)
stub = GRPCInferenceServiceStub(channel)

def rows(id="", **fields):
    request = messages.ModelInferRequest(model_name="m", id=id, **fields)
    request.inputs.add(name="x", datatype="FP32", shape=[1, 4])
    request.raw_input_contents.append(np.arange(4, dtype=np.float32).tobytes())
    return request

def words(text, id=""):
    request = messages.ModelInferRequest(model_name="m", id=id)
    request.inputs.add(name="prompt", datatype="BYTES", shape=[1]).contents.bytes_contents.append(text)
    return request

def good(answer):
    assert np.frombuffer(answer.raw_output_contents[0], np.float32).tolist() == [1, 3, 5, 7], answer
    return answer

def fails(call, code, said=""):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code and said in error.details(), (error.code(), error.details())
        return error
    raise AssertionError(f"expected {code}")

def pause():
    "Until the test has done its part."
    print("paused", flush=True)
    sys.stdin.readline()
"""


class Client:
    """A program that runs beside the test, in step with it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def paused(self) -> None:
        assert self._process.stdout is not None
        said = await asyncio.wait_for(self._process.stdout.readline(), 30)
        assert said == b"paused\n", said.decode() + (await self._process.stdout.read()).decode()

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    async def done(self) -> None:
        self.go_on()
        said, _ = await asyncio.wait_for(self._process.communicate(), 60)
        assert said.decode().endswith("done\n"), said.decode()
        assert self._process.returncode == 0


async def start(here: Scene, folder: Path, program: str, *more: str) -> Client:
    path = folder / "client.py"
    path.write_text(_START + program + '\nprint("done")\n')
    host, port = here.process.address
    return Client(
        await asyncio.create_subprocess_exec(
            sys.executable, str(path), f"{host}:{port}", str(here.key), *more, stdin=PIPE, stdout=PIPE, stderr=STDOUT
        )
    )


async def test_a_model_that_streams_gives_its_parts_and_one_failure_ends_no_stream(tmp_path: Path) -> None:
    program = """
fails(lambda: stub.ModelInfer(words(b"a b"), metadata=headers), grpc.StatusCode.UNIMPLEMENTED, "answers in a stream")

asked = [words(b"one two", "a"), rows("b"), words(b"so fail", "c"), rows("d", model_version="9"), rows("e"),
         messages.ModelInferRequest(model_name="m", id="f")]
asked[0].parameters["triton_enable_empty_final_response"].bool_param = True
seen = {}
for answer in stub.ModelStreamInfer(iter(asked), metadata=headers):
    seen.setdefault(answer.infer_response.id, []).append(answer)
assert set(seen) == set("abcdef"), seen
parts = [each.infer_response for each in seen["a"]]
assert [bytes(part.raw_output_contents[0]) for part in parts[:2]] == [b"\\3\\0\\0\\0one", b"\\3\\0\\0\\0two"], parts
assert [part.parameters["triton_final_response"].bool_param for part in parts] == [False, False, True]
for id in "be":
    good(seen[id][0].infer_response)
assert [each.error_message for each in seen["c"]] == ["", "INTERNAL: the model failed"], seen["c"]
assert "no version 9" in seen["d"][0].error_message and "0 inputs" in seen["f"][0].error_message
"""
    async with scene(tmp_path) as here:
        await (await start(here, tmp_path, program)).done()
        await here.bus.until(lambda: len(here.bus.events) == 5)
        assert sorted(event.status for event in here.bus.events) == [200, 200, 200, 500, 501]


async def test_a_version_may_be_named_by_an_alias(tmp_path: Path) -> None:
    program = """
good(stub.ModelInfer(rows(model_version="v0.1.0"), metadata=headers))
for name, code, said in (("nope", "NOT_FOUND", "no alias 'nope'"), ("next", "UNAVAILABLE", "not served")):
    fails(lambda: stub.ModelInfer(rows(model_version=name), metadata=headers), grpc.StatusCode[code], said)
asked = {name: messages.ModelReadyRequest(name="m", version=name) for name in ("1", "v0.1.0", "next", "nope")}
ready = {name: stub.ModelReady(each, metadata=headers).ready for name, each in asked.items()}
assert ready == {"1": True, "v0.1.0": True, "next": False, "nope": False}, ready
told = stub.ModelMetadata(messages.ModelMetadataRequest(name="m", version="v0.1.0"), metadata=headers)
assert told.inputs[0].name == "x", told
told = stub.ModelStatistics(messages.ModelStatisticsRequest(name="m", version="v0.1.0"), metadata=headers)
assert [(each.version, each.inference_count) for each in told.model_stats] == [("1", 1)], told
"""
    async with scene(tmp_path) as here:
        one, two = version(1, here.server.path, aliases=("v0.1.0",)), version(2, weight=0, state="LOADING")
        await here.bus.put(deployment(one, two, known_aliases=("v0.1.0", "next")))
        await (await start(here, tmp_path, program)).done()


async def test_a_stream_is_read_no_faster_than_it_is_answered(tmp_path: Path) -> None:
    program = """
sent = 0
def asked():
    global sent
    for number in range(1000):
        sent += 1
        yield rows(str(number))
answers = stub.ModelStreamInfer(asked(), metadata=headers)
pause()
assert [answer.infer_response.id for answer in answers] == [str(number) for number in range(1000)]
"""
    async with scene(tmp_path) as here:
        here.server.mode = "hold"
        client = await start(here, tmp_path, program)
        await client.paused()
        await until(lambda: len(here.server.seen) == 64)
        await asyncio.sleep(0.3)
        assert len(here.server.seen) == 64  # the rest waits in the client and in windows
        here.server.mode = "answer"
        here.server.drop()  # what was held is asked once more
        await client.done()


async def test_a_revoked_key_ends_its_stream(tmp_path: Path) -> None:
    program = """
begin = threading.Semaphore(0)
def asked():
    for number in range(2):
        begin.acquire()
        yield rows()
answers = stub.ModelStreamInfer(asked(), metadata=headers)
begin.release()
good(next(answers).infer_response)
pause()
begin.release()
fails(lambda: next(answers), grpc.StatusCode.UNAUTHENTICATED, "not known")
fails(lambda: stub.ModelInfer(rows(), metadata=headers), grpc.StatusCode.UNAUTHENTICATED, "not known")
"""
    async with scene(tmp_path) as here:
        client = await start(here, tmp_path, program)
        await client.paused()
        await here.bus.put(deletes=(("key", here.key.key_id),))
        await client.done()


async def test_rates_and_full_deployments_refuse_with_the_time_to_wait(tmp_path: Path) -> None:
    program = """
for _ in range(3):
    good(stub.ModelInfer(rows(), metadata=headers))
error = fails(lambda: stub.ModelInfer(rows(), metadata=headers), grpc.StatusCode.RESOURCE_EXHAUSTED)
assert 0 < int(dict(error.trailing_metadata())["grpc-retry-pushback-ms"]) <= 100_000, error.trailing_metadata()
"""
    text, entry = key(rate_per_s=0.01, burst=3)
    async with RunningServer(str(tmp_path / "r.sock")) as server:
        entries = (entry, deployment(version(1, server.path)))
        async with FakeBus(str(tmp_path / "bus.sock"), entries) as bus, gateway(tmp_path, bus) as process:
            await (await start(Scene(process, bus, server, text), tmp_path, program)).done()


async def test_deadlines_and_cancels_reach_the_model_server_and_the_books(tmp_path: Path) -> None:
    program = """
fails(lambda: stub.ModelInfer(rows(), metadata=headers, timeout=0.3), grpc.StatusCode.DEADLINE_EXCEEDED)
slow = rows()
slow.parameters["timeout"].int64_param = 200_000
fails(lambda: stub.ModelInfer(slow, metadata=headers), grpc.StatusCode.DEADLINE_EXCEEDED)
call = stub.ModelInfer.future(rows(), metadata=headers)
pause()
call.cancel()
calls = [stub.ModelInfer.future(rows(), metadata=headers) for _ in range(5)]
pause()
"""
    async with scene(tmp_path) as here:
        here.server.mode = "hold"
        client = await start(here, tmp_path, program)
        await client.paused()
        await until(lambda: len([kind for kind, _ in here.server.seen if kind == 1]) >= 3 or len(here.server.seen) >= 3)
        client.go_on()
        await client.paused()
        await here.bus.until(lambda: len(here.bus.events) >= 3)
        statuses = sorted(event.status for event in here.bus.events)
        assert statuses.count(504) >= 1
        assert set(statuses) <= {499, 504}
        assert 499 in statuses
        await client.done()  # which closes its connection with five calls open
        await here.bus.until(lambda: len(here.bus.events) == 8)
        assert [event.status for event in here.bus.events][3:] == [499] * 5


async def test_a_gateway_that_ends_answers_what_it_took(tmp_path: Path) -> None:
    program = """
calls = [stub.ModelInfer.future(rows(), metadata=headers) for _ in range(20)]
stream = stub.ModelStreamInfer(iter([rows(str(number)) for number in range(20)]), metadata=headers)
pause()
for call in calls:
    good(call.result())
assert [answer.infer_response.id for answer in stream] == [str(number) for number in range(20)]
"""
    async with scene(tmp_path, delay_s=1.0) as here:
        client = await start(here, tmp_path, program)
        await client.paused()
        await until(lambda: len(here.server.seen) == 40)
        here.process.process.send_signal(signal.SIGTERM)
        await client.done()
        assert await asyncio.to_thread(here.process.process.wait, 20) == 0
        assert {event.status for event in here.bus.events} == {200}
        assert len(here.bus.events) == 40


async def test_loading_is_controls_to_answer(tmp_path: Path) -> None:
    program = """
def load(name, verb="Load", **parameters):
    kind = getattr(messages, f"RepositoryModel{verb}Request")
    request = kind(model_name=name)
    for each, value in parameters.items():
        request.parameters[each].MergeFrom(messages.ModelRepositoryParameter(**value))
    return getattr(stub, "RepositoryModel" + verb)(request, metadata=headers, timeout=20)

load("a b/c")
load("good", "Unload", unload_dependents={"bool_param": True})
fails(lambda: load("missing"), grpc.StatusCode.NOT_FOUND, "no deployment 'missing'")
fails(lambda: load("full"), grpc.StatusCode.RESOURCE_EXHAUSTED, "the quota")
fails(lambda: load("odd"), grpc.StatusCode.UNAVAILABLE, "HTTP status 418")
fails(lambda: load("broken"), grpc.StatusCode.UNAVAILABLE, "broke off")
fails(lambda: load(""), grpc.StatusCode.INVALID_ARGUMENT, "model_name is empty")
fails(lambda: load("good", file={"bytes_param": b"x"}), grpc.StatusCode.INVALID_ARGUMENT, "carries bytes")
fails(lambda: stub.RepositoryModelLoad(messages.RepositoryModelLoadRequest(model_name="slow"), metadata=headers,
                                       timeout=0.5), grpc.StatusCode.DEADLINE_EXCEEDED)
"""
    answers = {
        "/v2/repository/models/a%20b%2Fc/load": (200, b"{}"),
        "/v2/repository/models/good/unload": (200, b"{}"),
        "/v2/repository/models/missing/load": (404, b'{"error":"no deployment \'missing\'"}'),
        "/v2/repository/models/full/load": (429, b'{"code":"RESOURCE_EXHAUSTED","detail":"the quota"}'),
        "/v2/repository/models/odd/load": (418, b"I am"),
    }
    asked: list[tuple[str, dict[str, str], bytes]] = []

    async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in head[1:-2])
        path = head[0].split()[1]
        asked.append((path, fields, await reader.readexactly(int(fields["content-length"]))))
        if "slow" not in path:
            status, body = answers.get(path, (200, b"{}"))
            length = len(body) + ("broken" in path)
            writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, length, body))
        else:
            await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(control, str(tmp_path / "control.sock"))
    async with server, scene(tmp_path) as here:
        await (await start(here, tmp_path, program)).done()
    (_, fields, body), (_, _, second) = asked[:2]
    assert fields["authorization"] == f"Bearer {here.key}"
    assert fields["x-forwarded-for"] == "127.0.0.1"
    assert 10 < float(fields["x-request-timeout"]) < 25
    assert (body, second) == (b'{"parameters":{}}', b'{"parameters":{"unload_dependents":true}}')


async def test_no_method_but_those_of_health_answers_strangers(tmp_path: Path) -> None:
    program = """
methods = messages.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
public = {"ServerLive", "ServerReady", "ServerMetadata"}
for presented in ([], [("authorization", "Bearer bmsk_x.y")], [("x-api-key", key[:-1] + "x")]):
    for method in methods:
        call = channel.stream_stream if method.client_streaming else channel.unary_stream
        ask = iter([b""]) if method.client_streaming else b""
        answers = call("/inference.GRPCInferenceService/" + method.name)(ask, metadata=presented)
        if method.name in public:
            assert len(list(answers)) == 1
        else:
            fails(lambda: list(answers), grpc.StatusCode.UNAUTHENTICATED)
good(stub.ModelInfer(rows(), metadata=[("x-api-key", key)]))
"""
    async with scene(tmp_path) as here:
        await (await start(here, tmp_path, program)).done()


async def test_grpc_over_tls_by_alpn(tmp_path: Path) -> None:
    made = issue(tmp_path)
    program = """
for _ in range(100):
    good(stub.ModelInfer(rows(), metadata=headers))
assert len(list(stub.ModelStreamInfer(iter([rows()] * 100), metadata=headers))) == 100
large = messages.ModelInferRequest(model_name="m")
large.inputs.add(name="x", datatype="FP32", shape=[500_000, 4])
large.raw_input_contents.append(bytes(8_000_000))
wide = grpc.secure_channel(url, secure, options=[("grpc.max_receive_message_length", -1)])
assert len(GRPCInferenceServiceStub(wide).ModelInfer(large, metadata=headers).raw_output_contents[0]) == 8_000_000
"""
    config = {"tls_certificate": str(made.certificate), "tls_key": str(made.key)}
    async with scene(tmp_path, **config) as here:
        await (await start(here, tmp_path, program, str(made.ca))).done()


async def until(true: object) -> None:
    async with asyncio.timeout(15):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.02)
