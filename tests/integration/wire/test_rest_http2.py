"""REST over HTTP/2 at a real gateway: what HTTP/1.1 answers, answered the same, and metered the same."""

import asyncio
import gzip
import json
import shutil
import signal
import struct
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.peers.control_echo import control
from tests.peers.http2_client import Heard, Http2Client, http2_client
from tests.worlds.gateways import Scene, scene

ROW = [1.0, 2.0, 3.0, 4.0]
ANSWER = [3.0, 5.0, 7.0, 9.0]
PREDICT = "/v1/models/m:predict"
CURL = shutil.which("curl")
_DIFFER = {"date", "connection", "x-request-id", "transfer-encoding"}  # from answer to answer, or from wire to wire


def key(at: Scene) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {at.key}")]


def binary(rows: int) -> tuple[bytes, list[tuple[str, str]]]:
    inputs = [
        {"name": "x", "shape": [rows, 4], "datatype": "FP32", "parameters": {"binary_data_size": 16 * rows}},
    ]
    asked = {"inputs": inputs, "parameters": {"binary_data_output": True}}
    head = json.dumps(asked).encode()
    return head + bytes(16 * rows), [("inference-header-content-length", str(len(head)))]


def both() -> list[tuple[str, str, bytes | None, list[tuple[str, str]]]]:
    """Method, path, body, headers."""
    rows = json.dumps({"instances": [ROW]}).encode()
    many = json.dumps({"instances": [ROW] * 500}).encode()
    tensor, told = binary(3)
    infer = json.dumps({"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": ROW}]}).encode()
    return [
        ("POST", PREDICT, rows, []),
        ("POST", PREDICT, gzip.compress(many), [("content-encoding", "gzip"), ("accept-encoding", "gzip")]),
        ("POST", "/v1/models/m/versions/1:predict", rows, [("x-request-id", "mine-1")]),
        ("POST", "/v1/models/m:classify", b'{"examples":[{"features":[1,0]}],"signature_name":"classes"}', []),
        ("POST", "/v1/models/m:explain", rows, []),
        ("POST", "/v2/models/m/infer", infer, []),
        ("POST", "/v2/models/m/infer", tensor, told),
        ("POST", "/v2/models/m/generate", b'{"x":[1,2,3,4]}', []),
        ("POST", "/v2/models/m/generate_stream", b'{"prompt":"to be or not"}', []),
        ("POST", "/v1/embeddings", b'{"model":"m","input":["a","bcd"]}', []),
        ("POST", "/v2/repository/index", b"{}", []),
        *[("GET", path, None, []) for path in (
            "/", "/v1/models", "/v1/models/m", "/v1/models/m/metadata", "/v2", "/v2/health/live", "/v2/health/ready",
            "/v2/models/m", "/v2/models/m/ready", "/v2/models/m/config", "/v2/nothing", "/v1/nothing", "/v1/models/a:b",
        )],
        ("HEAD", "/v2/models/m", None, []),
        ("GET", PREDICT, None, []),
        ("DELETE", "/v2/models/m", None, []),
        ("POST", PREDICT, b"{", []),
        ("POST", PREDICT, b'{"instances":[[1]]}', []),
        ("POST", "/v1/models/none:predict", rows, []),
        ("POST", PREDICT, rows, [("content-encoding", "br")]),
        ("POST", PREDICT, rows, [("x-request-timeout", "soon")]),
        ("POST", PREDICT, rows, [("authorization", "Bearer no")]),
        ("OPTIONS", PREDICT, None, [
            ("origin", "https://app.example"), ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization"),
        ]),
        ("POST", PREDICT, rows, [("origin", "https://app.example")]),
        ("GET", "/api/v1/things?x=1", None, []),
        ("PATCH", "/api/v1/things", b"hello", []),
        ("DELETE", "/api/v1/empty", None, []),
        ("POST", "/api/v1/refuse", b"hello", []),
        ("HEAD", "/api/v1/things", None, []),
    ]  # fmt: skip


async def test_every_path_is_answered_and_metered_as_over_http_1(tmp_path: Path) -> None:
    here = scene(tmp_path, origins=["https://app.example"])
    async with here as at, control(tmp_path), at.client() as http, http2_client(at.process.address) as client:
        for method, path, body, headers in both():
            given = {
                "accept": "*/*",
                "accept-encoding": "identity",
                "user-agent": "t",
                **dict(key(at)),
                **dict(headers),
            }
            http.cookies.clear()
            one = await raw(http, method, path, body, given)
            two = await client.ask(method, path, given.items(), body)
            assert (two.status, plain(two.headers)) == (one.status_code, plain(dict(one.headers))), path
            assert (two.headers["x-request-id"] == "mine-1") == (given.get("x-request-id") == "mine-1")
            if path.startswith("/api/v1/things") and method != "HEAD":
                assert echoed(two.body) == echoed(one.content)
            else:
                assert two.body == one.content, path
            assert (two.ended, two.reset) == (True, None)
        assert client.goaway is None
        await at.bus.until(lambda: len(at.bus.events) >= 22)
        events = at.bus.events
        assert len(events) == 22
        for first, second in zip(events[::2], events[1::2], strict=True):
            for name in ("tenant", "deployment", "version", "rows", "bytes_in", "bytes_out", "status", "key"):
                assert getattr(first, name) == getattr(second, name), name


def plain(headers: dict[str, str]) -> dict[str, str]:
    differ = {*_DIFFER, "content-length"} if "x-mine" in headers else _DIFFER  # which says what came
    return {name: value for name, value in headers.items() if name not in differ}


async def raw(
    http: httpx.AsyncClient, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> httpx.Response:
    """The answer as it came, not decompressed."""
    async with http.stream(method, path, content=body, headers=headers) as answer:
        content = b"".join([part async for part in answer.aiter_raw()])
    answer._content = content
    return answer


def echoed(body: bytes) -> object:
    said = json.loads(body)
    wires = {"host", "transfer-encoding", "connection", "content-length", "x-request-id"}
    said["headers"] = sorted([name, value] for name, value in said["headers"] if name not in wires)
    return said


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
async def test_curl_asks_with_prior_knowledge(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        curl = await asyncio.create_subprocess_exec(
            str(CURL), "-sS", "-m", "20", "--noproxy", "*", "--http2-prior-knowledge", "-w", " %{http_version}",
            "-H", f"Authorization: Bearer {at.key}", "-d", json.dumps({"instances": [ROW]}),
            f"{at.process.url}{PREDICT}", stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await curl.communicate()
        assert out.decode() == f'{{"predictions":{json.dumps([ANSWER]).replace(" ", "")}}} 2'


async def test_one_connection_answers_many_at_once_and_out_of_order(tmp_path: Path) -> None:
    async with scene(tmp_path, delay_s=0.2) as at, http2_client(at.process.address) as client:
        body = json.dumps({"instances": [ROW]}).encode()
        asked = [client.ask("POST", PREDICT, key(at), body) for _ in range(50)]
        live = client.ask("GET", "/v2/health/live")
        began = asyncio.get_running_loop().time()
        answers, alive = await asyncio.gather(asyncio.gather(*asked), live)
        assert asyncio.get_running_loop().time() - began < 5
        assert alive.status == 200
        assert [json.loads(each.body) for each in answers] == [{"predictions": [ANSWER]}] * 50


async def test_large_bodies_both_ways_and_in_tiny_frames(tmp_path: Path) -> None:
    rows = 1 << 18  # 4 MiB
    body, told = binary(rows)
    async with scene(tmp_path) as at, http2_client(at.process.address) as client:
        answer = await client.ask("POST", "/v2/models/m/infer", [*key(at), *told], body)
        size = int(answer.headers["inference-header-content-length"])
        assert np.array_equal(np.frombuffer(answer.body[size:], "<f4"), np.ones(4 * rows, np.float32))
        stream = await client.open("POST", PREDICT, key(at))
        await client.send(stream, json.dumps({"instances": [ROW] * 100}).encode(), size=7)
        assert json.loads((await client.whole(stream)).body) == {"predictions": [ANSWER] * 100}


async def test_an_answer_waits_for_the_clients_window(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, http2_client(at.process.address, window=10) as client:
        stream = await client.open("POST", "/v2/models/m/generate_stream", key(at))
        await client.send(stream, b'{"prompt":"to be or not"}')
        heard = client.streams[stream]
        await client.until(lambda: len(heard.body) == 10)
        assert not heard.ended
        while not heard.ended:
            client.widen(stream, 50)
            await client.until(lambda size=len(heard.body): len(heard.body) > size or heard.ended)  # type: ignore[misc]
        assert heard.body.count(b"data: ") == 4
        assert heard.headers["content-type"] == "text/event-stream; charset=utf-8"
        await at.bus.until(lambda: len(at.bus.events) == 1)
        assert at.bus.events[0].status == 200


async def test_parts_of_a_stream_leave_as_they_are_made(tmp_path: Path) -> None:
    async with scene(tmp_path, delay_s=0.2) as at, http2_client(at.process.address) as client:
        stream = await client.open("POST", "/v2/models/m/generate_stream", key(at))
        await client.send(stream, b'{"prompt":"to be or not"}')
        heard = client.streams[stream]
        await client.until(lambda: heard.pieces == 1)
        assert not heard.ended
        await client.whole(stream)
        assert heard.pieces >= 4


async def test_a_reset_cancels_the_request_and_books_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, http2_client(at.process.address) as client:
        at.server.mode = "hold"
        stream = await client.open("POST", PREDICT, key(at))
        await client.send(stream, json.dumps({"instances": [ROW]}).encode())
        half = await client.open("POST", PREDICT, key(at))
        await client.send(half, b"{", ends=False)
        for _ in range(200):
            if at.server.seen:
                break
            await asyncio.sleep(0.02)
        client.cancel(stream)
        client.cancel(half)
        await at.bus.until(lambda: len(at.bus.events) == 1)
        assert at.bus.events[0].status == 499
        assert (await client.ask("GET", "/v2/health/live")).status == 200
        limited = await client.ask(
            "POST", PREDICT, [*key(at), ("x-request-timeout", "0.2")], json.dumps({"instances": [ROW]}).encode()
        )
        assert limited.status == 504


async def test_a_gateway_that_ends_answers_what_it_took_and_says_goodbye(tmp_path: Path) -> None:
    async with scene(tmp_path, delay_s=1.0) as at, http2_client(at.process.address) as client:
        body = json.dumps({"instances": [ROW]}).encode()
        asked = [asyncio.create_task(client.ask("POST", PREDICT, key(at), body)) for _ in range(10)]
        for _ in range(200):
            if len(at.server.seen) == 10:
                break
            await asyncio.sleep(0.02)
        at.process.process.send_signal(signal.SIGTERM)
        assert [(await each).status for each in asked] == [200] * 10
        assert client.goaway == 0
        assert await asyncio.to_thread(at.process.process.wait, 20) == 0
        assert [event.status for event in at.bus.events] == [200] * 10


REFUSED = {
    "a target with a blank": ([(":method", "GET"), (":path", "/a b")], 400),
    "a target with a fragment of a request": ([(":method", "GET"), (":path", "/a HTTP/1.1")], 400),
    "a target that is a URL": ([(":method", "GET"), (":path", "http://a/b")], 400),
    "a method with a blank": ([(":method", "GET /x HTTP/1.1"), (":path", "/a")], 405),
    "a target over its limit": ([(":method", "GET"), (":path", "/" + "a" * 9000)], 431),
    "another scheme": ([(":method", "GET"), (":path", "/a"), (":scheme", "ftp")], 400),
    "no host": ([(":method", "GET"), (":path", "/a"), (":authority", "")], 400),
    "two hosts": ([(":method", "GET"), (":path", "/a"), ("host", "other")], 400),
    "a host with a user": ([(":method", "GET"), (":path", "/a"), (":authority", "u@a")], 400),
    "two keys": ([(":method", "GET"), (":path", "/v2"), ("x-api-key", "a"), ("x-api-key", "b")], 400),
    "another expectation": ([(":method", "GET"), (":path", "/a"), ("expect", "wonders")], 400),
    "a control character": ([(":method", "GET"), (":path", "/a"), ("x-a", "b\x01c")], 400),
    # What RFC 9113 calls malformed ends the stream, before anybody reads it as HTTP.
    "a connection header": ([(":method", "GET"), (":path", "/a"), ("connection", "x-a")], None),
    "chunks": ([(":method", "POST"), (":path", "/a"), ("transfer-encoding", "chunked")], None),
    "an upgrade": ([(":method", "GET"), (":path", "/a"), ("upgrade", "h2c")], None),
    "a capital": ([(":method", "GET"), (":path", "/a"), ("X-A", "b")], None),
    "a line end in a value": ([(":method", "GET"), (":path", "/a"), ("x-a", "b\r\nx-c: d")], None),
    "a line end in the target": ([(":method", "GET"), (":path", "/a\r\nx: y")], None),
    "a colon in a name": ([(":method", "GET"), (":path", "/a"), ("x:a", "b")], None),
    "another pseudo-header": ([(":method", "GET"), (":path", "/a"), (":proto", "b")], None),
    "no path": ([(":method", "GET"), (":path", "")], None),
    "two lengths": ([(":method", "POST"), (":path", "/a"), ("content-length", "1"), ("content-length", "1")], None),
    "no number as length": ([(":method", "POST"), (":path", "/a"), ("content-length", "+1")], None),
    "a length without a body": ([(":method", "POST"), (":path", "/a"), ("content-length", "1")], None),
}


async def test_what_could_be_read_as_another_request_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path), http2_client(at.process.address) as client:
        for name, (fields, status) in REFUSED.items():
            names = {field for field, _ in fields}
            usual = [(":scheme", "http"), (":authority", "a")]
            pseudo = [each for each in fields if each[0][0] == ":"] + [each for each in usual if each[0] not in names]
            stream = await client.open("", "", [*pseudo, *[each for each in fields if each[0][0] != ":"]],
                                       ends=True, raw=True)  # fmt: skip
            heard = await client.whole(stream)
            if status is None:
                assert (heard.heads, heard.reset) == ([], 1), name
            else:
                assert (heard.status, heard.ended) == (status, True), name
                assert json.loads(heard.body), name
        answer = await client.ask("GET", "/api/v1/things", [("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers")])
        headers = dict(json.loads(answer.body)["headers"])
        assert (headers["cookie"], headers["host"], headers["x-forwarded-for"]) == (
            "a=1; b=2", "gateway:80", "127.0.0.1"
        )  # fmt: skip
        assert "te" not in headers


async def test_bodies_other_than_their_heads_say_end_their_stream(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path), http2_client(at.process.address) as client:
        for path in (PREDICT, "/api/v1/things"):
            for body in (b"123", b"12345"):
                stream = await client.open("POST", path, [*key(at), ("content-length", "4")])
                await client.send(stream, body)
                heard = await client.whole(stream)
                assert (heard.heads, heard.reset) == ([], 1)
        assert (await client.ask("GET", "/v2/health/live")).status == 200


async def test_bodies_have_limits_and_must_come_in_time(tmp_path: Path) -> None:
    limits = {"body_bytes": 100_000, "body_timeout_s": 1.0, "body_bytes_per_s": 1_000_000}
    async with scene(tmp_path, limits=limits) as at, http2_client(at.process.address) as client:
        too_large = await client.ask("POST", PREDICT, [*key(at), ("content-length", "100001")], bytes(100_001))
        assert too_large.status == 413
        unsaid = await client.ask("POST", PREDICT, key(at), bytes(300_000))
        assert unsaid.status == 413
        assert "100000 bytes" in json.loads(unsaid.body)["error"]
        stranger = await client.ask("POST", PREDICT, [("content-length", "50000")], bytes(50_000))
        assert (stranger.status, stranger.reset) == (401, None)
        slow = await client.open("POST", PREDICT, key(at))
        await client.send(slow, b"{", ends=False)
        assert (await client.whole(slow)).status == 408
        assert client.goaway is None


async def test_a_client_that_waits_to_be_asked_is_asked(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path), http2_client(at.process.address) as client:
        for path, status in ((PREDICT, 200), ("/api/v1/things", 201)):
            stream = await client.open("POST", path, [*key(at), ("expect", "100-continue")])
            heard = client.streams[stream]
            await client.until(lambda heard=heard: heard.heads)  # type: ignore[misc]
            assert heard.status == 100
            await client.send(stream, json.dumps({"instances": [ROW]}).encode())
            assert (await client.whole(stream)).status == status
        refused = await client.open("POST", PREDICT, [("expect", "100-continue")])
        assert [heard_status(each) for each in [await client.whole(refused)]] == [[401]]


def heard_status(heard: Heard) -> list[int]:
    return [int(dict(head)[":status"]) for head in heard.heads]


def _memory(at: Scene) -> int:
    pages = int(Path(f"/proc/{at.process.process.pid}/statm").read_text().split()[1])
    return pages * 4096


async def test_large_uploads_to_control_stream_through(tmp_path: Path) -> None:
    size = 48 << 20
    async with scene(tmp_path) as at, control(tmp_path), http2_client(at.process.address) as client:
        before = _memory(at)
        for headers in ([], [("content-length", str(size))]):
            stream = await client.open("POST", "/api/v1/count", headers)
            await client.send(stream, bytes(size), size=65_536)
            assert json.loads((await client.whole(stream)).body) == {"total": size}
        assert _memory(at) - before < 32 << 20


async def test_a_slow_reader_of_control_is_waited_for_and_others_are_not_kept_waiting(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path), http2_client(at.process.address, window=1000) as client:
        before = _memory(at)
        stream = await client.open("GET", "/api/v1/much", ends=True)
        heard = client.streams[stream]
        await client.until(lambda: len(heard.body) == 1000)
        await asyncio.sleep(0.5)
        assert _memory(at) - before < 16 << 20
        assert (await client.ask("GET", "/v2/health/live")).status == 200
        client.widen(stream, 1 << 30)
        assert len((await client.whole(stream)).body) == 64 << 20


async def test_an_answer_broken_off_is_seen_to_be_broken_and_nothing_else_is(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, control(tmp_path), http2_client(at.process.address) as client:
        broken = await client.ask("GET", "/api/v1/broken")
        assert (broken.body, broken.ended, broken.reset) == (b"a", False, 2)
        assert (await client.ask("GET", "/v2/health/live")).status == 200


async def test_a_client_that_takes_nothing_of_a_stream_is_ended(tmp_path: Path) -> None:
    limits = {"write_timeout_s": 1.0}
    here = scene(tmp_path, limits=limits)
    async with here as at, control(tmp_path), http2_client(at.process.address, window=1000) as client:
        stream = await client.open("GET", "/api/v1/much", ends=True)
        await client.until(lambda: len(client.streams[stream].body) == 1000)
        assert await _keep_asking(client, stream)


async def _keep_asking(client: Http2Client, stream: int) -> bool:
    """Whether a stream ends though its connection goes on taking other answers."""
    for _ in range(100):
        heard = client.streams[stream]
        if heard.reset is not None:
            return (await client.ask("GET", "/v2/health/live")).status == 200
        assert (await client.ask("GET", "/v2/health/live")).status == 200
        await asyncio.sleep(0.1)
    return False


async def test_grpc_and_rest_share_a_connection(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, http2_client(at.process.address) as client:
        call = client.ask(
            "POST", "/inference.GRPCInferenceService/ServerLive", [("content-type", "application/grpc")],
            struct.pack(">BI", 0, 0),
        )  # fmt: skip
        rest = client.ask("POST", PREDICT, key(at), json.dumps({"instances": [ROW]}).encode())
        wrong = client.ask("POST", "/inference.GRPCInferenceService/ServerLive", [], b"{}")
        live, answer, refused = await asyncio.gather(call, rest, wrong)
        assert (live.headers["grpc-status"], live.body[5:]) == ("0", b"\x08\x01")
        assert json.loads(answer.body) == {"predictions": [ANSWER]}
        assert refused.status == 415
