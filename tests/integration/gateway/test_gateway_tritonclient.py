"""The unmodified tritonclient.http against a real gateway, in a process of its own."""

import asyncio
import sys
from pathlib import Path

from tests.worlds.gateways import scene

PROGRAM = """
import sys
import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

url, key = sys.argv[1:]
client = triton.InferenceServerClient(url)
headers = {"Authorization": f"Bearer {key}"}  # copied for every call: infer writes its own header into it
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("m", headers=headers) and client.is_model_ready("m", "1", headers=headers)
assert client.get_server_metadata(headers=headers)["name"] == "bms"
assert client.get_model_metadata("m", headers=headers)["inputs"][0]["shape"] == [-1, 4]

rows = np.random.default_rng(0).random((3, 4), dtype=np.float32)
for binary_in in (True, False):
    for wanted in (None, True, False):
        given = triton.InferInput("x", [3, 4], "FP32")
        given.set_data_from_numpy(rows, binary_data=binary_in)
        outputs = None if wanted is None else [triton.InferRequestedOutput("y", binary_data=wanted)]
        result = client.infer("m", [given], outputs=outputs, headers=dict(headers), request_id="7")
        assert np.array_equal(result.as_numpy("y"), rows * np.float32(2) + np.float32(1)), (binary_in, wanted)
        assert result.get_response()["id"] == "7"

number, text = triton.InferInput("number", [2], "INT64"), triton.InferInput("text", [2], "BYTES")
number.set_data_from_numpy(np.array([1, -(2**62)]))
text.set_data_from_numpy(np.array([b"a\\xff", b""], dtype=object))
result = client.infer("m", [number, text], headers=dict(headers), request_compression_algorithm="gzip",
                      response_compression_algorithm="gzip")
assert result.as_numpy("number").tolist() == [1, -(2**62)]
assert result.as_numpy("text_bytes").tolist() == [b"a\\xff", b""]

def refused(call, said):
    try:
        call()
    except InferenceServerException as error:
        assert said in error.message(), error.message()
    else:
        raise AssertionError(f"expected a refusal: {said}")

wrong = triton.InferInput("x", [1, 3], "FP32")
wrong.set_data_from_numpy(np.zeros((1, 3), dtype=np.float32))
refused(lambda: client.infer("m", [wrong], headers=dict(headers)), "expected [-1, 4]")
refused(lambda: client.infer("none", [wrong], headers=dict(headers)), "no deployment")
refused(lambda: client.infer("m", [wrong]), "no key")
refused(lambda: client.get_model_metadata("none", headers=headers), "no deployment")
print("done")
"""


async def test_tritonclient_infers_in_json_and_binary_and_reads_our_errors(tmp_path: Path) -> None:
    program = tmp_path / "client.py"
    program.write_text(PROGRAM)
    async with scene(tmp_path) as at:
        host, port = at.process.address
        client = await asyncio.create_subprocess_exec(
            sys.executable, str(program), f"{host}:{port}", str(at.key),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(client.communicate(), 60)
        assert out.decode().splitlines()[-1:] == ["done"], out.decode()
