"""What upstreams say beside the rules is understood where it has one meaning, and told in words where it has none."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bms.adapters.runtimes.available import open_servable
from bms.core.errors import Internal, Unavailable
from bms.core.workloads.programs import ServableConfig, StdinSecrets
from bms.serving.lifecycle.servable import Servable
from tests.peers.upstreams import OpenAi, openai_server


@pytest.fixture
def upstream() -> Iterator[OpenAi]:
    with openai_server("k") as server:
        yield server


def opened(tmp_path: Path, upstream: OpenAi, protocol: str) -> Servable:
    said = {"url": upstream.url, "protocol": protocol, "model": "m", "secret": "key", "timeout_s": 20}
    (tmp_path / "upstream.json").write_text(json.dumps(said))
    sealed = StdinSecrets(secrets={"key": "k"}, upstreams=(upstream.place,))
    return open_servable(ServableConfig(runtime="remote", directory=str(tmp_path), model="m", version=1, sealed=sealed))


def text(*words: str) -> dict[str, np.ndarray]:
    return {"text": np.array([word.encode() for word in words], dtype=object)}


def chunk(word: str, **more: object) -> bytes:
    return json.dumps({"choices": [{"index": 0, "delta": {"content": word}}], **more}).encode()


END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
TWO_LINES = b'data: {"choices": [{"delta":\ndata: {"content": "a"}}]}\n\n'


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"data: " + chunk("a") + b"\n\n" + END, "a"),
        (TWO_LINES + END, "a"),
        (b"data: " + chunk("a") + b"\ndata: " + chunk("b") + b"\ndata: [DONE]\n", "ab"),
        (b"data:" + chunk("a") + b"\r\n\r\n: a comment\r\nevent: message\r\n" + END, "a"),
        (b'data: {"choices": null}\n\ndata: ' + chunk("a", usage={"prompt_tokens": 1.5}) + b"\n\n" + END, "a"),
    ],
)
def test_events_are_read_however_their_lines_are_broken(
    tmp_path: Path, upstream: OpenAi, stream: bytes, words: str
) -> None:
    servable = opened(tmp_path, upstream, "openai")
    upstream.odd = stream
    assert servable.infer("generate", text("p"))["text"].tolist() == [words.encode()]
    servable.close()


@pytest.mark.parametrize(
    ("odd", "error"),
    [
        (
            b"data: " + chunk("a") + b'\n\ndata: {"error": {"message": "GPU fell"}}\n\ndata: [DONE]\n\n',
            "GPU fell",
        ),
        (b'data: {"error": "no"}\n\n', "says 'no'"),
        (b'data: {"error": {}}\n\ndata: [DONE]\n\n', "ended its answer with an error"),
        (b"data: {nonsense\n\n", "piece of the upstream's stream can't be read"),
        (("text/html", b"<html>sign in</html>"), "answers with text/html, expected text/event-stream"),
        (("application/json; charset=utf-8", b'{"choices": []}'), "answers with application/json"),
    ],
)
def test_an_answer_that_fails_in_the_middle_is_no_whole_one(
    tmp_path: Path, upstream: OpenAi, odd: object, error: str
) -> None:
    servable = opened(tmp_path, upstream, "openai")
    upstream.odd = odd
    with pytest.raises(Internal, match=error):
        servable.infer("generate", text("p"))
    upstream.odd = b"data: " + chunk("a") + b"\n\n"
    with pytest.raises(Unavailable, match="broke its answer off"):
        servable.infer("generate", text("p"))
    upstream.odd = None
    assert servable.infer("generate", text("p"))["text"].tolist() == [b"p "]
    servable.close()


@pytest.mark.parametrize("count", [1 << 40, 1 << 31, -5, 10**30, 2.5, "many", None, True])
def test_counts_that_can_not_be_true_are_not_told(tmp_path: Path, upstream: OpenAi, count: object) -> None:
    servable = opened(tmp_path, upstream, "openai-embeddings")
    upstream.odd = {"usage": {"prompt_tokens": count}}
    assert servable.infer("serving_default", text("a", "b b"))["tokens"].tolist() == [0, 0]
    upstream.odd = {"usage": {"prompt_tokens": 5.0}}
    assert servable.infer("serving_default", text("a", "b b"))["tokens"].sum() == 5
    servable.close()


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([[1e300, 0, 0, 0]], "beyond those of FP32"),
        ([[1, 2, 3, 4], [1, 2, 3]], "have 3 and 4 numbers each"),
        ([[]], "have 0 numbers each"),
        ([], "0 embeddings for"),
    ],
)
def test_embeddings_that_are_none_are_refused_in_words(
    tmp_path: Path, upstream: OpenAi, rows: list[list[float]], error: str
) -> None:
    servable = opened(tmp_path, upstream, "openai-embeddings")
    upstream.odd = {"data": [{"index": at, "embedding": row} for at, row in enumerate(rows)]}
    with pytest.raises(Internal, match=error):
        servable.infer("serving_default", text(*"ab"[: max(1, len(rows))]))
    servable.close()
