"""The SDK against a server that fails on purpose, over real sockets."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable

import pytest

from bms.core.errors import Internal, Unavailable
from bms.sdk import AsyncClient, Client
from bms.sdk.retries import RetryPolicy

HASTY = RetryPolicy(first_wait_s=0.001, longest_wait_s=0.01)
GOOD = (200, {}, json.dumps({"tenant": "t", "user": "u", "key": "k", "role": "viewer"}).encode())
USER = (
    201,
    {},
    json.dumps(
        {"id": "u", "tenant": "t", "name": "n", "role": "viewer", "created_at": "2026-01-01T00:00:00Z", "new": 1}
    ).encode(),
)
Answer = tuple[int, dict[str, str], bytes] | str


class Flaky:
    """Gives its answers in order, then the last one for ever; "cut" closes the connection without one."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Flaky"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.requests.append((first, headers, body))
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            if not isinstance(answer, str):
                status, extra, content = answer
                lines = [f"HTTP/1.1 {status} X", f"content-length: {len(content)}", "connection: close"]
                lines += [f"{name}: {value}" for name, value in extra.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + content)
                await writer.drain()
        writer.close()


async def both(server: Flaky, deed: Callable[[Client], object], async_deed: Callable[[AsyncClient], object]) -> None:
    """Runs the same on both clients."""
    client = Client(server.url, "k", retries=HASTY)
    await asyncio.to_thread(deed, client)
    client.close()
    async with AsyncClient(server.url, "k", retries=HASTY) as other:
        await async_deed(other)  # type: ignore[misc]


async def test_refusals_and_cut_connections_are_survived() -> None:
    async with Flaky((503, {}, b'{"error": "full"}'), "cut", GOOD).serving() as server:
        assert await asyncio.to_thread(Client(server.url, retries=HASTY).tenants.whoami)
        assert len(server.requests) == 3
    async with Flaky("cut", (429, {"retry-after": "0"}, b""), GOOD).serving() as server:
        async with AsyncClient(server.url, retries=HASTY) as client:
            assert (await client.tenants.whoami()).user == "u"
        assert len(server.requests) == 3


async def test_a_repeated_post_carries_one_idempotency_key() -> None:
    async with Flaky("cut", (503, {}, b""), USER).serving() as server, AsyncClient(server.url, retries=HASTY) as client:
        assert (await client.users.create("n")).name == "n"  # and a field from the future is no obstacle
        keys = {headers["idempotency-key"] for _, headers, _ in server.requests}
        assert (len(server.requests), len(keys)) == (3, 1)
        await client.users.create("n")
        assert server.requests[-1][1]["idempotency-key"] not in keys


async def test_a_prediction_cut_off_is_not_repeated_but_a_refused_one_is() -> None:
    async with Flaky("cut").serving() as server, AsyncClient(server.url, retries=HASTY) as client:
        with pytest.raises(Unavailable, match="did not answer"):
            await client.predict_image("m", b"x")
        assert len(server.requests) == 1
    answer = json.dumps({"model_version": "1", "outputs": []}).encode()
    async with Flaky((429, {}, b"{}"), (200, {}, answer)).serving() as server:
        async with AsyncClient(server.url, retries=HASTY) as client:
            assert (await client.predict_image("m", b"x")).version == 1
        assert len(server.requests) == 2


async def test_the_wait_that_a_server_asks_for_is_kept() -> None:
    async with Flaky((503, {"retry-after": "1"}, b""), GOOD).serving() as server:
        start = time.monotonic()
        async with AsyncClient(server.url, retries=HASTY) as client:
            await client.tenants.whoami()
        assert time.monotonic() - start >= 1


async def test_nobody_there_is_told_with_the_address() -> None:
    with pytest.raises(Unavailable, match=r"nobody answers at http://127\.0\.0\.1:9"):
        await asyncio.to_thread(Client("http://127.0.0.1:9", retries=HASTY).tenants.whoami)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, {}, b"<html>oops</html>"), "without saying why: <html>oops"),
        ((502, {}, b""), "answered 502"),
        ((200, {}, b"[]"), "not what this client knows"),
        ((418, {}, b'{"code": "NEW_CODE", "detail": "short and stout"}'), "short and stout"),
    ],
)
async def test_nonsense_is_an_error_that_shows_it(answer: Answer, words: str) -> None:
    async with Flaky(answer).serving() as server, AsyncClient(server.url, retries=HASTY) as client:
        with pytest.raises(Internal, match=words):
            await client.tenants.whoami()
