"""httpx over HTTP/2 asks a platform: `asks_http2.py URL KEY`. With no word of HTTP/1.1: prior knowledge."""

import asyncio
import sys

import httpx

from tests.clients.telling import Teller

IRIS = [[6.8, 2.8, 4.8, 1.4], [6.0, 3.4, 4.5, 1.6]]


async def ask(url: str, key: str) -> None:
    tell = Teller()
    headers = {"authorization": f"Bearer {key}"}
    options = {"http1": False, "http2": True, "trust_env": False, "timeout": 30}
    async with httpx.AsyncClient(base_url=url, headers=headers, **options) as http:

        async def said(method: str, path: str, **given: object) -> list[object]:
            answer = await http.request(method, path, **given)
            return [answer.http_version, answer.status_code, answer.json()]

        async def at_once() -> list[object]:
            rows = [[[number, 2, 3, 4]] for number in range(40)]
            asked = (said("POST", "/v1/models/mixed:predict", json={"instances": each}) for each in rows)
            return [answer[2]["predictions"][0][0] for answer in await asyncio.gather(*asked)]

        async def large() -> list[object]:
            answer = await said("POST", "/v1/models/mixed:predict", json={"instances": IRIS * 10_000})
            return [*answer[:2], len(answer[2]["predictions"])]

        async def streamed() -> list[object]:
            sent = {"json": {"x": IRIS[0]}}
            async with http.stream("POST", "/v2/models/mixed/generate_stream", **sent) as answer:
                return [answer.http_version, (await answer.aread()).decode().count("data: ")]

        await tell.later("predict", said("POST", "/v1/models/mixed:predict", json={"instances": IRIS}))
        await tell.later("at once", at_once())
        await tell.later("large", large())
        await tell.later("stream", streamed())
        await tell.later("control", said("GET", "/api/v1/whoami"))
        await tell.later("no such model", said("POST", "/v1/models/nothing:predict", json={"instances": IRIS}))


if __name__ == "__main__":
    asyncio.run(ask(*sys.argv[1:]))
