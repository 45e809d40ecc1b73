"""The unmodified tritonclient.grpc, sync and aio, against a real gateway, each in a process of its own."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.worlds.gateways import Scene, scene

_START = """
import queue
import sys
import numpy as np
from tritonclient.utils import InferenceServerException

url, key = sys.argv[1:]
headers = {"authorization": f"Bearer {key}"}
rows = np.random.default_rng(0).random((3, 4), dtype=np.float32)

def refused(error, status, said):
    assert error is not None, said
    assert status in str(error.status()) and said in error.message(), (error.status(), error.message())

def floats(triton, value):
    given = triton.InferInput("x", list(value.shape), "FP32")
    given.set_data_from_numpy(value)
    return given
"""
SYNC = (
    _START
    + """
import tritonclient.grpc as triton

client = triton.InferenceServerClient(url)
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("m", headers=headers) and client.is_model_ready("m", "1", headers=headers)
assert client.get_server_metadata(headers=headers).name == "bms"
metadata = client.get_model_metadata("m", headers=headers)
assert list(metadata.inputs[0].shape) == [-1, 4] and list(metadata.versions) == ["1"], metadata
config = client.get_model_config("m", headers=headers).config
assert config.input[0].data_type == 11 and list(config.input[0].dims) == [-1, 4], config
index = client.get_model_repository_index(headers=headers)
assert [(each.name, each.version, each.state) for each in index.models] == [("m", "1", "READY")]

for compression in (None, "gzip", "deflate"):
    for outputs in (None, [triton.InferRequestedOutput("y")]):
        result = client.infer("m", [floats(triton, rows)], outputs=outputs, headers=headers, request_id="7",
                              compression_algorithm=compression)
        assert np.array_equal(result.as_numpy("y"), rows * np.float32(2) + np.float32(1))
        answer = result.get_response()
        assert (answer.id, answer.model_name, answer.model_version) == ("7", "m", "1")

number, text = triton.InferInput("number", [2], "INT64"), triton.InferInput("text", [2], "BYTES")
number.set_data_from_numpy(np.array([1, -(2**62)]))
text.set_data_from_numpy(np.array([b"a\\xff", b""], dtype=object))
result = client.infer("m", [number, text], headers=headers, model_version="1", priority=2, timeout=10_000_000)
assert result.as_numpy("number").tolist() == [1, -(2**62)]
assert result.as_numpy("text_bytes").tolist() == [b"a\\xff", b""]

def fails(status, said, call):
    try:
        call()
    except InferenceServerException as error:
        refused(error, status, said)
    else:
        raise AssertionError(f"expected a refusal: {said}")

wrong = floats(triton, np.zeros((1, 3), np.float32))
fails("INVALID_ARGUMENT", "expected [-1, 4]", lambda: client.infer("m", [wrong], headers=headers))
fails("NOT_FOUND", "no deployment", lambda: client.infer("none", [wrong], headers=headers))
fails("NOT_FOUND", "no version 9", lambda: client.infer("m", [wrong], model_version="9", headers=headers))
fails("UNAUTHENTICATED", "no key", lambda: client.infer("m", [wrong]))
fails("UNAUTHENTICATED", "not a key", lambda: client.get_model_metadata("m", headers={"authorization": "Bearer x"}))
fails("UNIMPLEMENTED", "shared memory", lambda: client.get_system_shared_memory_status(headers=headers))
fails("UNAVAILABLE", "control cannot be reached", lambda: client.load_model("m", headers=headers))
right = floats(triton, rows)
fails("INVALID_ARGUMENT", "sequences", lambda: client.infer("m", [right], sequence_id=5, headers=headers))

stats = client.get_inference_statistics("m", headers=headers).model_stats
assert stats[0].name == "m" and stats[0].inference_stats.success.count == 7, stats

answers = queue.Queue()
client.start_stream(lambda result, error: answers.put((result, error)), headers=headers)
for number in range(200):
    given = wrong if number == 50 else floats(triton, rows + np.float32(number))
    client.async_stream_infer("m", [given], request_id=str(number))
for number in range(200):
    result, error = answers.get(timeout=30)
    if number == 50:
        refused(error, "None", "expected [-1, 4]")
    else:
        assert error is None, error
        assert result.get_response().id == str(number), (result.get_response().id, number)
        assert np.array_equal(result.as_numpy("y"), (rows + np.float32(number)) * np.float32(2) + np.float32(1))
client.stop_stream()
client.close()
print("done")
"""
)
AIO = (
    _START
    + """
import asyncio
import tritonclient.grpc.aio as triton

async def main():
    client = triton.InferenceServerClient(url)
    assert await client.is_server_live() and await client.is_model_ready("m", headers=headers)
    many = await asyncio.gather(
        *(client.infer("m", [floats(triton, rows + np.float32(n))], headers=headers) for n in range(300))
    )
    for n, result in enumerate(many):
        assert np.array_equal(result.as_numpy("y"), (rows + np.float32(n)) * np.float32(2) + np.float32(1))

    async def asked():
        for n in range(20):
            yield {"model_name": "m", "inputs": [floats(triton, rows + np.float32(n))], "request_id": str(n)}

    seen = []
    async for result, error in client.stream_infer(asked(), headers=headers):
        assert error is None, error
        seen.append(result.get_response().id)
    assert seen == [str(n) for n in range(20)], seen
    try:
        await client.infer("m", [floats(triton, np.zeros((1, 3), np.float32))], headers=headers)
    except InferenceServerException as error:
        refused(error, "INVALID_ARGUMENT", "expected [-1, 4]")
    else:
        raise AssertionError("expected a refusal")
    await client.close()

asyncio.run(main())
print("done")
"""
)


@pytest.mark.parametrize("program", [SYNC, AIO], ids=["sync", "aio"])
async def test_tritonclient_infers_over_grpc_and_reads_our_errors(tmp_path: Path, program: str) -> None:
    path = tmp_path / "client.py"
    path.write_text(program)
    async with scene(tmp_path) as here:
        host, port = here.process.address
        client = await asyncio.create_subprocess_exec(
            sys.executable, str(path), f"{host}:{port}", str(here.key), stdout=-1, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(client.communicate(), 60)
        assert said.decode().endswith("done\n"), said.decode()
        assert client.returncode == 0
        await here.bus.until(lambda: len(here.bus.events) >= _billed(program))
        assert {event.status for event in here.bus.events} == {200}


def _billed(program: str) -> int:
    return 7 + 199 if program is SYNC else 300 + 20


async def test_both_protocols_share_the_port(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        assert await _both(here) == [b"HTTP/1.1 200 OK", b"\x00\x00\x18"]


async def _both(here: Scene) -> list[bytes]:
    """What a client of each protocol is first told."""
    said = []
    for first in (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        reader, writer = await asyncio.open_connection(*here.process.address)
        for octet in first:  # as slowly as can be
            writer.write(bytes((octet,)))
            await writer.drain()
            await asyncio.sleep(0)
        said.append(await reader.readexactly(15) if first[:1] == b"G" else await reader.readexactly(3))
        writer.close()
    return said
