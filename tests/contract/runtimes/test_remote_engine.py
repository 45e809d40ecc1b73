"""Upstreams are asked by many requests at once, each by itself: real model servers, and what the upstream saw."""

import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bms.core.errors import DeadlineExceeded
from bms.core.tensors.tensor import Array, Tensor
from bms.core.workloads.programs import ServableConfig, StdinSecrets
from bms.protocols import frames
from bms.protocols.frames import AnswerEnd, FrameType, encode_plain
from tests.peers.upstreams import OpenAi, embedding, openai_server
from tests.worlds.model_servers import TOKEN, Client, Server, server_config, started


@pytest.fixture
def upstream() -> Iterator[OpenAi]:
    with openai_server("k") as server:
        yield server


@contextlib.contextmanager
def serving(tmp_path: Path, upstream: OpenAi, protocol: str = "openai-embeddings", **more: object) -> Iterator[Server]:
    folder = tmp_path / "model"
    folder.mkdir()
    said = {"url": upstream.url, "protocol": protocol, "model": "m", "secret": "key", "timeout_s": 20, **more}
    (folder / "upstream.json").write_text(json.dumps(said))
    servable = ServableConfig(runtime="remote", directory=str(folder), model="m", version=1)
    sealed = StdinSecrets(token=TOKEN, secrets={"key": "k"}, upstreams=(upstream.place,))
    with started(server_config(tmp_path, servable, warmup_runs=1), sealed=sealed) as server:
        yield server


def text(*words: str) -> dict[str, Array]:
    return {"text": np.array([word.encode() for word in words], dtype=object)}


def until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.002)


def told(client: Client) -> tuple[int, str, AnswerEnd | None]:
    """Id, code of an error, and how it ended, of what comes next."""
    frame = client.receive()
    assert frame is not None
    if frame.kind == FrameType.ERROR:
        return frame.id, frames.decode_error(frame).code, None
    meta, _ = frames.decode_answer(frame)
    return frame.id, "", meta.end


def metric(client: Client, name: str) -> int:
    lines = client.status().metrics.splitlines()
    return int(next(line for line in lines if line.startswith(f"bms_model_server_{name}{{")).split()[-1])


def test_sixteen_are_asked_at_once_and_no_more_unless_it_is_told(tmp_path: Path, upstream: OpenAi) -> None:
    with serving(tmp_path, upstream) as server:
        client = server.ready()
        upstream.most = 0
        asked = [client.ask(text(f"HOLD {number}")) for number in range(20)]
        until(lambda: upstream.now == 16)
        other = server.connect()
        assert (metric(other, "engine_in_progress"), metric(other, "engine_waiting")) == (16, 4)
        assert other.status().in_flight == 20
        upstream.let_go.set()
        assert sorted(told(client) for _ in asked) == [(id, "", AnswerEnd("", 2, None)) for id in asked]
        assert upstream.most == 16
        assert len(upstream.bodies) == 1 + 1 + 20, "each is a call of its own; load and warm-up are two more"


@pytest.mark.parametrize("concurrency", [1, 3])
def test_the_bound_that_the_file_says_holds(tmp_path: Path, upstream: OpenAi, concurrency: int) -> None:
    with serving(tmp_path, upstream, concurrency=concurrency) as server:
        client = server.ready()
        asked = [client.ask(text(f"HOLD {number}")) for number in range(9)]
        until(lambda: upstream.now == concurrency)
        upstream.let_go.set()
        assert sorted(told(client)[:2] for _ in asked) == [(id, "") for id in asked]
        assert upstream.most == concurrency


def test_one_slow_call_holds_no_other(tmp_path: Path, upstream: OpenAi) -> None:
    with serving(tmp_path, upstream, concurrency=2) as server:
        client = server.ready()
        slow = client.ask(text("HOLD"))
        until(lambda: upstream.now == 1)
        for number in range(20):
            outputs = client.infer(text(f"word {number}"))
            assert outputs["embedding"].tolist() == [embedding(f"word {number}")]
        upstream.let_go.set()
        assert told(client)[:2] == (slow, "")


def test_a_quarter_that_fails_fails_alone_even_where_they_came_together(tmp_path: Path, upstream: OpenAi) -> None:
    with serving(tmp_path, upstream) as server:
        client = server.ready()
        words = [f"FAIL {number}" if number % 4 == 0 else f"word {number}" for number in range(16)]
        asked = [client.ask(text(word)) for word in words]
        codes = dict(told(client)[:2] for _ in asked)
        assert [codes[id] for id in asked] == ["UNAVAILABLE" if "FAIL" in word else "" for word in words]
        calls = [[Tensor("text", text(word)["text"])] for word in words]
        client.send(b"".join(frames.encode_infer_calls(99, "", calls, (1,) * len(calls))))
        seen = {}
        for _ in words:
            frame = client.receive()
            assert frame is not None
            if frame.kind == FrameType.ERROR:
                error = frames.decode_error(frame)
                seen[error.first] = error.code
                continue
            meta, tensors = frames.decode_answer(frame)
            assert tensors[0].array.tolist() == [embedding(words[meta.first])]
            seen[meta.first] = ""
        assert [seen[at] for at in range(16)] == [codes[id] for id in asked]


def test_who_gives_up_or_has_no_time_left_closes_the_call_of_the_upstream(tmp_path: Path, upstream: OpenAi) -> None:
    with serving(tmp_path, upstream, concurrency=1) as server:
        client = server.ready()
        asked = client.ask(text("HOLD"))
        until(lambda: upstream.now == 1)
        client.send(encode_plain(FrameType.CANCEL, asked))
        until(lambda: upstream.gone == 1)
        assert isinstance(client.error(text("HOLD"), timeout_us=100_000), DeadlineExceeded)
        until(lambda: upstream.gone == 2)
        leaving = server.connect()
        leaving.ask(text("HOLD"))
        until(lambda: upstream.now == 1)
        leaving.socket.close()
        until(lambda: upstream.gone == 3)
        assert client.infer(text("word"))["embedding"].tolist() == [embedding("word")], "its place is free again"
        assert client.status().in_flight == 0


def test_a_drain_waits_for_the_upstream(tmp_path: Path, upstream: OpenAi) -> None:
    with serving(tmp_path, upstream) as server:
        client = server.ready()
        asked = client.ask(text("HOLD"))
        until(lambda: upstream.now == 1)
        server.process.send_signal(signal.SIGTERM)
        frame = client.receive()
        assert frame is not None
        assert frame.kind == FrameType.GOING_AWAY
        upstream.let_go.set()
        assert told(client)[:2] == (asked, "")
        assert server.process.wait(20) == 0


def test_streams_go_on_side_by_side_and_their_parts_come_as_they_are_made(tmp_path: Path, upstream: OpenAi) -> None:
    with serving(tmp_path, upstream, "openai") as server:
        client = server.ready()
        held = [
            client.ask({"text": text(f"one{number} HOLD two")["text"]}, signature="generate") for number in range(8)
        ]
        first = dict(client.answer() for _ in held)
        assert [first[id]["text"].tolist() for id in held] == [[f"one{number} ".encode()] for number in range(8)]
        assert upstream.now == 8
        asked = client.ask(text("to be or"), signature="generate")
        assert [client.answer()[1]["text"].tolist() for _ in range(3)] == [[b"to "], [b"be "], [b"or "]]
        assert told(client) == (asked, "", AnswerEnd("stop", 6, 3))
        client.send(encode_plain(FrameType.CANCEL, held[0]))
        until(lambda: upstream.gone == 1)
        upstream.let_go.set()
        rest = [told(client) for _ in range(3 * 7)]
        assert sorted(each for each in rest if each[2]) == [(id, "", AnswerEnd("stop", 6, 3)) for id in held[1:]]
        asked = client.ask(text("to CUT"), signature="generate")
        client.answer()
        assert told(client)[:2] == (asked, "UNAVAILABLE")


def test_an_upstream_that_does_not_count_is_not_asked_to(tmp_path: Path, upstream: OpenAi) -> None:
    upstream.counts = False
    with serving(tmp_path, upstream, "openai") as server:
        client = server.ready()
        asked = client.ask(text("word"), signature="generate")
        client.answer()
        assert told(client) == (asked, "", AnswerEnd("stop"))


@pytest.mark.parametrize("concurrency", [0, -1, 257])
def test_a_wrong_bound_is_refused_in_words(tmp_path: Path, upstream: OpenAi, concurrency: int) -> None:
    with serving(tmp_path, upstream, concurrency=concurrency) as server:
        client = server.connect()
        until(lambda: client.status().state == "END")
        words = f"'concurrency' in 'upstream.json' is {concurrency}, expected 1 to 256 requests at once"
        assert client.status().error == words
