"""Pages in browsers: those of allowed origins may ask and read, those of others may not."""

from pathlib import Path

import httpx

from tests.worlds.gateways import Scene, scene

APP, EVIL = "https://app.example", "https://evil.example"
BODY = {"instances": [[1.0, 2.0, 3.0, 4.0]]}
PATH = "/v1/models/m:predict"


async def asked(at: Scene, origin: str, *, key: bool = True, path: str = PATH) -> httpx.Response:
    headers = {"origin": origin, **({"authorization": f"Bearer {at.key}"} if key else {})}
    async with httpx.AsyncClient(base_url=at.process.url, trust_env=False) as http:
        return await http.post(path, json=BODY, headers=headers)


async def preflight(at: Scene, origin: str, path: str = PATH) -> httpx.Response:
    """What a browser asks before it sends a page's request: without a key."""
    wanted = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    async with httpx.AsyncClient(base_url=at.process.url, trust_env=False) as http:
        return await http.options(path, headers={"origin": origin, **wanted})


async def test_pages_of_an_allowed_origin_ask_and_read_answers_and_errors(tmp_path: Path) -> None:
    async with scene(tmp_path, origins=[APP, "http://localhost:5173"]) as at:
        told = await preflight(at, APP)
        assert told.status_code == 200
        assert told.headers["access-control-allow-origin"] == APP
        assert told.headers["access-control-allow-headers"] == "authorization,content-type"
        assert "POST" in told.headers["access-control-allow-methods"]
        assert told.headers["vary"] == "origin"
        for _ in range(3):  # the second time the head is remembered
            answer = await asked(at, APP)
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, APP)
            assert "x-request-id" in answer.headers["access-control-expose-headers"]
        refused = await asked(at, APP, key=False)
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, APP)
        passed_on = await asked(at, "http://localhost:5173", path="/api/v1/models")
        assert passed_on.headers["access-control-allow-origin"] == "http://localhost:5173"


async def test_pages_of_others_read_nothing_and_their_browsers_are_told_so(tmp_path: Path) -> None:
    async with scene(tmp_path, origins=[APP]) as at:
        for origin in (EVIL, "null", f"{APP}.evil.example", "https://app.example:444"):
            told = await preflight(at, origin)
            assert told.status_code != 200
            assert "access-control-allow-origin" not in told.headers
            assert "access-control-allow-origin" not in (await asked(at, origin)).headers


async def test_all_pages_may_where_the_operator_says_so_and_none_where_nothing_is_said(tmp_path: Path) -> None:
    for name, origins in (("any", ["*"]), ("none", [])):
        folder = tmp_path / name
        folder.mkdir()
        async with scene(folder, origins=origins) as at:
            expected = "*" if origins else None
            assert (await preflight(at, EVIL)).headers.get("access-control-allow-origin") == expected
            assert (await asked(at, EVIL)).headers.get("access-control-allow-origin") == expected
            assert "access-control-allow-credentials" not in (await asked(at, EVIL)).headers
