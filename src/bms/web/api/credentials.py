"""Ways in which a request says whose it is: today by a key, in one of two headers."""

from typing import Protocol

from starlette.requests import Request

from bms.core.access.principal import Principal


class RequestCredentials(Protocol):
    """One way. The control API is given several, and the first that finds anything decides."""

    async def principal(self, request: Request) -> Principal | None:
        """Who asks; None where the request carries nothing of this way. Raises Unauthenticated for what is not, or no
        longer, good."""
        ...


class KeyVerifier(Protocol):
    async def principal(self, authorization: str | None) -> Principal: ...


class KeyCredentials:
    """A key in `Authorization: Bearer` or `X-API-Key`. The last way: who sends nothing is told what to send."""

    def __init__(self, keys: KeyVerifier) -> None:
        self._keys = keys

    async def principal(self, request: Request) -> Principal:
        given = request.headers.get("authorization")
        if given is None and (key := request.headers.get("x-api-key")) is not None:
            given = f"Bearer {key}"
        return await self._keys.principal(given)
