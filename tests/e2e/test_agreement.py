"""Every way to ask gives the same numbers, to the last digit, as the model run directly on the same rows."""

import base64
import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from PIL import Image

from bms.sdk import AsyncClient
from bms.sdk.deployments import Target
from bms.sdk.inference import Prediction, Wire
from tests.frameworks.agreement import ask_triton
from tests.worlds.platforms import RealPlatform
from tests.worlds.whole_platform import DATA, DIGITS, deploy, push

NAME = "digits"
ROWS = 7
Rows = npt.NDArray[np.float32]
Outputs = dict[str, npt.NDArray[np.generic]]
WIRES: tuple[Wire, ...] = ("raw", "json", "tfserving")


@pytest.fixture(scope="module")
def platform(tenant: RealPlatform) -> RealPlatform:
    with tenant.client() as client:
        push(client, NAME)
        deploy(client, NAME, NAME, Target(version=1))
    return tenant


@pytest.fixture(scope="module")
def rows() -> Rows:
    with np.load(DATA / "digits.npz") as data:
        return np.asarray(data["x"][:ROWS], np.float32)


@pytest.fixture(scope="module")
def direct(rows: Rows) -> Outputs:
    return run_directly(rows)


def run_directly(rows: Rows) -> Outputs:
    """The model's own answer, with no platform in between."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(DIGITS, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"x": rows}), strict=True))


def same(told: dict[str, object], direct: Outputs) -> None:
    """Numbers as they were told, in JSON or arrays, are the direct ones bit for bit in the model's own types."""
    assert told.keys() == direct.keys()
    for name, array in direct.items():
        assert np.array_equal(np.asarray(told[name], array.dtype), array), name


def curl(platform: RealPlatform, path: str, body: bytes, content_type: str = "application/json") -> dict[str, object]:
    """What a person sees who pastes a curl line."""
    if shutil.which("curl") is None:
        pytest.skip("this machine has no curl")
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--noproxy", "*", "--max-time", "30"]
    command += ["-H", f"Authorization: Bearer {platform.key}", "-H", f"Content-Type: {content_type}"]
    command += ["--data-binary", "@-", f"{platform.url}{path}"]
    done = subprocess.run(command, input=body, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def columns(predictions: object) -> dict[str, object]:
    """TF Serving's rows of named outputs as columns."""
    assert isinstance(predictions, list)
    return {name: [row[name] for row in predictions] for name in predictions[0]}


def test_curl_with_tf_servings_rows(platform: RealPlatform, rows: Rows, direct: Outputs) -> None:
    answer = curl(platform, f"/v1/models/{NAME}:predict", json.dumps({"instances": rows.tolist()}).encode())
    same(columns(answer["predictions"]), direct)


def test_curl_with_tf_servings_named_rows(platform: RealPlatform, rows: Rows, direct: Outputs) -> None:
    body = json.dumps({"instances": [{"x": row} for row in rows.tolist()]}).encode()
    same(columns(curl(platform, f"/v1/models/{NAME}/versions/1:predict", body)["predictions"]), direct)


def test_curl_with_tf_servings_columns(platform: RealPlatform, rows: Rows, direct: Outputs) -> None:
    answer = curl(platform, f"/v1/models/{NAME}:predict", json.dumps({"inputs": {"x": rows.tolist()}}).encode())
    outputs = answer["outputs"]
    assert isinstance(outputs, dict)
    same(outputs, direct)


@pytest.mark.parametrize("nested", [True, False])
def test_curl_with_the_open_inference_protocol(
    platform: RealPlatform, rows: Rows, direct: Outputs, nested: bool
) -> None:
    data = rows.tolist() if nested else rows.ravel().tolist()
    tensor = {"name": "x", "datatype": "FP32", "shape": list(rows.shape), "data": data}
    answer = curl(platform, f"/v2/models/{NAME}/infer", json.dumps({"inputs": [tensor]}).encode())
    assert answer["model_version"] == "1"
    outputs = answer["outputs"]
    assert isinstance(outputs, list)
    same({one["name"]: np.reshape(one["data"], one["shape"]) for one in outputs}, direct)


def test_curl_with_an_image_file(platform: RealPlatform, rows: Rows) -> None:
    for row in rows:
        png, pixels = picture(row)
        answer = curl(platform, f"/v1/models/{NAME}:predict", png, "image/png")
        same(columns(answer["predictions"]), run_directly(pixels))


def test_curl_with_an_image_in_json(platform: RealPlatform, rows: Rows) -> None:
    png, pixels = picture(rows[0])
    body = {"instances": [{"b64": base64.b64encode(png).decode()}], "signature_name": "image"}
    answer = curl(platform, f"/v1/models/{NAME}:predict", json.dumps(body).encode())
    same(columns(answer["predictions"]), run_directly(pixels))


def picture(row: Rows) -> tuple[bytes, Rows]:
    """A row as a PNG of 8 × 8 grey pixels, and the input that its pixels make."""
    grey = np.rint(row * 255).astype(np.uint8).reshape(8, 8)
    file = io.BytesIO()
    Image.fromarray(grey, "L").save(file, "PNG")
    return file.getvalue(), grey.reshape(1, 64).astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("wire", WIRES)
def test_the_blocking_sdk(platform: RealPlatform, rows: Rows, direct: Outputs, wire: Wire) -> None:
    with platform.client() as client:
        agrees(client.predict(NAME, rows, wire=wire), direct, wire)
        agrees(client.predict(NAME, {"x": rows.tolist()}, wire=wire), direct, wire)


@pytest.mark.parametrize("wire", WIRES)
async def test_the_sdk_for_asyncio(platform: RealPlatform, rows: Rows, direct: Outputs, wire: Wire) -> None:
    async with AsyncClient(platform.url, platform.key) as client:
        agrees(await client.predict(NAME, rows, wire=wire), direct, wire)
        agrees(await client.predict(NAME, {"x": rows.tolist()}, wire=wire), direct, wire)


def agrees(prediction: Prediction, direct: Outputs, wire: Wire) -> None:
    same(dict(prediction.outputs), direct)
    assert prediction.version == (None if wire == "tfserving" else 1)
    if wire != "tfserving":
        assert {name: array.dtype for name, array in prediction.outputs.items()} == {
            name: array.dtype for name, array in direct.items()
        }


def test_the_sdk_with_an_image(platform: RealPlatform, rows: Rows) -> None:
    png, pixels = picture(rows[3])
    with platform.client() as client:
        same(dict(client.predict_image(NAME, png).outputs), run_directly(pixels))


def test_the_command_line(platform: RealPlatform, rows: Rows, direct: Outputs, tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", rows)
    (tmp_path / "rows.json").write_text(json.dumps(rows.tolist()))
    for data in (json.dumps(rows.tolist()), str(tmp_path / "rows.json"), str(tmp_path / "rows.npy")):
        told = platform.good("predict", NAME, "--data", data, "--json").json
        assert isinstance(told, dict)
        assert told["version"] == 1
        same(told["outputs"], direct)


def test_the_command_line_with_an_image_file(platform: RealPlatform, rows: Rows, tmp_path: Path) -> None:
    png, pixels = picture(rows[1])
    (tmp_path / "digit.png").write_bytes(png)
    told = platform.good("predict", NAME, "--image", str(tmp_path / "digit.png"), "--raw", "--json").json
    assert isinstance(told, dict)
    same(told["outputs"], run_directly(pixels))


@pytest.mark.parametrize("form", ["binary", "json"])
def test_tritons_own_client(platform: RealPlatform, rows: Rows, direct: Outputs, form: str) -> None:
    same(dict(ask_triton(platform, NAME, {"x": rows}, form)), direct)
