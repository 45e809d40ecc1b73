"""Images by their bytes or paths, and texts for models that call them otherwise."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from bms.core.errors import InvalidArgument, NotFound
from bms.sdk import Client

PNG = b"\x89PNG\r\n\x1a\nrest"
ANSWER = {"model_version": "1", "outputs": []}


def client(handler: Callable[[httpx.Request], httpx.Response]) -> Client:
    made = Client("http://server")
    made._driver._http = httpx.Client(base_url="http://server", transport=httpx.MockTransport(handler))
    return made


@pytest.mark.parametrize("kind", [bytes, str, Path])
def test_an_image_is_given_as_its_bytes_or_as_the_path_of_its_file(tmp_path: Path, kind: type) -> None:
    path, sent = tmp_path / "pet.png", []
    path.write_bytes(PNG)

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        if request.url.path.endswith(":classify"):
            return httpx.Response(200, json={"results": [[["cat", 0.9]]]})
        return httpx.Response(200, json=ANSWER)

    given = PNG if kind is bytes else kind(path)
    with client(answer) as asking:
        asking.predict_image("pets", given)
        assert asking.classify_image("pets", given) == [("cat", 0.9)]
        assert asking.classify("pets", image=given).top(1) == [("cat", 0.9)]
    assert sent[0].endswith(PNG)
    assert sent[1] == sent[2]
    assert len(sent) == 3


def test_what_is_no_image_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing is sent")

    with client(answer) as asking:
        with pytest.raises(NotFound, match=r"there is no file 'nowhere\.png'"):
            asking.predict_image("pets", "nowhere.png")
        with pytest.raises(InvalidArgument, match="no image can be read from"):
            asking.predict_image("pets", tmp_path)
        with pytest.raises(InvalidArgument, match="the image is a list, expected"):
            asking.classify("pets", image=[1])  # type: ignore[arg-type]
        with pytest.raises(InvalidArgument, match="a text is a bytes"):
            asking.predict_text("moods", [b"x"])  # type: ignore[list-item]


@pytest.mark.parametrize("alias", [None, "new"])
def test_a_text_for_a_model_without_that_input_is_refused_with_what_it_takes(alias: str | None) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/labels/new"):
            return httpx.Response(200, json={"model_version_status": [{"version": "2", "state": "AVAILABLE"}]})
        if request.method == "GET":
            inputs = [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in ("question", "context")]
            assert ("/versions/2" in request.url.path) is (alias is not None)
            told = {"name": "m", "versions": ["1"], "platform": "python", "inputs": inputs, "outputs": []}
            return httpx.Response(200, json=told)
        return httpx.Response(400, content=json.dumps({"error": "no input 'text': this model takes"}).encode())

    with client(answer) as asking, pytest.raises(InvalidArgument) as refusal:
        asking.predict_text("moods", "well", alias=alias)
    for part in ("'text'", "question", "context", "predict('moods', {'question'"):
        assert part in refusal.value.message
