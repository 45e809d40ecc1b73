"""Triton's generate extension at a real gateway, with a model server that streams."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.peers.frames_server import FAILS
from tests.worlds.gateways import Scene, scene

EVENTS = "text/event-stream; charset=utf-8"


def events(text: str) -> list[dict[str, object]]:
    """What the events of a whole stream hold; each must be one line of data and an empty line."""
    *parts, rest = text.split("\n\n")
    assert rest == ""
    assert all(part.startswith("data: ") and "\n" not in part for part in parts)
    return [json.loads(part.removeprefix("data: ")) for part in parts]


async def test_generate_takes_and_gives_plain_values(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        one = await http.post("/v2/models/m/generate", json={"x": [1, 2, 3, 4], "id": "7"})
        assert one.json() == {"model_name": "m", "model_version": "1", "id": "7", "y": [3.0, 5.0, 7.0, 9.0]}
        two = await http.post("/v2/models/m/versions/1/generate/", json={"number": 5, "parameters": {"text": "hé"}})
        assert two.json() == {
            "model_name": "m", "model_version": "1", "number": 5, "text": "hé", "text_bytes": "hé"
        }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/v2/models/m/generate", {"x": [1]}, 400, "shape [1, 1], expected [-1, 4]"),
        ("/v2/models/m/generate_stream", {"x": [1]}, 400, "shape [1, 1], expected [-1, 4]"),
        ("/v2/models/none/generate_stream", {"x": [1, 2, 3, 4]}, 404, "no deployment"),
        ("/v2/models/m/versions/9/generate", {"x": [1, 2, 3, 4]}, 404, "no version 9"),
        (
            "/v2/models/m/generate",
            {"prompt": "a b"},
            501,
            "answers in a stream: ask by /v2/models/NAME/generate_stream",
        ),
    ],
)
async def test_what_fails_before_the_first_part_is_an_error_like_any_other(
    tmp_path: Path, path: str, body: object, status: int, said: str
) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        answer = await http.post(path, json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert said in answer.json()["error"]


async def test_a_stream_is_an_event_for_every_part_and_no_more(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        answer = await http.post("/v2/models/m/generate_stream", json={"prompt": "to be or not"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, EVENTS)
        head = {"model_name": "m", "model_version": "1"}
        assert events(answer.text) == [{**head, "word": word} for word in ("to", "be", "or", "not")]
        again = await http.post("/v2/models/m/generate_stream", json={"prompt": "same connection"})
        assert [event["word"] for event in events(again.text)] == ["same", "connection"]
        await at.bus.until(lambda: len(at.bus.events) == 2)
        first, second = at.bus.events
        assert (first.status, first.bytes_out, second.bytes_out) == (200, len(answer.content), len(again.content))


async def test_tokens_that_the_parts_of_a_stream_tell_are_metered(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        await http.post("/v2/models/m/generate_stream", json={"prompt": "a counted word, counted"})
        await http.post("/v2/models/m/generate_stream", json={"prompt": "counted fail"})
        await at.bus.until(lambda: len(at.bus.events) == 2)
        told = [(event.status, event.more) for event in at.bus.events]
        assert told == [(200, (("output_tokens", 6),)), (500, (("output_tokens", 3),))]


async def test_tokens_that_an_engine_counted_take_the_place_of_those_that_parts_tell(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        answer = await http.post("/v2/models/m/generate_stream", json={"prompt": "counted counted ended"})
        assert [event["word"] for event in events(answer.text)] == ["counted", "counted"]
        await at.bus.until(lambda: len(at.bus.events) == 1)
        (event,) = at.bus.events
        assert (event.status, event.more) == (200, (("input_tokens", 7), ("output_tokens", 4)))


async def test_parts_arrive_while_the_model_still_works(tmp_path: Path) -> None:
    async with scene(tmp_path, delay_s=0.3) as at, at.client() as http:
        loop = asyncio.get_running_loop()
        async with http.stream("POST", "/v2/models/m/generate_stream", json={"prompt": "a b c"}) as answer:
            times = [loop.time() async for piece in answer.aiter_text() if piece]
        assert len(times) == 3
        assert times[-1] - times[0] > 0.3


async def test_a_model_of_whole_answers_streams_one_event(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        answer = await http.post("/v2/models/m/generate_stream", json={"x": [1, 2, 3, 4]})
        assert answer.headers["content-type"] == EVENTS
        assert [event["y"] for event in events(answer.text)] == [[3.0, 5.0, 7.0, 9.0]]


async def test_what_fails_later_is_an_event_of_a_good_stream(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        prompt = f"one {FAILS.decode()} two"
        answer = await http.post("/v2/models/m/generate_stream", json={"prompt": prompt})
        first, last = events(answer.text)
        said = {"error": "the model failed", "code": "INTERNAL"}
        assert (answer.status_code, first["word"], last) == (200, "one", said)
        await at.bus.until(lambda: len(at.bus.events) == 1)
        assert at.bus.events[0].status == 500


async def test_a_stream_ends_by_its_deadline(tmp_path: Path) -> None:
    async with scene(tmp_path, delay_s=0.2) as at, at.client() as http:
        body = {"prompt": "a b c d e f g h", "parameters": {"timeout": 500_000}}
        answer = await http.post("/v2/models/m/generate_stream", json=body)
        *words, last = events(answer.text)
        assert 1 <= len(words) <= 4
        assert "in time" in str(last["error"])


async def test_a_client_that_leaves_ends_the_models_work(tmp_path: Path) -> None:
    async with scene(tmp_path, delay_s=0.1) as at, at.client() as http:
        async with http.stream("POST", "/v2/models/m/generate_stream", json={"prompt": "a " * 600}) as answer:
            async for _ in answer.aiter_text():
                break
        await until(lambda: bool(at.server.cancelled))
        await at.bus.until(lambda: len(at.bus.events) == 1)
        assert at.bus.events[0].status == 499


async def test_a_client_that_does_not_read_is_given_up_and_holds_no_memory(tmp_path: Path) -> None:
    words = " ".join(["x" * 50_000] * 400)
    async with scene(tmp_path) as at, at.client() as http:
        async with http.stream("POST", "/v2/models/m/generate_stream", json={"prompt": words}) as answer:
            await until(lambda: bool(at.server.cancelled))
            text = "".join([piece async for piece in answer.aiter_text()])
        *parts, last = events(text)
        assert len(parts) < 400
        assert "read faster" in str(last["error"])
        await at.bus.until(lambda: len(at.bus.events) == 1)
        assert at.bus.events[0].status == 429


async def test_a_part_that_is_larger_than_may_wait_comes_whole_and_the_next_ones_too(tmp_path: Path) -> None:
    long = "x" * (12 << 20)
    async with scene(tmp_path) as at, at.client() as http:
        body = {"prompt": f"{long} and end", "parameters": {"timeout": 60_000_000}}
        answer = await http.post("/v2/models/m/generate_stream", json=body, timeout=60)
        assert [event.get("word") for event in events(answer.text)] == [long, "and", "end"]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_old_and_new_clients_read_a_stream_to_its_end(tmp_path: Path, version: str) -> None:
    async with scene(tmp_path) as at:
        head, body = await raw(at, version, json.dumps({"prompt": "a b"}).encode())
        assert (b"transfer-encoding: chunked" in head) == (version == "1.1")
        assert body.count(b"data: ") == 2


async def raw(at: Scene, version: str, body: bytes) -> tuple[bytes, bytes]:
    reader, writer = await asyncio.open_connection(*at.process.address)
    writer.write(
        b"POST /v2/models/m/generate_stream HTTP/%b\r\nhost: h\r\nauthorization: Bearer %b\r\nconnection: close\r\n"
        b"content-length: %d\r\n\r\n%b" % (version.encode(), str(at.key).encode(), len(body), body)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    rest = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return head.lower(), rest


async def until(true: object, timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.02)
