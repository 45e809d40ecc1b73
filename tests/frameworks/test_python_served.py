"""Plain Python, from training to answers over every wire."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest

from bms.core.errors import BmsError, Internal, InvalidArgument, NotFound
from bms.sdk.models import Version
from tests.contract.runtimes.cases.python import FRAMEWORK
from tests.frameworks.agreement import deploy, serves_alike
from tests.pages import ran
from tests.peers.callers import KINDS, Caller
from tests.worlds.platforms import RealPlatform

GRPC = """
import queue, sys
import numpy as np
import tritonclient.grpc as triton

url, key = sys.argv[1:]
headers = {"authorization": f"Bearer {key}"}
answers = queue.Queue()
client = triton.InferenceServerClient(url)


def given(name, text):
    tensor = triton.InferInput(name, [1], "BYTES")
    tensor.set_data_from_numpy(np.array([text], dtype=object))
    return [tensor]


try:
    client.infer("prices", given("item", b"unicorn"), headers=headers)
except triton.InferenceServerException as error:
    print(error.status(), error.message())
client.start_stream(lambda result, error: answers.put((result, error)), headers=headers)
client.async_stream_infer("words", given("prompt", b"to be or not"))
for _ in range(4):
    result, error = answers.get(timeout=60)
    assert error is None, error
    print(result.as_numpy("word")[0].decode())
client.async_stream_infer("prices", given("item", b"unicorn"), parameters={"signature_name": "stream"})
for _ in range(4):
    result, error = answers.get(timeout=60)
    print(error.message() if error else result.as_numpy("step")[0])
client.stop_stream()
"""
DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"<!-- test: (\w+) -->\n```(?:sh|python)\n(.*?)```", re.DOTALL)
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def made() -> Path:
    return FRAMEWORK.artifacts()


@pytest.fixture(scope="module")
def words(platform: RealPlatform, made: Path) -> str:
    """Streams the words of a prompt."""
    assert deploy(platform, made / "words" / "model", "words").status == 0
    return "words"


@pytest.fixture(scope="module")
def adds(platform: RealPlatform, made: Path) -> Version:
    """Streams sums, up to 12; deployed as `adds`."""
    return serves_alike(platform, made / "streams" / "model", made / "streams" / "expected.npz", name="adds")


@pytest.fixture(scope="module")
def prices(platform: RealPlatform, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Refuses some items, with a status and without."""
    folder = tmp_path_factory.mktemp("prices")
    (folder / "model.py").write_text(PRICES)
    assert deploy(platform, folder, "prices").status == 0
    return "prices"


def test_a_class_with_weights_configuration_and_modules_answers(platform: RealPlatform, made: Path) -> None:
    version = serves_alike(platform, made / "digits" / "model", made / "digits" / "expected.npz", name="digits")
    assert (version.runtime, version.format) == ("python", "python")
    assert version.environment.requirements == ("numpy",)
    assert version.environment.python is not None
    assert version.signatures["serving_default"].method == "classify"


def test_texts_answer_as_the_code(platform: RealPlatform, made: Path) -> None:
    serves_alike(platform, made / "bare" / "model", made / "bare" / "expected.npz", name="texts")


def test_a_stream_is_an_event_for_every_part(platform: RealPlatform, adds: Version, words: str) -> None:
    assert set(adds.signatures) == {"serving_default", "stream"}
    assert [event["word"] for event in events(platform, words, {"prompt": "to be or not"})] == [
        "to",
        "be",
        "or",
        "not",
    ]
    body = {"upto": 4, "parameters": {"signature_name": "stream"}}
    assert [event["sum"] for event in events(platform, "adds", body)] == [0, 1, 3, 6, 10]


def test_a_stream_over_grpc_is_a_message_for_every_part_and_an_error_with_a_status_is_told(
    platform: RealPlatform, words: str, prices: str
) -> None:
    command = [sys.executable, "-c", GRPC, platform.url.removeprefix("http://"), platform.key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said = "nobody sells a unicorn"
    refused, *streamed = done.stdout.splitlines()
    assert refused == f"StatusCode.NOT_FOUND {said}"
    assert streamed == ["to", "be", "or", "not", "0", "1", "2", f"NOT_FOUND: {said}"]


def test_an_error_in_the_midst_of_a_stream_names_the_makers_line(platform: RealPlatform, adds: Version) -> None:
    told = events(platform, "adds", {"upto": 15, "parameters": {"signature_name": "stream"}})
    assert [event.get("sum") for event in told[:13]] == [sum(range(upto + 1)) for upto in range(13)]
    assert "Model.stream failed: model.py, line " in str(told[13]["error"])
    assert "nobody adds beyond 13" in str(told[13]["error"])


def test_both_pages_have_the_same_code_and_it_runs_as_written(platform: RealPlatform, tmp_path: Path) -> None:
    page = BLOCK.findall((DOCS / "plain-python.md").read_text())
    assert page == BLOCK.findall((DOCS / "plain-python.zh-CN.md").read_text())
    assert [kind for kind, _ in page] == ["model", "run", "python"], "was their mark changed?"
    (tmp_path / "poet").mkdir()
    (tmp_path / "poet" / "model.py").write_text(page[0][1])
    told = ran(page[1][1], platform, tmp_path)
    assert "bms predict poet --data '[\"\"]' --stream\n" in told
    text = (DOCS / "plain-python.md").read_text()
    shown = text.partition("as soon as it is yielded:\n\n```\n")[2].partition("```")[0]
    assert f"\nTO\nBE\nOR\n{shown}\n" in told
    assert told.endswith('{"error":"a prompt has 5 words at most, this one has 6"}')
    code = page[2][1].replace("http://127.0.0.1:8000", platform.url).replace("…the key…", platform.key)
    asked = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert asked.returncode == 0, asked.stderr
    words = ["TO", "BE", "OR", "a prompt has 5 words at most, this one has 6", "NOT", "TO", "BE"]
    assert asked.stdout.splitlines() == words


PRICES = """
class NoPrice(Exception):
    def __init__(self, status, words):
        super().__init__(words)
        self.status_code = status


class Model:
    signatures = {
        "serving_default": {"inputs": ["item BYTES [-1]"], "outputs": ["price FP32 [-1]"]},
        "stream": {"inputs": ["item BYTES [1]"], "outputs": ["step INT64 [1]", "left FP64 [2, 1]"], "batched": False},
    }

    def predict(self, inputs):
        return self.np.array([self.price(item) for item in inputs["item"]], self.np.float32)

    def stream(self, inputs):
        for step in range(3):
            yield {"step": step, "left": self.np.array([[2.0 - step], [self.np.nan]])}
        self.price(inputs["item"][0])

    def load(self):
        import numpy
        self.np = numpy

    def price(self, item):
        if item == b"unicorn":
            raise NoPrice(404, "nobody sells a unicorn")
        if item == b"broken":
            raise KeyError("the table has no broken")
        return float(len(item))
"""


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_with_a_status_is_its_callers_alone_and_ends_a_stream(
    platform: RealPlatform, prices: str, kind: str
) -> None:
    name = prices
    caller = Caller(kind, platform.url, platform.key)

    async def price(item: str) -> object:
        try:
            answer = await caller.call(lambda client: client.predict(name, {"item": [item]}))
        except BmsError as error:
            return type(error), error.message
        return float(answer.array[0])

    items = ["tea", "unicorn", "bread", "broken"] * 8
    told = await asyncio.gather(*map(price, items))
    assert told[0::4] == [3.0] * 8
    assert told[2::4] == [5.0] * 8
    assert set(told[1::4]) == {(NotFound, "nobody sells a unicorn")}
    ((defect, words),) = set(told[3::4])  # type: ignore[misc]
    assert (defect, "KeyError" in words, "model.py, line " in words) == (Internal, True, True)

    parts = await caller.items(lambda client: client.predict_stream(name, {"item": ["tea"]}, signature="stream"))
    assert [part.outputs["step"].tolist() for part in parts] == [[0], [1], [2]]
    assert [part.outputs["left"].shape for part in parts] == [(2, 1)] * 3
    assert (parts[1].outputs["left"][0, 0], np.isnan(parts[1].outputs["left"][1, 0]), parts[1].version) == (1, True, 1)
    for item, error, said in (("unicorn", NotFound, "nobody sells"), ("broken", Internal, "Model.stream failed")):
        with pytest.raises(error, match=said):
            await caller.items(
                lambda client: client.predict_stream(name, {"item": [item]}, signature="stream", version=1)  # noqa: B023
            )
    (whole,) = await caller.items(lambda client: client.predict_stream(name, {"item": ["tea"]}))
    assert whole.array.tolist() == [3.0]
    read = platform.bms("predict", name, "--data", '{"item": ["tea"]}', "--stream")
    assert json.loads(read.out) == {"version": 1, "outputs": {"price": [3.0]}}
    with pytest.raises(InvalidArgument, match="has serving_default, stream"):
        await caller.items(lambda client: client.predict_stream(name, {"item": ["tea"]}, signature="none"))
    with pytest.raises(InvalidArgument, match="answers with float32, not with texts"):
        print(whole.text)
    await caller.close()


def events(platform: RealPlatform, name: str, body: object) -> list[dict[str, object]]:
    headers = {"authorization": f"Bearer {platform.key}"}
    url = f"{platform.url}/v2/models/{name}/generate_stream"
    answer = httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False)
    assert answer.status_code == 200, answer.text
    return [json.loads(part.removeprefix("data: ")) for part in answer.text.split("\n\n") if part]
