"""Endpoints: one declaration for each operation of the API, with its permission and its schema."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import msgspec
from starlette.requests import Request

from bms.core.access.principal import Permission, Principal
from bms.core.pages import PageRequest, decode_cursor

B = TypeVar("B")
PUBLIC: Permission = ""  # served without a key; used by the description of the API alone


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The type for no body or no query parameters: sending any is an error."""


class Listing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query parameters of every listing; features add filters by inheriting."""

    limit: int = 100
    cursor: str | None = None

    @property
    def page(self) -> PageRequest:
        """Returns the page to read. Raises InvalidArgument for a limit out of range or a foreign cursor."""
        return PageRequest(limit=self.limit, after=None if self.cursor is None else decode_cursor(self.cursor))


@dataclass(frozen=True)
class ApiCall(Generic[B]):
    """One authenticated and decoded call. `if_match` is the revision the caller saw, None when not sent."""

    principal: Principal
    path: dict[str, str]
    query: Any
    body: B
    if_match: int | None
    request: Request


@dataclass(frozen=True)
class Endpoint:
    """One operation: a method on a path, its permission, schema and handler.

    `permission` is checked before anything is read. `body` None: no body; `bytes`: the handler streams it from
    the request. `answer` is the type returned, for the description; a handler may return a Starlette Response.
    `foreign`: a path of another protocol, outside of ours and our description of it; errors are `{"error": text}`.
    `media`: the type of an answer of `bytes`.
    `shown_once`: the answer holds a secret, which is kept nowhere, so a repeated request can't be answered again.
    """

    method: str
    path: str
    permission: Permission
    handler: Callable[[ApiCall[Any]], Awaitable[Any]]
    summary: str
    answer: Any
    body: Any = None
    query: type[msgspec.Struct] = Nothing
    status: int = 200
    shown_once: bool = False
    foreign: bool = False
    media: str = "application/octet-stream"

    @property
    def operation(self) -> str:
        """A unique operation id for generated clients, e.g. `post_keys_key_revoke`."""
        words = self.path.replace("{", "").replace("}", "").replace(":", "_").strip("/").split("/")
        return "_".join([self.method.lower(), *words])


def listing(call: ApiCall[Any]) -> PageRequest:
    return cast(Listing, call.query).page
