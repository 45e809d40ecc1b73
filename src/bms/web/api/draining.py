"""Reads the rest of a request's body before an early answer is sent, as far as it is small.

A server that answers early and closes with bytes unread resets the connection, and the answer, a refusal with its
reason, may be lost on the way. So a refused body is read to its end, as far as it is small.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LIMIT = 4 << 20  # bytes of a refused body that are read; beyond, the connection may break
PATIENCE_S = 5.0


class Draining:
    """ASGI middleware that drains the bodies of refused requests."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        more = True

        async def receiving() -> Message:
            nonlocal more
            message = await receive()
            more = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                left = LIMIT
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        while more and left > 0:
                            left -= len((await receiving()).get("body", b""))
                except TimeoutError:
                    pass  # whoever sends that slowly is answered without having been heard out
            await send(message)

        await self.app(scope, receiving, sending)
