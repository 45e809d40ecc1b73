"""Resources: groups of API calls, each written once as a flow and bound to a sync or async driver when it is called.

`@operation` makes of a flow a method that returns its result (on a `SyncDriver`) or an awaitable of it (on an
`AsyncDriver`); `@stream` makes an iterator or an async iterator. Type checkers see which by the resource's driver.
"""

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from datetime import datetime
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload
from urllib.parse import quote

import msgspec

from bms.api_types.pages import Page
from bms.core.errors import Internal
from bms.core.ids import new_id
from bms.sdk.binding.help_signatures import signature_of
from bms.sdk.retries import Retrying
from bms.sdk.transport.drivers import AsyncDriver, SyncDriver
from bms.sdk.transport.flow import ClientRequest, FileContent, Flow, Item, NextBytes, Reply, Stream

D = TypeVar("D", bound=SyncDriver | AsyncDriver)
P = ParamSpec("P")
T = TypeVar("T")
API = "/api/v1"
PAGE = 100


class Resource(Generic[D]):
    """Base class of the client's resources: holds the driver, and calls and decodes for them. Subclasses hold flows
    only; what they share is how to call and decode."""

    def __init__(self, driver: D, retrying: Retrying) -> None:
        self._driver: D = driver
        self._retrying = retrying

    def _get(self, path: str, answer: type[T], query: Mapping[str, object] | None = None) -> Flow[T]:
        reply = yield from self._retrying(ClientRequest("GET", API + path, query=query_of(query or {})))
        return decode(reply, answer)

    def _post(
        self, path: str, answer: type[T], body: object = None, query: Mapping[str, object] | None = None
    ) -> Flow[T]:
        reply = yield from self._send("POST", path, body, {"idempotency-key": new_id("once")}, query)
        return decode(reply, answer)

    def _change(
        self, method: str, path: str, answer: type[T], body: object = None, revision: int | None = None
    ) -> Flow[T]:
        headers = {} if revision is None else {"if-match": f'"{revision}"'}
        reply = yield from self._send(method, path, body, headers)
        return decode(reply, answer)

    def _send(
        self,
        method: str,
        path: str,
        body: object,
        headers: dict[str, str],
        query: Mapping[str, object] | None = None,
    ) -> Flow[Reply]:
        content: bytes | FileContent | None = None
        if body is not None:
            content = msgspec.json.encode(body)
            headers = {**headers, "content-type": "application/json"}
        asked = query_of(query or {})
        return (
            yield from self._retrying(ClientRequest(method, API + path, headers=headers, content=content, query=asked))
        )

    def _download(self, path: str, query: Mapping[str, str] | None = None) -> Stream[bytes]:
        reply = yield from self._retrying(ClientRequest("GET", API + path, query=query or {}, streamed=True))
        while piece := (yield NextBytes(reply)):
            yield Item(piece)

    def _pages(self, path: str, item: type[T], query: Mapping[str, object] | None = None) -> Stream[T]:
        cursor: str | None = None
        while True:
            page: Page[T] = yield from self._get(
                path,
                Page[item],  # type: ignore[valid-type]
                {"limit": PAGE, **(query or {}), "cursor": cursor},
            )
            for value in page.items:
                yield Item(value)
            if page.next is None:
                return
            cursor = page.next


class _Method:
    """What `operation` and `stream` share: a descriptor that binds a flow to the resource's driver."""

    stream = False

    def __init__(self, flow: Callable[..., Any]) -> None:
        self.flow = flow
        self._shown: dict[bool, inspect.Signature] = {}
        functools.update_wrapper(self, flow)

    def __call__(self, instance: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As a function of the class: `Client.predict(client, …)`."""
        return getattr(instance, self.flow.__name__)(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        """Of that function, on a blocking client, as `help` of the class shows it."""
        bound = signature_of(self.flow, stream=self.stream, awaited=False)
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        return bound.replace(parameters=[own, *bound.parameters.values()])

    def _bound(self, instance: Resource[Any], call: Callable[..., Any]) -> Callable[..., Any]:
        """`call` with the name, the words and the parameters of the flow."""
        awaited = isinstance(instance._driver, AsyncDriver)
        if awaited not in self._shown:  # once: reading it takes longer than a call
            self._shown[awaited] = signature_of(self.flow, stream=self.stream, awaited=awaited)
        call.__name__, call.__qualname__, call.__doc__ = self.flow.__name__, self.flow.__qualname__, self.flow.__doc__
        call.__module__ = self.flow.__module__
        call.__signature__ = self._shown[awaited]  # type: ignore[attr-defined]
        return call


class operation(_Method, Generic[P, T]):
    """Makes of a flow a method that calls the server and returns its result."""

    flow: Callable[Concatenate[Any, P], Flow[T]]

    def __init__(self, flow: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        super().__init__(flow)

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, instance: Resource[SyncDriver], owner: type[Any]) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Resource[AsyncDriver], owner: type[Any]) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return instance._driver.run(self.flow(instance, *args, **kwargs))

        return self._bound(instance, call)


class stream(_Method, Generic[P, T]):
    """Makes of a flow a method that yields items one after another, asking the server as it goes."""

    stream = True
    flow: Callable[Concatenate[Any, P], Stream[T]]

    def __init__(self, flow: Callable[Concatenate[Any, P], Stream[T]]) -> None:
        super().__init__(flow)

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, instance: Resource[SyncDriver], owner: type[Any]) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, instance: Resource[AsyncDriver], owner: type[Any]) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return instance._driver.stream(self.flow(instance, *args, **kwargs))

        return self._bound(instance, call)


def decode(reply: Reply, answer: type[T]) -> T:
    """Decodes a reply's JSON body as a type; None where nothing is expected. Raises Internal when it is not what the
    API promises."""
    if answer is type(None):
        return None
    try:
        return msgspec.json.decode(reply.content, type=answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Internal(
            f"the server's answer is not what this client knows ({error}): is it of another version?"
        ) from error


def query_of(values: Mapping[str, object]) -> dict[str, str]:
    """Writes query parameters as text, without those that are None."""
    return {name: _text(value) for name, value in values.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def path_part(text: str | int) -> str:
    """Escapes `text` as one segment of a path."""
    return quote(str(text), safe="")
