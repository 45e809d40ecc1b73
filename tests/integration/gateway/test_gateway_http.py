"""HTTP/1.1 on a raw socket: order, framing attacks, limits, slow clients."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.worlds.gateways import GatewayProcess, Scene, scene

ROW = [1.0, 2.0, 3.0, 4.0]
BODY = json.dumps({"instances": [ROW]}).encode()


class Raw:
    """One connection, read as a client that trusts nothing would."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, process: GatewayProcess) -> "Raw":
        return cls(*await asyncio.open_connection(*process.address))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(15):
            head = await self.reader.readuntil(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
            return int(lines[0].split()[1]), headers, body

    async def closed(self) -> bytes:
        """What still comes until the server closes."""
        async with asyncio.timeout(15):
            return await self.reader.read()


def post(at: Scene, body: bytes = BODY, *headers: str, path: str = "/v1/models/m:predict") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: a", f"Authorization: Bearer {at.key}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def get(at: Scene, path: str = "/v1/models", *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: a", f"Authorization: Bearer {at.key}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode()


async def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async with scene(tmp_path, delay_s=0.02) as at:
        raw = await Raw.open(at.process)
        bodies = [json.dumps({"instances": [[n, 0, 0, 0]]}).encode() for n in range(20)]
        raw.send(b"".join(post(at, body) + get(at) for body in bodies))
        for n in range(20):
            status, _, body = await raw.answer()
            assert (status, json.loads(body)["predictions"][0][0]) == (200, 2.0 * n + 1)
            status, _, body = await raw.answer()
            assert json.loads(body)["models"] == ["m"]


async def test_a_request_may_come_byte_by_byte(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        raw = await Raw.open(at.process)
        for byte in post(at):
            raw.send(bytes([byte]))
            await raw.writer.drain()
            await asyncio.sleep(0)
        assert (await raw.answer())[0] == 200


async def test_chunked_bodies_are_read_and_their_trailers_ignored(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        raw = await Raw.open(at.process)
        head = post(at, b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        chunks = b"".join(b"%x;a=b\r\n%b\r\n" % (1, BODY[n : n + 1]) for n in range(len(BODY)))
        raw.send(head + chunks + b"0\r\nAuthorization: Bearer x\r\nX-Request-Id: t\r\n\r\n" + get(at))
        status, headers, _ = await raw.answer()
        assert status == 200
        assert headers["x-request-id"] != "t"
        assert (await raw.answer())[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n",
    ],
)
async def test_ambiguous_framing_is_refused_once_and_the_connection_ended(tmp_path: Path, head: bytes) -> None:
    async with scene(tmp_path) as at:
        raw = await Raw.open(at.process)
        raw.send(head + get(at) + get(at))
        status, headers, body = await raw.answer()
        assert 400 <= status < 600
        assert status != 500
        assert headers["connection"] == "close"
        assert headers["content-type"].startswith("application/")
        assert json.loads(body)
        raw.writer.write_eof()
        assert await raw.closed() == b""


async def test_a_smuggled_request_behind_a_refused_one_is_never_run(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        raw = await Raw.open(at.process)
        raw.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + post(at)
        )
        assert (await raw.answer())[0] == 400
        assert await raw.closed() == b""
        assert at.server.seen == []


async def test_large_heads_are_refused(tmp_path: Path) -> None:
    async with scene(tmp_path, limits={"header_bytes": 2000, "header_count": 10, "target_bytes": 1000}) as at:
        for head in (
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 3000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 20 + b"\r\n",
            b"GET /" + b"a" * 1500 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 300_000,
            b"GET /" + b"a" * 300_000,
        ):
            raw = await Raw.open(at.process)
            raw.send(head)
            status, headers, body = await raw.answer()
            assert (status, headers["connection"]) == (431, "close")
            assert json.loads(body)["error" if b"error" in body else "detail"]


async def test_large_bodies_are_refused_before_they_are_sent_and_while(tmp_path: Path) -> None:
    async with scene(tmp_path, limits={"body_bytes": 1000}) as at:
        raw = await Raw.open(at.process)
        raw.send(post(at, b"", "X: y").replace(b"Content-Length: 0", b"Content-Length: 100000000"))
        status, headers, body = await raw.answer()
        assert (status, headers["connection"]) == (413, "close")
        assert "1000 bytes" in json.loads(body)["error"]
        chunked = await Raw.open(at.process)
        chunked.send(post(at, b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
        for _ in range(20):
            chunked.send(b"64\r\n" + b"a" * 100 + b"\r\n")
        assert (await chunked.answer())[0] == 413
        small = await Raw.open(at.process)
        small.send(post(at, b"a" * 2000) + get(at))
        assert (await small.answer())[0] == 413
        assert (await small.answer())[0] == 200


async def test_chunks_of_nearly_nothing_are_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        raw = await Raw.open(at.process)
        raw.send(post(at, b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
        raw.send((b"1;" + b"x" * 1000 + b"\r\na\r\n") * 200)
        assert (await raw.answer())[0] == 400


async def test_a_stranger_is_refused_without_his_body(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        raw = await Raw.open(at.process)
        raw.send(b"POST /v1/models/m:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
        status, headers, _ = await raw.answer()
        assert (status, headers["connection"], headers["www-authenticate"]) == (401, "close", 'bearer realm="bms"')


async def test_100_continue_comes_when_the_body_is_wanted_and_not_for_strangers(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        raw = await Raw.open(at.process)
        raw.send(post(at, BODY, "Expect: 100-continue")[: -len(BODY)])
        assert await raw.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.send(BODY)
        assert (await raw.answer())[0] == 200
        stranger = await Raw.open(at.process)
        stranger.send(post(at, BODY, "Expect: 100-continue")[: -len(BODY)].replace(b"bmsk_", b"bmsx_"))
        assert (await stranger.answer())[0] == 401


async def test_http_1_0_closes_unless_asked_to_keep(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        raw = await Raw.open(at.process)
        raw.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await raw.answer())[0] == 200
        assert await raw.closed() == b""
        kept = await Raw.open(at.process)
        kept.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
        for _ in range(2):
            _, headers, _ = await kept.answer()
            assert headers["connection"] == "keep-alive"


async def test_an_upgrade_is_answered_as_http_1_1_and_then_closed(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        raw = await Raw.open(at.process)
        raw.send(get(at, "/v1/models", "Connection: Upgrade", "Upgrade: websocket"))
        assert (await raw.answer())[0] == 200
        assert await raw.closed() == b""


async def test_slow_heads_and_bodies_are_ended(tmp_path: Path) -> None:
    limits = {"header_timeout_s": 0.3, "body_timeout_s": 0.3, "keep_alive_s": 0.3}
    async with scene(tmp_path, limits=limits) as at:
        head, body, idle = [await Raw.open(at.process) for _ in range(3)]
        head.send(b"GET / HTTP/1.1\r\nHost:")
        body.send(post(at)[:-5])
        assert (await head.answer())[0] == 408
        assert (await body.answer())[0] == 408
        assert await head.closed() == b""
        assert await body.closed() == b""
        assert await idle.closed() == b""


async def test_a_client_that_leaves_cancels_its_request(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.server.mode = "hold"
        raw = await Raw.open(at.process)
        raw.send(post(at))
        async with asyncio.timeout(5):
            while not at.server.connections or not at.server.seen:
                await asyncio.sleep(0.01)
            raw.writer.close()
            while len(at.server.seen) < 2:
                await asyncio.sleep(0.01)
        assert [kind for kind, _ in at.server.seen] == [1, 6]
        await at.bus.until(lambda: len(at.bus.books) == 1)
        assert at.bus.events[0].status == 499


async def test_connections_over_the_limit_are_told_so(tmp_path: Path) -> None:
    async with scene(tmp_path, limits={"connections": 2}) as at:
        kept = [await Raw.open(at.process) for _ in range(2)]
        for each in kept:
            each.send(get(at))
            await each.answer()
        more = await Raw.open(at.process)
        status, headers, _ = await more.answer()
        assert (status, headers["retry-after"]) == (503, "1")
        kept[0].send(get(at))
        assert (await kept[0].answer())[0] == 200
