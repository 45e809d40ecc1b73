"""Answers in pieces whose errors are told by their status, as far as they are known when the first piece is."""

from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def begun(parts: AsyncIterator[T]) -> AsyncIterator[T]:
    """The same parts, the first of which is there already. Raises what keeps it from being made: once a status is sent,
    an error can only break the answer off."""
    return _with(await anext(parts, None), parts)


async def _with(first: T | None, rest: AsyncIterator[T]) -> AsyncIterator[T]:
    if first is not None:
        yield first
    async for part in rest:
        yield part
