"""Streamed answers whose early errors still get a status: the first part is awaited before the status is sent."""

from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def with_first_part(parts: AsyncIterator[T]) -> AsyncIterator[T]:
    """Returns the same parts after the first has arrived. Raises what keeps the first from being made: once a status is
    sent, an error can only end the answer early."""
    return _with(await anext(parts, None), parts)


async def _with(first: T | None, rest: AsyncIterator[T]) -> AsyncIterator[T]:
    if first is not None:
        yield first
    async for part in rest:
        yield part
