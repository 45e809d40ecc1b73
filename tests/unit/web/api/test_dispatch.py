"""What a request that is broken off leaves behind: nothing, or its effect with its answer."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from bms.core.access.principal import Principal
from bms.core.errors import Unauthenticated
from bms.web.api.application import application
from bms.web.api.credentials import KeyCredentials
from bms.web.api.dispatch import NOBODY, EndpointDispatcher
from bms.web.api.endpoint import PUBLIC, ApiCall, Endpoint
from tests.cancelling import PLANS, Plan, every_await


class Replies:
    """Kept answers by key; None: the request still runs, and one that is repeated is refused."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes | None] = {}

    async def begin(self, _tenant: str, key: str, _fingerprint: str) -> tuple[int, bytes] | None:
        self.kept[key] = None
        return None

    async def finish(self, _tenant: str, key: str, _status: int, answer: bytes) -> None:
        await asyncio.sleep(0)
        self.kept[key] = answer

    async def abandon(self, _tenant: str, key: str) -> None:
        await asyncio.sleep(0)
        del self.kept[key]


class Nobody:
    async def principal(self, _request: Request) -> Principal:
        return NOBODY


def _request(key: str) -> Request:
    scope = {"type": "http", "path": "/things", "headers": [(b"idempotency-key", key.encode())], "query_string": b""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    return Request(scope, receive)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_an_idempotency_key_is_free_or_answered_wherever_its_request_is_cancelled(plan: Plan) -> None:
    replies, done = Replies(), set[str]()

    async def handler(call: ApiCall[Any]) -> None:
        await asyncio.sleep(0)
        done.add(call.request.headers["idempotency-key"])

    dispatch = EndpointDispatcher([Nobody()], replies)
    endpoint = Endpoint("POST", "/things", PUBLIC, handler, "makes a thing", type(None))

    async def ask(number: int) -> None:
        await dispatch(endpoint, _request(str(number)))

    async def check(number: int, cancelled: bool) -> None:
        assert cancelled or str(number) in done
        assert replies.kept.get(str(number)) == (b"null" if str(number) in done else None)
        assert (str(number) in replies.kept) == (str(number) in done)

    assert await every_await(ask, plan, check) == 2


class Session:
    """A cookie that says who it is."""

    async def principal(self, request: Request) -> Principal | None:
        user = request.cookies.get("session")
        if user == "old":
            raise Unauthenticated("this session has ended: sign in again")
        return None if user is None else Principal(tenant="t", user=user, key="", role="viewer", scopes=frozenset())


class Keys:
    async def principal(self, authorization: str | None) -> Principal:
        if authorization != "Bearer good":
            raise Unauthenticated("no key")
        return Principal(tenant="t", user="of the key", key="k", role="viewer", scopes=frozenset())


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"cookie": "session=ann"}, "ann"),
        ({"cookie": "session=ann", "authorization": "Bearer good"}, "ann"),
        ({"authorization": "Bearer good"}, "of the key"),
        ({"x-api-key": "good"}, "of the key"),
        ({"cookie": "session=old", "authorization": "Bearer good"}, "sign in again"),
        ({"cookie": "other=1"}, "no key"),
        ({}, "no key"),
    ],
)
def test_the_first_way_that_finds_anything_says_whose_a_request_is(headers: dict[str, str], said: str) -> None:
    async def who(call: ApiCall[Any]) -> dict[str, str]:
        return {"user": call.principal.user}

    rows = [Endpoint("GET", "/who", "models:read", who, "Who asks", dict[str, str])]
    ways = [Session(), KeyCredentials(Keys())]
    client = TestClient(application(rows, EndpointDispatcher(ways, None), "0"))  # type: ignore[arg-type]
    assert said in client.get("/api/v1/who", headers=headers).text
