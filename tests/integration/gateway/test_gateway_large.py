"""Large bodies and tensors: read past the parser, handed over in shared memory, whole and in order."""

import asyncio
import json
from pathlib import Path

import httpx
import numpy as np

from tests.worlds.gateways import Scene, scene

ROWS = 100_000  # of four FP32: 1.6 MB


def body(value: float, rows: int = ROWS) -> tuple[bytes, dict[str, str]]:
    raw = np.full((rows, 4), value, dtype="<f4").tobytes()
    described = {"name": "x", "shape": [rows, 4], "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [described], "parameters": {"binary_data_output": True}}).encode()
    return head + raw, {"inference-header-content-length": str(len(head))}


def answered(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.frombuffer(answer.content[int(answer.headers["inference-header-content-length"]) :], dtype="<f4")


def begun(at: Scene, length: int) -> bytes:
    """The head of a request of so many bytes."""
    return (
        f"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {at.key}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


async def test_a_large_body_arrives_whole_again_and_again_on_one_connection(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        for value in (1.0, 2.0, 3.0):
            content, headers = body(value)
            answer = await http.post("/v2/models/m/infer", content=content, headers=headers)
            np.testing.assert_array_equal(answered(answer), np.full(4 * ROWS, 2 * value + 1, dtype="<f4"))
            small = await http.post("/v1/models/m:predict", json={"instances": [[value] * 4]})
            assert small.json() == {"predictions": [[2 * value + 1] * 4]}


async def test_many_large_bodies_at_once_do_not_mix(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:

        async def one(value: int) -> None:
            content, headers = body(value, 30_000 + value)
            answer = await http.post("/v2/models/m/infer", content=content, headers=headers)
            np.testing.assert_array_equal(answered(answer), np.full(4 * (30_000 + value), 2 * value + 1, dtype="<f4"))

        await asyncio.gather(*(one(value) for value in range(40)))


async def test_large_json_and_chunked_bodies_arrive_too(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        rows = [[0.5, 1.5, -2.0, 3.0]] * 20_000
        answer = await http.post("/v1/models/m:predict", json={"instances": rows})
        assert answer.json()["predictions"] == [[2.0, 4.0, -3.0, 7.0]] * 20_000
        content, headers = body(4.0)

        async def pieces() -> object:
            for at_byte in range(0, len(content), 99_999):
                yield content[at_byte : at_byte + 99_999]

        answer = await http.post("/v2/models/m/infer", content=pieces(), headers=headers)  # type: ignore[arg-type]
        np.testing.assert_array_equal(answered(answer), np.full(4 * ROWS, 9.0, dtype="<f4"))


async def test_a_pipelined_request_behind_a_large_body_is_answered_after_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        content, headers = body(1.0)
        key = f"Authorization: Bearer {at.key}\r\n"
        length = headers["inference-header-content-length"]
        first = (
            f"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\n{key}Content-Length: {len(content)}\r\n"
            f"Inference-Header-Content-Length: {length}\r\nX-Request-Id: first\r\n\r\n"
        ).encode()
        second = (
            f"GET /v2/models/m HTTP/1.1\r\nHost: a\r\n{key}X-Request-Id: second\r\nConnection: close\r\n\r\n".encode()
        )
        reader, writer = await asyncio.open_connection(*at.process.address)
        writer.write(first + content + second)
        async with asyncio.timeout(20):
            answers = await reader.read()
        assert answers.index(b"x-request-id: first") < answers.index(b"x-request-id: second")
        assert answers.count(b"HTTP/1.1 200 OK") == 2
        writer.close()


async def test_a_client_that_leaves_within_a_large_body_takes_nothing_with_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        content, headers = body(1.0)
        head = begun(at, len(content))
        for _ in range(5):
            _, writer = await asyncio.open_connection(*at.process.address)
            writer.write(head + content[: len(content) // 2])
            await writer.drain()
            writer.close()
        answer = await http.post("/v2/models/m/infer", content=content, headers=headers)
        assert answered(answer)[0] == 3.0


async def test_a_body_that_stops_coming_is_ended(tmp_path: Path) -> None:
    async with scene(tmp_path, limits={"body_timeout_s": 0.5, "body_bytes_per_s": 1 << 30}) as at:
        head = begun(at, 9_000_000)
        reader, writer = await asyncio.open_connection(*at.process.address)
        writer.write(head + bytes(1 << 20))
        async with asyncio.timeout(10):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_large_bodies_do_not_pile_up(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        content, headers = body(1.0)
        for round in range(2):
            for _ in range(60):
                assert (await http.post("/v2/models/m/infer", content=content, headers=headers)).status_code == 200
            memory = int(Path(f"/proc/{at.process.process.pid}/statm").read_text().split()[1]) * 4096
            assert memory < (300 << 20), f"{memory >> 20} MiB after {60 * (round + 1)} bodies of 1.6 MB"
