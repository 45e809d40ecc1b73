"""Either client of the SDK in the same words, so that one test holds for both."""

import asyncio
from collections.abc import Callable
from typing import Any

from bms.sdk import AsyncClient, Client
from bms.sdk.trust import Trust

KINDS = ("blocking", "asyncio")


class Caller:
    """`call` for an operation, `items` for a stream."""

    def __init__(self, kind: str, url: str, key: str | None, trust: Trust | None = None) -> None:
        self.client: Any = (Client if kind == "blocking" else AsyncClient)(url, key, trust=trust)
        self._blocking = kind == "blocking"

    async def call(self, deed: Callable[[Any], Any]) -> Any:
        if self._blocking:
            return await asyncio.to_thread(deed, self.client)
        return await deed(self.client)

    async def items(self, deed: Callable[[Any], Any]) -> list[Any]:
        if self._blocking:
            return await asyncio.to_thread(lambda: list(deed(self.client)))
        return [item async for item in deed(self.client)]

    async def close(self) -> None:
        await self.call(lambda client: client.close())
