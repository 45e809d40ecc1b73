"""Authentication of control API requests: today by an API key, in one of two headers."""

from typing import Protocol

from starlette.requests import Request

from bms.core.access.principal import Principal


class RequestCredentials(Protocol):
    """The port to one way of authenticating. The control API is given several, and the first that finds a credential
    decides."""

    async def principal(self, request: Request) -> Principal | None:
        """Returns the caller; None where the request has no credential of this kind. Raises Unauthenticated for an
        invalid one."""
        ...


class KeyVerifier(Protocol):
    """The port to the verification of API keys."""

    async def principal(self, authorization: str | None) -> Principal: ...


class KeyCredentials:
    """Authenticates by a key in `Authorization: Bearer` or `X-API-Key`. It comes last: a request without credentials
    gets its error."""

    def __init__(self, keys: KeyVerifier) -> None:
        self._keys = keys

    async def principal(self, request: Request) -> Principal:
        given = request.headers.get("authorization")
        if given is None and (key := request.headers.get("x-api-key")) is not None:
            given = f"Bearer {key}"
        return await self._keys.principal(given)
