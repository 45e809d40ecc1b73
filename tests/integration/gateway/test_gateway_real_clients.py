"""Client libraries as people have them, unmodified, each in a process of its own, against a real gateway."""

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

from tests.worlds.gateways import Scene, deployment, scene, version

SYNC = """
import gzip, json, sys
import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

address, key = sys.argv[1:]
client = triton.InferenceServerClient(address, concurrency=4)
headers = {"Authorization": f"Bearer {key}"}

extensions = client.get_server_metadata(headers=headers)["extensions"]
assert {"classification", "statistics", "model_repository", "model_configuration"} <= set(extensions), extensions
assert not [name for name in extensions if "shared_memory" in name]

index = client.get_model_repository_index(headers=headers)
assert [(each["name"], each["version"], each["state"], each["reason"]) for each in index] == [
    ("big", "", "UNAVAILABLE", "no version takes traffic yet"),
    ("m", "1", "READY", ""), ("m", "2", "LOADING", ""), ("m", "3", "UNAVAILABLE", "too big"),
    ("off", "4", "UNAVAILABLE", "unloaded"),
], index

config = client.get_model_config("m", headers=headers)
assert (config["name"], config["platform"], config["max_batch_size"]) == ("m", "onnx", 0)
plain = {"format": "FORMAT_NONE", "is_shape_tensor": False, "allow_ragged_batch": False, "optional": False}
assert config["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": [-1, 4], **plain}]
assert client.get_model_config("m", "2", headers=headers)["version_policy"] == {"specific": {"versions": [1, 2, 3]}}

features = triton.InferInput("features", [2, 2], "FP32")
features.set_data_from_numpy(np.array([[0.25, 1], [0.9, 1]], dtype=np.float32))
for binary in (True, False):
    wanted = [triton.InferRequestedOutput("scores", binary_data=binary, class_count=1)]
    got = client.infer("m", [features], outputs=wanted, headers=dict(headers), parameters={"signature_name": "classes"})
    best = [text if isinstance(text, str) else text.decode() for text in got.as_numpy("scores").ravel()]
    assert best == ["0.75:1:yes", "0.9:0:no"], best

rows = np.random.default_rng(0).random((500, 4), dtype=np.float32)
given = triton.InferInput("x", [500, 4], "FP32")
given.set_data_from_numpy(rows)
for asked in (None, "gzip", "deflate"):
    for binary in (True, False):
        wanted = [triton.InferRequestedOutput("y", binary_data=binary)]
        got = client.infer("m", [given], outputs=wanted, headers=dict(headers), request_compression_algorithm=asked,
                           response_compression_algorithm=asked, priority=1, timeout=5_000_000)
        assert np.array_equal(got.as_numpy("y"), rows * np.float32(2) + np.float32(1)), (asked, binary)
answers = [client.async_infer("m", [given], headers=dict(headers)) for _ in range(20)]
assert all(np.array_equal(each.get_result().as_numpy("y"), rows * np.float32(2) + np.float32(1)) for each in answers)

half = triton.InferInput("x", [1, 4], "BF16")
half.set_shape([1, 4])
half._raw_data = (np.array([[1, 2, 3, -4]], dtype="<f4").view("<u4") >> 16).astype("<u2").tobytes()
half._parameters["binary_data_size"] = len(half._raw_data)
assert client.infer("m", [half], headers=dict(headers)).as_numpy("y").tolist() == [[3.0, 5.0, 7.0, -7.0]]

def refused(status, said, call):
    try:
        call()
    except InferenceServerException as error:
        assert error.status() in (None, status) and said in error.message(), (error.status(), error.message())
    else:
        raise AssertionError(f"expected a refusal: {said}")

refused("400", "sequences are not served", lambda: client.infer("m", [given], headers=dict(headers), sequence_id=7))
refused("404", "no version 9", lambda: client.get_model_config("m", "9", headers=headers))
refused("501", "shared memory named by clients", lambda: client.get_system_shared_memory_status(headers=headers))
assert client.get_trace_settings(headers=headers)["trace_level"] == ["OFF"]
assert client.get_trace_settings("m", headers=headers)["trace_rate"] == "1000"
assert client.get_log_settings(headers=headers)["log_verbose_level"] == 0
loud = {"log_verbose_level": 4}
refused("501", "stays 0", lambda: client.update_log_settings(loud, headers=headers))
refused("404", "Request for unknown model: 'none'", lambda: client.get_trace_settings("none", headers=headers))
refused("503", "control cannot be reached", lambda: client.load_model("m", headers=headers))
refused("401", "no key", lambda: client.get_model_repository_index())

stats = client.get_inference_statistics("m", headers=headers)["model_stats"]
(one,) = [each for each in stats if each["version"] == "1"]
asked = one["inference_stats"]["success"]["count"]
assert asked == 2 + 6 + 20 + 1, one
assert one["inference_count"] == 2 * 2 + 6 * 500 + 20 * 500 + 1 and one["execution_count"] > 0
assert one["inference_stats"]["compute_infer"]["ns"] == 2000 * asked
assert one["last_inference"] > 1_600_000_000_000
everything = client.get_inference_statistics(headers=headers)["model_stats"]
assert [each["name"] for each in everything].count("m") == 3
print("done")
"""
AIO = """
import asyncio, sys
import numpy as np
import tritonclient.http.aio as triton
from tritonclient.utils import InferenceServerException

async def main(address, key):
    headers = {"Authorization": f"Bearer {key}"}
    async with triton.InferenceServerClient(address) as client:
        assert await client.is_server_live() and await client.is_server_ready()
        assert await client.is_model_ready("m", headers=headers)
        assert (await client.get_model_metadata("m", headers=headers))["platform"] == "onnx"
        index = await client.get_model_repository_index(headers=headers)
        assert len(index) >= 5
        rows = np.random.default_rng(0).random((500, 4), dtype=np.float32)
        given = triton.InferInput("x", [500, 4], "FP32")
        async def ask(binary, asked):
            given.set_data_from_numpy(rows, binary_data=True)
            wanted = [triton.InferRequestedOutput("y", binary_data=binary)]
            got = await client.infer("m", [given], outputs=wanted, headers=dict(headers),
                                     request_compression_algorithm=asked, response_compression_algorithm=asked)
            assert np.array_equal(got.as_numpy("y"), rows * np.float32(2) + np.float32(1))
        await asyncio.gather(*(ask(binary, asked) for binary in (True, False) for asked in (None, "gzip", "deflate")))
        try:
            await client.infer("none", [given], headers=dict(headers))
        except InferenceServerException as error:
            assert "no deployment" in error.message()
        else:
            raise AssertionError("expected a refusal")
        stats = await client.get_inference_statistics("m", "1", headers=headers)
        assert stats["model_stats"][0]["inference_stats"]["success"]["count"] == 6
    print("done")

asyncio.run(main(*sys.argv[1:]))
"""
OPENAI = """
import sys
import openai

address, key = sys.argv[1:]
client = openai.OpenAI(base_url=f"http://{address}/v1", api_key=key, max_retries=0)
listed = client.models.list()
assert [model.id for model in listed.data] == ["big", "m", "off"], listed
assert (listed.data[1].object, listed.data[1].owned_by) == ("model", "acme")
assert client.models.retrieve("m").id == "m"
try:
    client.models.retrieve("none")
except openai.NotFoundError as error:
    assert "no deployment" in str(error.body), error.body
else:
    raise AssertionError("expected a refusal")
try:
    openai.OpenAI(base_url=f"http://{address}/v1", api_key="nonsense", max_retries=0).models.list()
except openai.AuthenticationError:
    print("done")
"""


async def run(program: str, at: Scene, folder: Path) -> None:
    """Runs a client program to its end, which must be the word "done"."""
    path = folder / "client.py"
    path.write_text(program)
    host, port = at.process.address
    client = await asyncio.create_subprocess_exec(
        sys.executable, str(path), f"{host}:{port}", str(at.key),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(client.communicate(), 60)
    assert out.decode().splitlines()[-1:] == ["done"], out.decode()


async def furnish(at: Scene, more: int = 0) -> None:
    """Deployments in every state, and `more` that make lists long."""
    await at.bus.put(
        deployment(
            version(1, at.server.path),
            version(2, weight=0, state="LOADING"),
            version(3, weight=0, state="END", error="too big"),
        ),
        deployment(name="big"),
        deployment(version(4, weight=0, state="END"), name="off"),
        *(deployment(version(1), name=f"more-{number}") for number in range(more)),
    )


async def test_tritonclient_uses_all_that_is_told_to_be_there(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await furnish(at)
        await run(SYNC, at, tmp_path)


async def test_tritonclients_asyncio_form_asks_at_once_and_reads_long_lists(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await furnish(at, more=100)
        await run(AIO, at, tmp_path)


async def test_openais_client_lists_and_finds_models(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        await furnish(at)
        await run(OPENAI, at, tmp_path)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_keeps_one_connection_sends_chunks_and_inflates(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"instances": [' + ",".join(["[1, 2, 3, 4]"] * 400) + "]}")
    async with scene(tmp_path) as at:
        url = f"{at.process.url}/v1/models/m:predict"
        key = ("-H", f"Authorization: Bearer {at.key}")
        ask = ("--data-binary", f"@{body}", "--compressed", "-w", "%{num_connects} %{size_download}\n", "-o", "out")
        chunked = ("-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue")
        curl = await asyncio.create_subprocess_exec(
            "curl", "-sS", "-m", "20", *key, *ask, url, "--next", "-sS", "-m", "20", *key, *ask, *chunked, url,
            stdout=asyncio.subprocess.PIPE, cwd=tmp_path,
        )  # fmt: skip
        out, _ = await curl.communicate()
        (first, size), (second, again) = (line.split() for line in out.decode().splitlines())
        assert (first, second) == ("1", "0"), "the second request goes by the first one's connection"
        plain = len('{"predictions":[' + ",".join(["[3.0,5.0,7.0,9.0]"] * 400) + "]}")
        assert int(size) == int(again) < plain // 10
        assert (tmp_path / "out").stat().st_size == plain
