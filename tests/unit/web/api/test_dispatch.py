"""What a request that is broken off leaves behind: nothing, or its effect with its answer."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from bms.core.principal import Principal
from bms.web.api.dispatch import NOBODY, Dispatcher
from bms.web.api.endpoint import PUBLIC, Call, Endpoint
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
    async def principal(self, _authorization: str | None) -> Principal:
        return NOBODY


def _request(key: str) -> Request:
    scope = {"type": "http", "path": "/things", "headers": [(b"idempotency-key", key.encode())], "query_string": b""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    return Request(scope, receive)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_an_idempotency_key_is_free_or_answered_wherever_its_request_is_cancelled(plan: Plan) -> None:
    replies, done = Replies(), set[str]()

    async def handler(call: Call[Any]) -> None:
        await asyncio.sleep(0)
        done.add(call.request.headers["idempotency-key"])

    dispatch = Dispatcher(Nobody(), replies)
    endpoint = Endpoint("POST", "/things", PUBLIC, handler, "makes a thing", type(None))

    async def ask(number: int) -> None:
        await dispatch(endpoint, _request(str(number)))

    async def check(number: int, cancelled: bool) -> None:
        assert cancelled or str(number) in done
        assert replies.kept.get(str(number)) == (b"null" if str(number) in done else None)
        assert (str(number) in replies.kept) == (str(number) in done)

    assert await every_await(ask, plan, check) == 2
