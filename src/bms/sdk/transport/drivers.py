"""The two drivers, blocking and asyncio: the only code of the client that touches the network."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any, TypeVar

import httpx

from bms.core.cancellation import opened
from bms.sdk.transport.addresses import proxies_read, trust_env, unreachable
from bms.sdk.transport.flow import (
    ClientRequest,
    FileContent,
    Flow,
    Item,
    Local,
    NextBytes,
    Pause,
    Reply,
    Step,
    Stream,
    TimedOut,
    Unreachable,
)
from bms.sdk.transport.latency import Latencies
from bms.sdk.trust import Trust

S = TypeVar("S")
T = TypeVar("T")
PIECE = 1 << 18
USER_AGENT = "bms-sdk/1"
CONNECT_TIMEOUT_S = 5.0


class SyncDriver:
    """Runs flows in the calling thread. May be used from several threads at once."""

    def __init__(self, url: str, key: str | None, timeout_s: float, latencies: Latencies, trust: Trust) -> None:
        with proxies_read():
            self._http = httpx.Client(
                base_url=url, headers=_headers(key), timeout=timeout_s, trust_env=trust_env(url), verify=trust.verify()
            )
        self._latencies = latencies
        self._timeout_s = timeout_s

    def run(self, flow: Flow[T]) -> T:
        """Runs a flow, and returns its result."""
        with ExitStack() as cleanup:
            cleanup.callback(flow.close)
            try:
                step = next(flow)
                while True:
                    step = _resume(flow, self._outcome(step, cleanup))
            except StopIteration as stop:
                result: T = stop.value
                return result

    def stream(self, flow: Stream[T]) -> Iterator[T]:
        """Runs a flow that yields items, each produced when the one before was taken."""
        with ExitStack() as cleanup:
            cleanup.callback(flow.close)
            try:
                step = next(flow)
                while True:
                    if isinstance(step, Item):
                        yield step.value
                        step = next(flow)
                    else:
                        step = _resume(flow, self._outcome(step, cleanup))
            except StopIteration:
                return

    def close(self) -> None:
        self._http.close()

    def _outcome(self, step: Step, cleanup: ExitStack) -> Any:
        try:
            return self._do(step, cleanup)
        except httpx.TransportError as error:
            return unreachable(error, str(self._http.base_url))

    def _do(self, step: Step, cleanup: ExitStack) -> Any:
        if isinstance(step, Pause):
            return time.sleep(step.seconds)
        if isinstance(step, Local):
            return step.work()
        if isinstance(step, NextBytes):
            return next(step.reply.stream, b"")
        body = _pieces(step.content) if isinstance(step.content, FileContent) else step.content
        request = self._http.build_request(
            step.method,
            step.path,
            params=step.query,
            headers=_sized(step),
            content=body,
            timeout=_timeout(step, self._timeout_s),
        )
        with self._latencies.timed(step.timed):
            answer = self._http.send(request, stream=step.streamed)
        if step.streamed and answer.is_success:
            cleanup.callback(answer.close)
            return Reply(answer.status_code, answer.headers, b"", answer.iter_bytes(PIECE))
        return Reply(answer.status_code, answer.headers, answer.read())


class AsyncDriver:
    """Runs flows on the running event loop."""

    def __init__(self, url: str, key: str | None, timeout_s: float, latencies: Latencies, trust: Trust) -> None:
        with proxies_read():
            self._http = httpx.AsyncClient(
                base_url=url, headers=_headers(key), timeout=timeout_s, trust_env=trust_env(url), verify=trust.verify()
            )
        self._latencies = latencies
        self._timeout_s = timeout_s

    async def run(self, flow: Flow[T]) -> T:
        """Runs a flow, and returns its result."""
        async with AsyncExitStack() as cleanup:
            cleanup.callback(flow.close)
            try:
                step = next(flow)
                while True:
                    step = _resume(flow, await self._outcome(step, cleanup))
            except StopIteration as stop:
                result: T = stop.value
                return result

    async def stream(self, flow: Stream[T]) -> AsyncIterator[T]:
        """Runs a flow that yields items, each produced when the one before was taken."""
        async with AsyncExitStack() as cleanup:
            cleanup.callback(flow.close)
            try:
                step = next(flow)
                while True:
                    if isinstance(step, Item):
                        yield step.value
                        step = next(flow)
                    else:
                        step = _resume(flow, await self._outcome(step, cleanup))
            except StopIteration:
                return

    async def close(self) -> None:
        await self._http.aclose()

    async def _outcome(self, step: Step, cleanup: AsyncExitStack) -> Any:
        try:
            return await self._do(step, cleanup)
        except httpx.TransportError as error:
            return unreachable(error, str(self._http.base_url))

    async def _do(self, step: Step, cleanup: AsyncExitStack) -> Any:
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, Local):
            return await asyncio.to_thread(step.work)
        if isinstance(step, NextBytes):
            return await anext(step.reply.stream, b"")
        body: bytes | AsyncGenerator[bytes] | None
        if isinstance(step.content, FileContent):
            body = _async_pieces(step.content)
            cleanup.push_async_callback(body.aclose)
        else:
            body = step.content
        request = self._http.build_request(
            step.method,
            step.path,
            params=step.query,
            headers=_sized(step),
            content=body,
            timeout=_timeout(step, self._timeout_s),
        )
        with self._latencies.timed(step.timed):
            answer = await self._http.send(request, stream=step.streamed)
        if step.streamed and answer.is_success:
            cleanup.push_async_callback(answer.aclose)
            return Reply(answer.status_code, answer.headers, b"", answer.aiter_bytes(PIECE))
        return Reply(answer.status_code, answer.headers, await answer.aread())


def _resume(flow: Generator[S, Any, Any], outcome: Any) -> S:
    """The flow's next step. Raises StopIteration at its end."""
    return flow.throw(outcome) if isinstance(outcome, Unreachable | TimedOut) else flow.send(outcome)


def _headers(key: str | None) -> dict[str, str]:
    headers = {"user-agent": USER_AGENT}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    return headers


def _sized(step: ClientRequest) -> dict[str, str]:
    headers = dict(step.headers)
    if isinstance(step.content, FileContent):
        headers["content-length"] = str(step.content.size)
    return headers


def _timeout(step: ClientRequest, usual_s: float) -> httpx.Timeout:
    total = step.timeout_s or usual_s
    return httpx.Timeout(total, connect=min(total, CONNECT_TIMEOUT_S))


def _pieces(content: FileContent) -> Iterator[bytes]:
    with content.path.open("rb") as file:
        sent = 0
        while piece := file.read(PIECE):
            _tell(content, sent)
            yield piece
            sent += len(piece)
        _tell(content, sent)


async def _async_pieces(content: FileContent) -> AsyncGenerator[bytes]:
    file = await opened(content.path.open, "rb")
    try:
        sent = 0
        while piece := await asyncio.to_thread(file.read, PIECE):
            _tell(content, sent)
            yield piece
            sent += len(piece)
        _tell(content, sent)
    finally:
        file.close()


def _tell(content: FileContent, sent: int) -> None:
    if content.progress is not None:
        content.progress(sent)
