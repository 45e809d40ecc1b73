"""Every other path, passed on to a real HTTP server on control's Unix socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

from tests.peers.control_echo import control
from tests.worlds.gateways import Scene, scene


async def test_a_request_arrives_as_it_was_without_hop_by_hop_headers(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path), at.client() as http:
        answer = await http.request(
            "PATCH",
            "/api/v1/things/a%2Fb?x=1&x=2",
            content=b"hello",
            headers={
                "X-Mine": "1",
                "Connection": "keep-alive, X-Drop",
                "X-Drop": "1",
                "TE": "trailers",
                "X-Forwarded-For": "6.6.6.6",
                "Forwarded": "for=6.6.6.6",
                "X-Real-IP": "6.6.6.6",
                "x-request-id": "mine",
            },
        )
        assert answer.status_code == 201
        got = answer.json()
        assert (got["method"], got["path"], got["query"], got["size"]) == ("PATCH", "/api/v1/things/a/b", "x=1&x=2", 5)
        headers = dict(got["headers"])
        assert headers["x-forwarded-for"] == "127.0.0.1"
        assert headers["authorization"] == f"Bearer {at.key}"
        assert headers["x-request-id"] == "mine"
        assert headers["host"] == at.process.url.removeprefix("http://")
        assert not {"x-drop", "te", "forwarded", "x-real-ip"} & set(headers)
        assert answer.headers["x-mine"] == "yes"
        assert answer.headers["set-cookie"] == "a=b"
        assert answer.headers["x-request-id"] == "mine"
        assert "x-private" not in answer.headers


async def test_a_trusted_proxy_says_whom_a_request_is_from_and_how_it_was_asked(tmp_path: Path) -> None:
    said = {
        "X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.1.2.3",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "bms.example",
        "X-Forwarded-Prefix": "/models",
    }
    async with scene(tmp_path, proxies=["127.0.0.1/32", "10.0.0.0/8"]) as at, control(tmp_path), at.client() as http:
        headers = dict((await http.get("/api/v1/things", headers=said)).json()["headers"])
        assert headers["x-forwarded-for"] == "203.0.113.9"
        assert headers["x-forwarded-proto"] == "https"
        assert headers["host"] == "bms.example"
        assert headers["x-forwarded-prefix"] == "/models"
        spoofed = {**said, "Forwarded": "for=6.6.6.6;host=evil.example"}
        headers = dict((await http.get("/api/v1/things", headers=spoofed)).json()["headers"])
        assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("127.0.0.1", "http")
        assert headers["host"] == at.process.url.removeprefix("http://")


async def test_nobody_else_is_believed(tmp_path: Path) -> None:
    said = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
    async with scene(tmp_path, proxies=["10.0.0.0/8"]) as at, control(tmp_path), at.client() as http:
        headers = dict((await http.get("/api/v1/things", headers=said)).json()["headers"])
        assert headers["x-forwarded-for"] == "127.0.0.1"
        assert headers["host"] == at.process.url.removeprefix("http://")
        assert not {"x-forwarded-host", "x-forwarded-prefix"} & set(headers)


async def test_large_uploads_stream_through_with_and_without_a_length(tmp_path: Path) -> None:
    size = 96 << 20  # more than an inference body may have

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(size >> 20):
            yield bytes(1 << 20)

    async with scene(tmp_path) as at, control(tmp_path), at.client(timeout=60) as http:
        before = _memory(at)
        chunked = await http.post("/api/v1/count", content=parts())
        assert chunked.json() == {"total": size}
        sized = await http.post("/api/v1/count", content=parts(), headers={"content-length": str(size)})
        assert sized.json() == {"total": size}
        assert _memory(at) - before < 32 << 20


async def test_answers_stream_as_they_are_made(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path), at.client() as http:
        async with http.stream("GET", "/api/v1/slowly") as answer:
            parts = [part async for part in answer.aiter_raw()]
        assert b"".join(parts) == b"0\n1\n2\n"
        assert len(parts) == 3


async def test_a_slow_reader_is_waited_for_and_not_buffered(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path):
        before = _memory(at)
        reader, writer = await asyncio.open_connection(*at.process.address, limit=1 << 16)
        writer.write(b"GET /api/v1/much HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.5)
        assert _memory(at) - before < 16 << 20
        total = 0
        while data := await reader.read(1 << 20):
            total += len(data)
        assert total > 64 << 20
        writer.close()


async def test_an_early_refusal_reaches_a_client_that_still_sends(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path):
        reader, writer = await asyncio.open_connection(*at.process.address)
        writer.write(b"POST /api/v1/refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" + bytes(1 << 16))
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 413 ")
            assert b"connection: close" in head
            assert json.loads(await reader.read()) == {"no": "room"}
        writer.close()


async def test_100_continue_is_answered_by_us(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path):
        reader, writer = await asyncio.open_connection(*at.process.address)
        writer.write(b"PUT /api/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        async with asyncio.timeout(10):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"hello")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 201 ")
        writer.close()


async def test_an_answer_broken_off_is_seen_to_be_broken(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path):
        reader, writer = await asyncio.open_connection(*at.process.address)
        writer.write(b"GET /api/v1/broken HTTP/1.1\r\nHost: a\r\n\r\n")
        try:
            async with asyncio.timeout(10):
                data = await reader.read()
        except ConnectionResetError:
            data = b""
        assert not data.endswith(b"0\r\n\r\n")
        writer.close()


async def test_bodiless_answers_and_head_keep_the_connection(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path), at.client() as http:
        assert (await http.delete("/api/v1/empty")).status_code == 204
        assert (await http.head("/api/v1/slowly")).status_code in (200, 405)
        mixed = [await http.get("/api/v1/x"), await http.get("/v1/models"), await http.get("/other")]
        assert [answer.status_code for answer in mixed] == [201, 200, 201]


async def test_pipelined_requests_to_both_sides_keep_their_order(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path):
        reader, writer = await asyncio.open_connection(*at.process.address)
        mine = f"Host: a\r\nAuthorization: Bearer {at.key}\r\n".encode()
        writer.write(
            b"POST /api/v1/count HTTP/1.1\r\nContent-Length: 3\r\n" + mine + b"\r\nabc"
            b"GET /v1/models HTTP/1.1\r\n" + mine + b"\r\n"
            b"POST /api/v1/count HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" + mine
            + b"\r\n4\r\nabcd\r\n0\r\n\r\n"
        )  # fmt: skip
        async with asyncio.timeout(10):
            data = await reader.read()
        assert data.index(b'{"total":3}') < data.index(b'"models":["m"]') < data.index(b'{"total":4}')
        writer.close()


async def test_without_control_the_reason_is_told_as_a_problem_and_inference_goes_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        away = await http.post("/api/v1/models", json={})
        assert (away.status_code, away.headers["content-type"]) == (503, "application/problem+json")
        assert int(away.headers["retry-after"]) >= 1
        assert away.json()["code"] == "UNAVAILABLE"
        answer = await http.post("/v1/models/m:predict", json={"instances": [[1, 2, 3, 4]]})
        assert answer.status_code == 200


async def test_a_client_that_leaves_ends_the_request_to_control(tmp_path: Path) -> None:
    left = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass
        left.set()
        writer.close()

    server = await asyncio.start_unix_server(hold, str(tmp_path / "control.sock"))
    async with server, scene(tmp_path) as at:
        _, writer = await asyncio.open_connection(*at.process.address)
        writer.write(b"GET /api/v1/x HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.2)
        assert not left.is_set()
        writer.close()
        await asyncio.wait_for(left.wait(), 10)


async def test_a_silent_control_is_given_up(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(silent, str(tmp_path / "control.sock"))
    async with server, scene(tmp_path, limits={"control_timeout_s": 0.2}) as at, at.client() as http:
        answer = await http.get("/api/v1/x")
        assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")


async def test_nonsense_from_control_is_no_answer(tmp_path: Path) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(nonsense, str(tmp_path / "control.sock"))
    async with server, scene(tmp_path) as at, at.client() as http:
        assert (await http.get("/api/v1/x")).status_code == 503


def _memory(at: Scene) -> int:
    return int(Path(f"/proc/{at.process.process.pid}/statm").read_text().split()[1]) * 4096
