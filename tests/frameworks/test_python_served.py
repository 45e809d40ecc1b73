"""Plain Python, from training to answers over every wire."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract.runtimes.cases_python import FRAMEWORK
from tests.frameworks.agreement import deploy, framework_platform, serves_alike
from tests.whole_platform import WholePlatform

STREAM = """
import queue, sys
import numpy as np
import tritonclient.grpc as triton

url, key = sys.argv[1:]
answers = queue.Queue()
client = triton.InferenceServerClient(url)
client.start_stream(lambda result, error: answers.put((result, error)), headers={"authorization": f"Bearer {key}"})
given = triton.InferInput("prompt", [1], "BYTES")
given.set_data_from_numpy(np.array([b"to be or not"], dtype=object))
client.async_stream_infer("grpc-words", [given])
for _ in range(4):
    result, error = answers.get(timeout=60)
    assert error is None, error
    print(result.as_numpy("word")[0].decode())
client.stop_stream()
"""
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholePlatform]:
    with framework_platform(tmp_path_factory.mktemp("python")) as running:
        yield running


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


def test_a_class_with_weights_configuration_and_modules_answers(platform: WholePlatform, made: Path) -> None:
    version = serves_alike(platform, made / "digits" / "model", made / "digits" / "expected.npz", name="digits")
    assert (version.runtime, version.format) == ("python", "python")
    assert version.environment.requirements == ("numpy",)
    assert version.environment.python is not None
    assert version.signatures["serving_default"].method == "classify"


def test_texts_answer_as_the_code(platform: WholePlatform, made: Path) -> None:
    serves_alike(platform, made / "bare" / "model", made / "bare" / "expected.npz", name="texts")


def test_a_stream_is_an_event_for_every_part(platform: WholePlatform, made: Path) -> None:
    version = serves_alike(platform, made / "streams" / "model", made / "streams" / "expected.npz", name="adds")
    assert set(version.signatures) == {"serving_default", "stream"}
    assert deploy(platform, made / "words" / "model", "words").status == 0
    assert [event["word"] for event in events(platform, "words", {"prompt": "to be or not"})] == [
        "to",
        "be",
        "or",
        "not",
    ]
    body = {"upto": 4, "parameters": {"signature_name": "stream"}}
    assert [event["sum"] for event in events(platform, "adds", body)] == [0, 1, 3, 6, 10]


def test_a_stream_over_grpc_is_a_message_for_every_part(platform: WholePlatform, made: Path) -> None:
    assert deploy(platform, made / "words" / "model", "grpc-words").status == 0
    command = [sys.executable, "-c", STREAM, platform.url.removeprefix("http://"), platform.key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["to", "be", "or", "not"]


def test_an_error_in_the_midst_of_a_stream_names_the_makers_line(platform: WholePlatform, made: Path) -> None:
    assert deploy(platform, made / "streams" / "model", "fails").status == 0
    told = events(platform, "fails", {"upto": 15, "parameters": {"signature_name": "stream"}})
    assert [event.get("sum") for event in told[:13]] == [sum(range(upto + 1)) for upto in range(13)]
    assert "Model.stream failed: model.py, line " in str(told[13]["error"])
    assert "nobody adds beyond 13" in str(told[13]["error"])


def events(platform: WholePlatform, name: str, body: object) -> list[dict[str, object]]:
    headers = {"authorization": f"Bearer {platform.key}"}
    url = f"{platform.url}/v2/models/{name}/generate_stream"
    answer = httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
    return [json.loads(part.removeprefix("data: ")) for part in answer.text.split("\n\n") if part]
